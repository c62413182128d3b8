"""A nurse decides about an alert: call first, tell whom the resident chose, or put it aside; nothing goes by itself."""

from __future__ import annotations

from datetime import datetime
from random import SystemRandom
from typing import Annotated, Any, Final

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from engine.contract.ids import is_id
from engine.decisions import reason_of
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import repo_contacts, repo_staff, repo_watch, repo_watch_alerts
from engine.store.database import Connection, write
from engine.store.repo_facts import By
from engine.store.repo_watch_alerts import Raised
from engine.watching_decisions import REASONS, Act
from engine.watching_telling import Told, call, may_be_told, put_aside, tell
from engine.web import scope
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import fact_rows, people_rows, watch_rows
from engine.web.door import Door
from engine.web.sessions import Session
from engine.web.view import when

door = Door()
_ASIDE: Final[dict[str, Act]] = {"dismiss": "dismiss", "close": "close"}
_CALLS: Final[dict[str, Act]] = {"reached": "reached", "absent": "absent"}
_MOST_DIGITS: Final = 18


@door.page("/watch/alert/{alert}", "watch.decide")
def show(alert: str, desk: TheDesk, session: Signed) -> Response:
    """One alert: what is unusual, what was done, and what may be decided."""
    return _show(desk, session, alert, None)


@door.form("/watch/alert/{alert}/call", "watch.decide")
def called(
    alert: str, desk: TheDesk, session: Trusted, outcome: Annotated[str, Form()] = "",
    text: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Writes down a call: reached ends it, absent leaves it at the top."""
    act, words = _CALLS.get(outcome), reason_of(text)
    if act is None or not isinstance(words, str):
        return _show(desk, session, alert, "words" if act else "not-now")
    now = desk.now()
    with write(desk.engine) as connection:
        found, _ = _open(connection, session, alert, now)
        done = call(connection, found.seq, act, words, By(session.by, desk.os_user), now, SystemRandom())
    return _done(desk, session, alert, done)


@door.form("/watch/alert/{alert}/tell", "watch.decide")
async def tell_them(alert: str, request: Request, desk: TheDesk, session: Trusted) -> Response:
    """Tells the chosen people, who are asked for their consent at this very moment."""
    chosen = [one for one in (await request.form(max_fields=100)).getlist("to") if isinstance(one, str)]
    now = desk.now()
    with write(desk.engine) as connection:
        found, _ = _open(connection, session, alert, now)
        done = tell(connection, found.seq, chosen, By(session.by, desk.os_user), now)
    return _done(desk, session, alert, done)


@door.form("/watch/alert/{alert}/aside", "watch.decide")
def aside(
    alert: str, desk: TheDesk, session: Trusted, act: Annotated[str, Form()] = "", reason: Annotated[str, Form()] = "",
    text: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Puts an alert aside, or closes one that was told; with a reason."""
    chosen, words = _ASIDE.get(act), reason_of(text)
    if chosen is None or not isinstance(words, str):
        return _show(desk, session, alert, "words" if chosen else "not-now")
    now = desk.now()
    with write(desk.engine) as connection:
        found, _ = _open(connection, session, alert, now)
        done = put_aside(connection, found.seq, chosen, reason, words, By(session.by, desk.os_user), now)
    return _done(desk, session, alert, done)


@door.page("/devices/quiet", "devices.see")
def quiet(desk: TheDesk, session: Signed) -> Response:
    """The devices and gateways of people who are watched over that fell silent: to be looked after, told nobody."""
    now = desk.now()
    with write(desk.engine) as connection:
        found = watch_rows.lines(connection, session.who.municipalities, watch_rows.DEVICES, session.lang, now)
        note(connection, desk, session, "devices-quiet", now, detail=[one.seq for one in found])
    return desk.page("watch/devices.html", session.lang, session, here="/devices/quiet", lines=found)


def _done(desk: Desk, session: Session, alert: str, done: Told | Refusal) -> Response:
    if isinstance(done, Refusal):
        return _show(desk, session, alert, done.code)
    return RedirectResponse(f"/watch/alert/{alert}", 303)


def _open(connection: Connection, session: Session, alert: str, now: datetime) -> tuple[Raised, Resident]:
    """The alert and whom it is about, if this nurse may open them; else there is none."""
    short = alert.isascii() and alert.isdecimal() and len(alert) <= _MOST_DIGITS
    found = repo_watch_alerts.get(connection, int(alert)) if short else None
    if found is None:
        raise SorryError(404, "not-found")
    return found, scope.resident_of(connection, session.who, found.resident, now)


def _show(desk: Desk, session: Session, alert: str, refused: str | None) -> Response:
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        found, person = _open(connection, session, alert, now)
        told = repo_watch_alerts.tellings(connection, [found.seq]).get(found.seq, [])
        every = repo_watch.overseers(connection, now, [person.id]).get(person.id, ())
        left = may_be_told(connection, found, now)
        tried = [one for one in repo_contacts.of_resident(connection, person.id) if one.at >= found.at]
        people = {*every, *(one.recipient for one in told), *(one.by for one in tried), found.decided_by or ""}
        names = repo_staff.names_of(connection, people)
        note(connection, desk, session, "watch-view", now, subject=person.id, detail=[found.seq])
    context: dict[str, Any] = {
        "one": found, "line": watch_rows.line(found, person, lang, now), "name": people_rows.name(person),
        "kana": people_rows.kana(person), "phone": person.phone, "person": person.id, "told": told, "names": names,
        "tried": tried,
        "left": [(one, "m" if is_id(one, "m") else "s") for one in left],
        "share": None if found.evidence.share is None else round(found.evidence.share * 100),
        "devices": len(found.evidence.devices), "reasons": REASONS,
        "why": (found.reason or "").partition(": ")[::2], "refused": refused, "error": refused,
        "at": lambda instant: when(lang, instant, fact_rows.ZONE),
    }  # fmt: skip
    return desk.page(
        "watch/alert.html", lang, session, status=422 if refused else 200, here=f"/watch/alert/{found.seq}", **context
    )  # fmt: skip
