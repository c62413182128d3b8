"""`phr inbox`: readings that wait for a word about whose they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, resident_of, transaction
from cli.wiring import language, settings
from cli.words_inbox import word

if TYPE_CHECKING:
    from engine.refusal import Refusal
    from engine.store.database import Connection
    from engine.store.filing import By, Filed
    from engine.store.inbox import Waiting

app = typer.Typer(
    help="Readings nobody has claimed, and readings that are only probably somebody's.", no_args_is_help=True
)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Reading = Annotated[str, typer.Argument(help="Reading id, as listed.")]
Who = Annotated[str | None, typer.Option(help="Who says so; default: the user of this computer.")]
_EXITS = {
    "unknown-reading": Exit.NOT_FOUND, "already-assigned": Exit.ALREADY, "already-confirmed": Exit.ALREADY,
    "already-nobodys": Exit.ALREADY, "already-discarded": Exit.ALREADY, "no-consent": Exit.NO_CONSENT,
}  # fmt: skip


@app.command("list")
def list_(
    household: Annotated[str | None, typer.Option(help="Only this household, h-…")] = None, json: Json = False
) -> None:
    """List what waits for a word: what has to be measured again first, then the newest."""
    import msgspec

    from engine.store import repo_protection, repo_residents
    from engine.store.inbox import waiting

    with transaction() as connection:
        found = waiting(connection, household)
        named = [item.resident for item in found if item.resident is not None]
        # A home is not asked about somebody who hides from it.
        hidden = repo_protection.shielded(connection, named, datetime.now(UTC)) if household else frozenset()
        found = [item for item in found if item.resident not in hidden]
        people = repo_residents.get_many(connection, [item.resident for item in found if item.resident is not None])
    names = {person.id: f"{person.family_name} {person.given_name}" for person in people}
    lang = language(settings())
    # A frightening number without a person would be read as one's own: the home is told to measure again, not how high.
    shown = [msgspec.structs.replace(item, values=()) if item.red_flag else item for item in found]
    if json:
        emit({"readings": [msgspec.to_builtins(item) for item in shown]})
        return
    zone = ZoneInfo(settings().gateway.zone)
    for item in shown:
        result(_line(item, zone, lang, names))
    if not found:
        say(word(lang, "empty"))
    if any(item.resident is None for item in found):
        say(word(lang, "hint-nobody"))
    if any(item.resident is not None for item in found):
        say(word(lang, "hint-assumed"))


def _line(item: Waiting, zone: ZoneInfo, lang: str, names: dict[str, str]) -> str:
    from engine.contract.kinds import KINDS

    def label(kind: str) -> str:
        known = KINDS.get(kind)
        return kind if known is None else (known.ja if lang == "ja" else known.en)

    values = ", ".join(f"{label(kind)} {value} {unit}" for kind, value, unit in item.values)
    slot = word(lang, "no-slot") if item.slot is None else word(lang, "slot", slot=item.slot)
    owner = word(lang, "nobody")
    if item.resident is not None:
        # Rounded down: 99 % would read as if it had been filed for good.
        share = math.floor((item.posterior or 0) * 100)
        owner = word(lang, "assumed", resident=names.get(item.resident, item.resident), share=share)
    told = word(lang, "red-flag") if item.red_flag else values
    return f"{item.id}  {item.measured_at.astimezone(zone):%Y-%m-%d %H:%M}  {item.device}  {slot}  {owner}  {told}"


@app.command()
def assign(
    reading: Reading,
    resident: Annotated[str, typer.Option(help="Whose it is, r-…")],
    by: Who = None,
    json: Json = False,
) -> None:
    """Give a reading to its owner, whoever had it before; time and values stay as they are."""
    from engine.store import filing

    def give(connection: Connection, now: datetime, who: By) -> Filed | Refusal:
        return filing.assign(connection, reading, resident_of(connection, resident).id, now, who)

    _decide(give, "assigned", by, json=json)


@app.command()
def confirm(reading: Reading, by: Who = None, json: Json = False) -> None:
    """Say that a reading is whose it was taken for."""
    from engine.store import filing

    _decide(lambda connection, now, who: filing.confirm(connection, reading, now, who), "confirmed", by, json=json)


@app.command()
def release(reading: Reading, by: Who = None, json: Json = False) -> None:
    """Take a reading from its owner, or out of the discarded ones: it is nobody's again."""
    from engine.store import filing

    _decide(lambda connection, now, who: filing.release(connection, reading, now, who), "released", by, json=json)


@app.command()
def discard(reading: Reading, by: Who = None, json: Json = False) -> None:
    """Use a reading for nobody (a visitor's, a suitcase's); it is kept and can be released or assigned."""
    from engine.store import filing

    _decide(lambda connection, now, who: filing.discard(connection, reading, now, who), "discarded", by, json=json)


def _decide(
    decision: Callable[[Connection, datetime, By], Filed | Refusal], done: str, by: str | None, *, json: bool
) -> None:
    from engine.refusal import Refusal
    from engine.store.filing import By

    with transaction(writes=True) as connection:
        filed = decision(connection, datetime.now(UTC), By(actor(by), os_user()))
    if isinstance(filed, Refusal):
        fail(_EXITS.get(filed.code, Exit.REFUSED), filed.code, filed.message)
    lang = language(settings())
    if json:
        emit(_told(filed))
        return
    result(word(lang, done, reading=filed.reading, resident=filed.after))
    if filed.withdrawn:
        say(word(lang, "withdrawn", items=", ".join(filed.withdrawn)))
    if filed.delivered:
        say(word(lang, "delivered", items=", ".join(filed.delivered)))


def _told(filed: Filed) -> dict[str, Any]:
    names = {"withdrawn": list(filed.withdrawn), "delivered": list(filed.delivered)}
    return {"reading": filed.reading, "resident": filed.after, "before": filed.before, **names}
