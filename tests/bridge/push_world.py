"""A furnished home whose people are linked to a hospital in this process, and the bridge between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from sqlalchemy import Engine, insert, select

from engine.contract import topics, wire
from engine.contract.reading import Reading, Value, reading_id
from engine.contract.wire import DeviceNote
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store import filing, repo_consents, repo_push
from engine.store.database import read, write
from engine.store.filing import By
from engine.store.instants import to_micros
from engine.store.tables import AUDIT
from engine.store.tables_bridge import CARE_LINK, PUSH
from fhir_bridge.abilities import Abilities
from fhir_bridge.breaker import Rules
from fhir_bridge.client import Client
from fhir_bridge.client_network import Limits, Network
from fhir_bridge.plan_debts import Scope
from fhir_bridge.push import Pusher
from fhir_bridge.push_claim import Pace
from simulators.hospital.abilities import Abilities as Make
from simulators.hospital.faults import Fault, Faults
from simulators.hospital.network import Hospital
from simulators.hospital.serving import serving
from tests.homes import DEVICE, GATEWAY, HANAKO, NOW, TARO, consent
from tests.stores import furnished_file

NETWORK = "choukai-net"
PATIENTS = {HANAKO: "hanako", TARO: "taro"}
BORN = {HANAKO: "1951-05-05", TARO: "1976-05-05"}
SYSTEM = "urn:oid:1.2"
WHO = By("nurse", "test")
PACE = Pace(lease=0.2, unsure=0.2, pause=0.01, longest=0.05)
BREAKER = Rules(failures=10_000, wait=0.01, longest=0.02)
SHARED_AT = NOW - timedelta(days=60)


@dataclass
class World:
    """Store, hospital and bridge; `clock` stands still unless a test moves it."""

    engine: Engine
    base: str
    now: datetime = NOW
    pace: Pace = PACE
    test_patients: frozenset[str] = frozenset()
    server: Hospital | None = None

    @property
    def hospital(self) -> Hospital:
        """The hospital in this process."""
        assert self.server is not None
        return self.server

    def clock(self) -> datetime:
        """Goes on a little with every look, so that what waits gets its turn."""
        self.now += timedelta(seconds=0.02)
        return self.now

    def pusher(self, known: Abilities | None = None) -> Pusher:
        """A bridge of its own."""
        network = Network(
            name=NETWORK, base=self.base, rules=BREAKER, limits=Limits(connect=1.0, silence=2.0, whole=5.0)
        )
        client = Client(network, abilities=known, now=self.clock, rng=Random(1), sleep=lambda _: None)
        scope = Scope(network=NETWORK, test_patients=self.test_patients)
        return Pusher(self.engine, client, scope, self.pace, clock=self.clock, rng=Random(2))

    def push(self, rounds: int = 200) -> dict[str, int]:
        """Plans and sends until nothing is left to do, by the world's own clock."""
        found: dict[str, int] = {}
        pusher = self.pusher()
        with pusher.client:
            for _ in range(rounds):
                pusher.plan()
                done = pusher.round()
                for name, count in {"sent": done.sent, **done.became}.items():
                    found[name] = found.get(name, 0) + count
                if not done.sent and not done.wait:
                    if done.wait is None:
                        break
                elif done.wait:
                    self.now += timedelta(seconds=done.wait)
        return found

    def heard(self, *words: Reading | DeviceNote) -> None:
        """What a gateway says, taken in as the engine takes it in: slot 1 is Hanako's, slot 2 Taro's."""
        said = []
        for number, word in enumerate(words):
            leaf: topics.Up = "device" if isinstance(word, DeviceNote) else "reading"
            payload = wire.encode(word) if isinstance(word, DeviceNote) else wire.encode_reading(word)
            said.append(Delivery(1, number, 1, topics.up(GATEWAY, leaf), payload))
        with write(self.engine) as connection:
            handle(connection, Facts(), said, self.now)

    def says(self, resident: str, purpose: str, *, granted: bool, kind: str | None = None) -> None:
        """A word about a purpose, now."""
        event = consent(resident, purpose, granted=granted, at=self.clock())
        with write(self.engine) as connection:
            repo_consents.append(connection, msgspec.structs.replace(event, kind=kind), os_user="test")

    def move(self, reading: Reading, to: str | None) -> None:
        """A person files a reading anew: to somebody, or (None) away from everybody."""
        with write(self.engine) as connection:
            if to is None:
                filing.discard(connection, reading.id, self.clock(), WHO)
            else:
                filing.assign(connection, reading.id, to, self.clock(), WHO)

    def there(self, kind: str = "Observation") -> dict[str, dict[str, Any]]:
        """What the hospital has, by identifier."""
        found = {}
        for version in self.hospital.records.all(kind):
            for one in version.body.get("identifier", ()):
                found[one["value"]] = version.body
        return found

    def rows(self) -> list[repo_push.Owed]:
        """All that is owed of Observations, the earliest measured first."""
        with read(self.engine) as connection:
            seqs = list(connection.execute(select(PUSH.c.seq).where(PUSH.c.type == "Observation")).scalars())
            found = [row for seq in seqs if (row := repo_push.get(connection, seq)) is not None]
        return sorted(found, key=lambda row: (row.measured_at, row.seq))

    def audited(self, action: str) -> list[str]:
        """The subjects of the entries of an action."""
        with read(self.engine) as connection:
            return list(connection.execute(select(AUDIT.c.subject).where(AUDIT.c.action == action)).scalars())


@contextmanager
def world(folder: Path, make: Make | None = None, *faults: Fault) -> Iterator[World]:
    """Two linked people who share with the network, and its hospital, which they agreed to as well."""
    engine = furnished_file(folder / "engine.sqlite")
    hospital = Hospital(make or Make(), faults=Faults(*faults))
    for resident in PATIENTS:
        hospital.admit(patient_of(resident))
    with write(engine) as connection:
        for resident, patient in PATIENTS.items():
            link(connection, resident, patient)
            share(connection, resident)
    with serving(hospital):
        yield World(engine, hospital.base, server=hospital)
    engine.dispose()


def patient_of(resident: str) -> dict[str, Any]:
    """The same person as the hospital has registered them."""
    representation = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
    kana = {"extension": [{"url": representation, "valueCode": "SYL"}], "family": "ヤマダ", "given": ["ハナコ"]}
    return {
        "resourceType": "Patient", "id": PATIENTS[resident], "name": [kana], "gender": "female",
        "identifier": [{"system": SYSTEM, "value": PATIENTS[resident]}], "birthDate": BORN[resident],
    }  # fmt: skip


def link(connection: Any, resident: str, patient: str, at: datetime = SHARED_AT) -> None:
    """A link as the desk makes it."""
    row = {
        "resident_id": resident, "network": NETWORK, "system": SYSTEM, "value": patient, "remote_id": patient,
        "state": "linked", "reason": "agreed", "found": None, "by": "test", "at": to_micros(at), "version": 1,
    }  # fmt: skip
    connection.execute(insert(CARE_LINK), row)


def share(connection: Any, resident: str, at: datetime = SHARED_AT) -> None:
    """A yes to sharing with the network."""
    event = consent(resident, "care-share", at=at)
    repo_consents.append(connection, msgspec.structs.replace(event, recipient=NETWORK), os_user="test")


def measured(number: int, *values: Value, device: str = DEVICE, **more: Any) -> Reading:
    """The `number`-th reading of a device, one a minute; a weighing unless values are named."""
    at = NOW - timedelta(days=1) + timedelta(minutes=number)
    said = values or (Value("body-weight", f"6{number % 10}.{number % 100:02}", "kg"),)
    base = Reading(
        id=reading_id(device, 1, str(number), repr(said).encode()), device=device, profile="sig-weight", user_slot=1,
        measured_at=at, time_quality="device", received_at=at + timedelta(seconds=2), values=said,
    )  # fmt: skip
    return msgspec.structs.replace(base, **more)
