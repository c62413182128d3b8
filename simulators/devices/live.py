"""Devices that keep nothing: the mirror that notifies, the scale and the band that broadcast."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from bumble.core import UUID
from bumble.gatt import Service

from firmware_profiles.huami_band import advertise_band
from firmware_profiles.model import Advert
from firmware_profiles.sig_heart import encode_heart
from firmware_profiles.uuids import HEART_RATE, HEART_RATE_MEASUREMENT
from firmware_profiles.xiaomi_scale import advertise_v2
from simulators.devices.peripheral import (
    GENERAL_DISCOVERABLE,
    MANUFACTURER,
    NAME,
    SERVICE_DATA_16,
    SERVICES_16,
    Peripheral,
    Structures,
    short,
)
from simulators.devices.storing import sample_of
from simulators.ledger import Entry, Frame

TICK: Final = 0.01
UNSTEADY: Final = 0.1
IDLE: Final = 0.25


class HeartRateMirror(Peripheral):
    """A mirror (or strap) that notifies heart rates while a gateway listens, and keeps none."""

    keeps = False

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._told = self.told(HEART_RATE_MEASUREMENT, indicate=False)

    def structures(self) -> Structures:
        """Flags, the service and the name."""
        name = (self.spec.local_name or self.spec.name).encode()
        return (GENERAL_DISCOVERABLE, (SERVICES_16, short(HEART_RATE)), (NAME, name))

    def services(self) -> list[Any]:
        """The Heart Rate Service."""
        return [Service(UUID(HEART_RATE), [self._told])]

    def frames(self, wall: datetime, values: dict[str, str], slot: int | None) -> list[Frame]:
        """A heart rate; the service knows neither time nor person."""
        del wall, slot
        return [Frame(HEART_RATE_MEASUREMENT, encode_heart(sample_of(values)))]

    async def measure(self, at: datetime | None, values: dict[str, str], slot: int | None) -> dict[str, Any]:
        """Notify whoever is subscribed, waiting for a subscriber up to `aired` seconds."""
        await self.wake()
        await self._wait_for_subscriber()
        entry = self.write_down(at or self.room.calendar(), values, slot)
        link, heard = self.link, False
        if link is not None and self.is_subscribed(self._told):
            await self.device.gatt_server.notify_subscriber(link, self._told, entry.frames[0].data)
            # A notification into a link that is about to break reaches nobody.
            await asyncio.sleep(self.spec.heard_after)
            heard = self.link is link
        if heard:
            self.ledger.mark(entry.number, "heard")
        return {"number": entry.number, "heard": heard}

    async def _wait_for_subscriber(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self.spec.aired):
                while not self.is_subscribed(self._told):
                    self.news.clear()
                    await self.news.wait()


class Broadcaster(Peripheral):
    """A device that only advertises: on the air while it has something to say, silent otherwise."""

    keeps = False

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._turn = asyncio.Lock()

    def structures(self) -> Structures:
        """Nothing while idle."""
        return ()

    def services(self) -> list[Any]:
        """No measuring service: a connection would find the battery only."""
        return []

    async def be_seen(self) -> None:
        """An idle broadcaster is not on the air."""

    async def measure(self, at: datetime | None, values: dict[str, str], slot: int | None) -> dict[str, Any]:
        """Broadcast a measurement until a gateway heard each frame of it, or `aired` seconds for each."""
        entry = self.write_down(at or self.room.calendar(), values, slot)
        return {"number": entry.number, "heard": await self.air(entry)}

    async def play(self, count: int) -> dict[str, Any]:
        """Broadcast the next planned records, each at its own time of the calendar."""
        played, heard = len(self.ledger.entries()), 0
        records = self.spec.records[played : played + count]
        for record in records:
            self.room.calendar.turn(record.at)
            heard += await self.air(self.write_down(record.at, record.values, record.slot))
        left = len(self.spec.records) - played - len(records)
        if not left:
            self.room.calendar.turn(None)
        return {"played": len(records), "heard": heard, "left": left}

    async def air(self, entry: Entry) -> bool:
        """Send the frames of `entry`; whether a gateway could hear a final one."""
        heard = False
        async with self._turn:
            await self._air_previews(entry)
            for frame in entry.frames:
                await self.advertise(unpack(frame.data), self.spec.interval)
                heard |= await self._listened_to()
            await self.device.stop_advertising()
        if heard:
            self.ledger.mark(entry.number, "heard")
        return heard

    async def _air_previews(self, entry: Entry) -> None:
        """What is seen before the first final frame."""

    async def _listened_to(self) -> bool:
        """Wait until one gateway radio listened for `heard_after` seconds without a break."""
        loop = asyncio.get_running_loop()
        since: dict[object, float] = {}
        end = loop.time() + self.spec.aired
        while (now := loop.time()) < end:
            since = {antenna: since.get(antenna, now) for antenna in self.room.air.listening()}
            if any(now - begin >= self.spec.heard_after for begin in since.values()):
                return True
            await asyncio.sleep(TICK)
        return False


class XiaomiScale(Broadcaster):
    """A Mi Body Composition Scale v2: the weight settles, then impedance follows for whoever stands barefoot."""

    def frames(self, wall: datetime, values: dict[str, str], slot: int | None) -> list[Frame]:
        """The stable weight, and the same again with the impedance when there is one."""
        del slot
        weight = {"weight": values["weight"]}
        stages = [weight] if values.keys() == weight.keys() else [weight, values]
        adverts = (advertise_v2(sample_of(stage, time=wall), self.spec.address) for stage in stages)
        return [Frame("advert", pack(advert, self.spec.local_name)) for advert in adverts]

    async def _air_previews(self, entry: Entry) -> None:
        stage = {"weight": entry.values["weight"]}
        preview = sample_of(stage, time=self.clock.show(entry.at), final=False)
        await self.advertise(unpack(pack(advertise_v2(preview, self.spec.address), None)), self.spec.interval)
        await asyncio.sleep(UNSTEADY)


class StepBand(Broadcaster):
    """A Huami band that broadcasts the running step total of its day, and goes on doing so until told otherwise.

    A gateway may fold totals of one day less than 15 minutes apart into one reading; a harness that counts readings
    plays days.
    """

    async def measure(self, at: datetime | None, values: dict[str, str], slot: int | None) -> dict[str, Any]:
        """Broadcast a new total, then keep it on the air more slowly."""
        told = await super().measure(at, values, slot)
        self.awake = True
        await self.be_seen()
        return told

    async def be_seen(self) -> None:
        """The last total, also after the band was restarted; a band that plays days has nothing to say between them."""
        entries = self.ledger.entries()
        if self.awake and entries and not self.spec.records:
            await self.advertise(unpack(entries[-1].frames[0].data), IDLE)

    def frames(self, wall: datetime, values: dict[str, str], slot: int | None) -> list[Frame]:
        """The total, with a heart rate when there is one."""
        del wall, slot
        advert = advertise_band(sample_of(values), self.spec.address)
        return [Frame("advert", pack(advert, self.spec.local_name))]


def pack(advert: Advert, name: str | None) -> bytes:
    """The AD structures of `advert` as bytes: length, type, data, one after the other."""
    parts = [GENERAL_DISCOVERABLE]
    parts += [(SERVICES_16, short(uuid)) for uuid in advert.services]
    parts += [(SERVICE_DATA_16, short(uuid) + data) for uuid, data in advert.service_data.items()]
    parts += [(MANUFACTURER, key.to_bytes(2, "little") + data) for key, data in advert.manufacturer_data.items()]
    parts += [(NAME, (name or advert.name or "").encode())] if name or advert.name else []
    return b"".join(bytes((len(data) + 1, kind)) + data for kind, data in parts)


def unpack(data: bytes) -> list[tuple[int, bytes]]:
    """The AD structures in `data`."""
    found, at = [], 0
    while at < len(data):
        size = data[at]
        found.append((data[at + 1], data[at + 2 : at + 1 + size]))
        at += 1 + size
    return found
