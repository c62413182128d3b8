"""QN scales (Renpho, Sencor, GE, Arboleaf, FitIndex and others) on service FFF0, or FFE0 on older ones.

Layouts as published by github.com/KristianP26/ble-scale-sync (issues 75, 84, 213, 235, 269, 331) and
github.com/oliexdev/openScale (QN scales). The weight counts tenths or hundredths of a kilogram, as the information
frame `12` of the session says; a weight that could be either without it is refused. Clocks count seconds from 2000 in
whatever zone they were set: we set the household's wall clock.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final

import msgspec

from engine.contract.reading import Quantity, Sample
from firmware_profiles.frames import big, expect_checksum, expect_length, little, sum8
from firmware_profiles.model import Codec, DecodeError, Gathered, uuid16
from firmware_profiles.numbers import fixed
from firmware_profiles.sample import need, number, quantities
from firmware_profiles.weighing import gather_steps, read_steps, settle_steps

NOTIFY: Final = uuid16(0xFFF1)
NOTIFY_OLD: Final = uuid16(0xFFE1)
MEMORY: Final = "qn-memory"
"""The carrier of records out of the scale's memory, kept by the dialogue."""

EPOCH: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - the scale's wall clock has no zone
LIVE, INFO, STORED, RESULT, HISTORY = 0x10, 0x12, 0x23, 0xB1, 0xB4
LONG_INFO: Final = 18
HEADER: Final = 2
# Decimals a weight may have.
COARSE, FINE = 1, 2
FLAGGED_INFO: Final = 11
# An ES-30M frame has a state where others have the low byte of the weight.
WITH_STATE: Final = 14
STATES: Final = range(3)
WHOLE: Final = frozenset({"weight", "impedance"})
STABLE_STATE: Final = 2
# No body weighs more: a raw count above it in tenths must count hundredths.
HEAVIEST_TENTHS: Final = 2500
_LIVE_LENGTHS: Final = range(10, 20)
_HEADS: Final = {RESULT: b"\xb1\x2c\x03\x01", HISTORY: b"\xb4\x2c\x04\x01", STORED: b"\x23\x13"}


def decode(data: bytes, places: int | None = None) -> Sample:
    """The sample in a frame; `places` are the decimals the session's information frame told.

    DecodeError: `truncated`, `length`, `checksum`, `no-measurement`, `ambiguous-scale`.
    """
    if len(data) < HEADER or data[0] not in {LIVE, *_HEADS}:
        raise DecodeError("no-measurement" if data else "truncated", "this frame carries no measurement")
    expect_length(data, data[1])
    if data[0] == LIVE:
        return _decode_live(data, places)
    head = _HEADS[data[0]]
    if not data.startswith(head):
        raise DecodeError("no-measurement", f"part {data[2:4].hex()} of a result carries no weight")
    return {STORED: _decode_stored, RESULT: _decode_result, HISTORY: _decode_history}[data[0]](data)


def encode(sample: Sample, places: int | None = None) -> bytes:
    """The frame a scale sends for `sample`: out of its memory, or live in the older layout (hundredths) or the newer.

    `places` None is the newer one, with tenths where they suffice. ValueError when a value does not fit.
    """
    weight, impedance = need(sample, "weight"), number(sample, "impedance") or Decimal(0)
    if sample.stored:
        return _encode_stored(sample, weight, impedance)
    if "impedance" not in sample.quantities and sample.final and places is None:
        return _close(b"\xb1\x2c\x03\x01\x01" + _count(weight, 2)[::-1] + bytes(36))
    if places == FINE:
        return _close(b"\x10\x0b\xff" + _count(weight, FINE) + bytes((sample.final,)) + _count(impedance, 0) + bytes(3))
    tenths = weight * 10
    fine = places is None and (tenths != int(tenths) or tenths > HEAVIEST_TENTHS)
    raw = _count(weight, FINE if fine else COARSE)
    state = bytes((STABLE_STATE if sample.final else 0,))
    return _close(b"\x10\x0e\xff\x01" + state + raw + _count(impedance, 0) + bytes(4))


def information(places: int, protocol: int = 0xFF) -> bytes:
    """The information frame of a scale that counts in `places` decimals."""
    return _close(bytes((INFO, FLAGGED_INFO + 1, protocol)) + bytes(7) + bytes((places == FINE, 0)))


def decimals(frames: tuple[bytes, ...]) -> int | None:
    """The decimals the last information frame tells; None without one and for the long form, which does not say."""
    for frame in reversed(frames):
        if len(frame) >= FLAGGED_INFO and frame[0] == INFO:
            return None if len(frame) >= LONG_INFO else FINE if frame[10] == 1 else COARSE
    return None


def clock(time: datetime) -> int:
    """A wall clock as the scale counts it."""
    return int((time - EPOCH).total_seconds())


def _decode_live(data: bytes, places: int | None) -> Sample:
    if len(data) not in _LIVE_LENGTHS:
        raise DecodeError("truncated", f"{len(data)} bytes are no live frame")
    if len(data) > _LIVE_LENGTHS[0]:
        expect_checksum(data[-1], sum8(data[:-1]))
    stated = len(data) >= WITH_STATE and data[4] in STATES and places != FINE
    final = data[4] == STABLE_STATE if stated else data[5] == 1
    raw, ohms = (big(data, 5), (big(data, 7), big(data, 9))) if stated else (big(data, 3), (big(data, 6), big(data, 8)))
    if final and not raw:
        raise DecodeError("no-measurement", "nobody stands on the scale")
    if raw > HEAVIEST_TENTHS:
        places = FINE
    elif places is None and not stated:
        raise DecodeError("ambiguous-scale", "tenths or hundredths of a kilogram: the scale has not said which")
    weight = Quantity(fixed(raw, COARSE if places is None else places), "kg")
    return Sample(quantities={"weight": weight} | _impedance(*ohms), final=final)


def _decode_result(data: bytes) -> Sample:
    expect_checksum(data[-1], sum8(data[:-1]))
    return Sample(quantities={"weight": _weight(little(data, 5))})


def _decode_history(data: bytes) -> Sample:
    expect_checksum(data[-1], sum8(data[:-1]))
    return _remembered(_weight(little(data, 11)), {}, little(data, 7, 4))


def _decode_stored(data: bytes) -> Sample:
    return _remembered(_weight(big(data, 10)), _impedance(little(data, 13), little(data, 15)), little(data, 6, 4))


def _remembered(weight: Quantity, more: dict[str, Quantity], seconds: int) -> Sample:
    time = EPOCH + timedelta(seconds=seconds) if seconds else None
    return Sample(quantities={"weight": weight} | more, time=time, stored=True)


def _encode_stored(sample: Sample, weight: Decimal, impedance: Decimal) -> bytes:
    seconds = (clock(sample.time) if sample.time else 0).to_bytes(4, "little")
    ohms = _count(impedance, 0)[::-1]
    return _close(b"\x23\x13\xff\x01\x01\xf0" + seconds + _count(weight, 2) + b"\0" + ohms + bytes(3))


def _weight(raw: int) -> Quantity:
    if not raw:
        raise DecodeError("no-measurement", "an empty place of the memory")
    return Quantity(fixed(raw, 2), "kg")


def _impedance(first: int, second: int) -> dict[str, Quantity]:
    ohms = first or second
    return quantities({"impedance": (Decimal(ohms) if ohms else None, "Ohm")})


def _count(value: Decimal, places: int) -> bytes:
    raw = value.scaleb(places)
    if raw != int(raw) or not 0 <= raw < 1 << 16:
        raise ValueError(f"{value} does not fit two bytes with {places} decimals")
    return int(raw).to_bytes(2, "big")


def _close(body: bytes) -> bytes:
    """`body`, whose last byte makes room for the checksum, with its length checked against what it states."""
    whole = body[: body[1] - 1].ljust(body[1] - 1, b"\0")
    return whole + bytes((sum8(whole),))


def _reader(frames: tuple[bytes, ...]) -> Callable[[bytes], Sample]:
    """How the frames of a session are read; what comes out of the memory is the dialogue's to keep."""
    places = decimals(frames)

    def read(frame: bytes) -> Sample:
        if frame[:1] in {bytes((HISTORY,)), bytes((STORED,))}:
            raise DecodeError("no-measurement", "a record of the memory is kept under its own name")
        return decode(frame, places)

    return read


def gather(earlier: tuple[bytes, ...], frame: bytes) -> Gathered | None:
    """The weighing this frame completes; None for greetings, answers and records of the memory."""
    if frame[:1] not in {bytes((LIVE,)), bytes((RESULT,))} or frame[:1] + frame[2:4] in {b"\xb1\3\2", b"\xb1\3\3"}:
        return None
    frames = (*earlier, frame)
    return gather_steps(read_steps(_reader(frames), WHOLE, frames))


def settle(frames: tuple[bytes, ...]) -> Gathered | None:
    """The weight whose impedance never came."""
    return settle_steps(read_steps(_reader(frames), WHOLE, frames))


def decode_memory(data: bytes) -> Sample:
    """A record out of the scale's memory; DecodeError as `decode`."""
    sample = decode(data)
    if not sample.stored:
        raise DecodeError("no-measurement", "a live frame is no record of the memory")
    return sample


def encode_memory(sample: Sample) -> bytes:
    """The record of `sample` as the scale's memory gives it."""
    return encode(msgspec.structs.replace(sample, stored=True))


STREAM_CODEC: Final = Codec(decode=decode, encode=partial(encode, places=None), gather=gather, settle=settle)
MEMORY_CODEC: Final = Codec(decode=decode_memory, encode=encode_memory)
