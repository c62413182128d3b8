"""From a frame's arrival in the radio's callback to the broker's PUBACK for the reading it became."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, redirect_stderr
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from statistics import quantiles

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from engine.contract import topics
from engine.contract.reading import Quantity, Sample
from firmware_profiles.model import Advert
from firmware_profiles.sig_scale import encode_weight
from firmware_profiles.uuids import WEIGHT_MEASUREMENT
from gateway.devices import Devices, entry
from gateway.journal import Journal
from gateway.link import Heard, Link, Receive
from gateway.service import Gateway
from gateway.settings import GatewaySettings, broker_address
from tests.benchmarks import town
from tests.benchmarks.figures import Figure, Run, figure, pair
from tests.brokers import mosquitto

GATEWAY, HOUSEHOLD, SCALE = "g-aaaaaaaaaaaaa", "h-aaaaaaaaaaaaa", "C0:26:DF:01:E2:3A"
PATIENCE = 10.0
REST = 0.002


class _Journal(Journal):
    """The gateway's journal; says when the uplink came back with the broker's PUBACK."""

    taken: Callable[[], None] = staticmethod(lambda: None)

    def mark_sent(self, ids: Iterable[str], now: datetime) -> None:
        self.taken()
        super().mark_sent(ids, now)


class _Air:
    """A radio and an open link to one scale that never hangs up; frames are put in by hand."""

    connected = True

    def __init__(self) -> None:
        self.listen: Callable[[Heard], None] = lambda _: None
        self.started, self.subscribed = asyncio.Event(), asyncio.Event()
        self.receive: Receive = lambda _: None

    async def start(self, listen: Callable[[Heard], None]) -> None:
        self.listen = listen
        self.started.set()

    async def stop(self) -> None:
        self.listen = lambda _: None

    async def check(self, silence: float) -> bool:
        return False

    @asynccontextmanager
    async def connect(self, address: str, gone: Callable[[], None]) -> AsyncIterator[Link]:
        yield self

    def has(self, characteristic: str, service: str | None = None) -> bool:
        return characteristic == WEIGHT_MEASUREMENT

    async def read(self, characteristic: str) -> bytes:
        return b""

    async def write(
        self, characteristic: str, data: bytes, service: str | None = None, *, response: bool = True
    ) -> None:
        return

    async def subscribe(self, characteristic: str, receive: Receive) -> None:
        self.receive = receive
        self.subscribed.set()

    async def pair(self) -> None:
        return


async def _through_the_gateway(port: int, home: Path, frames: int) -> list[float]:
    Devices(home).add(entry(SCALE, "sig-weight", household=HOUSEHOLD))
    settings = GatewaySettings(home=home, gateway=GATEWAY, broker=broker_address(f"mqtt://127.0.0.1:{port}"), retry=300)
    journal, air, stop = _Journal(settings.journal_path), _Air(), asyncio.Event()
    gateway = Gateway(settings, journal, air, lambda: datetime.now(UTC))
    life = asyncio.create_task(gateway.live(stop))
    try:
        async with asyncio.timeout(PATIENCE):
            await air.started.wait()
            air.listen(Heard(Advert(address=SCALE), datetime.now(UTC)))
            await air.subscribed.wait()
            await asyncio.to_thread(gateway._uplink.connected.wait, PATIENCE)
        return await _play(air, journal, frames)
    finally:
        stop.set()
        await life
        journal.close()


def _run(port: int, home: Path, frames: int) -> list[float]:
    # The gateway's log is for its operator, not for the table.
    with redirect_stderr(StringIO()):
        return asyncio.run(_through_the_gateway(port, home, frames))


async def _play(air: _Air, journal: _Journal, frames: int) -> list[float]:
    loop, found = asyncio.get_running_loop(), []
    for number in range(frames):
        done: asyncio.Future[float] = loop.create_future()

        def note(done: asyncio.Future[float] = done) -> None:
            at = time.perf_counter()
            loop.call_soon_threadsafe(_resolve, done, at)

        journal.taken = note
        wall = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
        kilograms = Decimal(12000 + number).scaleb(-3) * 5
        frame = encode_weight(Sample(quantities={"weight": Quantity(kilograms, "kg")}, time=wall))
        began = time.perf_counter()
        air.receive(frame)
        async with asyncio.timeout(PATIENCE):
            found.append(await done - began)
        await asyncio.sleep(REST)
    return found


def _resolve(done: asyncio.Future[float], at: float) -> None:
    if not done.done():
        done.set_result(at)


def _bare(port: int, home: Path, frames: int) -> list[float]:
    """One insert on disk, one publish, one PUBACK."""
    store = sqlite3.connect(home / "bare.sqlite", isolation_level=None)
    store.execute("PRAGMA journal_mode=WAL")
    store.execute("PRAGMA synchronous=FULL")
    store.execute("CREATE TABLE frame(seq INTEGER PRIMARY KEY, raw BLOB)")
    client, taken = mqtt.Client(CallbackAPIVersion.VERSION2, "bare", protocol=mqtt.MQTTv5), threading.Event()
    client.on_publish = lambda *_: taken.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    bench = town.Home(HOUSEHOLD, GATEWAY, "r-aaaaaaaaaaaaa", "d-aaaaaaaaaaaaa")
    found = []
    for _, payload in town.messages([bench], frames, 1):
        began = time.perf_counter()
        store.execute("INSERT INTO frame(raw) VALUES (?)", (payload,))
        client.publish(topics.up(GATEWAY, "reading"), payload, qos=1)
        assert taken.wait(PATIENCE)
        found.append(time.perf_counter() - began)
        taken.clear()
        time.sleep(REST)
    client.disconnect()
    client.loop_stop()
    store.close()
    return found


def _measured(work: Callable[[Path], list[float]]) -> Sequence[Run]:
    with tempfile.TemporaryDirectory(prefix="phr-bench-") as folder:
        used = time.process_time()
        found = work(Path(folder))
        cpu = (time.process_time() - used) / len(found) * 1e6
    hundredths = quantiles(found, n=100, method="inclusive")
    return Run(hundredths[49] * 1000, cpu), Run(hundredths[98] * 1000, cpu)


def latencies(*, quick: bool) -> list[Figure]:
    """Both percentiles, each a median over the pairs."""
    frames, rounds = (20, 1) if quick else (200, 3)
    with mosquitto() as broker:
        median, worst = pair(
            lambda: _measured(lambda home: _run(broker.port, home, frames)),
            lambda: _measured(lambda home: _bare(broker.port, home, frames)),
            rounds,
        )
    note = f"{frames} frames, one at a time; limit: one sqlite3 insert (WAL FULL), paho v5 publish QoS 1, no decoding"
    names = "gateway, frame to PUBACK"
    return [figure(f"{names}, p50", "ms", "lower", median, note), figure(f"{names}, p99", "ms", "lower", worst, note)]
