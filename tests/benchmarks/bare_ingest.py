"""The limit of ingest: paho's loop and sqlite3's executemany with nothing between them but decoding the fields.

Rows are as large as the engine's and go into the same tables, but nothing is checked, hashed, looked up or answered.
"""

from __future__ import annotations

import select
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from engine.contract import topics
from engine.store.database import CHECKPOINT_PAGES
from tests.benchmarks.town import Home

EPOCH, TICK = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
WINDOW = 1000


class Value(msgspec.Struct):
    kind: str
    value: str
    unit: str


class Loose(msgspec.Struct):
    """A reading's fields without any of the contract's constraints."""

    id: str
    device: str
    profile: str
    measured_at: datetime
    time_quality: str
    received_at: datetime
    values: list[Value]
    firmware: str | None = None
    source: str = "ble"
    provenance: str = "broadcast"
    user_slot: int | None = None
    sequence: int | None = None
    quality: float | None = None


class LooseBatch(msgspec.Struct):
    readings: list[Loose]


DECODE_ONE = msgspec.json.Decoder(Loose).decode
DECODE_BATCH = msgspec.json.Decoder(LooseBatch).decode
READING = f"INSERT INTO reading VALUES ({','.join('?' * 22)})"
MEASUREMENT = f"INSERT INTO measurement VALUES ({','.join('?' * 10)})"


class BareIngest:
    """One persistent session and one database; `take` returns after `count` messages are committed and given back."""

    def __init__(self, port: int, name: str) -> None:
        self._port = port
        self._inbox: list[tuple[int, bytes]] = []
        self._subscribed = False
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, name, protocol=mqtt.MQTTv5, manual_ack=True)
        self._client.on_message = lambda _c, _u, message: self._inbox.append((message.mid, bytes(message.payload)))
        self._client.on_subscribe = lambda *_: setattr(self, "_subscribed", True)
        self._client.on_connect = lambda client, *_: client.subscribe(topics.ALL_UP, qos=1)

    def open_session(self) -> None:
        """Make the broker keep messages for us from now on."""
        self._connect()
        while not self._subscribed:
            self._client.loop(0.05)
        self._client.disconnect()

    def take(self, town: Sequence[Home], path: Path, count: int, batch: int) -> None:
        """Receive, insert, commit, give back; at most `batch` messages in a transaction."""
        owners = {home.device: home for home in town}
        store = sqlite3.connect(path, isolation_level=None)
        for setting in ("journal_mode=WAL", "synchronous=FULL", f"wal_autocheckpoint={CHECKPOINT_PAGES}"):
            store.execute(f"PRAGMA {setting}")
        self._connect()
        client, done = self._client, 0
        sock: Any = client.socket()
        while done < count:
            select.select([sock], [], [], 1.0)
            seen = -1
            while len(self._inbox) < batch and len(self._inbox) > seen:
                seen = len(self._inbox)
                client.loop_read()
            taken, self._inbox = self._inbox[:batch], self._inbox[batch:]
            if taken:
                _insert(store, owners, [payload for _, payload in taken])
            for mid, _ in taken:
                client.ack(mid, 1)
            while client.want_write():
                client.loop_write()
            done += len(taken)
        client.disconnect()
        store.close()

    def _connect(self) -> None:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval, properties.ReceiveMaximum = 3600, WINDOW
        self._client.connect("127.0.0.1", self._port, 30, clean_start=False, properties=properties)


def _insert(store: sqlite3.Connection, owners: dict[str, Home], payloads: list[bytes]) -> None:
    readings: list[tuple[Any, ...]] = []
    measurements: list[tuple[Any, ...]] = []
    for payload in payloads:
        many = DECODE_BATCH(payload).readings if b'"readings"' in payload[:64] else [DECODE_ONE(payload)]
        for one in many:
            home = owners[one.device]
            at, received = (one.measured_at - EPOCH) // TICK, (one.received_at - EPOCH) // TICK
            readings.append(
                (one.id, home.id, home.gateway, one.device, home.resident, "sure", "accepted", one.profile,
                 one.firmware, one.source, one.provenance, one.user_slot, one.sequence, one.quality, at,
                 one.time_quality, None, received, received, (one.id * 3)[:64], False, None)
            )  # fmt: skip
            measurements += [
                (one.id, value.kind, home.resident, home.id, one.device, at, value.value, value.unit, value.value,
                 value.unit)
                for value in one.values
            ]  # fmt: skip
    store.execute("BEGIN IMMEDIATE")
    store.executemany(READING, readings)
    store.executemany(MEASUREMENT, measurements)
    store.execute("COMMIT")
