"""A small town for the ingest benchmarks: enrolled homes with consent, and the messages their gateways would send."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import msgspec

from engine.consent import Event, say
from engine.contract import topics, wire
from engine.contract.ids import new_id
from engine.contract.reading import Reading, Value, reading_id
from engine.people import Resident
from engine.store import repo_consents, repo_devices, repo_places, repo_residents
from engine.store.database import Connection, migrate, open_engine, write

HOMES = 100
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SAKATA = "062049"


class Home(msgspec.Struct, frozen=True):
    """A household of one resident with one scale and one gateway."""

    id: str
    gateway: str
    resident: str
    device: str


def build(path: Path, homes: int = HOMES) -> list[Home]:
    """The homes, in a new database at `path` that holds nothing else."""
    rng = Random(2)
    town = [Home(new_id("h", rng), new_id("g", rng), new_id("r", rng), new_id("d", rng)) for _ in range(homes)]
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    with write(engine) as connection:
        for home in town:
            _move_in(connection, home)
    engine.dispose()
    return town


def _move_in(connection: Connection, home: Home) -> None:
    repo_places.add_household(connection, repo_places.Household(id=home.id, municipality_code=SAKATA), NOW)
    repo_places.enrol_gateway(connection, repo_places.Gateway(id=home.gateway, household_id=home.id), NOW)
    person = Resident(
        id=home.resident, household_id=home.id, municipality_code=SAKATA, family_name="山田", given_name="花子",
        family_kana="ヤマダ", given_kana="ハナコ", birth_date=date(1951, 5, 5), sex="female", height_cm=Decimal("152.5"),
    )  # fmt: skip
    repo_residents.add(connection, person, NOW, actor="bench", os_user="bench")
    yes = say(Event(resident=home.resident, purpose="record", granted=True, at=NOW - timedelta(days=900)))
    assert isinstance(yes, Event)
    repo_consents.append(connection, yes, os_user="bench")
    owner = wire.Binding(None, home.resident)
    note = wire.DeviceNote(device=home.device, profile="sig-weight", bindings=(owner,))
    repo_devices.note(connection, home.id, note, NOW)


def messages(town: list[Home], readings: int, batch: int) -> Iterator[tuple[str, bytes]]:
    """(topic, payload) of `readings` weighings, the homes in turn, `batch` of one home in a message."""
    for number in range(0, readings, batch):
        home = town[number // batch % len(town)]
        parts = [wire.encode_reading(_weighing(home, number + more)) for more in range(batch)]
        yield topics.up(home.gateway, "reading"), parts[0] if batch == 1 else wire.encode_batch(parts)


def _weighing(home: Home, number: int) -> Reading:
    at = NOW - timedelta(minutes=5 * (number + 1))
    kilograms = f"{60 + number % 900 / 100:.2f}"
    return Reading(
        id=reading_id(home.device, 1, str(number), kilograms.encode()), device=home.device, profile="sig-weight",
        firmware="1.0.3", provenance="bonded", user_slot=1, measured_at=at, time_quality="device",
        received_at=NOW, values=(Value("body-weight", kilograms, "kg"),),
    )  # fmt: skip
