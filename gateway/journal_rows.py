"""What goes into the gateway's journal and what comes out of it, as values."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

# A mirror may stay connected for weeks. At ten frames a second these are half an hour, three times as long as equal
# frames are taken for each other.
DIFFERENT: Final = 20_000


class JournalError(Exception):
    """The journal cannot be read or written: `damaged`, `full`, `busy` or `newer` (made by a newer version)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Frame(msgspec.Struct, frozen=True):
    """Raw bytes as heard; `occurrence` counts equal ones of a connection. Adverts have session '' and a context."""

    seq: int
    device: str
    session: str
    carrier: str
    raw: bytes
    received_at: datetime
    occurrence: int
    context: bytes | None = None


class Connection(msgspec.Struct, frozen=True):
    """A session with a device; `ended` once no more frames can come."""

    device: str
    profile: str
    firmware: str | None
    ended: bool


class Repeats:
    """Counts the equal frames of a connection, forgetting those longest unheard."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, bytes], int] = {}

    def count(self, carrier: str, raw: bytes) -> int:
        """Which one of its equals it is, from 1."""
        nth = self._counts.pop((carrier, raw), 0) + 1
        self._counts[carrier, raw] = nth
        if len(self._counts) > DIFFERENT:
            del self._counts[next(iter(self._counts))]
        return nth


class Draft(msgspec.Struct, frozen=True):
    """A decoded measurement on its way to an id.

    `anchor` None: the receive time names it, minted for (device, slot, key, occurrence, scope); `key` is the bytes of
    its first frame, so that a part once kept alone and the whole record re-sent later share their time.
    """

    frames: tuple[int, ...]
    device: str
    slot: int | None
    key: bytes
    anchor: str | None
    received_at: datetime
    occurrence: int = 1
    scope: str = ""


class Row(msgspec.Struct, frozen=True):
    """A reading that waits for the engine; `batch` is the most companions it may travel with, itself included."""

    id: str
    payload: bytes
    attempts: int
    batch: int


class Depth(msgspec.Struct, frozen=True):
    """How much the journal holds, by what it waits for."""

    frames: int
    waiting: int
    sent: int
    parked: int
    refused: int
