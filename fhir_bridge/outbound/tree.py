"""The folder of messages: patient, day and kind as in an SS-MIX2 storage, whole files only, and an index of them.

Standard storage 1.2 names a file by patient, day, kind, order, moment of writing, department and condition; 1 is the
condition of the one that holds, 0 of those it follows. `ORU-01` is a kind of our own: the standard has none for what
was measured at home. The index is a line of JSON for each file, added after the file is safe on the disk.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.whole_files import put_whole, sync_names
from fhir_bridge.outbound.message import Letterhead, Said, control_id, digest_of, message
from fhir_bridge.outbound.planning import Remembered

KIND: Final = "ORU-01"
_INDEX: Final = "index.ndjson"
_LOCK: Final = ".lock"
_PATIENT: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_WARD: Final = "-"
_HOLDS: Final = "_1"
_FOLLOWED: Final = "_0"
_LINES: Final = msgspec.json.Decoder(Remembered)


class OutboxError(OSError):
    """The folder cannot be used as an outbox: `code` busy, damaged-index or bad-number."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def fits(patient: str) -> bool:
    """Whether a patient number can be a folder's name."""
    return _PATIENT.fullmatch(patient) is not None


class Outbox:
    """A tree of messages below `root`; one program writes at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.known: dict[str, Remembered] = {}

    @contextmanager
    def opened(self, *, writes: bool = True) -> Iterator[Outbox]:
        """The outbox with its index read, held against other writers.

        Raises OutboxError busy where another program writes, damaged-index with the line that cannot be read.
        """
        if not writes:
            self.known = self._read(repair=False)
            yield self
            return
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.root / _LOCK).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise OutboxError("busy", "another program writes into this outbox") from error
            self.known = self._read(repair=True)
            yield self

    def put(self, said: Said, resident: str, head: Letterhead, now: datetime) -> Remembered:
        """Writes one message, marks those it follows, then remembers it; what a crash left behind is taken as it is."""
        folder = self._folder(said, head.zone)
        control = control_id(said)
        there = {path: path.read_bytes() for path in self._of(folder, said.key)}
        found = next((path for path, data in there.items() if f"|{control}|".encode() in data and _holds(path)), None)
        if found is None:
            data = message(said, head, now)
            found = _write(folder, self._name(said, folder, head, now), data)
        else:
            data = there[found]
        for older in there:
            if older != found and _holds(older):
                older.rename(older.with_name(older.name.removesuffix(_HOLDS) + _FOLLOWED))
        sync_names(folder)
        line = self._line(said, resident, found, data, head, now)
        self._remember(line)
        return line

    def purge(self, one: Remembered, now: datetime) -> None:
        """Removes the files of one thing, which may not be shared any more, and remembers that."""
        folder = (self.root / one.path).parent
        for path in self._of(folder, one.key):
            path.unlink()
        if folder.is_dir():
            sync_names(folder)
        self._remember(msgspec.structs.replace(one, purged=True, at=now))

    def present(self) -> Iterator[tuple[str, bytes]]:
        """Every file that holds, by its path below the root."""
        for path in sorted(self.root.rglob(f"*_{KIND}_*{_HOLDS}")):
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(self.root).as_posix(), path.read_bytes()

    def _folder(self, said: Said, zone: ZoneInfo) -> Path:
        patient = said.patient
        if not fits(patient):
            raise OutboxError("bad-number", "a patient number that cannot be a folder's name")
        day = day_of(said, zone).replace("-", "")
        return self.root / (patient[:3]) / (patient[3:6] or _WARD) / patient / day / KIND

    def _name(self, said: Said, folder: Path, head: Letterhead, now: datetime) -> str:
        at = now.astimezone(head.zone)
        stamp = f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03}"
        return f"{said.patient}_{folder.parent.name}_{KIND}_{said.key}_{stamp}_{_WARD}{_HOLDS}"

    def _of(self, folder: Path, key: str) -> list[Path]:
        return sorted(folder.glob(f"*_{KIND}_{key}_*")) if folder.is_dir() else []

    def _line(self, said: Said, resident: str, path: Path, data: bytes, head: Letterhead, now: datetime) -> Remembered:
        return Remembered(
            key=said.key, identifier=said.identifier, resident=resident, patient=said.patient, kind=said.value.kind,
            day=date.fromisoformat(day_of(said, head.zone)), measured_at=said.value.measured_at, status=said.status,
            digest=digest_of(said), control=control_id(said), path=path.relative_to(self.root).as_posix(),
            sha=sha_of(data), at=now, turn=said.turn,
        )  # fmt: skip

    def _remember(self, line: Remembered) -> None:
        with (self.root / _INDEX).open("ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.known[line.key] = line

    def _read(self, *, repair: bool) -> dict[str, Remembered]:
        """What was written, by key; the end of a write that died is left out, and cut off where `repair`.

        The file it was about is found again by its own content.
        """
        path = self.root / _INDEX
        *lines, broken = path.read_bytes().split(b"\n") if path.exists() else [b""]
        found: dict[str, Remembered] = {}
        for number, line in enumerate(lines, 1):
            try:
                one = _LINES.decode(line)
            except msgspec.DecodeError as error:
                raise OutboxError("damaged-index", f"{_INDEX} line {number} cannot be read") from error
            found[one.key] = one
        if broken and repair:
            put_whole(path, b"".join(line + b"\n" for line in lines))
        return found


def day_of(said: Said, zone: ZoneInfo) -> str:
    """The civil day a thing belongs to, as 2026-11-21."""
    return (said.value.day or said.value.measured_at.astimezone(zone).date()).isoformat()


def sha_of(data: bytes) -> str:
    """The hash by which the index knows a file."""
    return hashlib.sha256(data).hexdigest()


def _holds(path: Path) -> bool:
    return path.name.endswith(_HOLDS)


def _write(folder: Path, name: str, data: bytes) -> Path:
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True)
        for place in list(folder.parents)[:5]:
            sync_names(place)
    return put_whole(folder / name, data)
