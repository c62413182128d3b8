"""A virtual QN scale: every step of its greeting wants the one before, and its memory comes when the gateway asks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from firmware_profiles.frames import sum8
from firmware_profiles.model import uuid16
from firmware_profiles.qn_scale import EPOCH, FINE, LIVE, NOTIFY, decode, encode, encode_memory, information
from firmware_profiles.qn_talk import ORDERS
from simulators.devices.broadcast import sample_for
from simulators.devices.vendor_base import SpokenTo
from simulators.ledger import Entry, Frame

CONFIGURE, TIME, REPORT, START, THANKS = 0x13, 0x20, 0xA0, 0x22, 0x1F
READY: Final = bytes((0x14, 0x0B, 0xFF, 0, 0, 1, 0, 0, 0, 0, 0x1F))
ASKS: Final = bytes((0x21, 5, 0xFF, 1, 0x26))


class QnScale(SpokenTo):
    """Counts hundredths, or tenths when its model says so. Its memory comes at every visit: it forgets nothing."""

    service, measurement, orders = uuid16(0xFFF0), NOTIFY, ORDERS

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._places = 1 if self.spec.model == "tenths" else FINE
        self._live: set[int] = set()

    async def serve(self, link: Any) -> None:
        """It begins as soon as somebody listens."""
        opening = self.spawn(self._open())
        try:
            await super().serve(link)
        finally:
            opening.cancel()

    async def measure(self, at: datetime | None, values: dict[str, str], slot: int | None) -> dict[str, Any]:
        """A weighing somebody waits for: shown while it happens."""
        told = await super().measure(at, values, slot)
        self._live.add(told["number"])
        self.news.set()
        return told

    def frames(self, wall: datetime, values: dict[str, str], slot: int | None) -> list[Frame]:
        """The record of the memory; a live frame is made of it when somebody looks."""
        del slot
        return [Frame(self.measurement, encode_memory(sample_for(values, time=wall, slot=None)))]

    def wants_to_talk(self) -> bool:
        """Whether somebody stands on it."""
        return bool(self._live)

    def answer(self, order: bytes) -> list[bytes]:
        """The next step of the greeting; the memory when it is asked for."""
        if not order or order[-1] != sum8(order[:-1]):
            return []
        match order[0]:
            case 0x13:
                return [READY]
            case 0x20:
                self.clock.write(EPOCH + timedelta(seconds=int.from_bytes(order[3:7], "little")))
                return [ASKS]
            case 0xA0:
                return [bytes((0xA1, 6, order[2], order[3], 1, 0))]
            case 0x22:
                self.greeted = True
                return self._memory()
            case _:
                return []

    def _memory(self) -> list[bytes]:
        stored = [entry for entry in self.ledger.entries() if entry.number not in self._live]
        for entry in stored:
            self.ledger.mark(entry.number, "delivered")
        return [entry.frames[0].data for entry in stored]

    def _next(self) -> Entry | None:
        found = super()._next()
        return found if found is not None and found.number in self._live else None

    async def _deliver(self, link: Any, entry: Entry) -> None:
        stored = decode(entry.frames[0].data)
        settled = msgspec.structs.replace(stored, stored=False, time=None)
        weight = msgspec.structs.replace(settled, quantities={"weight": settled.quantities["weight"]}, final=False)
        await self._send(link, encode(weight, self._places))
        if self._cut == 0:
            self._cut = None
            self.room.air.lose(self.controller)
            return
        for _ in range(3):
            await self._send(link, encode(settled, self._places))
        if await self.hear(lambda order: order[:1] == bytes((THANKS,)) and order[3] == LIVE):
            self._live.discard(entry.number)
            self.ledger.mark(entry.number, "delivered")

    async def _open(self) -> None:
        while not self.is_subscribed(self._told):
            self.news.clear()
            await self.news.wait()
        await self.say(information(self._places))
