"""Before and after a class at the desk: who came begins and ends with one press each; no value is shown here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from fastapi import Response
from fastapi.responses import RedirectResponse

from engine.appointments import Appointment, GroupClass
from engine.before_after import Session as Measured
from engine.before_after import book
from engine.before_after_store import begin, finish
from engine.contract.ids import is_id
from engine.decisions import open_to_nurses
from engine.officehours import ZONE
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import repo_appointments, repo_before_after, repo_residents
from engine.store.database import Connection, write
from engine.store.repo_facts import By
from engine.web import scope
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import appointments_rows as rows
from engine.web.desk import people_rows
from engine.web.desk.appointments import PAGE, RIGHT
from engine.web.desk.appointments_class import known_class
from engine.web.desk.forms import Typed, said
from engine.web.door import Door
from engine.web.sessions import Session

door = Door()
_SORT: Final = "exercise"
# People come early to sit down and be measured.
_EARLY: Final = timedelta(hours=2)
_TOLD: Final = frozenset({"too-high", "already-begun", "overlaps", "no-consent", "inactive", "too-long"})


@door.page(f"{PAGE}/class/{{group}}/sessions", RIGHT)
def look(group: str, desk: TheDesk, session: Signed) -> Response:
    """Who is booked and let nurses look, and of whom a session lasts or is over."""
    return _show(desk, session, group, None)


@door.form(f"{PAGE}/class/{{group}}/sessions/begin", RIGHT)
def start(group: str, desk: TheDesk, session: Trusted, form: Typed) -> Response:
    """Begins now, where the pressure just measured is not one with which nobody begins."""
    now, by = desk.now(), By(session.by, desk.os_user)
    with write(desk.engine) as connection:
        one, person = _booked(connection, session, group, said(form, "resident", 40), now)
        done: object = Refusal("too-early", "this class is not today")
        if _is_on(one, now):
            done = begin(connection, person, _SORT, one.place, now, by, now)
    return _after(desk, session, group, done)


@door.form(f"{PAGE}/class/{{group}}/sessions/end", RIGHT)
def end(group: str, desk: TheDesk, session: Trusted, form: Typed) -> Response:
    """Ends now; what is measured in the next hour is compared."""
    now, by = desk.now(), By(session.by, desk.os_user)
    with write(desk.engine) as connection:
        one, person = _booked(connection, session, group, said(form, "resident", 40), now)
        lasting = _lasting(_sessions(connection, one, person.id), now)
        done: object = Refusal("already-ended", "nothing lasts")
        if lasting is not None:
            done = finish(connection, person, lasting, now, by, now)
    return _after(desk, session, group, done)


def _after(desk: Desk, session: Session, group: str, done: object) -> Response:
    if isinstance(done, Refusal):
        return _show(desk, session, group, done)
    return RedirectResponse(f"{PAGE}/class/{group}/sessions", 303)


def _show(desk: Desk, session: Session, group: str, refused: Refusal | None) -> Response:
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        one = known_class(connection, session, group)
        [line] = rows.classes(connection, lang, [one])
        names = _there(repo_appointments.of_class(connection, one.seq))
        agreed = open_to_nurses(connection, names, now)
        people = {person.id: person for person in repo_residents.get_many(connection, agreed)}
        listed = [
            {"id": name, "name": people_rows.name(people[name]), **_state(connection, one, name, now)}
            for name in names
            if name in people
        ]
        note(connection, desk, session, "appointments-view", now, detail=[one.seq, sorted(people)])
    context: dict[str, Any] = {
        "one": line, "day": rows.day(lang, one.starts_at, long=True), "people": listed, "on": _is_on(one, now),
        "left": len(names) - len(listed), "error": refused,
        "refused": "" if refused is None else refused.code if refused.code in _TOLD else "other",
    }  # fmt: skip
    here, status = f"{PAGE}/class/{one.seq}/sessions", 422 if refused else 200
    return desk.page("appointments/class_sessions.html", lang, session, status=status, here=here, **context)


def _state(connection: Connection, one: GroupClass, resident: str, now: datetime) -> Mapping[str, str]:
    """What is there of this class: not begun, lasting since when, or over when."""
    sessions = _sessions(connection, one, resident)
    lasting = _lasting(sessions, now)
    if lasting is not None:
        return {"state": "lasts", "at": _clock(lasting.started_at)}
    over = [each.ended_at for each in sessions if each.ended_at is not None]
    return {"state": "over", "at": _clock(max(over))} if over else {"state": "none", "at": ""}


def _sessions(connection: Connection, one: GroupClass, resident: str) -> list[Measured]:
    """What somebody began at this class: a bath at home is their own business, a later class has its own page."""
    found, first = repo_before_after.of(connection, resident), one.starts_at - _EARLY
    return [each for each in found if each.sort == _SORT and first <= each.started_at <= one.ends_at]


def _lasting(sessions: list[Measured], now: datetime) -> Measured | None:
    longest = timedelta(minutes=book().pair.longest)
    return next((one for one in sessions if one.ended_at is None and now - one.started_at <= longest), None)


def _is_on(one: GroupClass, now: datetime) -> bool:
    return one.state == "planned" and one.starts_at - _EARLY <= now <= one.ends_at


def _there(listed: list[Appointment]) -> list[str]:
    return [one.resident for one in listed if one.state != "cancelled"]


def _booked(
    connection: Connection, session: Session, group: str, name: str, now: datetime
) -> tuple[GroupClass, Resident]:  # fmt: skip
    """The class, and one of those booked into it who let nurses look; SorryError for anybody else."""
    one = known_class(connection, session, group)
    if not is_id(name, "r") or name not in _there(repo_appointments.of_class(connection, one.seq)):
        raise SorryError(404, "not-found", back=PAGE)
    return one, scope.resident_of(connection, session.who, name, now)


def _clock(at: datetime) -> str:
    here = at.astimezone(ZONE)
    return f"{here.hour}:{here.minute:02}"
