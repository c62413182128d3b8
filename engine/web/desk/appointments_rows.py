"""Appointments and classes as the desk's pages show them, in words; whoever did not agree is named and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Final

import msgspec
from babel.dates import format_date

from engine.appointments import Appointment, GroupClass
from engine.appointments_reminding import Call
from engine.decisions import open_to_nurses
from engine.locale import Language
from engine.officehours import ZONE
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import repo_appointments, repo_protection, repo_residents, repo_staff
from engine.store.database import Connection
from engine.web.desk import people_rows
from engine.web.sessions import Session

_DAY: Final = {"ja": "M月d日(E)", "en": "EEE d MMM"}
_LONG: Final = {"ja": "y年M月d日(E)", "en": "EEE d MMM y"}
_TOLD: Final = frozenset(
    {"past", "too-far", "bad-span", "unreadable-date", "unreadable-time", "inactive", "in-hospital",
     "overlaps-resident", "overlaps-staff", "not-planned", "begun", "too-early", "conflict", "full", "booked",
     "capacity", "class", "no-consent"}
)  # fmt: skip


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One appointment, or one class with how many are `booked`; `link` is where it is looked at."""

    number: int
    at: datetime
    day: str
    clock: str
    sort: str
    state: str
    link: str
    who: str = ""
    resident: str = ""
    place: str = ""
    staff: str = ""
    phone: str = ""
    why: str = ""
    version: int = 1
    booked: int = 0
    capacity: int = 0


def lines(connection: Connection, session: Session, listed: Iterable[Appointment], now: datetime) -> list[Line]:
    """Appointments in words, in the order given."""
    found = list(listed)
    people = {one.id: one for one in repo_residents.get_many(connection, {one.resident for one in found})}
    agreed = open_to_nurses(connection, people, now)
    names = repo_staff.names_of(connection, [one.staff for one in found if one.staff])
    return [
        _line(one, people[one.resident], names, session.lang, agreed=one.resident in agreed)
        for one in found
        if one.resident in people
    ]


def today(connection: Connection, session: Session, now: datetime) -> list[Line]:
    """What is planned for this day, by time; each class once."""
    since = datetime.combine(now.astimezone(ZONE).date(), time(), ZONE)
    until, towns = since + timedelta(days=1), session.who.municipalities
    listed = [one for one in repo_appointments.between(connection, towns, since, until) if one.group is None]
    taught = repo_appointments.classes(connection, towns, since, until)
    shown = [*lines(connection, session, listed, now), *classes(connection, session.lang, taught)]
    return sorted((one for one in shown if one.state != "cancelled"), key=lambda one: (one.at, one.link))


def coming(connection: Connection, session: Session, resident: str, now: datetime) -> list[Line]:
    """What one resident is expected at, by time."""
    listed = [one for one in repo_appointments.of(connection, resident) if one.state == "planned" and one.ends_at > now]
    return lines(connection, session, reversed(listed), now)


def calls(connection: Connection, session: Session, found: Iterable[Call], now: datetime) -> list[Line]:
    """Whom to remind by telephone, with the number where this person may see it."""
    listed = list(found)
    told = {one.number: one for one in lines(connection, session, [call.appointment for call in listed], now)}
    return [
        msgspec.structs.replace(
            told[call.appointment.seq], phone=_phone(connection, session, call.person, now), why=call.why
        )
        for call in listed
    ]


def classes(connection: Connection, lang: Language, listed: Iterable[GroupClass]) -> list[Line]:
    """Classes in words, in the order given."""
    found = list(listed)
    counts = repo_appointments.booked(connection, [one.seq for one in found])
    names = repo_staff.names_of(connection, [one.staff for one in found if one.staff])
    return [
        Line(
            number=one.seq, at=one.starts_at, day=day(lang, one.starts_at), clock=span(one), sort="class",
            state=one.state, link=f"/appointments/class/{one.seq}", who=one.title, place=one.place,
            staff=names.get(one.staff or "", ""), booked=counts[one.seq], capacity=one.capacity, version=one.version,
        )
        for one in found
    ]  # fmt: skip


def day(lang: Language, at: datetime | date, *, long: bool = False) -> str:
    """A day with its weekday, on the town's calendar."""
    local = at.astimezone(ZONE).date() if isinstance(at, datetime) else at
    return format_date(local, (_LONG if long else _DAY)[lang], locale=lang)


def span(one: Appointment | GroupClass) -> str:
    """From when to when, on the town's clock."""
    return f"{one.starts_at.astimezone(ZONE):%H:%M}–{one.ends_at.astimezone(ZONE):%H:%M}"


def typed_of(one: Appointment | GroupClass) -> dict[str, str]:
    """An appointment as a form holds it."""
    local = one.starts_at.astimezone(ZONE)
    return {
        "day": local.date().isoformat(), "clock": f"{local:%H:%M}", "place": one.place, "staff": one.staff or "",
        "minutes": f"{(one.ends_at - one.starts_at) // timedelta(minutes=1)}",
    }  # fmt: skip


def refused_key(refused: Refusal) -> str:
    """The key of the words for a refusal."""
    if refused.code in _TOLD:
        return refused.code
    return refused.field if refused.field in {"place", "title"} else "other"


def _line(one: Appointment, person: Resident, names: Mapping[str, str], lang: Language, *, agreed: bool) -> Line:
    return Line(
        number=one.seq, at=one.starts_at, day=day(lang, one.starts_at), clock=span(one),
        sort=one.sort if agreed else "other", state=one.state, link=f"/appointments/{one.seq}",
        who=people_rows.name(person), resident=person.id if agreed else "", place=one.place if agreed else "",
        staff=names.get(one.staff or "", ""), why=one.reason or "", version=one.version,
    )  # fmt: skip


def _phone(connection: Connection, session: Session, person: Resident, now: datetime) -> str:
    shown = person if session.who.may("protect") else repo_protection.masked(connection, person, now)
    return shown.phone or ""
