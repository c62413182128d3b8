"""A production gateway in this process, on the air of a devices' process; nothing of the gateway is replaced."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from engine.contract.reading import Reading
from engine.contract.wire import Malformed, Unreadable, decode_readings
from gateway.devices import Devices, entry
from gateway.journal import Journal
from gateway.service import Gateway
from gateway.settings import BrokerAddress, GatewaySettings
from simulators.household import Household, Kind, Record, VirtualDevice
from simulators.process import DevicesProcess
from simulators.radio import SimulatedRadio

HOUSEHOLD = "h-" + "a" * 13
TOKYO = ZoneInfo("Asia/Tokyo")
PROFILES: dict[Kind, str] = {
    "weight-scale": "sig-weight",
    "body-composition-scale": "sig-body-composition",
    "blood-pressure-monitor": "sig-blood-pressure",
    "heart-rate-mirror": "sig-heart-rate",
    "xiaomi-scale": "xiaomi-miscale-v2",
    "step-band": "huami-band",
}
# Nobody listens on the discard port here: the readings stay in the journal, where the tests look at them.
NOWHERE = BrokerAddress(host="127.0.0.1", port=9)


def device(kind: Kind, **fields: Any) -> VirtualDevice:
    """A device of `kind` with small patience, so that a test is quick."""
    given: dict[str, Any] = {
        "address": "F0:00:00:00:00:21",
        "profile": PROFILES.get(kind, ""),
        "heard_after": 0.3,
        "aired": 5.0,
        "rest": 0.1,
    }
    return VirtualDevice(name="it", kind=kind, **(given | fields))


def records(count: int, *values: dict[str, str], slot: int | None = None, days: int = 1) -> tuple[Record, ...]:
    """`count` records, one each `days` days up to yesterday, taking turns through `values`."""
    start = datetime.now(TOKYO).replace(microsecond=0) - timedelta(days=days * count)
    return tuple(
        Record(at=start + timedelta(days=days * at), values=values[at % len(values)], slot=slot) for at in range(count)
    )


def weights(count: int) -> tuple[Record, ...]:
    """`count` different weights."""
    return records(count, *({"weight": f"{60 + at / 10:.2f}"} for at in range(count)))


class Home:
    """The devices' process; orders without blocking the event loop."""

    def __init__(self, process: DevicesProcess) -> None:
        self.process = process

    @property
    def air(self) -> str:
        return self.process.air

    async def ask(self, do: Any, name: str | None = None, **fields: Any) -> dict[str, Any]:
        return await asyncio.to_thread(self.process.ask, do, name, **fields)

    async def totals(self, name: str = "it") -> dict[str, int]:
        found: dict[str, int] = (await self.ask("stats"))["devices"][name]
        return found

    async def until_delivered(self, count: int, name: str = "it") -> None:
        async with asyncio.timeout(30):
            while (await self.totals(name))["delivered"] < count:  # noqa: ASYNC110 - another process counts
                await asyncio.sleep(0.05)


@asynccontextmanager
async def home(state: Path, *devices: VirtualDevice) -> AsyncIterator[Home]:
    """`devices` on the air in a process of their own."""
    process = DevicesProcess(Household(devices=devices), state)
    await asyncio.to_thread(process.start)
    try:
        yield Home(process)
    finally:
        await asyncio.to_thread(process.stop)


class Made:
    """What a gateway with this journal has made so far."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def readings(self) -> list[Reading]:
        """Every reading in the journal, in the order they were made."""
        rows = self.journal.due(datetime.now(UTC) + timedelta(days=9999), 100_000)
        found = [decode_readings(row.payload) for row in rows]
        assert not any(isinstance(one, Unreadable) for one in found)
        made = [reading for one in found if not isinstance(one, Unreadable) for reading in one]
        assert not any(isinstance(reading, Malformed) for reading in made)
        return [reading for reading in made if isinstance(reading, Reading)]

    def values(self, kind: str) -> list[str]:
        """The values of `kind`, in order."""
        return [value.value for reading in self.readings() for value in reading.values if value.kind == kind]

    async def until(self, enough: Callable[[Sequence[Reading]], bool]) -> list[Reading]:
        """The readings as soon as they are `enough`."""
        async with asyncio.timeout(30):
            while not enough(found := self.readings()):  # noqa: ASYNC110 - the journal rings no bell
                await asyncio.sleep(0.03)
        return found

    async def count(self, number: int) -> list[Reading]:
        """`number` readings."""
        return await self.until(lambda found: len(found) >= number)


class Ears(Made):
    """A running gateway on simulated air and what it has made so far."""

    def __init__(self, journal: Journal, radio: SimulatedRadio) -> None:
        super().__init__(journal)
        self.radio = radio


def _folder(folder: Path) -> Devices:
    folder.mkdir(exist_ok=True)
    return Devices(folder)


def list_devices(folder: Path, at: Home, pins: dict[int, int] | None = None) -> None:
    """Put every device of `at` on the list in `folder`, unless there is one."""
    listed = _folder(folder)
    if not listed.load():
        for one in at.process.home.devices:
            listed.add(entry(one.address, one.profile, household=HOUSEHOLD))
            for slot, pin in (pins if pins is not None else dict(one.pins)).items():
                resident = "r-" + "abcdefgh"[slot] * 13
                listed.add(entry(one.address, one.profile, household=HOUSEHOLD, resident=resident, slot=slot, pin=pin))


@asynccontextmanager
async def gateway(
    folder: Path, at: Home, *, pins: dict[int, int] | None = None, name: str = "b"
) -> AsyncIterator[Ears]:
    """The production gateway with every device of `at` on its list, until the block ends."""
    list_devices(folder, at, pins)
    settings = GatewaySettings(home=folder, gateway="g-" + name * 13, broker=NOWHERE)
    journal, radio, stop = Journal(settings.journal_path), SimulatedRadio(at.air), asyncio.Event()
    running = asyncio.create_task(Gateway(settings, journal, radio, radio.now).live(stop))
    try:
        yield Ears(journal, radio)
    finally:
        stop.set()
        async with asyncio.timeout(20):
            await running
        await radio.close()
        journal.close()
