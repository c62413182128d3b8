"""A virtual A&D UW-302BLE: minutes of walking, handed over in sectors of thirteen packets."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from bumble.core import UUID, BaseBumbleError
from bumble.gatt import Service

from firmware_profiles.and_uw302 import (
    ASK_ALL,
    ASK_NEW,
    BEGUN,
    BLOCK_END,
    CONTROL,
    CONTROL_SERVICE,
    DATA,
    DATA_SERVICE,
    FINISH,
    GO_ON,
    OVER,
    PACKETS,
    PAUSE_AFTER,
    RECORD_SIZE,
    RECORDS,
    SECTOR,
    SECTOR_HEAD,
    TRANSFER,
    encode_minute,
)
from firmware_profiles.uuids import DATE_TIME
from simulators.devices.and_bonded import set_clock
from simulators.devices.asked import AskedPeripheral
from simulators.devices.peripheral import GENERAL_DISCOVERABLE, NAME, Properties, Structures
from simulators.devices.storing import sample_of
from simulators.ledger import Entry, Frame

PACKET: Final = 20


class StepTracker(AskedPeripheral):
    """Forgets nothing before the transfer was finished."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._control = self.watched(self.writable(CONTROL, self._on_control, Properties.NOTIFY))
        self._data = self.told(DATA, indicate=False)
        self._sent: list[Entry] = []
        self._go_on = asyncio.Event()

    def structures(self) -> Structures:
        """Flags and the name."""
        return (GENERAL_DISCOVERABLE, (NAME, (self.spec.local_name or self.spec.name).encode()))

    def services(self) -> list[Any]:
        """The two services of the tracker, its clock inside the second."""
        clock = self.writable(DATE_TIME, self._on_clock)
        return [
            Service(UUID(CONTROL_SERVICE), [self._control]),
            Service(UUID(DATA_SERVICE), [self._data, clock]),
        ]

    def frames(self, wall: datetime, values: dict[str, str], slot: int | None) -> list[Frame]:
        """The record of one minute."""
        del slot
        return [Frame(DATA, encode_minute(sample_of(values, time=wall.replace(second=0))))]

    def begin(self) -> None:
        """Nothing was handed over yet."""
        self._sent = []

    def is_over(self) -> bool:
        """Whether everything was handed over."""
        return not self.ledger.pending()

    def _on_clock(self, link: Any, value: bytes) -> None:
        del link
        set_clock(self, bytes(value))

    def _on_control(self, link: Any, value: bytes) -> None:
        request = bytes(value)
        if request in {ASK_NEW, ASK_ALL}:
            entries = self.ledger.entries() if request == ASK_ALL else self.ledger.pending()
            self.spawn(self._transfer(link, entries))
        elif request == GO_ON:
            self._go_on.set()
        elif request == FINISH:
            for entry in self._sent:
                self.ledger.mark(entry.number, "delivered")
            self.news.set()

    async def _transfer(self, link: Any, entries: list[Entry]) -> None:
        blocks = [entries[at : at + RECORDS] for at in range(0, len(entries), RECORDS)]
        with suppress(BaseBumbleError):
            await self._say(link, bytes((4, 1, TRANSFER, BEGUN, 0)))
            for number, block in enumerate(blocks, 1):
                if not await self._send(link, block):
                    return
                last = int(number == len(blocks))
                await self._say(link, bytes((7, 1, TRANSFER, BLOCK_END, 0, 0, 0, last)))
            self._sent = entries
            await self._say(link, bytes((4, 1, TRANSFER, OVER, 0)))

    async def _send(self, link: Any, block: list[Entry]) -> bool:
        """One sector; False when the link was cut in the middle of it."""
        records = b"".join(entry.frames[0].data for entry in block).ljust(RECORDS * RECORD_SIZE, b"\0")
        sector = (SECTOR_HEAD + b"\0" + records).ljust(SECTOR, b"\0")
        self._go_on.clear()
        for number in range(PACKETS):
            if self.is_cut():
                return False
            packet = sector[number * PACKET : (number + 1) * PACKET]
            await self.device.gatt_server.notify_subscriber(link, self._data, packet)
            if number + 1 == PAUSE_AFTER:
                await self._go_on.wait()
        return True

    async def _say(self, link: Any, data: bytes) -> None:
        await self.device.gatt_server.notify_subscriber(link, self._control, data)
