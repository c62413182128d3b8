"""My appointments: when and where, for my own calendar, and called off by myself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from babel.dates import format_date, format_time
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from engine.appointments import OURS, Appointment, read_number
from engine.appointments_ical import MEDIA, calendar_of
from engine.appointments_store import cancel
from engine.locale import Language
from engine.officehours import ZONE
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import repo_appointments, repo_staff
from engine.store.database import Connection, write
from engine.store.repo_facts import By
from engine.web.context import Signed, SorryError, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.me.mine import me_of
from engine.web.me.sheet import Sheet, TheSheet

door = Door()
PAGE: Final = "/me/appointments"
# So long a page tells that something was cancelled, and a calendar that fetches all of them takes it out.
_TOLD: Final = timedelta(days=30)
# So many days before it the first page tells of it, too.
_SOON: Final = timedelta(days=3)
_DAY: Final = {"ja": "y年M月d日 (EEEE)", "en": "EEEE, d MMMM y"}
_CLOCK: Final = {"ja": "H時mm分", "en": "H:mm"}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One appointment in words; `by` is who of staff is there."""

    number: int
    day: str
    clock: str
    until: str
    sort: str
    place: str
    by: str
    reason: str


@door.page(PAGE, "mine.see")
def show(desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """What is to come, and what was cancelled lately."""
    return _show(desk, session, sheet, None)


@door.page(f"{PAGE}.ics", "mine.see")
def everything(desk: TheDesk, session: Signed) -> Response:
    """All that is to come in one calendar, with what was cancelled lately so that it goes out of there."""
    return _calendar(desk, session, None)


@door.page(f"{PAGE}/{{appointment}}/calendar.ics", "mine.see")
def one(appointment: str, desk: TheDesk, session: Signed) -> Response:
    """One of them for a calendar."""
    return _calendar(desk, session, appointment)


@door.form(f"{PAGE}/{{appointment}}/cancel", "mine.say")
def call_off(appointment: str, desk: TheDesk, session: Trusted, sheet: TheSheet) -> Response:
    """I cannot come: the desk reads it on its list and offers another time."""
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        found = _mine(connection, person, appointment)
        done = cancel(connection, found, "resident", By(session.by, desk.os_user), desk.now())
    if isinstance(done, Refusal):
        return _show(desk, session, sheet, done)
    return RedirectResponse(PAGE, 303)


def soon(connection: Connection, person: Resident, now: datetime, lang: Language) -> list[Line]:
    """What the first page tells of, where a message leads: the next days, and what we called off."""
    coming, off = _listed(connection, person, now)
    return [
        *(words_of(lang, one) for one in coming[:1] if one.starts_at < now + _SOON),
        *(words_of(lang, one) for one in off if one.reason in OURS),
    ]


def words_of(lang: Language, one: Appointment, name: str = "") -> Line:
    """An appointment as its resident reads it."""
    starts, ends = one.starts_at.astimezone(ZONE), one.ends_at.astimezone(ZONE)
    return Line(
        number=one.seq, day=format_date(starts, _DAY[lang], locale=lang),
        clock=format_time(starts, _CLOCK[lang], locale=lang), until=format_time(ends, _CLOCK[lang], locale=lang),
        sort=one.sort, place=one.place, by=name, reason=one.reason or "",
    )  # fmt: skip


def _show(desk: TheDesk, session: Signed, sheet: Sheet, refused: Refusal | None) -> HTMLResponse:
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        coming, off = _listed(connection, person, now)
        names = repo_staff.names_of(connection, [one.staff for one in coming if one.staff])
        note(connection, desk, session, "appointments-view", now, subject=person.id)
    values: dict[str, Any] = {
        "coming": [words_of(lang, one, names.get(one.staff or "", "")) for one in coming],
        "off": [words_of(lang, one) for one in off], "begun": [one.seq for one in coming if one.starts_at <= now],
        "refused": ("late" if refused.code == "begun" else "changed") if refused else "",
    }  # fmt: skip
    return sheet.page("me/appointments.html", here=PAGE, status=422 if refused else 200, **values)


def _calendar(desk: TheDesk, session: Signed, number: str | None) -> Response:
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        coming, off = _listed(connection, person, now)
        listed = [*coming, *off] if number is None else [_mine(connection, person, number)]
        note(connection, desk, session, "appointments-view", now, subject=person.id)
    headers = {"Content-Disposition": 'attachment; filename="yoyaku.ics"', "Cache-Control": "no-store"}
    return Response(calendar_of(listed, session.lang), media_type=MEDIA, headers=headers)


def _listed(connection: Connection, person: Resident, now: datetime) -> tuple[list[Appointment], list[Appointment]]:
    """What is planned and not over, the next first; and what was cancelled lately before it began."""
    found = sorted(repo_appointments.of(connection, person.id), key=lambda one: (one.starts_at, one.seq))
    coming = [one for one in found if one.state == "planned" and one.ends_at > now]
    off = [one for one in found if one.state == "cancelled" and one.ends_at > now and one.at > now - _TOLD]
    return coming, off


def _mine(connection: Connection, person: Resident, number: str) -> Appointment:
    wanted = read_number(number)
    one = None if wanted is None else repo_appointments.get(connection, wanted)
    if one is None or one.resident != person.id:
        raise SorryError(404, "not-found", back=PAGE)
    return one
