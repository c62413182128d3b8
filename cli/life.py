"""`phr life`: what happens in residents' lives - a death, a move, a hospital stay - and what each changes."""

from __future__ import annotations

from datetime import UTC, datetime
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, judge, os_user, plain, resident_of, transaction
from cli.wiring import language, settings

if TYPE_CHECKING:
    from engine.life_store import Done
    from engine.locale import Language
    from engine.refusal import Refusal
    from engine.situation import LifeEvent, Sort
    from engine.store.database import Connection

app = typer.Typer(help="What happens in residents' lives, and what it changes.", no_args_is_help=True)
By = Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
EVENT = typer.Argument(metavar="EVENT", help="The event, f-… (phr life list)")
_LOST = frozenset({"conflict", "later-event", "overlaps", "inactive", "already-over"})


@app.command()
def record(
    resident: Annotated[str, typer.Argument(metavar="RESIDENT", help="Resident id, r-…")],
    sort: Annotated[
        str,
        typer.Argument(
            metavar="SORT", help="death, moved-out, moved-within, hospital, care-home, pregnancy, left-household, away."
        ),
    ],
    since: Annotated[
        str, typer.Option("--from", help="The day or time: 2026-11-21, 令和8年11月21日, 2026-11-21 7:05.")
    ],
    until: Annotated[str | None, typer.Option("--to", help="The day it ends, if known.")] = None,
    municipality: Annotated[str | None, typer.Option(help="Where to: local-government code of 6 digits.")] = None,
    household: Annotated[str, typer.Option(help="For a move: none, new, same or a household id.")] = "none",
    by: By = None,
    json: Json = False,
) -> None:
    """Record an event, carry out what follows, and say what it changes; `phr life effects` says it before."""
    from engine.life_store import record as store
    from engine.life_typed import Typed, read
    from engine.refusal import Refusal
    from engine.store.repo_facts import By as Who

    now, rng, who = datetime.now(UTC), SystemRandom(), Who(actor(by), os_user())
    typed = Typed(
        sort=sort, since=since, until=until or "", municipality=municipality or "", household=household
    )  # fmt: skip
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        ready = read(connection, person, typed, who.actor, now, rng)
        done = ready if isinstance(ready, Refusal) else store(connection, person, ready, who, now, rng)
        if isinstance(done, Refusal):
            _refuse(done)
        judge(connection, person.id)
    _tell(done, json=json)


@app.command()
def end(
    event: Annotated[str, EVENT],
    on: Annotated[str, typer.Option(help="The day or time it ended or will end.")],
    by: By = None,
    json: Json = False,
) -> None:
    """Give a stay, a pregnancy or a time elsewhere its end."""
    from engine import life
    from engine.life_store import end as store
    from engine.picture import zone_of
    from engine.refusal import Refusal
    from engine.store.repo_facts import By as Who

    now, who = datetime.now(UTC), Who(actor(by), os_user())
    with transaction(writes=True) as connection:
        known = _event_of(connection, event)
        until = life.ending(on, zone_of(connection, resident_of(connection, known.resident)))
        done = until if isinstance(until, Refusal) else store(connection, known, until, who, now, SystemRandom())
        if isinstance(done, Refusal):
            _refuse(done)
        judge(connection, known.resident)
    _tell(done, json=json)


@app.command("take-back")
def take_back(
    event: Annotated[str, EVENT],
    reason: Annotated[str, typer.Option(help="Why it was a mistake; no names.")],
    by: By = None,
    json: Json = False,
) -> None:
    """Take a mistaken event back: status, place and slots are as before, where nobody used them since."""
    from engine.life_store import take_back as store
    from engine.refusal import Refusal
    from engine.store.repo_facts import By as Who

    now, who = datetime.now(UTC), Who(actor(by), os_user())
    with transaction(writes=True) as connection:
        known = _event_of(connection, event)
        done = store(connection, known, plain(reason, "--reason"), who, now, SystemRandom())
        if isinstance(done, Refusal):
            _refuse(done)
        judge(connection, known.resident)
    _tell(done, json=json)


@app.command("list")
def list_(
    resident: Annotated[str, typer.Argument(metavar="RESIDENT", help="Resident id, r-…")],
    every: Annotated[bool, typer.Option("--all", help="Also what was taken back.")] = False,
    json: Json = False,
) -> None:
    """Show what was recorded of a resident's life, oldest first."""
    from engine.life_words import sort_name, span
    from engine.picture import zone_of
    from engine.store import repo_life

    with transaction() as connection:
        person = resident_of(connection, resident)
        zone = zone_of(connection, person)
        found = [one for one in repo_life.of(connection, person.id) if every or one.taken_back_at is None]
    if json:
        emit({"events": [_json(one) for one in found]})
        return
    lang = _language()
    for one in found:
        back = "" if one.taken_back_at is None else f"  ({_word(lang, 'desk.life.taken-back')}: {one.reason or '-'})"
        result(f"{one.id}  {sort_name(one.sort, lang)}  {span(one, zone)}  {one.by}{back}")
    if not found:
        say(_word(lang, "desk.life.none"))


@app.command()
def effects(
    sort: Annotated[str | None, typer.Argument(metavar="SORT", help="One sort only; default: the whole table.")] = None,
    json: Json = False,
) -> None:
    """Show what each sort of event does to advice, watching, notices, matching, sends, points and statistics."""
    from msgspec import to_builtins

    from engine.life_words import also, effects_of, sort_name
    from engine.situation import SORTS

    wanted: tuple[Sort, ...] = tuple(one for one in SORTS if sort in {None, one})
    if not wanted:
        fail(Exit.USAGE, "unknown-sort", f"sorts are {', '.join(SORTS)}")
    lang = _language()
    if json:
        emit({"effects": [to_builtins(one) for each in wanted for one in effects_of(each, lang)]})
        return
    for each in wanted:
        result(f"{sort_name(each, lang)} ({each})")
        for one in effects_of(each, lang):
            source = f"  [{one.source}]" if one.source else ""
            result(f"  {one.name}: {_word(lang, f'desk.life.does.{one.does}')}  {one.sentence}{source}")
        result(f"  {also(each, lang)}")


def _event_of(connection: Connection, name: str) -> LifeEvent:
    from engine.store import repo_life

    found = repo_life.get(connection, name)
    if found is None:
        fail(Exit.NOT_FOUND, "unknown-event", f"there is no event {name!r}; `phr life list RESIDENT` shows them")
    return found


def _refuse(refusal: Refusal) -> NoReturn:
    missing = refusal.code.startswith("unknown-household")
    code = Exit.NOT_FOUND if missing else Exit.REFUSED if refusal.code in _LOST else Exit.USAGE
    if refusal.code == "no-consent":
        code = Exit.NO_CONSENT
    if refusal.code == "taken-back":
        code = Exit.ALREADY
    fail(code, refusal.code, refusal.message)


def _language() -> Language:
    return "en" if language(settings()) == "en" else "ja"


def _word(lang: Language, key: str, **values: object) -> str:
    from engine.locale import text

    return text(lang, "nurse", key, **values)


def _json(event: LifeEvent) -> dict[str, Any]:
    from msgspec import to_builtins

    fields: dict[str, Any] = to_builtins(event)
    return fields | {"detail": {name: fields["detail"].get(name) for name in ("municipality", "household")}}


def _tell(done: Done, *, json: bool) -> None:
    from engine.life_words import also

    counts = {"readings": done.readings, "withdrawn": done.withdrawn, "slots": done.slots}
    if json:
        emit(_json(done.event) | counts)
        return
    lang = _language()
    result(done.event.id)
    if done.event.taken_back_at is not None:
        say(_word(lang, "desk.life.taken-back"))
        return
    for name, count in counts.items():
        if count:
            say(_word(lang, f"desk.life.done.{name}", n=count))
    say(also(done.event.sort, lang))
