"""`phr resident`: the people whose record this is."""

from __future__ import annotations

from datetime import UTC, date, datetime
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from zoneinfo import ZoneInfo

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, resident_of, transaction

if TYPE_CHECKING:
    from engine.people import Form, Resident
    from engine.refusal import Refusal
    from engine.store.database import Connection

app = typer.Typer(help="The people whose record this is.", no_args_is_help=True)

Name = Annotated[str | None, typer.Option(help='Family and given name: "山田 花子".')]
Kana = Annotated[str | None, typer.Option(help='Reading in kana: "ヤマダ ハナコ".')]
Birth = Annotated[str | None, typer.Option(help="Birth date: 1946-01-23 or 昭和21年1月23日.")]
Sex = Annotated[str | None, typer.Option(help="male, female, other or unknown.")]
Height = Annotated[str | None, typer.Option(help='Height in centimetres; "" clears it.')]
Home = Annotated[str | None, typer.Option(help="Household id, or new; default: the only one.")]
Municipality = Annotated[str | None, typer.Option(help="Local-government code of 6 digits.")]
Alias = Annotated[str | None, typer.Option(help="Another name: romaji or a name used daily.")]
Line = Annotated[str | None, typer.Option()]
Language = Annotated[str | None, typer.Option(help="ja or en.")]
Channel = Annotated[str | None, typer.Option(help="page, line, mail, letter, phone or none.")]
Status = Annotated[str | None, typer.Option(help="Not edited here: phr life record.", hidden=True)]
Single = Annotated[bool, typer.Option("--single-name", help="The name has one part only.")]
By = Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command()
def add(
    name: Name = None, kana: Kana = None, birth: Birth = None, sex: Sex = None, height: Height = None,
    household: Home = None, municipality: Municipality = None, alias: Alias = None, phone: Line = None,
    address: Line = None, insured_number: Line = None, language: Language = None, channel: Channel = None,
    emergency_contact: Line = None, single_name: Single = False, by: By = None, json: Json = False,
) -> None:  # fmt: skip
    """Register a resident and print the opaque id. Nothing is recorded before consent: `phr consent grant`."""
    from engine.people import Form

    form = Form(
        name=name, kana=kana, birth=birth, sex=sex, height=height, alias=alias, phone=phone, address=address,
        insured_number=insured_number, language=language, channel=channel, emergency_contact=emergency_contact,
        single_name=single_name,
    )  # fmt: skip
    added = _register(form, household, municipality, actor(by))
    emit(_shown(added)) if json else result(added.id)
    say(f"next: phr consent grant --resident {added.id} --purpose record")


@app.command("list")
def list_(
    search: Annotated[str | None, typer.Option(help="Part of a name, in any kana, width or variant.")] = None,
    household: Annotated[str | None, typer.Option(help="Only this household.")] = None,
    json: Json = False,
) -> None:
    """List the residents in the order of their kana."""
    from engine.store import repo_residents

    text = None if search is None else _clean(search)
    with transaction() as connection:
        found = repo_residents.listed(connection) if text is None else repo_residents.search(connection, text)
    shown = [resident for resident in found if household in {None, resident.household_id}]
    if json:
        emit({"residents": [_shown(resident) for resident in shown]})
        return
    for resident in shown:
        name, kana = f"{resident.family_name} {resident.given_name}", f"{resident.family_kana} {resident.given_kana}"
        result(f"{resident.id}  {name}  ({kana})  {resident.birth_date}  {resident.sex}  {resident.status}")
    if not shown:
        say("no resident found")


@app.command()
def show(id: Annotated[str, typer.Argument(metavar="RESIDENT")], json: Json = False) -> None:  # noqa: A002
    """Show what is registered of a resident."""
    with transaction() as connection:
        found = resident_of(connection, id)
    _print(found, json=json)


@app.command()
def edit(
    id: Annotated[str, typer.Argument(metavar="RESIDENT")],  # noqa: A002
    name: Name = None, kana: Kana = None, birth: Birth = None, sex: Sex = None, height: Height = None,
    household: Home = None, municipality: Municipality = None, alias: Alias = None, phone: Line = None,
    address: Line = None, insured_number: Line = None, language: Language = None, channel: Channel = None,
    emergency_contact: Line = None, status: Status = None, single_name: Single = False, by: By = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Change what is registered; "" clears an optional field. A death, a move, a hospital stay: `phr life record`."""
    from engine.people import Form

    if status is not None:
        fail(Exit.USAGE, "life-event", f"--status is not edited: phr life record {id} death | moved-out | ...")
    form = Form(
        name=name, kana=kana, birth=birth, sex=sex, height=height, alias=alias, phone=phone, address=address,
        insured_number=insured_number, language=language, channel=channel, emergency_contact=emergency_contact,
        single_name=single_name,
    )  # fmt: skip
    _print(_amend(id, form, household, municipality, actor(by)), json=json)


def _register(form: Form, household: str | None, municipality: str | None, who: str) -> Resident:
    from engine.contract.ids import new_id
    from engine.people import register
    from engine.refusal import Refusal
    from engine.store import repo_residents

    now = datetime.now(UTC)
    with transaction(writes=True) as connection:
        home, code = _place(connection, household, municipality, now)
        made = register(form, id=new_id("r", SystemRandom()), household=home, municipality=code, today=_today(now))
        if isinstance(made, Refusal):
            _refuse(made)
        repo_residents.add(connection, made, now, actor=who, os_user=os_user())
    return made


def _amend(id: str, form: Form, household: str | None, municipality: str | None, who: str) -> Resident:  # noqa: A002
    import msgspec

    from engine.people import amend
    from engine.refusal import Refusal
    from engine.store import repo_residents

    now = datetime.now(UTC)
    with transaction(writes=True) as connection:
        before = resident_of(connection, id)
        home, code = before.household_id, municipality and _municipality(connection, municipality)
        if household is not None:
            home, _ = _place(connection, household, municipality or before.municipality_code, now)
        moved = msgspec.structs.replace(before, household_id=home, municipality_code=code or before.municipality_code)
        changed = amend(moved, form, _today(now))
        if isinstance(changed, Refusal):
            _refuse(changed)
        if changed == before:
            return before
        stored = repo_residents.edit(
            connection, msgspec.structs.replace(changed, version=before.version + 1), now, actor=who, os_user=os_user()
        )
        if isinstance(stored, repo_residents.Conflict):
            fail(Exit.REFUSED, "conflict", "somebody else changed this resident just now; look again")
    return stored


def _place(connection: Connection, household: str | None, municipality: str | None, now: datetime) -> tuple[str, str]:
    """Household and municipality to register in: as named, else the only household, else a new one in Sakata."""
    from engine.contract.ids import new_id
    from engine.municipalities import HOME
    from engine.store import repo_places

    code = _municipality(connection, municipality or HOME)
    homes = {home.id: home for home in repo_places.households(connection)}
    if household is None and len(homes) > 1:
        fail(Exit.USAGE, "which-household", "there are several households: name one with --household, or new")
    if household == "new" or (household is None and not homes):
        made = repo_places.Household(id=new_id("h", SystemRandom()), municipality_code=code)
        repo_places.add_household(connection, made, now)
        return made.id, code
    home = next(iter(homes.values())) if household is None else homes.get(household)
    if home is None:
        fail(Exit.NOT_FOUND, "unknown-household", f"there is no household {household!r}")
    return home.id, code if municipality else home.municipality_code


def _municipality(connection: Connection, code: str) -> str:
    from engine.store import repo_places

    known = repo_places.municipalities(connection)
    if code not in known:
        fail(
            Exit.USAGE, "unknown-municipality", f"municipalities are {', '.join(f'{k} {v}' for k, v in known.items())}"
        )
    return code


def _today(now: datetime) -> date:
    """The day it is in the region, whatever zone this computer is set to."""
    return now.astimezone(ZoneInfo("Asia/Tokyo")).date()


def _clean(text: str) -> str:
    from engine.names import keep
    from engine.refusal import Refusal

    kept = keep(text)
    if isinstance(kept, Refusal):
        _refuse(kept)
    return kept


def _refuse(refusal: Refusal) -> NoReturn:
    where = f"--{refusal.field.replace('_', '-')}: " if refusal.field else ""
    fail(Exit.USAGE, refusal.code, f"{where}{refusal.message}")


def _shown(resident: Resident) -> dict[str, Any]:
    import msgspec

    from engine.people import age_on

    age = age_on(resident.birth_date, _today(datetime.now(UTC)))
    fields: dict[str, Any] = msgspec.to_builtins(resident)
    return fields | {"age": age}


def _print(resident: Resident, *, json: bool) -> None:
    shown = _shown(resident)
    if json:
        emit(shown)
        return
    for field, value in shown.items():
        result(f"{field.replace('_', ' '):18} {'-' if value is None else value}")
