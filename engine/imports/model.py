"""What a parser finds in somebody else's file: records, faults with a line, and why a whole file is refused."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Final

import msgspec

from engine.contract.ids import base32
from engine.contract.reading import Reading, TimeQuality, Value, reading_id

SHOWN: Final = 60
_DEVICE_LETTERS: Final = 13


class FileError(ValueError):
    """The file as a whole cannot be read, or not further; `code` is the stable reason, `line` where, 0 for nowhere."""

    def __init__(self, code: str, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.line = line


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """What only our own export can say: the id the reading always had, its device, and how sure it was."""

    id: str
    device: str | None = None
    time_quality: TimeQuality = "device"
    experimental: bool = False
    preliminary: bool = False
    summary: bool = False


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement of a file: `line` for people, `origin` the app or device that is named as its source.

    `at` and `start` are aware; with `start` the values belong to the span from there to `at`.
    """

    line: int
    origin: str
    at: datetime
    values: tuple[Value, ...]
    start: datetime | None = None
    own: Own | None = None


class Fault(msgspec.Struct, frozen=True):
    """A line that is no measurement, with a stable code; `text` is its beginning."""

    line: int
    code: str
    text: str = ""


Item = Record | Fault


def fault(line: int, code: str, text: str = "") -> Fault:
    """A fault that shows only the beginning of `text`, without control characters."""
    return Fault(line, code, "".join(c if c.isprintable() else " " for c in text[: SHOWN * 2])[:SHOWN])


def device_of(resident: str, form: str, origin: str) -> str:
    """The device id of a source named in a file: the same at every import, another one for everybody else's data."""
    return "d-" + base32(hashlib.sha256(f"import\0{resident}\0{form}\0{origin}".encode()).digest(), _DEVICE_LETTERS)


def reading_of(record: Record, resident: str, form: str, now: datetime) -> Reading:
    """The reading of `record`; equal records of one resident and format give equal ids, however often they come."""
    own = record.own
    device = (own and own.device) or device_of(resident, form, record.origin)
    span = "" if record.start is None else record.start.astimezone(UTC).isoformat()
    said = "\n".join(f"{value.kind} {value.value} {value.unit}" for value in record.values)
    name = (
        own.id if own else reading_id(device, None, record.at.astimezone(UTC).isoformat(), f"{span}\n{said}".encode())
    )
    return Reading(
        id=name, device=device, profile=f"import-{form}", source="import", provenance="imported",
        person_hint=resident, quality=0.0 if own and own.preliminary else None, measured_at=record.at,
        time_quality=own.time_quality if own else "device", period_start=record.start, received_at=now,
        values=record.values,
    )  # fmt: skip
