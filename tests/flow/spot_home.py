"""A public spot with real parts: `phr spot run` as people start it, a broker, the engine, virtual devices."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Any, Self

from sqlalchemy import insert, text

from engine.cards import Card, new_secret, text_of
from engine.consent import Event, say
from engine.contract.ids import new_id
from engine.people import Resident
from engine.store import repo_cards, repo_consents, repo_places, repo_residents
from engine.store.database import read, write
from engine.store.filing import By
from engine.store.tables_spots import SPOT
from simulators.home import SimulatedHome, list_devices
from simulators.household import Household, VirtualDevice

TEST = By("test", "tester")
DEVICES = (
    VirtualDevice(name="scale", kind="weight-scale", address="F0:00:00:00:09:01", profile="sig-weight",
                  local_name="Minato Scale", heard_after=0.3, rest=0.1),
    VirtualDevice(name="cuff", kind="blood-pressure-monitor", address="F0:00:00:00:09:02",
                  profile="sig-blood-pressure", local_name="Minato BP", heard_after=0.3, rest=0.1),
    VirtualDevice(name="advert", kind="xiaomi-scale", address="F0:00:00:00:09:03", profile="xiaomi-miscale-v2",
                  local_name="MIBFS", heard_after=0.3, rest=0.1),
)  # fmt: skip


class SpotHome:
    """The spot's parts; `type` is what a scanner does, `until` reads the events of the screen."""

    def __init__(self, root: Path) -> None:
        self.root, self.rng = root, Random(9)
        self.parts = SimulatedHome(root, Household(devices=DEVICES), self.rng)
        self.folder = root / "spot"
        self.folder.mkdir(mode=0o700)
        list_devices(self.folder, self.parts.home_id, self.parts.household, {})
        with write(self.parts.store) as connection:
            connection.execute(insert(SPOT), {"household_id": self.parts.home_id, "created_at": 0})
        self.events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.seen: list[dict[str, Any]] = []

    def person(self, given: str, birth: date, number: str, *, records: bool = True) -> Resident:
        """A resident of a home of their own, somewhere else in the region."""
        home = repo_places.Household(id=new_id("h", self.rng), municipality_code="064611")
        made = Resident(
            id=new_id("r", self.rng), household_id=home.id, municipality_code="064611", family_name="山田",
            given_name=given, family_kana="ヤマダ", given_kana=given, birth_date=birth, sex="female",
            insured_number=number,
        )  # fmt: skip
        now = datetime.now(UTC)
        with write(self.parts.store) as connection:
            repo_places.add_household(connection, home, now)
            repo_residents.add(connection, made, now, actor="test", os_user="tester")
            if records:
                said = say(Event(resident=made.id, purpose="record", granted=True, at=now, actor="test"))
                assert isinstance(said, Event)
                repo_consents.append(connection, said, os_user="tester")
        return made

    def card(self, person: Resident, name: str | None = None) -> tuple[str, str]:
        """The id of a fresh card and what a scanner reads from it."""
        secret = new_secret(self.rng)
        card = Card(id=new_id("c", self.rng), resident_id=person.id, name=name, issued_at=datetime.now(UTC))
        with write(self.parts.store) as connection:
            repo_cards.issue(connection, card, secret, TEST)
        return card.id, text_of(secret)

    def type(self, line: str) -> None:
        """What the scanner or a person types, with Enter."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def refused(self, line: str) -> str:
        """The code of the answer to a card, asked again while the parts are still finding each other."""
        while True:
            self.type(line)
            code = str(self.until("sorry")["code"])
            if code not in {"offline", "no-answer"}:
                return code

    def until(self, event: str) -> dict[str, Any]:
        """The next event of that name; those before it are passed over."""
        while True:
            found = self.events.get(timeout=40)
            self.seen.append(found)
            if found["event"] == event:
                return found

    def measure(self, device: str, at: datetime | None = None, **values: str) -> None:
        """A measurement, and wait until a gateway has heard it."""
        moment = (at or datetime.now(UTC)).isoformat()
        before = self.delivered(device)
        self.parts.devices.ask("measure", device, at=moment, values=values)
        if device != "advert":
            while self.delivered(device) <= before:
                threading.Event().wait(0.05)

    def delivered(self, device: str) -> int:
        """How many records the device handed over."""
        return int(self.parts.devices.ask("stats")["devices"][device]["delivered"])

    def dropped(self) -> int:
        """How many measurements went nowhere, as the gateway counts them."""
        return (self.root / "spot.log").read_text(encoding="utf-8").count("spot_dropped")

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the engine's store."""
        with read(self.parts.store) as connection:
            return [tuple(row) for row in connection.execute(text(sql))]

    def __enter__(self) -> Self:
        self.parts.devices.start()
        self.parts.engine.start()
        self.start()
        return self

    def start(self) -> None:
        """Start the spot, as whoever looks after it does in the morning."""
        parts, broker = self.parts, self.parts.broker
        told = {
            "PHR_HOME": self.folder, "PHR_LANG": "ja", "PHR_MQTT_URL": broker.url,
            "PHR_MQTT_PROTOCOL": "auto" if broker.mqtt5 else "3.1.1", "PHR_MQTT_USERNAME": parts.gateway_id,
            "PHR_MQTT_PASSWORD_FILE": broker.password_file(parts.gateway_id), "PHR_GATEWAY_ID": parts.gateway_id,
            "PHR_GATEWAY_HOUSEHOLD": parts.home_id,
        }  # fmt: skip
        self.log = (self.root / "spot.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from cli.spot import app; app()", "run", "--air", parts.devices.air, "--json"],
            env=os.environ | {name: str(value) for name, value in told.items()}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.log,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.put(json.loads(line))

    def end(self, *, kill: bool = False) -> None:
        """Stop the spot, or let it die."""
        self.process.kill() if kill else self.process.terminate()
        self.process.wait(20)
        self._reader.join(20)
        for pipe in (self.process.stdin, self.process.stdout, self.log):
            assert pipe is not None
            pipe.close()

    def __exit__(self, *_: object) -> None:
        self.end()
        self.parts.engine.stop()
        self.parts.devices.stop()
        self.parts.broker.stop()
        self.parts.store.dispose()
