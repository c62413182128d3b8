"""The journal drained through real brokers: whatever dies, every reading is acknowledged once and only then forgotten."""

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from engine.contract import topics
from engine.contract.reading import Reading, Value, reading_id
from engine.contract.wire import Ack, Bad, DeviceNote, RefusedId, State, Unreadable, decode, decode_readings, encode
from engine.contract.wire import encode_reading as encode_one
from gateway import broker as brokers
from gateway.journal import Draft, Journal
from gateway.mqtt import Uplink
from gateway.settings import broker_address

pytestmark = [pytest.mark.flow]
GATEWAY = "g-aaaaaaaaaaaaa"
START = datetime(2026, 11, 20, tzinfo=UTC)
BROKERS = [pytest.param("mosquitto", marks=pytest.mark.needs_mosquitto), "amqtt"]


@pytest.fixture
def home() -> Iterator[Path]:
    # Short paths: a broker's folder may sit anywhere, and pytest's names grow long.
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="phr-"))
    yield folder
    shutil.rmtree(folder)


class Engine:
    """A double of the engine: commits to SQLite, then acknowledges; may be told to complain."""

    def __init__(self, broker: brokers.Broker, home: Path) -> None:
        self._broker = broker
        self._db = sqlite3.connect(home / "engine.sqlite", check_same_thread=False)
        self._db.execute("CREATE TABLE IF NOT EXISTS seen(id TEXT PRIMARY KEY, times INT)")
        self.complain: Callable[[bytes], bool] = lambda _: False
        self.refuse: Callable[[str], bool] = lambda _: False
        self.sizes: list[int] = []
        self.heard: dict[str, bytes] = {}
        self.news = threading.Event()
        self.listening = threading.Event()
        self._client: Client | None = None

    def start(self) -> None:
        client = Client(
            CallbackAPIVersion.VERSION2, client_id="engine", protocol=MQTTv311, clean_session=False, manual_ack=True
        )
        client.username_pw_set("engine", self._broker.password("engine"))
        client.on_connect = lambda c, *_: c.subscribe(topics.ALL_UP, qos=1)
        client.on_subscribe = lambda *_: self.listening.set()
        client.on_message = self._receive
        client.reconnect_delay_set(min_delay=1, max_delay=1)
        client.connect_async("127.0.0.1", self._broker.port)
        client.loop_start()
        self._client = client

    def stop(self) -> None:
        if self._client:
            self._client.disconnect()
            self._client.loop_stop()
        self._db.close()

    def _receive(self, client: Client, _: Any, message: Any) -> None:
        leaf = message.topic.rsplit("/", 1)[1]
        self.heard[leaf] = message.payload
        if leaf == "reading":
            client.publish(topics.down(GATEWAY, "ack"), self._answer(message.payload), qos=1)
        client.ack(message.mid, message.qos)
        self.news.set()

    def _answer(self, payload: bytes) -> bytes:
        import hashlib

        found = decode_readings(payload)
        assert not isinstance(found, Unreadable)
        if self.complain(payload):
            return encode(Bad(bad=hashlib.sha256(payload).hexdigest(), code="malformed"))
        self.sizes.append(len(found))
        with self._db:
            for item in found:
                self._db.execute(
                    "INSERT INTO seen VALUES (?,1) ON CONFLICT(id) DO UPDATE SET times=times+1", (item.id,)
                )
        refused = tuple(RefusedId(item.id, "implausible") for item in found if self.refuse(item.id))
        return encode(Ack(ids=tuple(item.id for item in found), refused=refused))

    def stored(self) -> set[str]:
        return {row[0] for row in self._db.execute("SELECT id FROM seen")}


def fill(journal: Journal, count: int, start: int = 0) -> set[str]:
    """`count` readings, journalled and decoded."""
    device = "d-aaaaaaaaaaaaa"
    drafts, names = [], set()
    for number in range(start, start + count):
        frame = journal.append_advert(device, b"%d" % number, b"{}", START + timedelta(minutes=number))
        drafts.append(Draft((frame.seq,), device, None, frame.raw, frame.received_at.isoformat(), frame.received_at))

    def compose(draft: Draft, at: datetime) -> tuple[str, bytes]:
        name = reading_id(device, None, draft.anchor or "", draft.key)
        names.add(name)
        reading = Reading(
            id=name, device=device, profile="xiaomi-miscale-v2", measured_at=at, time_quality="device", received_at=at,
            values=(Value("body-weight", "63.25", "kg"),),
        )  # fmt: skip
        return name, encode_one(reading)

    journal.settle(drafts, compose)
    return names


def until(happened: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something that must happen; the limit only ends a broken run."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def uplink(broker: brokers.Broker, journal: Journal, **more: Any) -> Uplink:
    address = broker_address(broker.url, username=GATEWAY, password=broker.password(GATEWAY))
    return Uplink(address, GATEWAY, journal, retry=more.pop("retry", 1.0), retry_most=4.0, **more)


@pytest.mark.parametrize("program", BROKERS)
def test_a_killed_broker_costs_no_reading_and_nothing_is_forgotten_before_the_engine_has_it(
    home: Path, program: brokers.Program
) -> None:
    broker = brokers.start(home, [GATEWAY], program=program)
    engine, journal = Engine(broker, home), Journal(home / "journal.sqlite")
    names = fill(journal, 500)
    up = uplink(broker, journal)
    try:
        up.start()
        # Acknowledged by nobody yet: whatever the broker says, every row stays.
        until(lambda: journal.depth().sent > 0)
        assert journal.depth().waiting == 500
        assert broker.process is not None
        broker.process.kill()
        broker.process.wait()
        broker.restart()
        engine.start()
        until(lambda: bool(engine.stored()))
        broker.process.kill()
        broker.process.wait()
        broker.restart()
        until(lambda: journal.depth().waiting == 0)
        assert engine.stored() == names
    finally:
        up.stop()
        engine.stop()
        journal.close()
        broker.stop()


@pytest.mark.needs_mosquitto
def test_live_readings_travel_alone_and_a_backlog_in_parties(home: Path) -> None:
    broker = brokers.start(home, [GATEWAY], program="mosquitto")
    engine, journal = Engine(broker, home), Journal(home / "journal.sqlite")
    engine.start()
    up = uplink(broker, journal, retry=30.0)
    try:
        backlog = fill(journal, 250)
        until(lambda: engine._client is not None and engine._client.is_connected())
        up.start()
        until(lambda: engine.stored() == backlog)
        assert sorted(engine.sizes, reverse=True) == [100, 100, 50]
        for number in range(3):
            engine.sizes.clear()
            live = fill(journal, 1, 1000 + number)
            up.poke()
            until(lambda live=live: live <= engine.stored())  # type: ignore[misc]
            assert engine.sizes == [1]
    finally:
        up.stop()
        engine.stop()
        journal.close()
        broker.stop()


@pytest.mark.needs_mosquitto
def test_an_unreadable_reading_is_halved_out_of_its_batch_and_parked_alone(home: Path) -> None:
    broker = brokers.start(home, [GATEWAY], program="mosquitto")
    engine, journal = Engine(broker, home), Journal(home / "journal.sqlite")
    names = fill(journal, 100)
    culprit = sorted(names)[37]
    engine.complain = lambda payload: culprit.encode() in payload
    engine.refuse = lambda name: name == sorted(names)[5]
    engine.start()
    up = uplink(broker, journal, retry=30.0)
    try:
        up.start()
        until(lambda: journal.depth().waiting == 0)
        assert journal.parked() == [(culprit, "malformed")]
        assert engine.stored() == names - {culprit}
        assert journal.tally() == {"engine:implausible": 1, "published": 100}
    finally:
        up.stop()
        engine.stop()
        journal.close()
        broker.stop()


@pytest.mark.parametrize("program", BROKERS)
def test_the_engine_hears_of_the_gateways_life_devices_and_death(home: Path, program: brokers.Program) -> None:
    broker = brokers.start(home, [GATEWAY], program=program)
    engine, journal = Engine(broker, home), Journal(home / "journal.sqlite")
    engine.start()
    # A note is said once on a connection without readings: whoever listens later has missed it.
    assert engine.listening.wait(60)
    up = uplink(broker, journal)

    def state() -> str:
        return decode(engine.heard["state"], State).state if "state" in engine.heard else ""

    try:
        up.tell_device(DeviceNote(device="d-aaaaaaaaaaaaa", profile="sig-weight"))
        up.start()
        until(lambda: state() == "ready" and "device" in engine.heard)
        up.stop()
        until(lambda: state() == "sleeping")
    finally:
        up.stop()
        engine.stop()
        journal.close()
        broker.stop()


@pytest.mark.parametrize("program", BROKERS)
def test_a_gateway_cannot_speak_or_listen_for_another(home: Path, program: brokers.Program) -> None:
    other = "g-bbbbbbbbbbbbb"
    broker = brokers.start(home, [GATEWAY, other], program=program)
    engine = Engine(broker, home)
    engine.start()
    seen: list[str] = []
    thief = Client(CallbackAPIVersion.VERSION2, client_id="thief", protocol=MQTTv311)
    thief.username_pw_set(other, broker.password(other))
    ready = threading.Event()
    thief.on_subscribe = lambda *_: ready.set()
    thief.on_connect = lambda c, *_: c.subscribe([(topics.all_down(GATEWAY), 1), (topics.all_down(other), 1)])
    thief.on_message = lambda _c, _u, message: seen.append(message.topic)
    try:
        thief.connect("127.0.0.1", broker.port)
        thief.loop_start()
        until(ready.is_set)
        until(lambda: engine._client is not None and engine._client.is_connected())
        thief.publish(topics.up(GATEWAY, "state"), b"stolen", qos=1)
        thief.publish(topics.up(other, "state"), b"mine", qos=1)
        until(lambda: "state" in engine.heard)
        assert engine._client is not None
        engine._client.publish(topics.down(GATEWAY, "roster"), b"secret", qos=1)
        engine._client.publish(topics.down(other, "roster"), b"mine", qos=1)
        until(lambda: bool(seen))
        assert engine.heard["state"] == b"mine"
        assert set(seen) == {topics.down(other, "roster")}
    finally:
        thief.disconnect()
        thief.loop_stop()
        engine.stop()
        broker.stop()


@pytest.mark.parametrize("program", BROKERS)
def test_the_broker_refuses_strangers_and_listens_to_this_machine_only(home: Path, program: brokers.Program) -> None:
    import psutil

    broker = brokers.start(home, [GATEWAY], program=program)
    try:
        codes: list[str] = []
        client = Client(CallbackAPIVersion.VERSION2, client_id="stranger", protocol=MQTTv311)
        client.on_connect = lambda _c, _u, _f, code, _p: codes.append(str(code))
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        until(lambda: bool(codes))
        client.disconnect()
        client.loop_stop()
        assert "Success" not in codes
        assert broker.process is not None
        listening = [c.laddr.ip for c in psutil.Process(broker.process.pid).net_connections() if c.status == "LISTEN"]
        assert listening == ["127.0.0.1"]
        assert all(path.stat().st_mode & 0o077 == 0 for path in broker.folder.glob("*.secret"))
    finally:
        broker.stop()


@pytest.mark.parametrize("program", BROKERS)
def test_the_broker_keeps_port_and_passwords_over_a_restart_and_dies_with_its_parent(
    home: Path, program: brokers.Program
) -> None:
    import subprocess
    import sys

    import psutil

    code = (
        "import sys, pathlib; from gateway import broker; "
        "b = broker.start(pathlib.Path(sys.argv[1]), ['g-aaaaaaaaaaaaa'], program=sys.argv[2]); "
        "print(b.process.pid, b.port, b.password('engine'), flush=True); sys.stdin.read()"
    )
    said = []
    for _ in range(2):
        command = [sys.executable, "-c", code, str(home), program]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout is not None
            pid, *rest = parent.stdout.readline().split()
            said.append(rest)
            child = psutil.Process(int(pid))
            parent.kill()
        until(lambda child=child: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)  # type: ignore[misc]
    assert said[0] == said[1]
