"""The devices' process: puts a household on the air and takes orders until it is told to stop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from simulators.address import Place
from simulators.clock import Calendar, DeviceClock
from simulators.devices.activity import ActivityMonitor
from simulators.devices.and_bonded import AndCuff, AndFirstScale
from simulators.devices.broadcast import ProfileBroadcast
from simulators.devices.captured import CapturedAdvert, CapturedService
from simulators.devices.consent_scale import ConsentScale
from simulators.devices.ffe1 import Ffe1Scale
from simulators.devices.live import HeartRateMirror, StepBand, XiaomiScale
from simulators.devices.notifier import ProfileNotifier
from simulators.devices.omron_memory import OmronMemory
from simulators.devices.peripheral import Peripheral, Room
from simulators.devices.qn import QnScale
from simulators.devices.storing import BloodPressureMonitor, BodyCompositionScale, WeightScale
from simulators.devices.uw302 import StepTracker
from simulators.devices.vendor import (
    EufyScale,
    KeepScale,
    KoogeekScale,
    LefuScale,
    Msc04Scale,
    ProfileService,
    RobiScale,
    VitafitScale,
)
from simulators.ether import Air, remove_socket
from simulators.household import Household, Kind, VirtualDevice
from simulators.ledger import Ledger
from simulators.orders import Order, OrderError

KINDS: Final[dict[Kind, type[Peripheral]]] = {
    "weight-scale": WeightScale,
    "body-composition-scale": BodyCompositionScale,
    "blood-pressure-monitor": BloodPressureMonitor,
    "heart-rate-mirror": HeartRateMirror,
    "xiaomi-scale": XiaomiScale,
    "step-band": StepBand,
    "omron-memory": OmronMemory,
    "and-cuff": AndCuff,
    "and-first-scale": AndFirstScale,
    "and-tracker": StepTracker,
    "activity-monitor": ActivityMonitor,
    "captured-service": CapturedService,
    "captured-advert": CapturedAdvert,
    "profile-broadcast": ProfileBroadcast,
    "profile-notifier": ProfileNotifier,
    "profile-service": ProfileService,
    "consent-scale": ConsentScale,
    "ffe1-scale": Ffe1Scale,
    "qn-scale": QnScale,
    "lefu-scale": LefuScale,
    "koogeek-scale": KoogeekScale,
    "vitafit-scale": VitafitScale,
    "robi-scale": RobiScale,
    "keep-scale": KeepScale,
    "eufy-scale": EufyScale,
    "msc04-scale": Msc04Scale,
}
CLOCK: Final = "clock"
MAX_LINE: Final = 64 * 1024


class Ready(msgspec.Struct, frozen=True):
    """The first line the process prints: where the air and the orders are."""

    air: str
    orders: str
    pid: int


class Devices:
    """The virtual devices of `home`; ledgers and the calendar are files in `state`, perhaps from an earlier run."""

    def __init__(self, home: Household, state: Path) -> None:
        self._home, self._state = home, state
        state.mkdir(parents=True, exist_ok=True)
        air = Air()
        self._room = Room(air, Calendar(state / CLOCK, air.announce))
        self._devices: dict[str, Peripheral] = {}
        self._over = asyncio.Event()

    async def open(self, air: Place, orders: Place) -> Ready:
        """Start everything; raises OSError when a place is taken."""
        for spec in self._home.devices:
            self._devices[spec.name] = device = self._make(spec)
            await device.start()
        heard_at = await self._room.air.listen(air)
        asked_at = await self._listen(orders)
        return Ready(str(heard_at), str(asked_at), os.getpid())

    async def wait(self) -> None:
        """Until the order `stop`."""
        await self._over.wait()

    async def close(self) -> None:
        """Take everything off the air."""
        self._server.close()
        self._room.air.close()
        for device in self._devices.values():
            await device.stop()

    def _make(self, spec: VirtualDevice) -> Peripheral:
        kind = KINDS[spec.kind]
        ledger = Ledger(self._state / f"{spec.name}.jsonl", keeps=kind.keeps)
        clock = DeviceClock(self._room.calendar, ZoneInfo(self._home.zone), stuck=spec.stuck)
        return kind(self._room, spec, ledger, clock)

    async def _listen(self, place: Place) -> Place:
        if place.path is not None:
            remove_socket(place.path)
            self._server = await asyncio.start_unix_server(self._attend, place.path, limit=MAX_LINE)
            return place
        self._server = await asyncio.start_server(self._attend, place.host, place.port, limit=MAX_LINE)
        return Place(host=place.host, port=self._server.sockets[0].getsockname()[1])

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ValueError):
            while line := await reader.readline():
                writer.write(msgspec.json.encode(await self._obey(line)) + b"\n")
                await writer.drain()
        writer.close()

    async def _obey(self, line: bytes) -> dict[str, Any]:
        try:
            order = msgspec.json.decode(line, type=Order)
            return await self._do(order, _instant(order.at))
        except OrderError as error:
            return {"error": error.code, "message": str(error)}
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
            return {"error": "bad-order", "message": str(error)}

    async def _do(self, order: Order, at: datetime | None) -> dict[str, Any]:
        if order.do == "stats":
            return self._stats()
        if order.do == "now":
            self._room.calendar.turn(at)
            return {"now": self._room.calendar().isoformat()}
        if order.do == "stop":
            self._over.set()
            return {"stopping": True}
        return await _command(self._find(order.device), order, at)

    def _find(self, name: str | None) -> Peripheral:
        if name is None or name not in self._devices:
            raise OrderError("no-device", f"no device is called {name!r}; there are {', '.join(self._devices)}")
        return self._devices[name]

    def _stats(self) -> dict[str, Any]:
        totals = {name: msgspec.to_builtins(device.ledger.totals()) for name, device in self._devices.items()}
        lost = {name: self._room.air.lost[device.controller] for name, device in self._devices.items()}
        return {"devices": totals, "heard": sum(total["heard"] for total in totals.values()), "links_lost": lost}


def _instant(text: str | None) -> datetime | None:
    at = datetime.fromisoformat(text) if text else None
    if at is not None and at.tzinfo is None:
        raise ValueError("`at` needs an offset")
    return at


async def _command(device: Peripheral, order: Order, at: datetime | None) -> dict[str, Any]:
    match order.do:
        case "play":
            return await device.play(order.count)
        case "wake":
            await device.wake()
        case "sleep":
            await device.sleep()
        case "drop-link":
            return device.drop_link(order.after)
        case "set-clock":
            device.clock.stuck = order.stuck
        case "lose-bonds":
            device.lose_bonds()
        case "open-pairing" | "close-pairing":
            device.pairable = order.do == "open-pairing"
        case "move":
            device.move(order.rssi)
        case "ledger":
            heard = [msgspec.to_builtins(entry) for entry in device.ledger.heard()]
            return {"heard": heard, "clock_writes": device.clock.writes}
        case _:
            return await device.measure(at, order.values, order.slot)
    return {"done": order.do}


async def run_devices(home: Household, state: Path, air: Place, orders: Place, ready: Callable[[Ready], None]) -> None:
    """Run a household's devices until told to stop; `ready` is called once when both places listen."""
    devices = Devices(home, state)
    ready(await devices.open(air, orders))
    try:
        await devices.wait()
    finally:
        await devices.close()
