"""Readings a second from mosquitto to committed rows in one engine process, the Observation of each one built."""

from __future__ import annotations

import gc
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

import engine.service
from engine.intake import Accepted
from engine.observations import Measured, build, build_all
from engine.service import BATCH, Handled, Service
from engine.service_link import Broker, Link
from engine.store.database import open_engine
from engine.store.readings import Heard
from tests.benchmarks import town
from tests.benchmarks.bare_ingest import BareIngest
from tests.benchmarks.figures import Figure, Run, figure, pair
from tests.brokers import Mosquitto, mosquitto

ZONE = ZoneInfo("Asia/Tokyo")
LIMIT = f"limit: paho v5 loop_read, msgspec decode, executemany, WAL FULL, {BATCH} messages a commit, no checks"


class _Bench:
    """A broker, a furnished database to copy, and the two persistent sessions that both get every message."""

    def __init__(self, folder: Path, broker: Mosquitto, readings: int, batch: int) -> None:
        self._folder, self._broker, self._readings, self._batch = folder, broker, readings, batch
        self._homes = town.build(folder / "template.sqlite")
        self._serial = 0
        self._bare = BareIngest(broker.port, "bare")
        self._bare.open_session()
        _warm_up()
        link = Link(Broker(broker.url))
        while not link.subscribed:
            link.pump(0.05, 1)
        link.close()

    def product(self) -> Sequence[Run]:
        """The engine's own service, acknowledging to the gateways as it does; the limit's turn must follow."""
        path = self._copy()
        store = open_engine(f"sqlite:///{path}")
        self._fill()
        service = Service(store, Link(Broker(self._broker.url)), lambda: town.NOW)
        with _observing() as built:
            run = self._time(lambda: _work(service, self._readings // self._batch))
        service.run(lambda: True)
        store.dispose()
        assert len(built) == self._readings, "an Observation was not built"
        self._check(path)
        return (run,)

    def limit(self) -> Sequence[Run]:
        """The bare loop on the same messages, queued for it at the same time, and an equal database."""
        path = self._copy()
        run = self._time(lambda: self._bare.take(self._homes, path, self._readings // self._batch, BATCH))
        self._check(path)
        return (run,)

    def _copy(self) -> Path:
        self._serial += 1
        return Path(shutil.copy(self._folder / "template.sqlite", self._folder / f"{self._serial}.sqlite"))

    def _fill(self) -> None:
        """Queue every message at the broker for both sessions."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2, "publisher")
        client.max_inflight_messages_set(1000)
        client.connect("127.0.0.1", self._broker.port)
        client.loop_start()
        last = None
        for topic, payload in town.messages(self._homes, self._readings, self._batch):
            last = client.publish(topic, payload, qos=1)
        assert last is not None
        last.wait_for_publish(60)
        while client._out_messages:
            time.sleep(0.01)
        client.disconnect()
        client.loop_stop()

    def _time(self, work: Callable[[], None]) -> Run:
        gc.collect()
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        spent, used = time.perf_counter() - wall, time.process_time() - cpu
        return Run(self._readings / spent, used / self._readings * 1e6)

    def _check(self, path: Path) -> None:
        store = sqlite3.connect(path)
        for table in ("reading", "measurement"):
            count = store.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            assert count == self._readings, f"{count} rows in {table}"
        store.close()
        for name in path.parent.glob(f"{path.name}*"):
            name.unlink()


def _warm_up() -> None:
    """Have the template of the Observations validated, which loads fhir.resources, before any clock runs."""
    build(
        Measured(
            reading_id="a" * 26, resident_id="r-aaaaaaaaaaaaa", device_id="d-aaaaaaaaaaaaa",
            gateway_id="g-aaaaaaaaaaaaa", kind="body-weight", value=Decimal("62.30"), unit="kg", measured_at=town.NOW,
        ), ZONE,
    )  # fmt: skip


def _work(service: Service, count: int) -> None:
    end = time.monotonic() + 120
    while service.handled < count:
        assert time.monotonic() < end, "the engine did not get all messages"
        service.step()
    assert service.handled == count, "messages of an earlier run were delivered again"


@contextmanager
def _observing() -> Iterator[list[int]]:
    """Have the service build the Observation of each accepted value inside its own pipeline; their sizes."""
    real, sizes = engine.service.handle, list[int]()

    def handle(connection: Any, facts: Any, deliveries: Any, now: datetime) -> Handled:
        done = real(connection, facts, deliveries, now)
        rows = (measured for item in done.heard for measured in _measured(item))
        sizes.extend(len(text) for text in build_all(rows, ZONE))
        return done

    engine.service.handle = handle
    try:
        yield sizes
    finally:
        engine.service.handle = real


def _measured(heard: Heard) -> Iterator[Measured]:
    done = heard.outcome
    if not isinstance(done, Accepted):
        return
    reading = done.reading
    for stored in done.values:
        yield Measured(
            reading_id=reading.id, resident_id=done.resident, device_id=reading.device, gateway_id=heard.gateway,
            kind=stored.kind, value=stored.value, unit=stored.unit, measured_at=reading.measured_at,
            time_quality=reading.time_quality, experimental=done.experimental,
        )  # fmt: skip


def _measure(name: str, readings: int, batch: int, rounds: int) -> list[Figure]:
    with mosquitto() as broker, tempfile.TemporaryDirectory(prefix="phr-bench-") as folder:
        bench = _Bench(Path(folder), broker, readings, batch)
        (pairs,) = pair(bench.product, bench.limit, rounds)
    note = f"{readings:,} readings of {town.HOMES} homes, {batch} a message; {LIMIT}"
    return [figure(name, "readings/s", "higher", pairs, note)]


def singles(*, quick: bool) -> list[Figure]:
    """One reading a message."""
    return _measure("ingest, one reading a message", *((400, 1, 1) if quick else (20_000, 1, 5)))


def batches(*, quick: bool) -> list[Figure]:
    """Fifty readings a message."""
    return _measure("ingest, 50 readings a message", *((1_000, 50, 1) if quick else (50_000, 50, 5)))
