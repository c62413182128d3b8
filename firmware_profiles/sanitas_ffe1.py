"""Older Beurer, Sanitas, SilverCrest and Runtastic scales on the vendor characteristic FFE1.

Layout as published by github.com/oliexdev/openScale and github.com/KristianP26/ble-scale-sync (issues 112, 211, 384).
A frame begins with E7 or F7 by model. The clock counts Unix seconds in whatever zone it was set: we set the
household's wall clock, so a record of a time when the maker's app set it may be hours off.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from engine.contract.reading import Quantity, Sample
from firmware_profiles.frames import big, expect_length
from firmware_profiles.model import Codec, DecodeError, Gathered, uuid16
from firmware_profiles.numbers import count_steps, fixed
from firmware_profiles.sample import need, number, quantities
from firmware_profiles.weighing import Step, gather_steps, settle_steps

SERVICE: Final = uuid16(0xFFE0)
CHANNEL: Final = uuid16(0xFFE1)
RECORD: Final = "sanitas-record"
"""The carrier of whole measurements: the person's number (0: nobody's) and the measurement's 22 bytes."""

WEIGHT, MEASUREMENT, SAVED, USER_INFO, ANSWER = 0x58, 0x59, 0x42, 0x34, 0xF0
STARTS: Final = frozenset({0xE7, 0xF7})
EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - the scale's wall clock has no zone
LIVE_LENGTH: Final = 5
BODY_LENGTH: Final = 22
_HEAD: Final = 4
_LAST_SLOT: Final = 254
_PARTS: Final = 3
_LAST_PART: Final = bytes((_PARTS, _PARTS))
STEP: Final = Decimal("0.05")
# Name, offset in the measurement, decimals, unit.
FIELDS: Final = (
    ("impedance", 6, 0, "Ohm"),
    ("body_fat_percentage", 8, 1, "%"),
    ("body_water_percentage", 10, 1, "%"),
    ("muscle_percentage", 12, 1, "%"),
    ("basal_metabolism", 16, 0, "kcal"),
    ("bmi", 20, 1, "kg/m2"),
)


def decode(data: bytes) -> Sample:
    """The weight in a live frame; DecodeError: `truncated`, `length`, `no-measurement` (also for a part of one)."""
    if len(data) < len(_LAST_PART):
        raise DecodeError("truncated", "a frame has a start and a command")
    if data[0] not in STARTS or data[1] != WEIGHT:
        raise DecodeError("no-measurement", f"{data[:2].hex()} is no whole measurement")
    expect_length(data, LIVE_LENGTH)
    raw, final = big(data, 3), data[2] == 0
    if final and not raw:
        raise DecodeError("no-measurement", "nobody stands on the scale")
    return Sample(quantities={"weight": _weight(raw)}, final=final)


def encode(sample: Sample) -> bytes:
    """The live frame of a weight."""
    weight = count_steps(need(sample, "weight"), STEP, 2)[::-1]
    return bytes((0xE7, WEIGHT, 0 if sample.final else 1)) + weight


def decode_record(data: bytes) -> Sample:
    """The measurement in a record; a zero was not measured. DecodeError: `truncated`, `length`, `no-measurement`."""
    expect_length(data, 1 + BODY_LENGTH)
    person, body = data[0], data[1:]
    weight, seconds = big(body, 4), big(body, 0, 4)
    if not weight:
        raise DecodeError("no-measurement", "a record without weight")
    fields = {name: (fixed(big(body, at), places) or None, unit) for name, at, places, unit in FIELDS}
    return Sample(
        quantities={"weight": _weight(weight)} | quantities(fields),
        time=EPOCH + timedelta(seconds=seconds) if seconds else None,
        user_slot=person or None,
        stored=True,
    )


def encode_record(sample: Sample) -> bytes:
    """The record of `sample`; ValueError when a value does not fit."""
    seconds = int((sample.time - EPOCH).total_seconds()) if sample.time else 0
    body = bytearray(BODY_LENGTH)
    body[0:4] = seconds.to_bytes(4, "big")
    body[4:6] = count_steps(need(sample, "weight"), STEP, 2)[::-1]
    for name, at, places, _ in FIELDS:
        value = number(sample, name) or Decimal(0)
        body[at : at + 2] = count_steps(value, Decimal(1).scaleb(-places), 2)[::-1]
    return bytes((sample.user_slot or 0,)) + bytes(body)


def parts(start: int, record: bytes, number_in_scale: int) -> tuple[bytes, ...]:
    """The three frames in which a scale tells the measurement of `record` after a weighing."""
    person = number_in_scale.to_bytes(8, "big")
    first = bytes((start, MEASUREMENT, _PARTS, 1, 1)) + person
    return (first, *halves_of(start, MEASUREMENT, _PARTS, 2, record))


def halves_of(start: int, command: int, count: int, index: int, record: bytes) -> tuple[bytes, bytes]:
    """The two frames `index` and `index` + 1 of `count` that carry the measurement of `record`."""
    body = record[1:]
    return (
        bytes((start, command, count, index)) + body[:11],
        bytes((start, command, count, index + 1)) + body[11:],
    )


def slot_of(person: int) -> int:
    """The user slot of a person's number in the scale; 0 for one that names nobody here."""
    return person if 0 < person <= _LAST_SLOT else 0


def join_parts(person: int, *pieces: bytes) -> bytes | None:
    """The record of a measurement in two frames; None when they do not make one."""
    body = b"".join(piece[_HEAD:] for piece in pieces)
    return bytes((slot_of(person),)) + body if len(body) == BODY_LENGTH else None


def gather(earlier: tuple[bytes, ...], frame: bytes) -> Gathered | None:
    """The weighing this frame completes; None for talk and for parts. What was saved is the dialogue's to keep."""
    if frame[1:2] not in {bytes((WEIGHT,)), bytes((MEASUREMENT,))}:
        return None
    return gather_steps(_steps((*earlier, frame)))


def settle(frames: tuple[bytes, ...]) -> Gathered | None:
    """The settled weight no measurement followed: of somebody the scale does not know."""
    return settle_steps(_steps(frames))


def _steps(frames: tuple[bytes, ...]) -> tuple[Step, ...]:
    return tuple(_step(frames[: at + 1]) for at in range(len(frames)))


def _step(frames: tuple[bytes, ...]) -> Step:
    """What the last of `frames` says by itself or with the two before it."""
    frame = frames[-1]
    if frame[1:2] != bytes((MEASUREMENT,)):
        try:
            return Step(decode(frame), frame, (frame,))
        except DecodeError as error:
            return Step(error)
    pieces = _pieces(frames)
    record = join_parts(int.from_bytes(pieces[0][5:13], "big"), *pieces[1:]) if pieces else None
    if record is None:
        return Step(None)
    try:
        return Step(decode_record(record), record, pieces, whole=True)
    except DecodeError as error:
        return Step(error)


def _pieces(frames: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The three parts of the measurement whose last part is the last of `frames`; none while parts are missing."""
    last = frames[-1]
    if len(last) < _HEAD or last[2:4] != _LAST_PART:
        return ()
    found = tuple(frame for frame in frames if frame[1:3] == last[1:3])[-_PARTS:]
    # In a row, or they are of two people.
    return found if [frame[3:4] for frame in found] == [b"\1", b"\2", b"\3"] else ()


def _weight(raw: int) -> Quantity:
    return Quantity(fixed(raw * 5, 2), "kg")


STREAM_CODEC: Final = Codec(decode=decode, encode=encode, gather=gather, settle=settle)
RECORD_CODEC: Final = Codec(decode=decode_record, encode=encode_record)
