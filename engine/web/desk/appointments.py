"""Appointments at the desk: the week, whom to remind by telephone, who came; one person's, and one appointment."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, Final, Literal

from fastapi import Response
from fastapi.responses import RedirectResponse

from engine import appointments_store as acts
from engine.appointments import ALONE, MINUTES, Appointment, GroupClass, When, odd_hours, read_number, read_when
from engine.appointments_ical import MEDIA, staff_calendar
from engine.appointments_reminding import calls
from engine.dates import read_day
from engine.decisions import open_to_nurses
from engine.officehours import ZONE
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import repo_appointments, repo_caseload, repo_residents, repo_staff
from engine.store.database import Connection, write
from engine.store.repo_facts import By
from engine.store.repo_places import municipalities
from engine.web import scope
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import appointments_rows as rows
from engine.web.desk import people_rows
from engine.web.desk.forms import Typed, said
from engine.web.door import Door
from engine.web.sessions import Session

door = Door()
PAGE: Final = "/appointments"
RIGHT: Final = "case"
FIELDS: Final = ("day", "clock", "minutes", "place", "staff", "sort")
_WEEK: Final = timedelta(days=7)
# So long the desk is told of what residents or their lives called off.
_TOLD: Final = timedelta(days=14)
_FOUND: Final = 30
_MARKS: Final[dict[str, Literal["kept", "missed"]]] = {"kept": "kept", "missed": "missed"}


@door.page(PAGE, RIGHT)
def week(desk: TheDesk, session: Signed, week: str = "", mine: bool = False, q: str = "") -> Response:
    """The week, what has to be done about it, and where something new is booked."""
    return show_week(desk, session, week=week, mine=mine, q=q)


def show_week(
    desk: Desk, session: Session, *, week: str = "", mine: bool = False, q: str = "", refused: Refusal | None = None,
    typed: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    """The same, with a class that was refused in its form."""
    now, towns = desk.now(), session.who.municipalities
    monday = _monday(week, now)
    with write(desk.engine) as connection:
        listed, shown = _of_week(connection, session, monday, now, mine=mine)
        to_call = calls(connection, towns, now)
        found = repo_caseload.search(connection, towns, q[:60], limit=_FOUND) if q.strip() else []
        context: dict[str, Any] = {
            "days": _by_day(session, monday, shown), "calls": rows.calls(connection, session, to_call, now),
            "unmarked": rows.lines(connection, session, repo_appointments.unmarked(connection, towns, now), now),
            "off": rows.lines(
                connection, session, repo_appointments.called_off(connection, towns, now - _TOLD), now
            ),
            "found": [(one.id, people_rows.name(one), people_rows.kana(one)) for one in found],
            "towns": {code: name for code, name in municipalities(connection).items() if session.who.within(code)},
            "staff": staff_of(connection, session),
        }  # fmt: skip
        seen = [one.seq for one in [*listed, *(call.appointment for call in to_call)]]
        note(connection, desk, session, "appointments-view", now, detail=seen or None)
    context |= {
        "monday": monday.isoformat(), "before": (monday - _WEEK).isoformat(), "after": (monday + _WEEK).isoformat(),
        "mine": mine, "q": q[:60], "refused": rows.refused_key(refused) if refused else "", "error": refused,
        "typed": typed or {"minutes": f"{MINUTES['class']}", "capacity": "20", "staff": session.by},
    }  # fmt: skip
    status = 422 if refused else 200
    return desk.page("appointments/week.html", session.lang, session, status=status, here=PAGE, **context)


def _of_week(
    connection: Connection, session: Session, monday: date, now: datetime, *, mine: bool
) -> tuple[list[Appointment], list[rows.Line]]:
    """What begins in the week of that Monday, and its lines: of a class one, however many are booked."""
    towns = session.who.municipalities
    since, until = (datetime.combine(day, time(), ZONE) for day in (monday, monday + _WEEK))
    listed = repo_appointments.between(connection, towns, since, until)
    taught = repo_appointments.classes(connection, towns, since, until)
    if mine:
        listed = [one for one in listed if one.staff == session.by]
        taught = [one for one in taught if one.staff == session.by]
    alone = [one for one in listed if one.group is None]
    return listed, [*rows.lines(connection, session, alone, now), *rows.classes(connection, session.lang, taught)]


@door.page(f"{PAGE}.ics", RIGHT)
def feed(desk: TheDesk, session: Signed) -> Response:
    """My appointments of the coming weeks for my own calendar: sorts and initials."""
    now = desk.now()
    with write(desk.engine) as connection:
        mine = repo_appointments.of_staff(connection, session.by, now - _WEEK)
        listed = [one for one in mine if session.who.within(one.municipality)]
        people = {one.id: one for one in repo_residents.get_many(connection, {one.resident for one in listed})}
        note(connection, desk, session, "appointments-view", now, detail=[one.seq for one in listed] or None)
        agreed = open_to_nurses(connection, people, now)
    made = staff_calendar(listed, people, agreed, session.lang)
    return Response(made, media_type=MEDIA, headers=download("appointments"))


@door.page("/residents/{resident}/appointments", RIGHT)
def person(resident: str, desk: TheDesk, session: Signed, odd: bool = False) -> Response:
    """One resident's appointments, and the form for a new one; `odd`: the last one is outside of office hours."""
    return _person(desk, session, resident, None, {}, odd=odd)


@door.form("/residents/{resident}/appointments", RIGHT)
def book(resident: str, desk: TheDesk, session: Trusted, form: Typed) -> Response:
    """Books what is free."""
    typed = {name: said(form, name, 100) for name in FIELDS}
    now = desk.now()
    with write(desk.engine) as connection:
        found = scope.resident_of(connection, session.who, resident, now)
        when = when_typed(connection, session, typed)
        sort = next((one for one in ALONE if one == typed["sort"]), None)
        made: Appointment | Refusal
        if isinstance(when, Refusal):
            made = when
        elif sort is None:
            made = Refusal("no-sort", "choose what it is", "sort")
        else:
            made = acts.book(connection, found, sort, when, By(session.by, desk.os_user), now)
    if isinstance(made, Refusal):
        return _person(desk, session, resident, made, typed)
    odd = isinstance(when, When) and odd_hours(when, found.municipality_code)
    return RedirectResponse(f"/residents/{found.id}/appointments{'?odd=1' if odd else ''}", 303)


@door.page(f"{PAGE}/{{appointment}}", RIGHT)
def look(appointment: str, desk: TheDesk, session: Signed) -> Response:
    """One appointment: moved, cancelled or marked."""
    return _one(desk, session, appointment, None, None)


@door.form(f"{PAGE}/{{appointment}}/move", RIGHT)
def move(appointment: str, desk: TheDesk, session: Trusted, form: Typed) -> Response:
    """Another time or place; they are reminded of it anew."""
    typed = {name: said(form, name, 100) for name in FIELDS}
    with write(desk.engine) as connection:
        one = known(connection, session, appointment)
        when = when_typed(connection, session, typed, one.staff)
        done = when if isinstance(when, Refusal) else as_seen(one, form) or acts.move(
            connection, one, when, By(session.by, desk.os_user), desk.now()
        )  # fmt: skip
    if isinstance(done, Refusal):
        return _one(desk, session, appointment, done, typed)
    return RedirectResponse(f"{PAGE}/{one.seq}", 303)


@door.form(f"{PAGE}/{{appointment}}/cancel", RIGHT)
def cancel(appointment: str, desk: TheDesk, session: Trusted, form: Typed) -> Response:
    """It does not take place: they asked for it, or we cannot."""
    reason: Literal["resident", "staff"] = "resident" if said(form, "reason") == "resident" else "staff"
    with write(desk.engine) as connection:
        one = known(connection, session, appointment)
        by = By(session.by, desk.os_user)
        done = as_seen(one, form) or acts.cancel(connection, one, reason, by, desk.now())
    if isinstance(done, Refusal):
        return _one(desk, session, appointment, done, None)
    return RedirectResponse(f"{PAGE}/{one.seq}", 303)


@door.form(f"{PAGE}/{{appointment}}/came", RIGHT)
def came(appointment: str, desk: TheDesk, session: Trusted, form: Typed) -> Response:
    """Whether they came."""
    state = _MARKS.get(said(form, "state"))
    if state is None:
        raise SorryError(400, "bad-request", back=PAGE)
    with write(desk.engine) as connection:
        one = known(connection, session, appointment)
        done = acts.mark(connection, one, state, By(session.by, desk.os_user), desk.now())
    if isinstance(done, Refusal):
        return _one(desk, session, appointment, done, None)
    return RedirectResponse(PAGE, 303)


@door.form(f"{PAGE}/{{appointment}}/reminded", RIGHT)
def reminded(appointment: str, desk: TheDesk, session: Trusted, form: Typed) -> Response:
    """Somebody told them by telephone."""
    with write(desk.engine) as connection:
        one = known(connection, session, appointment)
        done = as_seen(one, form) or acts.told(connection, one, By(session.by, desk.os_user), desk.now())
    if isinstance(done, Refusal):
        return _one(desk, session, appointment, done, None)
    return RedirectResponse(PAGE, 303)


def known(connection: Connection, session: Session, number: str) -> Appointment:
    """The appointment of that number in a town of this person; SorryError not-found otherwise."""
    wanted = read_number(number)
    one = None if wanted is None else repo_appointments.get(connection, wanted)
    if one is None or not session.who.within(one.municipality):
        raise SorryError(404, "not-found", back=PAGE)
    return one


def staff_of(connection: Connection, session: Session, also: str | None = None) -> list[tuple[str, str]]:
    """Who may be expected with a resident: whoever has a caseload in a town of this person, themselves first.

    `also` is somebody who is expected already.
    """
    towns = [town for town in municipalities(connection) if session.who.within(town)]
    found = {code: name for town in towns for code, name in people_rows.nurses(connection, town)}
    if also is not None and also not in found:
        found |= repo_staff.names_of(connection, [also])
    found.pop(session.by, None)
    return [(session.by, session.who.name), *sorted(found.items(), key=lambda pair: (pair[1], pair[0]))]


def when_typed(
    connection: Connection, session: Session, typed: dict[str, str], also: str | None = None
) -> When | Refusal:  # fmt: skip
    """The time and place of a form; whoever is named must be one of `staff_of`."""
    if typed["staff"] and typed["staff"] not in dict(staff_of(connection, session, also)):
        return Refusal("unknown-staff", "choose one of the list", "staff")
    return read_when(typed["day"], typed["clock"], typed["minutes"], typed["place"], typed["staff"])


def as_seen(one: Appointment | GroupClass, form: Any) -> Refusal | None:
    """The refusal where a form was made from another version: nobody changes what they have not seen as it is."""
    return None if said(form, "version", 12) == f"{one.version}" else acts.CONFLICT


def download(name: str) -> dict[str, str]:
    """The header that makes a calendar a file, of which nothing is kept on the way."""
    return {"Content-Disposition": f'attachment; filename="{name}.ics"', "Cache-Control": "no-store"}


def _person(
    desk: Desk, session: Session, resident: str, refused: Refusal | None, typed: dict[str, str], *, odd: bool = False
) -> Response:
    now = desk.now()
    with write(desk.engine) as connection:
        found: Resident = scope.resident_of(connection, session.who, resident, now)
        listed = rows.lines(connection, session, repo_appointments.of(connection, found.id), now)
        staff = staff_of(connection, session)
        note(connection, desk, session, "appointments-view", now, subject=found.id)
    context: dict[str, Any] = {
        "who": people_rows.who(found, session.lang, now), "coming": [one for one in reversed(listed) if one.at > now],
        "past": [one for one in listed if one.at <= now], "staff": staff, "sorts": ALONE, "minutes": MINUTES,
        "typed": {"day": "", "clock": "", "minutes": "30", "place": "", "staff": session.by, "sort": ""} | typed,
        "refused": rows.refused_key(refused) if refused else "", "error": refused, "odd": odd,
    }  # fmt: skip
    here, status = f"/residents/{found.id}/appointments", 422 if refused else 200
    return desk.page("appointments/person.html", session.lang, session, status=status, here=here, **context)


def _one(
    desk: Desk, session: Session, number: str, refused: Refusal | None, typed: dict[str, str] | None
) -> Response:  # fmt: skip
    now = desk.now()
    with write(desk.engine) as connection:
        one = known(connection, session, number)
        [line] = rows.lines(connection, session, [one], now)
        staff = staff_of(connection, session, one.staff)
        note(connection, desk, session, "appointments-view", now, subject=one.resident, detail=[one.seq])
    context: dict[str, Any] = {
        "one": line, "day": rows.day(session.lang, one.starts_at, long=True), "begun": one.starts_at <= now,
        "group": one.group, "typed": typed or (rows.typed_of(one) if line.resident else {}),
        "reminded": one.reminded_by, "staff": staff,
        "refused": rows.refused_key(refused) if refused else "", "error": refused,
    }  # fmt: skip
    here, status = f"{PAGE}/{one.seq}", 422 if refused else 200
    return desk.page("appointments/one.html", session.lang, session, status=status, here=here, **context)


def _monday(week: str, now: datetime) -> date:
    """The Monday of the week of that day, else of this week."""
    day = read_day(week, "week")
    local = day if isinstance(day, date) else now.astimezone(ZONE).date()
    local = min(max(local, date(2020, 1, 6)), date(2099, 12, 28))
    return local - timedelta(days=local.weekday())


def _by_day(session: Session, monday: date, shown: list[rows.Line]) -> list[tuple[str, list[rows.Line]]]:
    """The days from Monday on, Saturday and Sunday only where there is something."""
    ordered = sorted(shown, key=lambda one: (one.at, one.clock, one.link))
    days = [monday + timedelta(days=number) for number in range(7)]
    found = [(day, [one for one in ordered if one.at.astimezone(ZONE).date() == day]) for day in days]
    return [(rows.day(session.lang, day), told) for day, told in found if told or day.weekday() < 5]  # noqa: PLR2004
