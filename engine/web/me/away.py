"""I am away: a trip, a stay with family, said by oneself or by whoever acts for one; it ends by itself."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import SystemRandom
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from engine import life, life_store
from engine.acting import Acting
from engine.evaluate import attempt
from engine.life_typed import Typed, read
from engine.locale import Language, has_text
from engine.people import Resident
from engine.picture import zone_of
from engine.refusal import Refusal
from engine.situation import LifeEvent
from engine.store import audit, repo_life
from engine.store.database import Connection, write
from engine.store.repo_facts import By
from engine.web.context import Signed, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.me.acting import may_or_sorry
from engine.web.me.family import Seen, bar_of
from engine.web.me.mine import MOST_FIELDS, day_words, last, me_of
from engine.web.me.sheet import Sheet, TheSheet
from engine.web.sessions import Session

door = Door()
PAGE: Final = "/me/away"
_FOR: Final = "/family/{resident}/away"
_DAY: Final = timedelta(days=1)


@door.page(PAGE, "mine.see")
def show(desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """Whether and until when I am away, and the form that says so."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        note(connection, desk, session, "away-view", now, subject=person.id)
        return _page(connection, sheet, person, now)


@door.form(PAGE, "mine.say")
async def say(request: Request, desk: TheDesk, session: Trusted, sheet: TheSheet) -> Response:
    """Says that I am away, that I am back, or back on another day."""
    sent, now = await request.form(max_fields=MOST_FIELDS), desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        refused = _carry_out(connection, person, sent, By(session.by, desk.os_user), now)
        if refused is not None:
            return _page(connection, sheet, person, now, refused=refused, typed=sent)
    return RedirectResponse(PAGE, 303)


@door.page(_FOR, "family.act")
def show_for(resident: str, desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """The same for whom I act for."""
    now = desk.now()
    with write(desk.engine) as connection:
        seen, basis = _may(connection, session, resident, now)
        note(connection, desk, session, "acting-away-view", now, subject=basis.id)
        return _page(connection, sheet, seen.person, now, seen=seen)


@door.form(_FOR, "family.act")
async def say_for(resident: str, request: Request, desk: TheDesk, session: Trusted, sheet: TheSheet) -> Response:
    """Says it for whom I act for; that it was I stands in the audit chain and on their page."""
    sent, now = await request.form(max_fields=MOST_FIELDS), desk.now()
    with write(desk.engine) as connection:
        seen, basis = _may(connection, session, resident, now)
        refused = _carry_out(connection, seen.person, sent, By(session.by, desk.os_user), now)
        if refused is not None:
            return _page(connection, sheet, seen.person, now, refused=refused, typed=sent, seen=seen)
        note(connection, desk, session, "acting-away", now, subject=basis.id, detail=[last(sent, "do")])
    return RedirectResponse(f"/family/{resident}/away", 303)


def _may(connection: Connection, session: Session, resident: str, now: datetime) -> tuple[Seen, Acting]:
    return may_or_sorry(connection, session, resident, "requests", now)


def away_of(connection: Connection, resident: str, now: datetime) -> LifeEvent | None:
    """The trip this resident is on, or the next one."""
    trips = [one for one in repo_life.situation(connection, resident).standing if one.sort == "away"]
    return next((one for one in trips if one.until is None or one.until > now), None)


def _carry_out(connection: Connection, person: Resident, sent: Any, by: By, now: datetime) -> Refusal | None:
    audit.take_turn(connection)
    found, rng = away_of(connection, person.id, now), SystemRandom()
    done: life_store.Done | Refusal
    if found is None:
        done = _leave(connection, person, sent, by, now)
    elif last(sent, "do") == "change":
        until = life.ending(last(sent, "until"), zone_of(connection, person))
        done = until if isinstance(until, Refusal) else life_store.end(connection, found, until, by, now, rng)
    elif found.since <= now:
        done = life_store.end(connection, found, max(now, found.since + timedelta(seconds=1)), by, now, rng)
    else:
        done = life_store.take_back(connection, found, "not away", by, now, rng)
    if isinstance(done, Refusal):
        return done
    attempt(connection, person.id, now)
    return None


def _leave(
    connection: Connection, person: Resident, sent: Any, by: By, now: datetime
) -> life_store.Done | Refusal:  # fmt: skip
    """A new trip from today on: of days gone by only the desk speaks, as it takes readings from the person."""
    if last(sent, "do") != "leave":
        return Refusal("nothing-changes", "nobody is away")
    typed, rng = Typed(sort="away", since=last(sent, "since"), until=last(sent, "until")), SystemRandom()
    ready = read(connection, person, typed, by.actor, now, rng)
    if isinstance(ready, Refusal):
        return ready
    if ready.draft.since < now:
        return Refusal("past-day", "choose today or a day to come", "since")
    return life_store.record(connection, person, ready, by, now, rng)


def _page(
    connection: Connection, sheet: Sheet, person: Resident, now: datetime, *, refused: Refusal | None = None,
    typed: Any = None, seen: Seen | None = None,
) -> HTMLResponse:  # fmt: skip
    lang, today = sheet.session.lang, now.astimezone(zone_of(connection, person)).date()
    found = away_of(connection, person.id, now)
    return sheet.page(
        "me/away.html", here=PAGE if seen is None else f"/family/{person.id}/away", status=422 if refused else 200,
        wrong=_wrong(refused, lang), acting=None if seen is None else bar_of(seen, lang),
        since=_typed(typed, "since") or today.isoformat(), until=_typed(typed, "until"),
        first=today.isoformat(), last=(today + life.LONGEST_TRIP).isoformat(), soonest=(today + _DAY).isoformat(),
        **_state(connection, person, found, now, lang),
    )  # fmt: skip


def _typed(sent: Any, name: str) -> str:
    """A day as it was typed, where it is one: what is not, no box can show."""
    text = "" if sent is None else last(sent, name)
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""


def _state(
    connection: Connection, person: Resident, found: LifeEvent | None, now: datetime, lang: Language
) -> dict[str, Any]:  # fmt: skip
    zone = zone_of(connection, person)
    if found is None:
        return {"state": "here", "leaves": "", "returns": ""}
    return {
        "state": "away" if found.since <= now else "ahead",
        "leaves": day_words(lang, found.since.astimezone(zone).date()),
        "returns": day_words(lang, found.until.astimezone(zone).date()) if found.until else "",
    }  # fmt: skip


def _wrong(refused: Refusal | None, lang: Language) -> str:
    if refused is None:
        return ""
    return refused.code if has_text(lang, "resident", f"me.away.wrong.{refused.code}") else "other"
