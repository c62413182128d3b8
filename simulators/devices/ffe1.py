"""A virtual Beurer/Sanitas scale on FFE1: people in its memory, records until they are deleted, weighings in parts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from bumble.core import UUID
from bumble.gatt import Service

from firmware_profiles.sanitas_ffe1 import (
    ANSWER,
    CHANNEL,
    RECORD,
    SAVED,
    SERVICE,
    USER_INFO,
    WEIGHT,
    encode_record,
    halves_of,
    parts,
)
from firmware_profiles.sanitas_talk import FETCH, FORGET, GREET, HEARD, ORDERS, SET_TIME, STATUS, USERS
from simulators.devices.broadcast import sample_for
from simulators.devices.vendor_base import SpokenTo
from simulators.ledger import Entry, Frame

FIRST_PERSON: Final = 1


class Ffe1Scale(SpokenTo):
    """Knows the people in `owners`; what was weighed while nobody listened stays until the gateway deletes it."""

    service, measurement, orders = SERVICE, CHANNEL, CHANNEL

    def __init__(self, *parts_: Any) -> None:
        super().__init__(*parts_)
        self._half = 0xF0 if "BF8" in (self.spec.local_name or "") else 0xE0
        self._live: set[int] = set()

    def services(self) -> list[Any]:
        """One characteristic for everything."""
        self._told = self.watched(self.writable(CHANNEL, self._on_order, self._told.properties))
        return [Service(UUID(SERVICE), [self._told])]

    async def measure(self, at: datetime | None, values: dict[str, str], slot: int | None) -> dict[str, Any]:
        """A weighing somebody waits for: shown while it happens."""
        told = await super().measure(at, values, slot)
        self._live.add(told["number"])
        self.news.set()
        return told

    def answer(self, order: bytes) -> list[bytes]:
        """Nothing at once: it waits for an acknowledgement between any two frames."""
        del order
        return []

    def frames(self, wall: datetime, values: dict[str, str], slot: int | None) -> list[Frame]:
        """The record as the memory holds it."""
        sample = msgspec.structs.replace(sample_for(values, time=wall, slot=slot), stored=True)
        return [Frame(RECORD, encode_record(sample))]

    def wants_to_talk(self) -> bool:
        """Whether somebody stands on it."""
        return bool(self._live)

    def _next(self) -> Entry | None:
        if not (self.greeted and self.is_subscribed(self._told)):
            return None
        return next((entry for entry in self.ledger.pending() if entry.number in self._live), None)

    async def _deliver(self, link: Any, entry: Entry) -> None:
        start, record = self._half | ORDERS, entry.frames[0].data
        grams = record[5:7]
        for flag, weight in ((1, (int.from_bytes(grams, "big") - 20).to_bytes(2, "big")), (0, grams), (0, grams)):
            await self._send(link, bytes((start, WEIGHT, flag)) + weight)
        if self._cut == 0:
            self._cut = None
            self.room.air.lose(self.controller)
            await asyncio.sleep(self.spec.rest)
        if entry.slot is not None:
            for frame in parts(start, record, entry.slot):
                await self._tell(frame)
        self._live.discard(entry.number)
        self.ledger.mark(entry.number, "delivered")

    async def _tell(self, frame: bytes) -> bool:
        """Say a frame and wait until it is acknowledged; without that the scale goes no further."""
        await self.say(frame)
        return await self.hear(lambda order: order == bytes((self._half | ORDERS, HEARD)) + frame[1:4])

    async def _obey(self, order: bytes) -> None:
        self.heard.append(order)
        start = self._half | ORDERS
        if order == bytes((self._half | GREET, 1)):
            await self.say(bytes((self._half | GREET, 0)))
        elif order[:1] == bytes((self._half | SET_TIME,)):
            wall = datetime.fromtimestamp(int.from_bytes(order[1:5], "big"), UTC).replace(tzinfo=None)
            self.clock.write(wall)
        elif order[:1] == bytes((start,)):
            await self._answer_order(order, start)
        self.news.set()

    async def _answer_order(self, order: bytes, start: int) -> None:
        people = sorted(self.spec.owners)
        match order[1]:
            case 0x4F:
                await self.say(bytes((start, ANSWER, STATUS, 0, self.spec.battery, 30, 20, 1, 0, 0, 0, 1)))
            case 0x33:
                await self.say(bytes((start, ANSWER, USERS, 0, len(people), 8)))
                for index, person in enumerate(people, FIRST_PERSON):
                    about = person.to_bytes(8, "big") + b"AB\0" + bytes((70,))
                    await self._tell(bytes((start, USER_INFO, len(people), index)) + about)
            case 0x41:
                await self._tell_saved(start, int.from_bytes(order[2:10], "big"))
            case 0x43:
                for entry in self._saved(int.from_bytes(order[2:10], "big")):
                    self.ledger.mark(entry.number, "delivered")
                await self.say(bytes((start, ANSWER, FORGET, 0)))
                self.greeted = True
            case _:
                pass

    async def _tell_saved(self, start: int, person: int) -> None:
        saved = self._saved(person)
        await self.say(bytes((start, ANSWER, FETCH, 2 * len(saved))))
        self.greeted = self.greeted or person == max(self.spec.owners)
        for index, entry in enumerate(saved):
            for frame in halves_of(start, SAVED, 2 * len(saved), 2 * index + 1, entry.frames[0].data):
                if not await self._tell(frame):
                    return
            if self._cut is not None:
                self._cut -= 1
                if self._cut < 0:
                    self._cut = None
                    self.room.air.lose(self.controller)
                    return

    def _saved(self, person: int) -> list[Entry]:
        return [e for e in self.ledger.pending() if e.slot == person and e.number not in self._live]
