"""Twenty devices in one home, all of them busy: latency, memory and processor time of `phr gateway run` on one air."""

from __future__ import annotations

import queue
import sys
import tempfile
import time
from contextlib import suppress
from decimal import Decimal
from itertools import count
from pathlib import Path

import paho.mqtt.client as mqtt
import psutil
from paho.mqtt.enums import CallbackAPIVersion

from engine.contract import topics
from engine.contract.reading import Reading
from engine.contract.wire import decode_readings
from firmware_profiles.model import DecodeError
from firmware_profiles.sample import number
from firmware_profiles.xiaomi_scale import decode_v2
from gateway.devices import Devices, entry
from simulators.household import Household, Kind, VirtualDevice
from simulators.process import DevicesProcess
from tests.benchmarks.figures import Figure, Run, figure
from tests.benchmarks.footprint import GATEWAY, HOUSEHOLD, MEBIBYTE, running, used
from tests.brokers import mosquitto

FAMILIES: tuple[tuple[Kind, str, int], ...] = (
    ("xiaomi-scale", "xiaomi-miscale-v2", 8),
    ("step-band", "huami-band", 4),
    ("weight-scale", "sig-weight", 4),
    ("blood-pressure-monitor", "sig-blood-pressure", 4),
)
PATIENCE = 15.0
SETTLE = 3.0


def devices() -> tuple[VirtualDevice, ...]:
    """Twenty devices of four families, each with its own address."""
    numbers = count(1)
    return tuple(
        VirtualDevice(name=f"{kind}-{at}", kind=kind, address=f"F0:00:00:00:02:{next(numbers):02X}", profile=profile,
                      heard_after=0.2, aired=5.0)
        for kind, profile, many in FAMILIES
        for at in range(many)
    )  # fmt: skip


class _Ears:
    """Hears both gateways at the broker: when which weight arrived."""

    def __init__(self, port: int) -> None:
        self.arrived: queue.SimpleQueue[tuple[str, Decimal, float]] = queue.SimpleQueue()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "ears", protocol=mqtt.MQTTv5)
        self._client.on_message = self._hear
        self._client.connect("127.0.0.1", port)
        self._client.subscribe([(topics.up(GATEWAY, "reading"), 1), ("bare/#", 1)])
        self._client.loop_start()

    def _hear(self, _client: object, _user: object, message: mqtt.MQTTMessage) -> None:
        at = time.perf_counter()
        if not message.topic.startswith("bare/"):
            found = decode_readings(bytes(message.payload))
            for reading in found if isinstance(found, list | tuple) else ():
                if isinstance(reading, Reading):
                    weights = [value for value in reading.values if value.kind == "body-weight"]
                    for value in weights:
                        self.arrived.put(("product", Decimal(value.value), at))
            return
        with suppress(DecodeError):
            sample = decode_v2(bytes(message.payload))
            weight = number(sample, "weight")
            if sample.final and weight is not None and number(sample, "impedance") is not None:
                self.arrived.put(("limit", weight, at))

    def wait(self, weight: Decimal) -> dict[str, float]:
        """When each of the two passed `weight` on; raises queue.Empty when one did not."""
        found: dict[str, float] = {}
        end = time.monotonic() + PATIENCE
        while len(found) < 2:
            who, what, at = self.arrived.get(timeout=max(0.01, end - time.monotonic()))
            if what == weight:
                found.setdefault(who, at)
        return found

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def busy_home(*, quick: bool) -> list[Figure]:
    """Both processes hear the same air; a scale is weighed on, another device stores a record, in turn."""
    rounds, windows = (1, 1) if quick else (8, 3)
    with tempfile.TemporaryDirectory(prefix="phr-bench-") as name, mosquitto() as broker:
        home, all_devices = Path(name) / "home", devices()
        home.mkdir()
        for device in all_devices:
            Devices(home).add(entry(device.address, device.profile or "", household=HOUSEHOLD))
        with DevicesProcess(Household(devices=all_devices), Path(name) / "air") as air:
            ours = [sys.executable, "-c", "from cli.main import main; main()", "gateway", "run", "--air", air.air]
            bare = [sys.executable, "-m", "tests.benchmarks.bare_gateway", air.air, str(broker.port)]
            env = {"PHR_HOME": str(home), "PHR_MQTT_URL": broker.url, "PHR_GATEWAY_ID": GATEWAY}
            with running(ours, env, "gateway_started") as product, running(bare, {}, "ready") as limit:
                time.sleep(0.5 if quick else SETTLE)
                ears = _Ears(broker.port)
                try:
                    found = [_window(air, ears, (product, limit), rounds, start * rounds) for start in range(windows)]
                finally:
                    ears.close()
    latency = [pair for window in found for pair in window[0]]
    note = (
        f"{len(all_devices)} listed devices, {rounds * windows} weighings on advert scales while stored records are "
        "fetched over connections; limit: bleak and paho passing on every changed advert, nothing else"
    )
    return [
        figure("20 devices, weighing to broker", "ms", "lower", latency, note),
        figure("20 devices, memory", "MiB RSS", "lower", [window[1] for window in found], note),
        figure("20 devices, busy CPU", "% of a core", "lower", [window[2] for window in found], note),
    ]


Pair = tuple[Run, Run]


def _window(
    air: DevicesProcess, ears: _Ears, processes: tuple[psutil.Process, psutil.Process], rounds: int, first: int
) -> tuple[list[Pair], Pair, Pair]:
    before, began = [used(process) for process in processes], time.perf_counter()
    latency = [_weigh(air, ears, first + at) for at in range(rounds)]
    after, spent = [used(process) for process in processes], time.perf_counter() - began
    sizes = [Run(process.memory_info().rss / MEBIBYTE) for process in processes]
    shares = [Run(max(end - start, 1e-6) / spent * 100) for start, end in zip(before, after, strict=True)]
    return latency, (sizes[0], sizes[1]), (shares[0], shares[1])


def _weigh(air: DevicesProcess, ears: _Ears, turn: int) -> Pair:
    """A record for one connecting device, then a weighing on an advert scale, timed at the broker."""
    stored = ("weight-scale", {"weight": "71.50"}) if turn % 2 else ("blood-pressure-monitor", _PRESSURE)
    air.ask("measure", f"{stored[0]}-{turn % 4}", values=stored[1])
    weight = Decimal(6000 + turn).scaleb(-2)
    began = time.perf_counter()
    air.ask("weigh", f"xiaomi-scale-{turn % 8}", values={"weight": str(weight), "impedance": "512"})
    found = ears.wait(weight)
    return Run((found["product"] - began) * 1000), Run((found["limit"] - began) * 1000)


_PRESSURE = {"systolic": "128", "diastolic": "78", "pulse_rate": "66"}
