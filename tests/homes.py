"""A home in a real database: residents with consent, an enrolled gateway, a device with bound slots."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
from sqlalchemy import Engine

from engine.consent import Event, say
from engine.contract.reading import Reading, Value, reading_id
from engine.contract.wire import Binding, DeviceNote
from engine.people import Resident
from engine.store import repo_consents, repo_devices, repo_outbox, repo_places, repo_residents
from engine.store.database import write

HOUSEHOLD, GATEWAY, OTHER_GATEWAY = "h-abcdefghijklm", "g-abcdefghijklm", "g-bcdefghijklmn"
HANAKO, TARO, DEVICE = "r-hanakohanako2", "r-tarotarotaro3", "d-abcdefghijklm"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def resident(name: str, given: str, birth: date, height: str | None = "152.5") -> Resident:
    return Resident(
        id=name,
        household_id=HOUSEHOLD,
        municipality_code="062049",
        family_name="山田",
        given_name=given,
        family_kana="ヤマダ",
        given_kana="ハナコ",
        birth_date=birth,
        sex="female",
        height_cm=Decimal(height) if height else None,
        height_on=None,
        language="ja",
        channel="page",
        status="active",
    )


def consent(name: str, purpose: str, *, granted: bool = True, at: datetime = NOW - timedelta(days=90)) -> Event:
    said = say(msgspec.convert({"resident": name, "purpose": purpose, "granted": granted, "at": at}, Event))
    assert isinstance(said, Event)
    return said


def furnish(engine: Engine, purposes: Iterable[str] = ("record", "advice", "nurse-review")) -> None:
    """Two residents with consent, two gateways, a scale with a slot for each."""
    with write(engine) as connection:
        repo_places.seed_municipalities(connection)
        repo_places.add_household(connection, repo_places.Household(id=HOUSEHOLD, municipality_code="062049"), NOW)
        for name in (GATEWAY, OTHER_GATEWAY):
            repo_places.enrol_gateway(connection, repo_places.Gateway(id=name, household_id=HOUSEHOLD), NOW)
        people = [resident(HANAKO, "花子", date(1951, 5, 5)), resident(TARO, "太郎", date(1976, 5, 5), "172.0")]
        for person in people:
            repo_residents.add(connection, person, NOW, actor="test", os_user="test")
            for purpose in purposes:
                repo_consents.append(connection, consent(person.id, purpose), os_user="test")
        slots = (Binding(1, HANAKO), Binding(2, TARO))
        repo_devices.note(connection, HOUSEHOLD, DeviceNote(device=DEVICE, profile="sig-weight", bindings=slots), NOW)
        # Nothing is known of anybody yet: what their consent owed is paid.
        repo_outbox.done(connection, repo_outbox.take(connection, "evaluate", limit=10))


def weighing(number: int, kg: str = "62.30", slot: int | None = 1, **more: object) -> Reading:
    """The `number`-th weighing of slot 1, one a minute, ending before NOW."""
    at = NOW - timedelta(days=1) + timedelta(minutes=number)
    base = Reading(
        id=reading_id(DEVICE, slot, str(number), kg.encode()),
        device=DEVICE,
        profile="sig-weight",
        user_slot=slot,
        measured_at=at,
        time_quality="device",
        received_at=at + timedelta(seconds=2),
        values=(Value("body-weight", kg, "kg"),),
    )
    return msgspec.structs.replace(base, **more)
