"""The engine behind a real broker: nothing is acknowledged before it is committed, and everything is answered."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import Engine, text

import engine.intake
import engine.service
from engine.contract import topics, wire
from engine.contract.reading import Reading, Value
from engine.contract.wire import Binding, DeviceNote
from engine.service import Answer, Facts, Service, handle
from engine.service_link import Broker, Delivery, Link
from engine.store.database import read, write
from engine.store.repo_consents import append
from tests.brokers import Mosquitto, mosquitto
from tests.flow.stores import store
from tests.homes import DEVICE, GATEWAY, HANAKO, NOW, OTHER_GATEWAY, TARO, consent, furnish, weighing

__all__ = ["store"]
pytestmark = [pytest.mark.flow, pytest.mark.needs_mosquitto]


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    with mosquitto() as running:
        yield running


@pytest.fixture(autouse=True)
def _furnished(store: Engine) -> None:
    furnish(store)


class Ears:
    """A gateway's side of the wire: publishes and collects what the engine answers."""

    def __init__(self, url: str, gateway: str = GATEWAY) -> None:
        self.gateway = gateway
        self.heard: queue.Queue[wire.Ack | wire.Bad] = queue.Queue()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, f"ears-{gateway}")
        self._client.on_message = lambda _c, _u, message: self.heard.put(wire.decode_answer(bytes(message.payload)))
        ready = threading.Event()
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.connect("127.0.0.1", int(url.rsplit(":", 1)[1]))
        self._client.loop_start()
        self._client.subscribe(topics.all_down(gateway), qos=1)
        assert ready.wait(10)

    def say(self, leaf: Any, payload: bytes) -> None:
        self._client.publish(topics.up(self.gateway, leaf), payload, qos=1).wait_for_publish(10)

    def shout(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1).wait_for_publish(10)

    def send(self, *readings: Reading) -> wire.Ack:
        self.say("reading", wire.encode_batch([wire.encode_reading(reading) for reading in readings]))
        answer = self.heard.get(timeout=20)
        assert isinstance(answer, wire.Ack)
        return answer

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def ears(broker: Mosquitto) -> Iterator[Ears]:
    listening = Ears(broker.url)
    yield listening
    listening.close()


@contextmanager
def working(engine: Engine, broker: Mosquitto) -> Iterator[Service]:
    stopping = threading.Event()
    link = Link(Broker(broker.url))
    service = Service(engine, link, lambda: NOW)
    thread = threading.Thread(target=service.run, args=(stopping.is_set,))
    thread.start()
    try:
        while not link.subscribed:
            time.sleep(0.01)
        yield service
    finally:
        stopping.set()
        thread.join(20)
        assert not thread.is_alive()


def count(engine: Engine, table: str, where: str = "1=1") -> int:
    with read(engine) as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table} WHERE {where}")).scalar_one())


def tally(engine: Engine, outcome: str, code: str = "") -> int:
    with read(engine) as connection:
        row = connection.execute(
            text("SELECT count FROM tally WHERE outcome=:o AND code=:c"), {"o": outcome, "c": code}
        ).scalar()
        return int(row or 0)


def test_what_is_acknowledged_is_stored_once_and_62_30_stays_62_30(
    store: Engine, broker: Mosquitto, ears: Ears
) -> None:
    with working(store, broker):
        first = ears.send(weighing(1), weighing(2, "62.35"))
        again = ears.send(weighing(1), weighing(2, "62.35"))
    assert first.ids == again.ids == (weighing(1).id, weighing(2, "62.35").id)
    assert count(store, "reading", "outcome='accepted'") == 2
    assert tally(store, "duplicate") == 2
    with read(store) as connection:
        values = connection.execute(text("SELECT value FROM measurement ORDER BY measured_at")).scalars().all()
    assert values == ["62.30", "62.35"]


def test_without_consent_a_reading_is_refused_acknowledged_and_its_values_are_nowhere(
    store: Engine, broker: Mosquitto, ears: Ears
) -> None:
    with write(store) as connection:
        append(connection, consent(HANAKO, "record", granted=False, at=NOW), os_user="test")
    with working(store, broker):
        answer = ears.send(weighing(1, "61.23"))
    assert answer.refused == (wire.RefusedId(weighing(1, "61.23").id, "no-consent"),)
    assert count(store, "reading") == 0
    with read(store) as connection:
        (row,) = connection.execute(text("SELECT code, content, digest FROM refusal")).all()
    assert tuple(row) == ("no-consent", None, "")


def test_a_withdrawal_counts_from_the_next_reading_on(store: Engine, broker: Mosquitto, ears: Ears) -> None:
    with working(store, broker):
        ears.send(weighing(1))
        with write(store) as connection:
            append(connection, consent(HANAKO, "record", granted=False, at=NOW), os_user="test")
        answer = ears.send(weighing(2))
    assert [item.code for item in answer.refused] == ["no-consent"]
    assert count(store, "reading") == 1


def test_a_consent_that_ends_by_itself_ends_between_two_messages(store: Engine) -> None:
    with write(store) as connection:
        yes = msgspec.structs.replace(consent(HANAKO, "record", at=NOW), until=NOW + timedelta(seconds=1))
        append(connection, yes, os_user="test")
    facts = Facts()
    found: list[Answer] = []
    for number, after in enumerate((0.0, 2.0)):
        payload = wire.encode_reading(weighing(number))
        delivery = Delivery(1, number, 1, topics.up(GATEWAY, "reading"), payload)
        with write(store) as connection:
            found += handle(connection, facts, [delivery], NOW + timedelta(seconds=after)).answers
    assert [[item.code for item in answer.refused] for answer in found] == [[], ["no-consent"]]


def test_one_weighing_heard_by_two_gateways_is_one_row(store: Engine, broker: Mosquitto, ears: Ears) -> None:
    other = Ears(broker.url, OTHER_GATEWAY)
    heard = weighing(1, time_quality="received")
    twin = msgspec.structs.replace(heard, id="b" * 26, measured_at=heard.received_at)
    with working(store, broker):
        ears.send(heard)
        assert other.send(twin).ids == ("b" * 26,)
    other.close()
    assert count(store, "reading") == 1
    assert count(store, "alias") == 1


def test_a_stuck_clock_keeps_two_weighings_apart_and_a_record_sent_again_together(
    store: Engine, broker: Mosquitto, ears: Ears
) -> None:
    first = weighing(1, time_quality="unknown")
    second = weighing(3, time_quality="unknown")
    with working(store, broker):
        ears.send(first)
        ears.send(first)
        ears.send(second)
    assert count(store, "reading") == 2


def test_the_slots_a_gateway_reports_decide_whose_the_next_reading_is(
    store: Engine, broker: Mosquitto, ears: Ears
) -> None:
    with working(store, broker):
        ears.send(weighing(1, slot=5))
        note = DeviceNote(device=DEVICE, profile="sig-weight", battery=80, bindings=(Binding(5, TARO),))
        ears.say("device", wire.encode(note))
        ears.send(weighing(2, slot=5))
    assert count(store, "reading", "outcome='unassigned'") == 1
    assert count(store, "reading", f"resident_id='{TARO}'") == 1
    assert count(store, "device", "battery=80") == 1


def test_readings_that_overtook_their_device_s_first_note_become_their_owner_s(store: Engine) -> None:
    fresh = "d-bcdefghijklmn"
    early = [weighing(1, device=fresh), weighing(2, slot=2, device=fresh), weighing(3, slot=7, device=fresh)]
    with write(store) as connection:
        append(connection, consent(TARO, "record", granted=False, at=NOW), os_user="test")
    deliveries = [
        Delivery(1, number, 1, topics.up(GATEWAY, "reading"), wire.encode_reading(reading))
        for number, reading in enumerate(early)
    ]
    first = DeviceNote(device=fresh, profile="sig-weight", bindings=(Binding(1, HANAKO), Binding(2, TARO)))
    later = DeviceNote(device=fresh, profile="sig-weight", bindings=(Binding(7, HANAKO),))
    for said in (
        *deliveries,
        *(Delivery(1, 9, 1, topics.up(GATEWAY, "device"), wire.encode(n)) for n in (first, later)),
    ):
        with write(store) as connection:
            handle(connection, Facts(), [said], NOW)
    # Hanako's is hers; Taro does not let us record; slot 7 was bound only later, by when it may be another person's.
    assert count(store, "reading", f"resident_id='{HANAKO}' AND outcome='accepted'") == 1
    assert count(store, "measurement", f"resident_id='{HANAKO}'") == 1
    assert count(store, "reading", "outcome='unassigned'") == 2
    assert tally(store, "adopted") == 1
    assert count(store, "outbox", f"key='{HANAKO}'") == 1


def test_malformed_oversized_and_foreign_payloads_are_counted_and_answered(
    store: Engine, broker: Mosquitto, ears: Ears
) -> None:
    bad_value = wire.encode_reading(weighing(1)).replace(b'"62.30"', b'"?"')
    with working(store, broker):
        ears.say("reading", b"\x00\xff not json")
        assert isinstance(ears.heard.get(timeout=20), wire.Bad)
        ears.say("reading", b"x" * (wire.MAX_MESSAGE + 1))
        large = ears.heard.get(timeout=20)
        assert isinstance(large, wire.Bad)
        assert large.code == "too-large"
        ears.say("reading", bad_value)
        answer = ears.heard.get(timeout=20)
        assert isinstance(answer, wire.Ack)
        assert answer.refused == (wire.RefusedId(weighing(1).id, "malformed"),)
        ears.shout(f"phr/v1/{GATEWAY}/up/reading/extra", b"{}")
        ears.say("device", b'{"v":1,"device":"AA:BB:CC:DD:EE:FF"}')
        ears.say("health", b"[]")
        ears.send(weighing(2))
    assert tally(store, "bad-message", "malformed") == 1
    assert tally(store, "bad-message", "foreign-topic") == 1
    assert tally(store, "bad-message", "bad-device") == 1
    assert tally(store, "bad-message", "bad-health") == 1
    assert count(store, "refusal", "code='malformed' AND content LIKE '%?%'") == 1
    assert count(store, "reading") == 1


def test_a_gateway_that_was_never_enrolled_stores_nothing_under_anybody(store: Engine, broker: Mosquitto) -> None:
    stranger = Ears(broker.url, "g-strangerstran")
    with working(store, broker):
        answer = stranger.send(weighing(1))
    stranger.close()
    assert [item.code for item in answer.refused] == ["unknown-gateway"]
    assert count(store, "reading") == 0


def test_a_message_that_trips_a_bug_is_parked_and_its_neighbours_are_stored(
    store: Engine, broker: Mosquitto, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[..., Any] = engine.intake.accept

    def stumbling(reading: Reading, *rest: Any) -> Any:
        if reading.values == (Value("body-weight", "13.13", "kg"),):
            raise ZeroDivisionError
        return real(reading, *rest)

    monkeypatch.setattr(engine.service, "accept", stumbling)
    with working(store, broker):
        ears.say(
            "reading", wire.encode_batch([wire.encode_reading(weighing(n, kg)) for n, kg in ((1, "62"), (2, "13.13"))])
        )
        bad = ears.heard.get(timeout=20)
        assert isinstance(bad, wire.Bad)
        assert bad.code == "engine-bug"
        ears.send(weighing(1, "62"))
        ears.send(weighing(3))
    assert count(store, "reading") == 2
    assert tally(store, "bad-message", "engine-bug") == 1
