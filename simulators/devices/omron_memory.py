"""A virtual OMRON device: rings of records in a memory that is read over its own protocol, behind a key or a token."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import msgspec
from bumble.core import UUID, BaseBumbleError
from bumble.gatt import Service

from firmware_profiles.model import DecodeError
from firmware_profiles.omron_memory import NEW_SERVICE, carrier
from firmware_profiles.omron_models import (
    HBF_32,
    HBF_32_AGELESS,
    HBF_702T,
    HN_300T2,
    PLAIN,
    SWAPPED,
    WRIST,
    Memory,
    find_memory,
)
from firmware_profiles.omron_talk import (
    ANSWER,
    CHANNEL,
    CLOSE,
    OPEN,
    PROGRAM,
    READ,
    RX,
    SERVICE,
    SET_KEY,
    TOKEN,
    TX,
    UNLOCK,
    USE_KEY,
    Frame,
    decode_frame,
    encode_frame,
)
from firmware_profiles.registry import PROFILES
from simulators.devices.asked import AskedPeripheral
from simulators.devices.peripheral import GENERAL_DISCOVERABLE, NAME, SERVICES_16, Properties, Structures, short
from simulators.devices.storing import sample_of
from simulators.ledger import Entry
from simulators.ledger import Frame as Written

SIZE: Final = 0x4000
REFUSED: Final = 1


class OmronMemory(AskedPeripheral):
    """Its model (`VirtualDevice.model`) chooses the memory map, its profile the layout of a record.

    A record counts as delivered once it was read. Only what is in the ring can be read: the oldest are overwritten.
    """

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        found = find_memory(self.spec.model, (*PLAIN, *SWAPPED, *WRIST, HN_300T2, HBF_702T, HBF_32, HBF_32_AGELESS))
        if found is None:
            raise ValueError(f"no OMRON model is called {self.spec.model!r}")
        self._memory: Memory = found
        self._key = bytes.fromhex(self.spec.key) if self.spec.key else None
        self._unlocked = self._opened = self._closed = self._programming = False
        self._unlock = self.watched(self.writable(UNLOCK, self._on_unlock, Properties.NOTIFY))
        self._channels = [self.told(uuid, indicate=False) for uuid in RX[: 4 if found.unlock == "key" else 1]]

    def structures(self) -> Structures:
        """Flags, the newer devices' service, and the name that tells the model."""
        name = (NAME, (self.spec.local_name or self.spec.name).encode())
        if self._memory.unlock == "key":
            return (GENERAL_DISCOVERABLE, name)
        return (GENERAL_DISCOVERABLE, (SERVICES_16, short(NEW_SERVICE)), name)

    def services(self) -> list[Any]:
        """Unlock, command and answer characteristics."""
        send = [self.writable(uuid, self._on_command, Properties.WRITE_WITHOUT_RESPONSE) for uuid in TX]
        service = SERVICE if self._memory.unlock == "key" else NEW_SERVICE
        return [Service(UUID(service), [self._unlock, *send[: len(self._channels)], *self._channels])]

    def frames(self, wall: datetime, values: dict[str, str], slot: int | None) -> list[Written]:
        """The record as it stands in the memory."""
        sample = sample_of(values, time=wall)
        record = self._encode(msgspec.structs.replace(sample, sequence=len(self.ledger.entries()) + 1))
        users = len(self._memory.starts)
        # A model for one person calls its only user none or the first.
        if (slot is None and users > 1) or (slot or 1) > users:
            raise ValueError(f"this model has no user {slot}")
        return [Written(carrier(slot if users > 1 else None), record.ljust(self._memory.size, b"\0"))]

    def _encode(self, sample: Any) -> bytes:
        encode = PROFILES[self.spec.profile].codecs[carrier(None)].encode
        if encode is None:
            raise ValueError(f"{self.spec.profile} has no encoder")
        return encode(sample)

    def begin(self) -> None:
        """Locked and closed, as after every connection."""
        self._unlocked = self._memory.unlock == "none"
        self._opened = self._closed = self._programming = False

    def is_over(self) -> bool:
        """Whether the transfer was closed."""
        return self._closed

    # -- the key

    def _on_unlock(self, link: Any, value: bytes) -> None:
        self.spawn(self._tell(link, self._unlock, self._judge(bytes(value))))

    def _judge(self, request: bytes) -> bytes:
        asked, rest = request[:1], request[1:]
        if asked == bytes((TOKEN,)) and self._memory.unlock == "token":
            self._unlocked = True
            return bytes((TOKEN | 0x80, 0)) + rest[:4]
        good = False
        if asked == bytes((USE_KEY,)):
            good = self._unlocked = self._key is not None and rest == self._key
        elif asked == bytes((PROGRAM,)):
            good = self._programming = self.pairable
        elif asked == bytes((SET_KEY,)) and self._programming:
            good, self._key = True, rest
        return bytes(((asked[0] if asked else 0) | 0x80, 0 if good else REFUSED))

    # -- the transfer

    def _on_command(self, link: Any, value: bytes) -> None:
        try:
            request = decode_frame(bytes(value))
        except DecodeError:
            return
        if self._unlocked:
            self.spawn(self._answer(link, request))

    async def _answer(self, link: Any, request: Frame) -> None:
        found: list[Entry] = []
        answer = Frame(request.kind | ANSWER, request.address)
        if request.kind == OPEN:
            self._opened = True
        elif request.kind == CLOSE:
            self._closed = True
        elif request.kind != READ or not self._opened:
            answer = msgspec.structs.replace(answer, code=REFUSED)
        else:
            data = self._image()[request.address : request.address + request.size]
            answer = msgspec.structs.replace(answer, size=len(data), data=data)
            found = self._records(request.address, request.size)
            if self.is_cut(len(found)):
                return
        raw = encode_frame(answer)
        width = CHANNEL if len(self._channels) > 1 else len(raw)
        for channel, at in zip(self._channels, range(0, len(raw), width), strict=False):
            await self._tell(link, channel, raw[at : at + width])
        for entry in found:
            self.ledger.mark(entry.number, "delivered")
        self.news.set()

    async def _tell(self, link: Any, characteristic: Any, data: bytes) -> None:
        with suppress(BaseBumbleError):
            await self.device.gatt_server.notify_subscriber(link, characteristic, data)

    # -- the memory

    def _rings(self) -> list[list[Entry]]:
        """What each user measured, in the order it was written."""
        entries, users = self.ledger.entries(), range(1, len(self._memory.starts) + 1)
        return [[entry for entry in entries if (entry.slot or 1) == user] for user in users]

    def _places(self) -> dict[int, Entry]:
        """The record at each address; a newer one takes the place of an older one."""
        memory = self._memory
        return {
            start + number % memory.count * memory.size: entry
            for start, ring in zip(memory.starts, self._rings(), strict=True)
            for number, entry in enumerate(ring)
        }

    def _records(self, address: int, size: int) -> list[Entry]:
        """The records whose last byte is read: a long one comes in two reads."""
        size_of = self._memory.size
        return [entry for at, entry in self._places().items() if address < at + size_of <= address + size]

    def _image(self) -> bytes:
        memory, image = self._memory, bytearray(b"\xff" * SIZE)
        image[memory.index : memory.index + memory.index_size] = bytes(memory.index_size)
        for offset, ring in zip(memory.cursors, self._rings(), strict=True):
            image[memory.index + offset] = (len(ring) - 1) % memory.count + 1 if ring else 0
        for at, entry in self._places().items():
            image[at : at + memory.size] = entry.frames[0].data
        return bytes(image)
