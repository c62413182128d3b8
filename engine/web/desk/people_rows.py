"""Residents, their devices and the staff who may look after them, as the desk's pages show them in words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec
from babel.dates import format_timedelta

from engine.access import rights_of
from engine.dates import age_on
from engine.locale import Language, text
from engine.municipalities import REGION
from engine.people import Resident
from engine.store import repo_staff
from engine.store.database import Connection
from engine.store.repo_devices import Device
from engine.web.desk.fact_rows import ZONE, day

SILENCE: Final = timedelta(days=14)
LOW_BATTERY: Final = 20
_NOW: Final = timedelta(minutes=1)


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """A resident in words."""

    id: str
    name: str
    kana: str
    age: str
    sex: str
    birth: str
    town: str
    address: str
    phone: str
    emergency: str
    height: str
    language: str
    channel: str
    status: str


class DeviceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A device in words: what it is, its battery, and when it was last heard."""

    id: str
    name: str
    profile: str
    firmware: str
    battery: str
    low: bool
    seen: str
    silent: bool
    slots: tuple[tuple[int | None, str], ...]


def who(person: Resident, lang: Language, now: datetime) -> Who:
    """A resident as the top of a record shows them."""
    local = now.astimezone(ZONE).date()
    tall = "" if person.height_cm is None else f"{person.height_cm} cm"
    measured = "" if person.height_on is None else f" ({day(lang, person.height_on)})"
    return Who(
        id=person.id, name=name(person), kana=kana(person),
        age=text(lang, "nurse", "desk.age", years=age_on(person.birth_date, local)),
        sex=text(lang, "nurse", f"desk.sex.{person.sex}"), birth=day(lang, person.birth_date),
        town=REGION.get(person.municipality_code, person.municipality_code), address=person.address or "",
        phone=person.phone or "", emergency=person.emergency_contact or "", height=tall + measured if tall else "",
        language=text(lang, "nurse", f"desk.language.{person.language}"),
        channel=text(lang, "nurse", f"desk.channel.{person.channel}"),
        status=text(lang, "nurse", f"desk.status.{person.status}"),
    )  # fmt: skip


def name(person: Resident) -> str:
    """The name as the register has it."""
    return f"{person.family_name} {person.given_name}".strip()


def kana(person: Resident) -> str:
    """The reading of the name."""
    return f"{person.family_kana} {person.given_kana}".strip()


def device(one: Device, lang: Language, now: datetime, *, away: bool = False) -> DeviceRow:
    """A device as a table shows it; of somebody who is `away`, in hospital, silence says nothing."""
    made = " ".join(part for part in (one.maker, one.model) if part)
    return DeviceRow(
        id=one.id, name=made or one.profile, profile=one.profile, firmware=one.firmware or "",
        battery="" if one.battery is None else f"{one.battery} %",
        low=one.battery is not None and one.battery <= LOW_BATTERY, seen=ago(lang, one.last_seen, now),
        silent=not away and now - one.last_seen >= SILENCE,
        slots=tuple((binding.slot, binding.resident) for binding in one.bindings),
    )  # fmt: skip


def ago(lang: Language, at: datetime | None, now: datetime) -> str:
    """How long ago something was, in its largest sensible unit; the word for never where it was never."""
    if at is None:
        return text(lang, "nurse", "desk.never")
    if abs(now - at) < _NOW:
        return text(lang, "nurse", "desk.just-now")
    return format_timedelta(at - now, add_direction=True, locale=lang, threshold=1.0)


def nurses(connection: Connection, town: str) -> list[tuple[str, str]]:
    """Who may be given residents of that municipality: id and name of staff with a caseload, by name."""
    found = repo_staff.listed(connection, towns=frozenset({town}))
    may = [one for one in found if one.active and town in one.municipalities and "caseload" in rights_of(one.roles)]
    return sorted(((one.id, one.name) for one in may), key=lambda pair: (pair[1], pair[0]))
