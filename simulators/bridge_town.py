"""Homes whose people share what they measure with a hospital: they measure, are taken for each other, and withdraw."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

import msgspec
from sqlalchemy import Engine, insert

from engine.consent import Event, say
from engine.contract import topics, wire
from engine.contract.ids import new_id
from engine.contract.reading import Reading, Value, reading_id
from engine.contract.wire import Binding, DeviceNote
from engine.people import Resident
from engine.refusal import Refusal
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store import filing, repo_consents, repo_places, repo_residents
from engine.store.database import Connection, write
from engine.store.filing import By
from engine.store.instants import to_micros
from engine.store.tables_bridge import CARE_LINK

NETWORK = "choukai-net"
SYSTEM = "urn:minato-phr:choukai-net"
SAKATA = "062049"
_WHO = By("simulator", "simulator")
_BEFORE = timedelta(days=30)


class Made(msgspec.Struct):
    """A reading that was made: what it says by kind, whose it is now (None: nobody's), and whether it was `moved`."""

    reading: Reading
    values: dict[str, tuple[Decimal, ...]]
    owner: str | None
    moved: bool = False


class Home(msgspec.Struct, frozen=True):
    """Two people, their gateway, a scale and a cuff."""

    gateway: str
    people: tuple[str, str]
    scale: str
    cuff: str


class Town:
    """The homes on one store; everything that is done is remembered, to be counted against what a hospital has."""

    def __init__(self, store: Engine, homes: int, rng: Random) -> None:
        self._store, self._rng = store, rng
        self.homes: list[Home] = []
        self.patients: dict[str, str] = {}
        self.made: list[Made] = []
        self.withdrawn: dict[str, datetime] = {}
        self.moves = 0
        self._at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=20)
        with write(store) as connection:
            repo_places.seed_municipalities(connection)
            for _ in range(homes):
                self.homes.append(self._settle(connection))

    def measure(self, count: int) -> None:
        """So many readings, each home's devices in turn, in one batch of the engine."""
        said: list[Delivery] = []
        for _ in range(count):
            home = self.homes[len(self.made) % len(self.homes)]
            slot = self._rng.randrange(2)
            made = self._weighing(home, slot) if self._rng.random() < 0.7 else self._cuff(home, slot)  # noqa: PLR2004
            self.made.append(made)
            said.append(_delivery(home.gateway, made.reading, len(said)))
        with write(self._store) as connection:
            handle(connection, Facts(), said, datetime.now(UTC))

    def move(self) -> None:
        """Somebody says a reading was another person's, or nobody's."""
        made = self._rng.choice(self.made)
        home = next(home for home in self.homes if made.reading.device in {home.scale, home.cuff})
        others = [person for person in home.people if person != made.owner]
        to = self._rng.choice([*others, None]) if made.owner else self._rng.choice(others)
        with write(self._store) as connection:
            now = datetime.now(UTC)
            done = (
                filing.discard(connection, made.reading.id, now, _WHO)
                if to is None
                else filing.assign(connection, made.reading.id, to, now, _WHO)
            )
            assert not isinstance(done, Refusal), done
        made.owner, made.moved = to, True
        self.moves += 1

    def withdraw(self) -> None:
        """Somebody takes back that the network gets anything; nothing may leave from that moment on."""
        staying = sorted(self.patients.keys() - self.withdrawn.keys())
        person = self._rng.choice(staying)
        with write(self._store) as connection:
            # The moment is taken inside: who sends has the turn either before or after it.
            now = datetime.now(UTC)
            _agree(connection, person, "care-share", now, granted=False)
        self.withdrawn[person] = now

    def _settle(self, connection: Connection) -> Home:
        now = datetime.now(UTC) - _BEFORE
        home_id, gateway = new_id("h", self._rng), new_id("g", self._rng)
        repo_places.add_household(connection, repo_places.Household(id=home_id, municipality_code=SAKATA), now)
        repo_places.enrol_gateway(connection, repo_places.Gateway(id=gateway, household_id=home_id), now)
        people = (self._person(connection, home_id, now), self._person(connection, home_id, now))
        devices = new_id("d", self._rng), new_id("d", self._rng)
        slots = tuple(Binding(slot, person) for slot, person in enumerate(people))
        notes = [
            DeviceNote(device=name, profile=profile, maker="A&D", model="UC-352", firmware="1.0", bindings=slots)
            for name, profile in zip(devices, ("sig-weight", "sig-blood-pressure"), strict=True)
        ]
        said = [Delivery(1, n, 1, topics.up(gateway, "device"), wire.encode(note)) for n, note in enumerate(notes)]
        handle(connection, Facts(), said, now)
        return Home(gateway, people, *devices)

    def _person(self, connection: Connection, home: str, now: datetime) -> str:
        name = new_id("r", self._rng)
        person = Resident(
            id=name, household_id=home, municipality_code=SAKATA, family_name="山田", given_name="花子",
            family_kana="ヤマダ", given_kana="ハナコ", birth_date=date(1950, 4, 1), sex="female",
        )  # fmt: skip
        repo_residents.add(connection, person, now, actor="simulator", os_user="simulator")
        for purpose in ("record", "care-share"):
            _agree(connection, name, purpose, now, granted=True)
        patient = f"patient-{len(self.patients) + 1}"
        self.patients[name] = patient
        row = {
            "resident_id": name, "network": NETWORK, "system": SYSTEM, "value": patient, "remote_id": patient,
            "state": "linked", "reason": "agreed", "found": None, "by": "simulator", "at": to_micros(now), "version": 1,
        }  # fmt: skip
        connection.execute(insert(CARE_LINK), row)
        return name

    def _weighing(self, home: Home, slot: int) -> Made:
        kg = f"{self._rng.uniform(45, 90):.2f}"
        values = (Value("body-weight", kg, "kg"),)
        return self._reading(home, home.scale, slot, values, {"body-weight": (Decimal(kg),)})

    def _cuff(self, home: Home, slot: int) -> Made:
        high, low, pulse = self._rng.randint(105, 165), self._rng.randint(60, 95), self._rng.randint(50, 99)
        values = (
            Value("systolic", str(high), "mm[Hg]"), Value("diastolic", str(low), "mm[Hg]"),
            Value("pulse-rate", str(pulse), "/min"),
        )  # fmt: skip
        said = {"blood-pressure": (Decimal(high), Decimal(low)), "pulse-rate": (Decimal(pulse),)}
        return self._reading(home, home.cuff, slot, values, said)

    def _reading(
        self, home: Home, device: str, slot: int, values: tuple[Value, ...], said: dict[str, tuple[Decimal, ...]]
    ) -> Made:
        self._at += timedelta(minutes=1)
        name = reading_id(device, slot, self._at.isoformat(), msgspec.json.encode(values))
        profile = "sig-weight" if device == home.scale else "sig-blood-pressure"
        reading = Reading(
            id=name, device=device, profile=profile, user_slot=slot, measured_at=self._at, time_quality="device",
            received_at=self._at + timedelta(seconds=2), values=values,
        )  # fmt: skip
        return Made(reading, said, home.people[slot])


def _agree(connection: Connection, person: str, purpose: str, now: datetime, *, granted: bool) -> None:
    recipient = NETWORK if purpose == "care-share" else None
    draft = {"resident": person, "purpose": purpose, "granted": granted, "at": now, "recipient": recipient}
    event = say(msgspec.convert(draft | {"actor": "simulator"}, Event))
    assert not isinstance(event, Refusal), event
    repo_consents.append(connection, event, os_user="simulator")


def _delivery(gateway: str, reading: Reading, number: int) -> Delivery:
    return Delivery(1, number, 1, topics.up(gateway, "reading"), wire.encode_reading(reading))


def values_of(made: Sequence[Made]) -> dict[str, tuple[Made, str]]:
    """What was made, by the identifier of its first turn: the reading and the kind."""
    return {f"{one.reading.id}.{kind}": (one, kind) for one in made for kind in one.values}
