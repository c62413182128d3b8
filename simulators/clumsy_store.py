"""Where the readings of a scripted pairing end up: a real store with three people, of whom one never agreed."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from engine.consent import Event, say
from engine.contract.kinds import KINDS
from engine.contract.topics import up
from engine.people import Resident
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.signals import Point
from engine.store import repo_consents, repo_history, repo_places, repo_residents
from engine.store.database import Engine, migrate, open_engine, write
from engine.store.instants import to_micros
from gateway.devices import Devices
from gateway.journal import Journal
from simulators.clumsy_stage import HANAKO, JIRO, TARO
from simulators.home import SAKATA

HOUSEHOLD, GATEWAY = "h-clumsyclumsy2", "g-clumsyclumsy2"
# What a virtual device tells first, and what its truth is known by.
FIRST: Final = ("body-weight", "systolic", "body-temperature", "heart-rate")
FAR: Final = timedelta(days=9999)
_PEOPLE: Final = ((HANAKO, "花子", "152.5", "female"), (TARO, "太郎", "172.0", "male"), (JIRO, "次郎", "165.0", "male"))


def make_store(path: Path, now: datetime) -> None:
    """An empty store with the household in it."""
    with _opened(path) as engine:
        migrate(engine)
        with write(engine) as connection:
            repo_places.seed_municipalities(connection)
            home = repo_places.Household(id=HOUSEHOLD, municipality_code=SAKATA)
            repo_places.add_household(connection, home, now)
            repo_places.enrol_gateway(connection, repo_places.Gateway(id=GATEWAY, household_id=HOUSEHOLD), now)
            for name, given, height, sex in _PEOPLE:
                person = Resident(
                    id=name, household_id=HOUSEHOLD, municipality_code=SAKATA, family_name="酒田", given_name=given,
                    family_kana="サカタ", given_kana="カナ", birth_date=date(1951, 5, 5), sex=sex,  # type: ignore[arg-type]
                    height_cm=Decimal(height), height_on=None, language="ja", channel="page", status="active",
                )  # fmt: skip
                repo_residents.add(connection, person, now, actor="clumsy", os_user="clumsy")
            for name in (HANAKO, TARO):
                said = say(Event(resident=name, purpose="record", granted=True, at=now - timedelta(days=90)))
                if isinstance(said, Event):
                    repo_consents.append(connection, said, os_user="clumsy")


def filed(template: Path, home: Path) -> dict[str, list[Decimal]]:
    """What the engine files under whom when it is told all that the gateway in `home` has to tell."""
    store = home / "engine.sqlite"
    shutil.copyfile(template, store)
    with _opened(store) as engine, write(engine) as connection:
        now = datetime.now(UTC)
        handle(connection, Facts(), list(_deliveries(home)), now)
        since, until = to_micros(now - FAR), to_micros(now + FAR)
        return {
            person: list(_firsts(repo_history.history(connection, person, KINDS, since, until)))
            for person, *_ in _PEOPLE
        }


def _firsts(points: dict[str, list[Point]]) -> Iterator[Decimal]:
    readings = dict.fromkeys(point.reading_id for found in points.values() for point in found)
    for reading in readings:
        values = {kind: point.value for kind, found in points.items() for point in found if point.reading_id == reading}
        yield next((values[kind] for kind in FIRST if kind in values), Decimal(-1))


def _deliveries(home: Path) -> Iterable[Delivery]:
    journal = Journal(home / "journal.sqlite")
    try:
        notes = [note for entry in Devices(home).load() if (note := journal.note(entry.id))]
        rows = [row.payload for row in journal.due(datetime.now(UTC) + FAR, 10_000)]
    finally:
        journal.close()
    told = [(up(GATEWAY, "device"), note) for note in notes] + [(up(GATEWAY, "reading"), row) for row in rows]
    return [Delivery(1, mid, 1, topic, payload) for mid, (topic, payload) in enumerate(told, 1)]


@contextmanager
def _opened(path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{path}")
    try:
        yield engine
    finally:
        engine.dispose()
