"""Appointments as iCalendar (RFC 5545, RFC 5546): made from values alone, so that the same ones make the same bytes.

A calendar is read over shoulders and kept by companies: no event says what about anybody's health it is.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import msgspec
from icalendar import Alarm, Calendar, Event, Timezone, TimezoneStandard, vCalAddress, vText

from engine.appointments import Appointment
from engine.locale import Language, text
from engine.officehours import ZONE
from engine.people import Resident

Method = Literal["PUBLISH", "CANCEL"]
MEDIA: Final = "text/calendar; charset=utf-8"
_PRODUCT: Final = "-//Minato PHR//appointments//JA"
_SPACE: Final = uuid.UUID("b9c1a4d2-8a04-5a2c-9a4e-3a7d5f0c1e62")
# The day before and two hours before; whatever the calendar does of itself comes on top.
_ALARMS: Final = (timedelta(days=-1), timedelta(hours=-2))
_JAPAN: Final = timedelta(hours=9)
# RFC 5546 wants an organizer; there is no address anybody could answer to.
_NOBODY: Final = "invalid:nomail"


class _Told(msgspec.Struct, frozen=True):
    """What an event says beside its times."""

    summary: str
    place: str
    alarms: bool


def uid_of(one: Appointment) -> str:
    """The same for ever for one appointment, whatever becomes of it (RFC 7986: nothing of whose or where it is)."""
    return str(uuid.uuid5(_SPACE, f"appointment-{one.seq}"))


def calendar_of(listed: Iterable[Appointment], lang: Language) -> bytes:
    """A resident's calendar: what is planned or was cancelled of `listed`, each with two alarms.

    Of one appointment that was cancelled the method is CANCEL, so that a calendar that has it takes it out.
    """
    shown = [one for one in listed if one.state in {"planned", "cancelled"}]
    summary = text(lang, "resident", "me.appointments.ical")
    alone = len(shown) == 1 and shown[0].state == "cancelled"
    told = {one.seq: _Told(summary, one.place, alarms=True) for one in shown}
    return _calendar(
        shown, told, "CANCEL" if alone else "PUBLISH", text(lang, "resident", "me.appointments.ical"), lang
    )


def staff_calendar(
    listed: Iterable[Appointment], people: Mapping[str, Resident], agreed: Collection[str], lang: Language
) -> bytes:  # fmt: skip
    """What somebody of staff has to do: the sort and initials, a class once; nothing else of anybody.

    Of whoever is not among the `agreed` neither sort nor place.
    """
    shown: list[Appointment] = []
    told: dict[int, _Told] = {}
    groups: set[int] = set()
    for one in listed:
        if one.state == "cancelled" or one.group in groups:
            continue
        if one.group is not None:
            groups.add(one.group)
        who = "" if one.group is not None else initials(people.get(one.resident))
        known = one.group is not None or one.resident in agreed
        sort = one.sort if known else "other"
        summary = f"{text(lang, 'nurse', f'desk.appointments.sort.{sort}')} {who}".strip()
        shown.append(one)
        told[one.seq] = _Told(summary, one.place if known and one.sort != "visit" else "", alarms=False)
    return _calendar(shown, told, "PUBLISH", text(lang, "nurse", "desk.appointments.title"), lang)


def initials(person: Resident | None) -> str:
    """The first kana of family and given name: ヤ.ハ."""
    if person is None:
        return ""
    return "".join(f"{kana[0]}." for kana in (person.family_kana, person.given_kana) if kana)


def _calendar(
    shown: Iterable[Appointment], told: Mapping[int, _Told], method: Method, name: str, lang: Language
) -> bytes:
    made = Calendar()
    made.add("prodid", _PRODUCT)
    made.add("version", "2.0")
    made.add("calscale", "GREGORIAN")
    made.add("method", method)
    made.add("x-wr-calname", name)
    made.add_component(_zone())
    for one in shown:
        made.add_component(_event(one, told[one.seq], text(lang, "resident", "me.appointments.from")))
    return bytes(made.to_ical())


def _event(one: Appointment, told: _Told, name: str) -> Event:
    made = Event()
    made.add("uid", uid_of(one))
    made.add("dtstamp", one.at.astimezone(UTC).replace(microsecond=0))
    made.add("sequence", one.version - 1)
    made.add("status", "CANCELLED" if one.state == "cancelled" else "CONFIRMED")
    made.add("summary", told.summary)
    if told.place:
        made.add("location", told.place)
    made.add("dtstart", _local(one.starts_at))
    made.add("dtend", _local(one.ends_at))
    made.add("class", "PRIVATE")
    organizer = vCalAddress(_NOBODY)
    organizer.params["CN"] = vText(name)
    made.add("organizer", organizer)
    if told.alarms and one.state == "planned":
        for before in _ALARMS:
            alarm = Alarm()
            alarm.add("action", "DISPLAY")
            alarm.add("description", told.summary)
            alarm.add("trigger", before)
            made.add_component(alarm)
    return made


def _zone() -> Timezone:
    """Japan has kept one offset since 1951; calendars that do not know its name read it here."""
    made, standard = Timezone(), TimezoneStandard()
    made.add("tzid", str(ZONE))
    standard.add("dtstart", datetime(1970, 1, 1))  # noqa: DTZ001 - local, as the format wants it
    standard.add("tzoffsetfrom", _JAPAN)
    standard.add("tzoffsetto", _JAPAN)
    standard.add("tzname", "JST")
    made.add_component(standard)
    return made


def _local(at: datetime) -> datetime:
    return at.astimezone(ZONE)
