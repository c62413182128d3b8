"""`phr release`: the city's statistics, from the units fixed once to a release that never changes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.platform_wiring import owing
from cli.release_attack import attack
from cli.release_draws import drawn_before
from cli.release_files import files
from cli.release_one import by_of
from cli.release_platform import context, publish, verify, withdraw
from cli.store import transaction
from cli.wiring import language, open_seal, secret, settings

if TYPE_CHECKING:
    from engine.refusal import Refusal
    from engine.store.database import Connection
    from engine.store.repo_facts import By
    from engine.store.repo_statistics import BookUnit, Kept
    from fhir_bridge.privacy_units import Partition, Period
    from fhir_bridge.releasing_tastes import Tastes

app = typer.Typer(help="The city's statistics: fixed tables, drawn once, never anybody's data.", no_args_is_help=True)
for more in (files, publish, verify, withdraw, context, attack):
    app.command()(more)

# What a refusal means to the caller; everything else was refused by a rule.
_EXITS = {
    "no-units": Exit.CONFIGURATION, "book-open": Exit.ALREADY, "foreign-unit": Exit.NOT_FOUND, "bad-period": Exit.USAGE,
    "no-source": Exit.USAGE, "unit-too-small": Exit.USAGE, "bad-unit": Exit.USAGE, "foreign-municipality": Exit.USAGE,
    "shared-municipality": Exit.USAGE, "bad-codes": Exit.USAGE, "too-many-codes": Exit.USAGE,
    "unreadable-tastes": Exit.USAGE, "too-large": Exit.USAGE, "short-key": Exit.USAGE, "changed": Exit.DAMAGED,
    "unreadable": Exit.DAMAGED,
}  # fmt: skip
_PARTS = 3

When = Annotated[str, typer.Argument(metavar="PERIOD", help="Half a fiscal year: 2026H1 is April to September 2026.")]
Which = Annotated[str | None, typer.Option("--unit", help="Publishing unit; needed only where there are several.")]
People = Annotated[int | None, typer.Option(min=1, help="Inhabitants of the whole region: opens the book.")]
Key = Annotated[Path | None, typer.Option(help="File with the key of its tokens (hex), readable by you alone.")]
Who = Annotated[str | None, typer.Option("--by", help="Who does it; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command()
def units(
    population: People = None,
    unit: Annotated[
        list[str] | None, typer.Option(help="Instead of one: CODE=MUNICIPALITY,…=INHABITANTS (repeat for each unit).")
    ] = None,
    source: Annotated[str, typer.Option(help="Where the number of inhabitants is from, with its date.")] = "",
    first: Annotated[str | None, typer.Option(help="First period there will ever be, like 2026H1.")] = None,
    by: Who = None, json: Json = False,
) -> None:  # fmt: skip
    """Show who publishes, or fix it once and for all with the number of inhabitants; nothing can be changed later."""
    from engine.store import repo_statistics

    if population is not None or unit:
        _open(population, unit or [], source, first, by_of(by))
    with transaction() as connection:
        found = repo_statistics.book(connection)
    if json:
        emit({"units": [_unit(one) for one in found]})
        return
    for one in found:
        where = " ".join(one.municipalities)
        result(f"{one.code:20} {one.population:>8,}  {where}  from {one.first}  ({one.source})")
    if not found:
        say("no unit yet: phr release units --population N --source … --first 2026H1")


@app.command()
def prepare(
    period: When, unit: Which = None,
    service: Annotated[list[str] | None, typer.Option(help="A service of table T4 by its code (repeat).")] = None,
    tastes: Annotated[Path | None, typer.Option(help="What the city hands in for this release (JSON lines).")] = None,
    tastes_key: Key = None, by: Who = None, json: Json = False,
) -> None:  # fmt: skip
    """Draw the release of a period, once; asked again it shows the same one and exits with 4."""
    from engine.refusal import Refusal
    from fhir_bridge.privacy_noise import ExactLaplace
    from fhir_bridge.releasing import Job, counted_ahead, prepared

    config, when = settings(), _period(period)
    handed = _tastes(tastes, tastes_key)
    noise = ExactLaplace()
    # Nobody waits for the store while the library is loaded, and without it nothing is begun.
    noise.add([0], 1)
    with transaction() as connection:
        job = Job(
            unit=_unit_of(connection, unit), period=when, by=by_of(by), services=tuple(service or ()),
            seal=open_seal(config), tastes=handed, before=drawn_before(connection, config),
        )  # fmt: skip
        ahead = counted_ahead(connection, job, datetime.now(UTC))
    with transaction(writes=True) as connection:
        made = prepared(connection, job, noise, datetime.now(UTC), owing(config), ahead)
    if isinstance(made, Refusal):
        _refuse(made)
    with transaction() as connection:
        # Before anybody sees a number of it.
        drawn_before(connection, config)
    _print(made.kept, json=json, drawn=made.drawn)
    if not made.drawn:
        say("this release was drawn before: nothing is drawn again")
        raise typer.Exit(Exit.ALREADY)


@app.command()
def show(period: When, unit: Which = None, by: Who = None, json: Json = False) -> None:
    """Show the tables of a release as anybody may read them, and what it cost."""
    from engine.store import repo_statistics

    when = _period(period)
    with transaction(writes=True) as connection:
        code = _unit_of(connection, unit)
        kept = repo_statistics.release(connection, code, str(when))
        drawn_before(connection, settings())
        if kept is not None:
            repo_statistics.note(connection, "release-show", kept.id, by_of(by), datetime.now(UTC), kept.sha256)
    if kept is None:
        fail(Exit.NOT_FOUND, "no-release", f"there is no release of {when}: phr release prepare {when}")
    _print(kept, json=json)


@app.command("list")
def list_(by: Who = None, json: Json = False) -> None:
    """List every release with its hash, where it is with the platform, and what may still be spent."""
    from engine.officehours import ZONE
    from engine.store import repo_batches, repo_statistics

    with transaction(writes=True) as connection:
        found, held = repo_statistics.releases(connection), repo_batches.refused(connection)
        budgets, why = _budgets(connection), {name: one.code or "parked" for name, one in held.items()}
        repo_statistics.note(connection, "release-list", "releases", by_of(by), datetime.now(UTC))
    if json:
        emit({"releases": [_row(kept) | {"refused": why.get(kept.id)} for kept in found], "budgets": budgets})
        return
    for kept in found:
        test = "  (made-up numbers)" if kept.test else ""
        day = kept.prepared_at.astimezone(ZONE)
        result(f"{kept.period}  {kept.unit:20} {kept.state:12} {day:%Y-%m-%d}  {kept.sha256}{test}")
        if kept.id in why:
            say(f"{kept.id} is held: the platform refused it ({why[kept.id]}); phr release publish {kept.period}")
    for code, budget in budgets.items():
        result(f"{code}: spent {budget['spent']} of {budget['cap']} in 12 months, left {budget['left']}")
    if not found:
        say("no release yet")


def _open(population: int | None, asked: list[str], source: str, first: str | None, by: By) -> None:
    from engine.refusal import Refusal
    from fhir_bridge.privacy_units import whole_region
    from fhir_bridge.releasing import opened

    if asked and population is not None:
        fail(Exit.USAGE, "both", "say --population for one unit, or --unit for several, not both")
    now = datetime.now(UTC)
    parts = _partition(asked) if asked else whole_region(population or 0)
    if isinstance(parts, Refusal):
        _refuse(parts)
    if first is None:
        fail(Exit.USAGE, "no-first", "say which half-year is the first for ever: --first 2026H1")
    begin = _period(first)
    with transaction(writes=True) as connection:
        refusal = opened(connection, parts, begin, source, by, now, drawn_before(connection, settings()))
    if refusal is not None:
        _refuse(refusal)


def _partition(asked: list[str]) -> Partition | Refusal:
    """The units of `--unit CODE=MUNICIPALITY,…=INHABITANTS`."""
    from fhir_bridge.privacy_units import Unit, partition

    found = []
    for text in asked:
        parts = text.split("=")
        if len(parts) != _PARTS or not parts[2].isdecimal():
            fail(Exit.USAGE, "bad-unit", "write a unit as CODE=062049,064611=100000")
        towns = tuple(code.strip() for code in parts[1].split(",") if code.strip())
        found.append(Unit(code=parts[0].strip(), municipalities=towns, population=int(parts[2])))
    return partition(tuple(found))


def _tastes(file: Path | None, key: Path | None) -> Tastes | None:
    from engine.refusal import Refusal
    from fhir_bridge.releasing_tastes import MOST_BYTES, tastes_of

    if file is None:
        return None
    if key is None:
        fail(Exit.USAGE, "no-key", "--tastes needs --tastes-key: the key its tokens were made with")
    try:
        raw = bytes.fromhex(secret(str(key)) or "")
    except ValueError:
        fail(Exit.USAGE, "short-key", f"{key.name} holds no key in hexadecimal digits")
    try:
        with file.open("rb") as stream:
            found = tastes_of(stream.read(MOST_BYTES + 1), raw)
    except OSError as error:
        fail(Exit.USAGE, "unreadable-tastes", f"cannot read {file.name}: {error.strerror}")
    if isinstance(found, Refusal):
        _refuse(found)
    return found


def _unit_of(connection: Connection, asked: str | None) -> str:
    """The unit that is meant: the only one unless it is said."""
    from engine.store import repo_statistics

    known = [unit.code for unit in repo_statistics.book(connection)]
    if not known:
        fail(
            Exit.CONFIGURATION,
            "no-units",
            "fix who publishes first: phr release units --population N --source … --first 2026H1",
        )
    if asked is None and len(known) > 1:
        fail(Exit.USAGE, "which-unit", f"say which unit with --unit: {', '.join(known)}")
    if asked is not None and asked not in known:
        fail(Exit.NOT_FOUND, "foreign-unit", f"units are {', '.join(known)}")
    return asked or known[0]


def _period(text: str) -> Period:
    from engine.refusal import Refusal
    from fhir_bridge.privacy_units import Period

    found = Period.read(text)
    if isinstance(found, Refusal):
        _refuse(found)
    return found


def _refuse(refusal: Refusal) -> NoReturn:
    fail(_EXITS.get(refusal.code, Exit.REFUSED), refusal.code, refusal.message)


def _print(kept: Kept, *, json: bool, drawn: bool | None = None) -> None:
    """One release on stdout: its own bytes as JSON, or tables to read; refused when the stored bytes were changed."""
    import msgspec

    from cli.release_words import lines
    from engine.refusal import Refusal
    from fhir_bridge.privacy_release import read

    release = read(kept.content, kept.sha256) if not kept.test else None
    if isinstance(release, Refusal):
        _refuse(release)
    with transaction() as connection:
        budget = _budgets(connection).get(kept.unit)
    if json:
        more = {} if drawn is None else {"drawn": drawn}
        emit(_row(kept) | more | {"release": msgspec.json.decode(kept.content), "budget": budget})
        return
    if release is None:
        result(kept.content.decode())
        return
    for line in lines(release, kept, budget or {}, "ja" if language(settings()) == "ja" else "en"):
        result(line)


def _budgets(connection: Connection) -> dict[str, dict[str, str]]:
    """What each unit has spent in the 12 months up to today, and what is left."""
    from engine.refusal import Refusal
    from fhir_bridge.privacy_ledger import CAP, spent
    from fhir_bridge.releasing import ZONE, ledger_of

    ledger = ledger_of(connection)
    if isinstance(ledger, Refusal):
        return {}
    today = datetime.now(ZONE).date()
    paid = {unit.code: spent(ledger, unit.code, today) for unit in ledger.partition.units}
    return {code: {"spent": str(sum_), "left": str(CAP - sum_), "cap": str(CAP)} for code, sum_ in paid.items()}


def _row(kept: Kept) -> dict[str, Any]:
    import msgspec

    fields: dict[str, Any] = msgspec.to_builtins(kept)
    return {name: value for name, value in fields.items() if name not in {"content", "by"}}


def _unit(one: BookUnit) -> dict[str, Any]:
    import msgspec

    fields: dict[str, Any] = msgspec.to_builtins(one)
    return fields
