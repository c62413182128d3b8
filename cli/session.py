"""`phr session`: baths and exercise classes with what was measured before and after, for who stands at the desk."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, plain, resident_of, transaction
from cli.wiring import language, settings

if TYPE_CHECKING:
    from engine.before_after import Session
    from engine.before_after_store import Report
    from engine.locale import Language
    from engine.people import Resident
    from engine.refusal import Refusal
    from engine.store.database import Connection
    from engine.store.repo_facts import By as Who

app = typer.Typer(help="Before and after a bath or an exercise class.", no_args_is_help=True)
Resident_ = Annotated[str, typer.Argument(metavar="RESIDENT", help="Resident id, r-…")]
Number = Annotated[int, typer.Argument(metavar="NUMBER", min=1, max=10**12, help="The session (phr session list)")]
At = Annotated[str | None, typer.Option(help="When: 7:05, 2026-11-21 7:05; default: now.")]
Tired = Annotated[int | None, typer.Option(help="Tiredness, 0 none to 10 the most one can think of.")]
Pain = Annotated[int | None, typer.Option(help="Pain, 0 none to 10 the most one can think of.")]
By = Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
_LOST = frozenset({"inactive", "too-high", "overlaps", "conflict"})


@app.command()
def start(
    resident: Resident_,
    sort: Annotated[str, typer.Option(help="bath or exercise.")],
    place: Annotated[str, typer.Option(help="Where: 湯田川温泉.")] = "",
    spot: Annotated[str | None, typer.Option(help="At this public spot, g-…; its name is the place.")] = None,
    at: At = None,
    fatigue: Tired = None,
    pain: Pain = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Begin a session; refused where the pressure just measured is one with which nobody begins."""
    from engine.before_after import SORTS
    from engine.before_after_store import begin
    from engine.refusal import Refusal

    chosen = next((one for one in SORTS if one == sort), None)
    if chosen is None:
        fail(Exit.USAGE, "unknown-sort", f"sorts are {', '.join(SORTS)}")
    now = datetime.now(UTC)
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        where = _place_of(connection, spot) if spot is not None else plain(place, "--place") if place else ""
        made = begin(connection, person, chosen, where, _when(connection, person, at, now), _who(by), now)
        if isinstance(made, Refusal):
            _refuse(made)
        made = _felt(connection, person, made, {"fatigue": fatigue, "pain": pain}, "before", by)
    _tell(made, "started", json=json)


@app.command()
def end(
    number: Number, at: At = None, fatigue: Tired = None, pain: Pain = None, by: By = None, json: Json = False
) -> None:
    """End a session; what is measured from 5 minutes to an hour after it is its other half."""
    from engine.before_after_store import finish
    from engine.refusal import Refusal

    now = datetime.now(UTC)
    with transaction(writes=True) as connection:
        person, known = _session_of(connection, number)
        made = finish(connection, person, known, _when(connection, person, at, now), _who(by), now)
        if isinstance(made, Refusal):
            _refuse(made)
        made = _felt(connection, person, made, {"fatigue": fatigue, "pain": pain}, "after", by)
    _tell(made, "ended", json=json)


@app.command("take-back")
def take_back(number: Number, by: By = None, json: Json = False) -> None:
    """Take back a session that never was."""
    from engine.store import repo_before_after

    with transaction(writes=True) as connection:
        _, known = _session_of(connection, number)
        if not repo_before_after.take_back(connection, known, _who(by), datetime.now(UTC)):
            fail(Exit.REFUSED, "conflict", "somebody else changed it first; look again")
    _tell(known, "back", json=json)


@app.command("list")
def list_(resident: Resident_, by: By = None, json: Json = False) -> None:
    """Show the sessions of a resident, each kind before and after, and whether more than the usual variation."""
    from msgspec import to_builtins

    from engine.before_after_words import line
    from engine.picture import zone_of

    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        found, zone, lang = _report(connection, person, by), zone_of(connection, person), _language()
    if json:
        emit({"sessions": to_builtins(found.sessions), "lasting": to_builtins(found.lasting)})
        return
    for one in found.sessions:
        _head(one.session, lang, one.session.started_at.astimezone(zone))
        for each in (line(difference, lang) for difference in one.differences):
            result(f"  {each.kind}: {each.before} → {each.after} {each.unit} ({each.change})  {each.sentence}")
        if not one.differences:
            say(f"  {_word(lang, 'no-pair')}")
        if one.session.number in found.low:
            say(f"  {_word(lang, 'low')}")
    if found.lasting is not None:
        _head(found.lasting, lang, found.lasting.started_at.astimezone(zone))
        say(f"  {_word(lang, 'lasting')}")
    if not found.sessions and found.lasting is None:
        say(_word(lang, "none"))


@app.command()
def report(resident: Resident_, by: By = None, json: Json = False) -> None:
    """Show what several sessions say together: a mean difference only where its interval is clear of none."""
    from msgspec import to_builtins

    from engine.before_after import SORTS, book
    from engine.before_after_words import told
    from engine.locale import text

    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        found, lang = _report(connection, person, by), _language()
    if json:
        emit({"scores": to_builtins(found.scores)})
        return
    for sort in SORTS:
        lines = [told(book(), one, lang) for one in found.scores if one.sort == sort]
        if lines:
            result(text(lang, "resident", f"me.session.sort.{sort}"))
        for each in lines:
            result(f"  {each.kind}: {' '.join(each.sentences)}")
    if not found.scores:
        say(_word(lang, "none"))
    else:
        for key in ("why", "doctor"):
            say(text(lang, "resident", f"me.session.{key}"))


def _report(connection: Connection, person: Resident, by: str | None) -> Report:
    """What may be shown of somebody, with the note that it was."""
    from engine.before_after_store import report as of
    from engine.store import audit

    now = datetime.now(UTC)
    audit.note(connection, "before-after-view", person.id, _who(by), now)
    return of(connection, person, now)


def _session_of(connection: Connection, number: int) -> tuple[Resident, Session]:
    from engine.store import repo_before_after

    found = repo_before_after.get(connection, number)
    if found is None:
        fail(Exit.NOT_FOUND, "unknown-session", f"there is no session {number}; `phr session list RESIDENT` shows them")
    return resident_of(connection, found.resident), found


def _place_of(connection: Connection, gateway: str) -> str:
    from engine.store import repo_spots

    found = next((one for one in repo_spots.listed(connection) if one.gateway == gateway), None)
    if found is None:
        fail(Exit.NOT_FOUND, "unknown-spot", f"there is no spot {gateway!r}; `phr spot list` shows them")
    return found.label


def _when(connection: Connection, person: Resident, text: str | None, now: datetime) -> datetime:
    from engine.entering import moment_of
    from engine.picture import zone_of
    from engine.refusal import Refusal

    if text is None:
        return now
    found = moment_of(text, None, zone_of(connection, person), now)
    if isinstance(found, Refusal):
        _refuse(found)
    return found.at


def _felt(
    connection: Connection, person: Resident, session: Session, said: dict[str, int | None], side: str, by: str | None
) -> Session:  # fmt: skip
    from engine.before_after_store import feel
    from engine.refusal import Refusal

    for kind, value in said.items():
        if value is not None:
            made = feel(connection, person, session, kind, by=_who(by), now=datetime.now(UTC), **{side: value})
            if isinstance(made, Refusal):
                _refuse(made)
            session = made
    return session


def _refuse(refusal: Refusal) -> NoReturn:
    code = Exit.REFUSED if refusal.code in _LOST else Exit.USAGE
    if refusal.code == "no-consent":
        code = Exit.NO_CONSENT
    if refusal.code in {"already-begun", "already-ended"}:
        code = Exit.ALREADY
    fail(code, refusal.code, refusal.message)


def _who(by: str | None) -> Who:
    from engine.store.repo_facts import By as Whose

    return Whose(actor(by), os_user())


def _language() -> Language:
    return "en" if language(settings()) == "en" else "ja"


def _word(lang: Language, key: str) -> str:
    from engine.locale import text

    return text(lang, "nurse", f"cli.session.{key}")


def _head(session: Session, lang: Language, at: datetime) -> None:
    from engine.locale import text

    name = text(lang, "resident", f"me.session.sort.{session.sort}")
    result(f"{session.number}  {at:%Y-%m-%d %H:%M}  {name}  {session.place}".rstrip())


def _tell(session: Session, key: str, *, json: bool) -> None:
    if json:
        fields: dict[str, Any] = {"number": session.number, "resident": session.resident, "sort": session.sort}
        ended = None if session.ended_at is None else session.ended_at.isoformat()
        emit(fields | {"place": session.place, "started_at": session.started_at.isoformat(), "ended_at": ended})
        return
    result(str(session.number))
    say(_word(_language(), key))
