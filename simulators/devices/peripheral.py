"""What every virtual device has: an address, an advert, Device Information, a battery, a clock and a ledger."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec
from bumble import gatt
from bumble.att import ATT_Error, ErrorCode
from bumble.controller import Controller
from bumble.core import UUID
from bumble.device import Device
from bumble.gatt import Characteristic, CharacteristicValue, Descriptor, Service
from bumble.hci import Address
from bumble.host import Host
from bumble.keys import MemoryKeyStore
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport.common import AsyncPipeSink

from firmware_profiles.model import DecodeError
from firmware_profiles.sig_time import current_time, decode_current_time
from simulators.clock import Calendar, DeviceClock
from simulators.ether import Air
from simulators.household import VirtualDevice
from simulators.ledger import Entry, Frame, Ledger
from simulators.orders import OrderError

Properties, Permissions = Characteristic.Properties, Characteristic.Permissions
Structures = Iterable[tuple[int, bytes]]
FLAGS, SERVICES_16, SERVICES_128, NAME, SERVICE_DATA_16, MANUFACTURER = 0x01, 0x03, 0x07, 0x09, 0x16, 0xFF
GENERAL_DISCOVERABLE = (FLAGS, b"\x06")


class Room(msgspec.Struct, frozen=True):
    """What the devices of a household share: the air and the calendar."""

    air: Air
    calendar: Calendar


def pack_advert(structures: Structures) -> bytes:
    """The advertising data of AD structures."""
    return b"".join(bytes((len(data) + 1, kind)) + data for kind, data in structures)


def short(uuid: str) -> bytes:
    """The 16-bit form of a SIG UUID, little-endian."""
    return int(uuid[4:8], 16).to_bytes(2, "little")


def _refuse_reading(_: Any) -> bytes:
    # Left alone, bumble answers the read of a write-only value with silence.
    raise ATT_Error(ErrorCode.READ_NOT_PERMITTED)


class _Face(PairingDelegate):  # type: ignore[misc]  # bumble is untyped here
    """What a device shows and asks while bonding: nothing, or its passkey."""

    def __init__(self, device: Peripheral) -> None:
        shows = device.spec.passkey is not None
        super().__init__(self.DISPLAY_OUTPUT_ONLY if shows else self.NO_OUTPUT_NO_INPUT)
        self._device = device

    async def accept(self) -> bool:
        """Whether the device is in pairing mode."""
        return self._device.pairable

    async def confirm(self, auto: bool = False) -> bool:
        """Whether it bonds without a number: not when it has one to show."""
        del auto
        return self._device.spec.passkey is None

    async def generate_passkey(self) -> int:
        """The number on the display."""
        return self._device.spec.passkey or 0

    async def display_number(self, number: int, digits: int) -> None:
        """Shown to the person in front of the device."""


class Peripheral(ABC):
    """A device on the air; the families add services, frames and manners."""

    keeps = True

    def __init__(self, room: Room, spec: VirtualDevice, ledger: Ledger, clock: DeviceClock) -> None:
        self.room, self.spec, self.ledger, self.clock = room, spec, ledger, clock
        self.awake = not spec.asleep
        self.link: Any = None
        self.subscribed: set[int] = set()
        self.news = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._being_seen = asyncio.Lock()
        self.controller = Controller(spec.name, link=room.air)
        host = Host(self.controller, AsyncPipeSink(self.controller))
        self.device = Device(name=spec.local_name or spec.name, address=Address(spec.address), host=host)
        self.pairable = spec.pairable
        self.lose_bonds()
        self.device.pairing_config_factory = lambda _: PairingConfig(
            sc=True, mitm=spec.passkey is not None, bonding=True, delegate=_Face(self)
        )
        self.device.on(self.device.EVENT_CONNECTION, self._on_connection)
        self.move(spec.rssi)

    @abstractmethod
    def structures(self) -> Structures:
        """The advert of a connectable device: its services and its name."""

    @abstractmethod
    def services(self) -> list[Any]:
        """The measuring services."""

    @abstractmethod
    def frames(self, wall: datetime, values: dict[str, str], slot: int | None) -> list[Frame]:
        """The frames this device makes of a measurement at the wall time `wall`; ValueError when it cannot."""

    async def start(self) -> None:
        """Go on the air; at first start a storing device measures its planned records."""
        if self.ledger.fresh and self.keeps:
            for record in self.spec.records:
                self.write_down(record.at, record.values, record.slot)
        self.device.add_services([*self.services(), *self._common_services()])
        await self.device.power_on()
        await self.be_seen()

    async def stop(self) -> None:
        """Leave the air."""
        for task in tuple(self._tasks):
            task.cancel()
        self.room.air.leave(self.controller)
        self.ledger.close()

    def write_down(self, at: datetime, values: dict[str, str], slot: int | None) -> Entry:
        """Put a measurement into the ledger; OrderError when this device cannot measure that."""
        try:
            frames = self.frames(self.clock.show(at), values, slot)
        except (ValueError, KeyError) as error:
            raise OrderError("not-possible", f"{self.spec.name} cannot measure {values}: {error}") from error
        return self.ledger.add(at, values, frames, slot=slot)

    async def measure(self, at: datetime | None, values: dict[str, str], slot: int | None) -> dict[str, Any]:
        """A measurement now (or as if `at`): written down, then told to whoever listens."""
        entry = self.write_down(at or self.room.calendar(), values, slot)
        self.news.set()
        await self.wake()
        return {"number": entry.number}

    def move(self, rssi: int) -> None:
        """Stand where it is heard with `rssi` dBm."""
        self.room.air.strength[Address(self.spec.address)] = rssi

    def lose_bonds(self) -> None:
        """Know nobody, as after a change of batteries."""
        self.device.keystore = MemoryKeyStore()

    async def wake(self) -> None:
        """Be reachable until all is said."""
        self.awake = True
        await self.be_seen()

    async def sleep(self) -> None:
        """Go quiet until the next measurement or `wake`."""
        self.awake = False
        if self.device.is_advertising:
            await self.device.stop_advertising()

    def drop_link(self, after: int | None) -> dict[str, Any]:
        """Lose the connection as a radio does when somebody walks away."""
        if after is not None:
            raise OrderError("not-possible", f"{self.spec.name} keeps no records to count")
        return {"dropped": self.room.air.lose(self.controller)}

    async def play(self, count: int) -> dict[str, Any]:
        """Only broadcasters have records to play."""
        raise OrderError("not-possible", f"{self.spec.name} is no broadcaster; {count} records stay unplayed")

    async def be_seen(self) -> None:
        """Advertise while awake and alone."""
        # Somebody steps on at the moment the last visitor leaves: bumble refuses to begin twice.
        async with self._being_seen:
            if self.awake and self.link is None and not self.device.is_advertising:
                await self.advertise(self.structures(), self.spec.interval)

    async def advertise(self, structures: Structures, interval: float) -> None:
        """Put `structures` on the air every `interval` seconds."""
        await self.device.start_advertising(
            advertising_data=pack_advert(structures),
            advertising_interval_min=interval * 1000,
            advertising_interval_max=interval * 1000,
        )

    def is_subscribed(self, characteristic: Any) -> bool:
        """Whether the connected gateway wants this characteristic."""
        return self.link is not None and characteristic.handle in self.subscribed

    async def serve(self, link: Any) -> None:  # noqa: B027 - a broadcaster does nothing
        """What to do while connected; cancelled when the link goes."""

    def spawn(self, work: Any) -> asyncio.Task[Any]:
        """Run `work` beside everything else until it is done or the device stops."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _on_connection(self, link: Any) -> None:
        self.link = link
        self.subscribed.clear()
        task = self.spawn(self.serve(link))

        def gone(_: int) -> None:
            task.cancel()
            self.link = None
            self.subscribed.clear()
            self.spawn(self._after(link))

        link.on(link.EVENT_DISCONNECTION, gone)

    async def _after(self, link: Any) -> None:
        del link
        await asyncio.sleep(self.spec.rest)
        self.awake = self.awake and self.wants_to_talk()
        await self.be_seen()

    def wants_to_talk(self) -> bool:
        """Whether to advertise again after a session."""
        return True

    # -- building blocks of services

    def told(self, uuid: str, *, indicate: bool = True) -> Any:
        """A characteristic that is indicated (or notified); the subscription needs encryption on a secured device."""
        bits = Properties.INDICATE if indicate else Properties.NOTIFY
        return self.watched(Characteristic(UUID(uuid), bits, Permissions(0), b""))

    def watched(self, characteristic: Any) -> Any:
        """`characteristic` with its subscriptions followed and, on a secured device, guarded."""
        if self.spec.secured:
            guarded = Permissions.READABLE | Permissions.WRITEABLE | Permissions.WRITE_REQUIRES_ENCRYPTION
            value = self.device.gatt_server.make_descriptor_value(characteristic)
            kind = gatt.GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR
            characteristic.descriptors = (Descriptor(kind, guarded, value),)

        def on_subscription(_: Any, notify: bool, indicate: bool) -> None:
            (self.subscribed.add if notify or indicate else self.subscribed.discard)(characteristic.handle)
            self.news.set()

        characteristic.on(characteristic.EVENT_SUBSCRIPTION, on_subscription)
        return characteristic

    @staticmethod
    def writable(uuid: str, write: Callable[[Any, bytes], None], more: int = 0) -> Any:
        """A characteristic that is written with a response."""
        return Characteristic(
            UUID(uuid),
            Properties(Properties.WRITE | more),
            Permissions.WRITEABLE,
            CharacteristicValue(read=_refuse_reading, write=write),
        )

    def _common_services(self) -> list[Any]:
        spec = self.spec
        texts = {0x2A29: spec.maker, 0x2A24: spec.model, 0x2A25: spec.serial, 0x2A26: spec.firmware}
        read, open_ = Properties.READ, Permissions.READABLE
        about = [Characteristic(UUID(number), read, open_, text.encode()) for number, text in texts.items()]
        battery = Characteristic(UUID(0x2A19), read, open_, bytes((spec.battery,)))
        time = CharacteristicValue(read=self._read_clock, write=self._set_clock)
        clock = Characteristic(UUID(0x2A2B), read | Properties.WRITE, open_ | Permissions.WRITEABLE, time)
        return [Service(UUID(0x180A), about), Service(UUID(0x180F), [battery]), Service(UUID(0x1805), [clock])]

    def _read_clock(self, link: Any) -> bytes:
        del link
        return current_time(self.clock.show(self.room.calendar()))

    def _set_clock(self, link: Any, value: bytes) -> None:
        del link
        try:
            time = decode_current_time(bytes(value)).time
        except DecodeError:
            return
        if time is not None:
            self.clock.write(time)
