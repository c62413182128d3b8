"""What a virtual device measured, and what of it was confirmed: kept on disk so that killing it loses nothing."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class Frame(msgspec.Struct, frozen=True):
    """Bytes of one indication, notification or advert and where they go (characteristic or advert key)."""

    where: str
    data: bytes


class Entry(msgspec.Struct, frozen=True, kw_only=True, tag="entry"):
    """One measurement: the truth about it (`at`, `values` by quantity name) and its frames."""

    number: int
    at: datetime
    values: dict[str, str]
    frames: tuple[Frame, ...]
    slot: int | None = None


class Mark(msgspec.Struct, frozen=True, kw_only=True, tag="mark"):
    """What became of an entry: `delivered` after its last confirmation, `heard` when a gateway could hear it."""

    number: int
    what: Literal["delivered", "heard"]


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one device in readings: measured = pending + delivered, or for broadcasts heard + unheard."""

    measured: int
    heard: int
    pending: int
    delivered: int


class Ledger:
    """The durable list of a device's measurements at `path` (JSON Lines, appended; a torn last line is dropped).

    `keeps` tells a device that stores until confirmed (everything it has can be heard) from a broadcaster.
    """

    def __init__(self, path: Path, *, keeps: bool) -> None:
        self._path = path
        self._keeps = keeps
        self._entries: dict[int, Entry] = {}
        self._marks: dict[str, set[int]] = {"delivered": set(), "heard": set()}
        self.fresh = not path.exists()
        for line in _whole_lines(path):
            self._apply(line)
        self._encode = msgspec.json.Encoder().encode
        self._file = path.open("ab", buffering=0)

    def add(self, at: datetime, values: dict[str, str], frames: Iterable[Frame], *, slot: int | None = None) -> Entry:
        """Write down a measurement before anything is sent."""
        entry = Entry(number=len(self._entries) + 1, at=at, values=values, frames=tuple(frames), slot=slot)
        self._write(entry)
        return entry

    def mark(self, number: int, what: Literal["delivered", "heard"]) -> None:
        """Write down what became of entry `number`."""
        if number not in self._marks[what]:
            self._write(Mark(number=number, what=what))

    def pending(self) -> list[Entry]:
        """The entries that are not delivered, oldest first (by time of measurement, then by number)."""
        left = (entry for number, entry in self._entries.items() if number not in self._marks["delivered"])
        return sorted(left, key=lambda entry: (entry.at, entry.number))

    def entries(self) -> list[Entry]:
        """Everything measured, in the order it was written."""
        return list(self._entries.values())

    def heard(self) -> list[Entry]:
        """The entries a gateway could hear: all of a storing device, the marked ones of a broadcaster."""
        return [entry for entry in self._entries.values() if self._keeps or entry.number in self._marks["heard"]]

    def totals(self) -> Totals:
        """The counts."""
        delivered = len(self._marks["delivered"])
        pending = len(self._entries) - delivered if self._keeps else 0
        return Totals(measured=len(self._entries), heard=len(self.heard()), pending=pending, delivered=delivered)

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def _write(self, line: Entry | Mark) -> None:
        # One unbuffered append: a SIGKILL leaves either the whole line or none of it in the page cache.
        self._file.write(self._encode(line) + b"\n")
        self._apply(line)

    def _apply(self, line: Entry | Mark) -> None:
        if isinstance(line, Entry):
            self._entries[line.number] = line
        else:
            self._marks[line.what].add(line.number)


def _whole_lines(path: Path) -> Iterator[Entry | Mark]:
    if not path.exists():
        return
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    if end != len(data):
        with path.open("r+b") as file:
            file.truncate(end)
    decode = msgspec.json.Decoder(Entry | Mark).decode
    for line in data[:end].splitlines():
        yield decode(line)
