"""A mirror at the home's own broker: measured, stored with its quality, shown to whom it named, advised on by nobody."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Self

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import text

from engine.consent import Event, say
from engine.consent_texts import Purpose
from engine.store import repo_consents
from engine.store.database import read, write
from gateway.mirror import map_of
from gateway.mirror_maps import Maps
from gateway.settings import HomeBroker, broker_address
from simulators.crash import DEVICES, settle_in
from simulators.home import SimulatedHome, wait_until
from simulators.household import Household
from simulators.mirror import MirrorError, SimulatedMirror
from tests.brokers import Mosquitto, mosquitto

pytestmark = [pytest.mark.flow, pytest.mark.needs_mosquitto]


@pytest.fixture
def house_broker() -> Iterator[Mosquitto]:
    with mosquitto() as running:
        yield running


class Home:
    """A simulated home with a mirror, whose two residents the mirror calls hanako and taro."""

    def __init__(self, root: Path, at: Mosquitto, **more: bool) -> None:
        rng = Random(3)
        address = broker_address(at.url)
        broker = HomeBroker(address=address, **more)
        self.parts = SimulatedHome(root, Household(zone="Asia/Tokyo", devices=DEVICES[:1]), rng, home_broker=broker)
        people = settle_in(self.parts, ("first", "second"), rng)
        self.hanako, self.taro = people["first"], people["second"]
        self.parts.bind(people)
        self.mirror = SimulatedMirror(address, "washstand", seed=5)
        names = {"hanako": self.hanako, "taro": self.taro}
        Maps(root).add(map_of(self.mirror.map_for(names) | {"display_seconds": 5, "language": "en"}))

    def consent(self, resident: str, purpose: Purpose, *, granted: bool = True) -> None:
        said = say(Event(resident=resident, purpose=purpose, granted=granted, at=datetime.now(UTC), actor="test"))
        assert isinstance(said, Event)
        with write(self.parts.store) as connection:
            repo_consents.append(connection, said, os_user="test")

    def rows(self, where: str = "1=1") -> list[Any]:
        with read(self.parts.store) as connection:
            query = "SELECT r.*, m.kind, m.value FROM reading r JOIN measurement m ON m.reading_id=r.id WHERE "
            return list(connection.execute(text(f"{query} {where} ORDER BY m.kind")))

    def weigh(self, kg: str) -> None:
        at = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
        self.parts.devices.ask("measure", "scale", at=at, values={"weight": kg})
        assert wait_until(lambda: bool(self.rows("m.kind='body-weight'")), 30)

    def __enter__(self) -> Self:
        self.parts.__enter__()
        self.mirror.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.mirror.stop()
        self.parts.__exit__(None, None, None)


def lines(home: Home) -> list[str]:
    shown = home.mirror.shown(20)
    assert shown is not None
    return list(shown["lines"])


def listening(root: Path) -> bool:
    log = root / "gateway.log"
    return log.exists() and "home_broker_connected" in log.read_text()


@pytest.mark.xdist_group("home")
def test_a_mirror_is_heard_stored_with_its_quality_shown_and_never_advised_on(
    tmp_path: Path, house_broker: Mosquitto
) -> None:
    with Home(tmp_path, house_broker) as home:
        for purpose in ("advice", "mirror-display"):
            home.consent(home.hanako, purpose)
        assert wait_until(lambda: listening(tmp_path), 30)
        home.weigh("63.30")
        before = count_of(home, "advice")

        said = home.mirror.look("hanako", datetime.now(UTC))
        assert wait_until(lambda: len(home.rows("r.source='mqtt'")) == 4, 30)
        rows = {row.kind: row for row in home.rows("r.source='mqtt'")}
        for kind, name in (("heart-rate", "hr"), ("respiratory-rate", "rr"), ("body-temperature", "temperature")):
            row = rows[kind]
            assert (row.resident_id, row.certainty, row.provenance) == (home.hanako, "sure", "broadcast")
            assert (row.value, row.quality) == (str(said["vitals"][name]), pytest.approx(said["quality"]))
        # The room is the household's: in nobody's record, and no question in the inbox.
        assert (rows["room-temperature"].outcome, rows["room-temperature"].resident_id) == ("room", None)
        assert home.rows("r.outcome='unassigned'") == []

        # Shown as soon as the engine has sent the line; the weight follows when it has been looked at.
        home.mirror.look("hanako", datetime.now(UTC))
        told = lines(home)
        if "63.3 kg" not in told[0]:
            told = lines(home)
        assert "63.3 kg" in told[0]
        assert not any("/min" in line or "heart" in line.lower() for line in told)
        assert lines(home) == []  # the time is over

        # Taro never agreed, and a stranger is nobody.
        home.mirror.look("taro", datetime.now(UTC))
        home.mirror.look(None, datetime.now(UTC))
        assert wait_until(lambda: bool(home.rows("r.outcome='unassigned'")), 30)
        assert home.mirror.shown(0.3) is None

        # Withdrawn: gone from the mirror at once, and not shown again.
        home.mirror.look("hanako", datetime.now(UTC))
        assert lines(home)
        home.consent(home.hanako, "mirror-display", granted=False)
        assert lines(home) == []
        home.mirror.look("hanako", datetime.now(UTC))
        assert wait_until(lambda: home.parts.waiting() == 0, 30)
        assert home.mirror.shown(0.3) is None
        assert count_of(home, "advice") == before


def count_of(home: Home, table: str) -> int:
    with read(home.parts.store) as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


@pytest.mark.xdist_group("home")
def test_what_the_mirror_said_while_the_gateway_was_killed_is_stored_once(
    tmp_path: Path, house_broker: Mosquitto
) -> None:
    with Home(tmp_path, house_broker) as home:
        assert wait_until(lambda: listening(tmp_path), 30)
        start = datetime.now(UTC) - timedelta(minutes=30)
        for minute in range(12):
            if minute % 4 == 3:
                home.parts.gateway.kill()
            home.mirror.look("hanako", start + timedelta(minutes=minute))
            if minute % 4 == 3:
                home.parts.gateway.start()
        temperatures = "m.kind='body-temperature'"
        assert wait_until(lambda: len(home.rows(temperatures)) >= 12, 60)
        rows = home.rows(temperatures)
        assert len({row.measured_at for row in rows}) == len(rows) == 12
        # Of its own clock, so that what waited at the broker keeps its time.
        assert {row.time_quality for row in rows} == {"device"}


@pytest.mark.xdist_group("home")
def test_discovery_is_proposed_and_our_own_things_are_announced_without_anybodys_values(
    tmp_path: Path, house_broker: Mosquitto
) -> None:
    heard: dict[str, bytes] = {}
    with Home(tmp_path, house_broker, discover=True, announce=True) as home:
        Maps(tmp_path).forget("washstand")
        assert wait_until(lambda: bool(Maps(tmp_path).proposed()), 30)
        proposal = Maps(tmp_path).proposed()[0]
        assert {spot.kind for spot in proposal.values} == {
            "heart-rate", "respiratory-rate", "body-temperature", "room-temperature",
        }  # fmt: skip
        assert (proposal.topic, proposal.person, proposal.people) == (home.mirror.state, "/face/name", {})
        with assistant(house_broker, heard):
            home.weigh("63.30")
            ours = f"homeassistant/sensor/{home.parts.gateway_id}/"
            assert wait_until(lambda: any(topic.startswith(ours) for topic in heard), 30)
            assert not any(home.hanako in topic for topic in heard)
            home.consent(home.hanako, "mirror-display")
            weight = f"{ours}phr_{home.hanako}_body-weight/config"
            assert wait_until(lambda: bool(heard.get(weight)), 30)
            state = json.loads(heard[weight])["state_topic"]
            assert wait_until(lambda: json.loads(heard.get(state, b"{}")) == {"body-weight": 63.30}, 30)
            home.consent(home.hanako, "mirror-display", granted=False)
            assert wait_until(lambda: heard[weight] == b"", 30)


@contextmanager
def assistant(at: Mosquitto, heard: dict[str, bytes]) -> Iterator[None]:
    """Somebody in the home who reads everything at its broker."""
    ready = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2, "assistant")
    client.on_message = lambda _c, _u, message: heard.update({message.topic: bytes(message.payload)})
    client.on_subscribe = lambda *_: ready.set()
    client.connect("127.0.0.1", at.port)
    client.subscribe("#", qos=1)
    client.loop_start()
    try:
        assert ready.wait(10)
        yield
    finally:
        client.disconnect()
        client.loop_stop()


def test_a_journal_that_cannot_be_written_leaves_the_message_with_the_broker(
    tmp_path: Path, house_broker: Mosquitto
) -> None:
    from gateway.house import House
    from gateway.journal import Journal
    from gateway.settings import GatewaySettings

    address = broker_address(house_broker.url)
    settings = GatewaySettings(
        home=tmp_path, gateway="g-aaaaaaaaaaaaa", broker=address, home_broker=HomeBroker(address=address)
    )
    mirror = SimulatedMirror(address, "hall", seed=2).start()
    # Of a sender that is kept once a minute, too: what could not be kept has not been.
    Maps(tmp_path).add(map_of(mirror.map_for({}) | {"every": 60}))
    journal = Journal(tmp_path / "journal.sqlite")
    blocker = sqlite3.connect(tmp_path / "journal.sqlite", isolation_level=None)
    house = House(settings, journal, lambda: datetime.now(UTC), tell=lambda _: None, kept=lambda: None, health=_none)
    house.start()
    try:
        assert house.link is not None
        assert house.link.connected.wait(10)
        journal._db.execute("PRAGMA busy_timeout=100")
        blocker.execute("BEGIN EXCLUSIVE")
        mirror.look(None, datetime.now(UTC))
        time.sleep(0.5)
        blocker.execute("ROLLBACK")
        assert wait_until(lambda: len(journal.fresh(messages=True)) == 1, 20)
    finally:
        house.stop()
        mirror.stop()
        blocker.close()
        journal.close()


def _none() -> Any:
    raise AssertionError("nothing is announced")


def test_the_simulated_mirror_is_a_command(tmp_path: Path, house_broker: Mosquitto) -> None:
    command = [sys.executable, "-m", "cli", "simulate", "mirror", "--url", house_broker.url, "--person", "hanako"]
    done = subprocess.run(
        [*command, "--count", "2", "--every", "0.1"], env={**os.environ, "PHR_HOME": str(tmp_path)},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    first, *looks = [json.loads(line) for line in done.stdout.splitlines()]
    assert map_of(first).people == {"hanako": "r-aaaaaaaaaaaaa"}
    assert len(looks) == 2
    assert all(30 <= look["said"]["vitals"]["temperature"] <= 44 for look in looks)


def test_a_mirror_without_a_broker_says_so() -> None:
    with pytest.raises(MirrorError, match="no broker"):
        SimulatedMirror(broker_address("mqtt://127.0.0.1:1"), "hall", seed=1).start()
