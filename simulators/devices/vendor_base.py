"""A scale that says nothing before it was spoken to: what all of them have in common."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from bumble.core import UUID
from bumble.gatt import Service

from engine.contract.reading import Sample
from firmware_profiles.model import Codec
from firmware_profiles.registry import PROFILES
from simulators.devices.broadcast import sample_for
from simulators.devices.peripheral import Properties
from simulators.devices.storing import StoringPeripheral
from simulators.ledger import Entry, Frame

SETTLING: Final = 0.02
UNSETTLED: Final = Decimal("0.5")


class SpokenTo(StoringPeripheral):
    """A live scale: greeted, it shows a weighing until that is told, repeating what has settled as scales do."""

    service, measurement, orders = "", "", ""
    indicates = False

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.greeted = False
        self.heard: list[bytes] = []
        self._told = self.told(self.measurement, indicate=self.indicates)

    def services(self) -> list[Any]:
        """The vendor's service: what it tells, and where it is spoken to."""
        order = self.writable(self.orders, self._on_order, Properties.WRITE_WITHOUT_RESPONSE)
        return [Service(UUID(self.service), [self._told, order, *self.more()])]

    def more(self) -> list[Any]:
        """Further characteristics of the service."""
        return []

    async def serve(self, link: Any) -> None:
        """One connection: nothing until it was greeted."""
        self.greeted = False
        self.heard.clear()
        await super().serve(link)

    @abstractmethod
    def answer(self, order: bytes) -> list[bytes]:
        """What it says to an order; may set `greeted`."""

    async def say(self, frame: bytes) -> None:
        """Tell the connected gateway."""
        if self.link is not None and self.is_subscribed(self._told):
            await self._send(self.link, frame)

    async def hear(self, wanted: Callable[[bytes], bool], seconds: float = 2.0) -> bool:
        """Whether an order that is `wanted` came, or comes within `seconds`."""
        end = asyncio.get_running_loop().time() + seconds
        while not any(wanted(order) for order in self.heard):
            if asyncio.get_running_loop().time() > end:
                return False
            await asyncio.sleep(SETTLING)
        self.heard = [order for order in self.heard if not wanted(order)]
        return True

    def frames(self, wall: datetime, values: dict[str, str], slot: int | None) -> list[Frame]:
        """A weighing as the profile's codec puts it."""
        del wall, slot
        codec = PROFILES[self.spec.profile].codecs[self.measurement]
        return [Frame(self.measurement, data) for data in spread(codec, sample_for(values, time=None, slot=None))]

    def unsettled(self, values: dict[str, str]) -> list[bytes]:
        """What is shown before the weight has settled."""
        encode = PROFILES[self.spec.profile].codecs[self.measurement].encode
        weight = str(Decimal(values["weight"]) - UNSETTLED)
        return [encode(sample_for({"weight": weight}, time=None, slot=None, final=False))] if encode else []

    def _next(self) -> Entry | None:
        return super()._next() if self.greeted else None

    async def _deliver(self, link: Any, entry: Entry) -> None:
        for preview in self.unsettled(entry.values):
            await self._send(link, preview)
        if self._cut == 0:
            self._cut = None
            self.room.air.lose(self.controller)
            await asyncio.sleep(self.spec.rest)
        for frame in entry.frames:
            await self._send(link, frame.data)
            await asyncio.sleep(SETTLING)
            await self._send(link, frame.data)
            await self.heeded(frame.data)
        self.ledger.mark(entry.number, "delivered")

    async def heeded(self, frame: bytes) -> None:
        """Wait for the acknowledgement without which the weighing does not go on."""

    async def _send(self, link: Any, frame: bytes) -> None:
        server = self.device.gatt_server
        if self.indicates:
            await server.indicate_subscriber(link, self._told, frame, force=True)
        else:
            await server.notify_subscriber(link, self._told, frame, force=True)

    def _on_order(self, link: Any, value: bytes) -> None:
        del link
        self.spawn(self._obey(bytes(value)))

    async def _obey(self, order: bytes) -> None:
        self.heard.append(order)
        for frame in self.answer(order):
            await self.say(frame)
        self.news.set()


def spread(codec: Codec, sample: Sample) -> list[bytes]:
    """`sample` in one frame, or a frame for each quantity where the layout has no room for two."""
    if codec.encode is None:
        raise ValueError("the profile has no encoder")
    try:
        return [codec.encode(sample)]
    except ValueError:
        alone = ({name: quantity} for name, quantity in sample.quantities.items())
        return [codec.encode(msgspec.structs.replace(sample, quantities=one)) for one in alone]
