"""Memory and idle processor time of `phr gateway run` on simulated air, beside bleak and paho alone on the same air."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from gateway.devices import Devices, entry
from simulators.household import Household, VirtualDevice
from simulators.process import DevicesProcess
from tests.benchmarks.figures import Figure, Run, figure
from tests.brokers import mosquitto

GATEWAY, HOUSEHOLD = "g-aaaaaaaaaaaaa", "h-aaaaaaaaaaaaa"
DEVICES = (
    VirtualDevice(name="scale", kind="weight-scale", address="F0:00:00:00:01:01", profile="sig-weight"),
    VirtualDevice(name="cuff", kind="blood-pressure-monitor", address="F0:00:00:00:01:02",
                  profile="sig-blood-pressure"),
    VirtualDevice(name="shouting", kind="xiaomi-scale", address="F0:00:00:00:01:03", profile="xiaomi-miscale-v2",
                  local_name="MIBFS"),
)  # fmt: skip
ROOT = Path(__file__).parents[2]
SETTLE, MEBIBYTE = 2.0, 1024 * 1024


def footprints(*, quick: bool) -> list[Figure]:
    """Both processes hear the same air at the same time; processor time is taken over equal windows."""
    seconds, windows = (0.5, 1) if quick else (3.5, 3)
    with tempfile.TemporaryDirectory(prefix="phr-bench-") as name, mosquitto() as broker:
        home = Path(name) / "home"
        home.mkdir()
        for device in DEVICES:
            Devices(home).add(entry(device.address, device.profile, household=HOUSEHOLD))
        with DevicesProcess(Household(devices=DEVICES), Path(name) / "air") as devices:
            ours = [sys.executable, "-c", "from cli.main import main; main()", "gateway", "run", "--air", devices.air]
            bare = [sys.executable, "-m", "tests.benchmarks.bare_gateway", devices.air, str(broker.port)]
            env = {"PHR_HOME": str(home), "PHR_MQTT_URL": broker.url, "PHR_GATEWAY_ID": GATEWAY}
            with running(ours, env, "gateway_started") as product, running(bare, {}, "ready") as limit:
                time.sleep(0.2 if quick else SETTLE)
                rows = [_watch((product, limit), seconds) for _ in range(windows)]
    memory, idle = zip(*rows, strict=True)
    note = f"three listed devices, nothing to say, on simulated air, {windows} windows of {seconds} s; limit: bleak and paho, same backend"
    return [
        figure("gateway, memory", "MiB RSS", "lower", memory, note),
        figure("gateway, idle CPU", "% of a core", "lower", idle, note),
    ]


@contextmanager
def running(command: Sequence[str], env: dict[str, str], ready: str) -> Iterator[psutil.Process]:
    """A process that has said `ready` on one of its outputs."""
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as child:
        try:
            assert child.stdout is not None
            said = ""
            while ready not in said:
                line = child.stdout.readline()
                assert line, f"{command[-1]} ended: {said}"
                said += line
            yield psutil.Process(child.pid)
        finally:
            child.terminate()
            child.wait(20)


def _watch(processes: Sequence[psutil.Process], seconds: float) -> tuple[tuple[Run, Run], tuple[Run, Run]]:
    """(memory, idle) of the two processes over the same `seconds`."""
    before, began = [used(process) for process in processes], time.perf_counter()
    time.sleep(seconds)
    after, spent = [used(process) for process in processes], time.perf_counter() - began
    # Nothing at all would be no number to divide by.
    shares = [max(end - start, 1e-6) / spent * 100 for start, end in zip(before, after, strict=True)]
    sizes = [process.memory_info().rss / MEBIBYTE for process in processes]
    return (Run(sizes[0]), Run(sizes[1])), (Run(shares[0]), Run(shares[1]))


def used(process: psutil.Process) -> float:
    """Seconds on a processor: from the scheduler where it tells (Linux, nanoseconds), else in ticks of 10 ms."""
    threads = [*Path(f"/proc/{process.pid}/task").glob("*/schedstat")]
    if threads:
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9
    times = process.cpu_times()
    return times.user + times.system
