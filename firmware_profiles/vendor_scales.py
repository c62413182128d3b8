"""Small vendors' scales over their own GATT services: Koogeek S1, Vitafit VT701, Robi S9 and Soehnle Shape/Style.

Layouts as published by github.com/KristianP26/ble-scale-sync (issues 228, 248, 270) and github.com/oliexdev/openScale
(issue 487; Vitafit and Robi tests with captured frames).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from engine.contract.reading import Sample
from firmware_profiles.frames import big, expect_checksum, expect_head, expect_length, sum8, xor8
from firmware_profiles.model import DecodeError, uuid16
from firmware_profiles.numbers import count_steps, fixed
from firmware_profiles.sample import need, number, quantities

KOOGEEK_STREAM, KOOGEEK_ORDERS = uuid16(0xFFF4), uuid16(0xFFF3)
KOOGEEK_HEAD: Final = b"\x55\xaa\x55\xaa"
KOOGEEK_LENGTH: Final = 14
KOOGEEK_LIVE, KOOGEEK_SETTLED = 2, 3
VITAFIT_STREAM, VITAFIT_ORDERS = uuid16(0xFFF1), uuid16(0xFFF2)
VITAFIT_WEIGHT, VITAFIT_IMPEDANCE = b"\x5a\x0a\x26\x10", b"\x5a\x0b\x26\x11"
VITAFIT_LENGTHS: Final = {VITAFIT_WEIGHT: 12, VITAFIT_IMPEDANCE: 13}
VITAFIT_SETTLED: Final = 2
VITAFIT_TAIL: Final = b"\xaa"
ROBI_RESULT, ROBI_ORDERS = uuid16(0xFFB3), uuid16(0xFFB1)
ROBI_LENGTH: Final = 20
ROBI_FINAL: Final = 0xA3
ROBI_TRAILER: Final = 0x1F
SOEHNLE_SERVICE: Final = "352e3000-28e9-40b8-a361-6db4cca4147c"
SOEHNLE_RECORDS: Final = "352e3001-28e9-40b8-a361-6db4cca4147c"
SOEHNLE_ORDERS: Final = "352e3002-28e9-40b8-a361-6db4cca4147c"
SOEHNLE_LENGTH: Final = 15
SOEHNLE_RECORD: Final = b"\x09"
ONE, TENTH, HUNDREDTH, THOUSANDTH = Decimal(1), Decimal("0.1"), Decimal("0.01"), Decimal("0.001")


def decode_koogeek(data: bytes) -> Sample:
    """The sample in a Koogeek frame; DecodeError: `truncated`, `length`, `checksum`, `no-measurement`."""
    expect_head(data, KOOGEEK_HEAD)
    expect_length(data, KOOGEEK_LENGTH)
    expect_checksum(data[-1], xor8(data[:-1]))
    if data[4] not in {KOOGEEK_LIVE, KOOGEEK_SETTLED}:
        raise DecodeError("no-measurement", f"command {data[4]:02x} carries no measurement")
    return _settled(fixed(big(data, 9), 1), big(data, 11), final=data[4] == KOOGEEK_SETTLED)


def encode_koogeek(sample: Sample) -> bytes:
    """The Koogeek frame of `sample`."""
    command = KOOGEEK_SETTLED if sample.final else KOOGEEK_LIVE
    ohms = _big(number(sample, "impedance") or Decimal(0), ONE)
    body = KOOGEEK_HEAD + bytes((command, 7, 1, 0, 0)) + _big(need(sample, "weight"), TENTH) + ohms
    return body + bytes((xor8(body),))


def decode_vitafit(data: bytes) -> Sample:
    """Weight or impedance in a Vitafit frame; DecodeError: `truncated`, `length`, `checksum`, `no-measurement`."""
    expect_head(data, VITAFIT_WEIGHT[:1])
    length = VITAFIT_LENGTHS.get(data[:4])
    if length is None:
        raise DecodeError("no-measurement", f"{data[:4].hex()} carries no measurement")
    expect_length(data, length)
    expect_checksum(data[-2], xor8(data[1:-2]))
    if data[:4] == VITAFIT_WEIGHT:
        return _settled(fixed(big(data, 8), 2), 0, final=data[4] == VITAFIT_SETTLED)
    ohms = big(data, 9)
    if not ohms:
        raise DecodeError("no-measurement", "no impedance was measured")
    return Sample(quantities=quantities({"impedance": (Decimal(ohms), "Ohm")}))


def encode_vitafit(sample: Sample) -> bytes:
    """The Vitafit frame of `sample`: a weight, or an impedance by itself; ValueError for both."""
    if "weight" not in sample.quantities:
        return _vitafit(VITAFIT_IMPEDANCE + bytes(5) + _big(need(sample, "impedance"), ONE))
    if "impedance" in sample.quantities:
        raise ValueError("weight and impedance come in two frames")
    weight = _big(need(sample, "weight"), HUNDREDTH)
    return _vitafit(VITAFIT_WEIGHT + bytes((VITAFIT_SETTLED if sample.final else 1, 0, 0)) + weight[:1] + weight)


def decode_robi(data: bytes) -> Sample:
    """The weight in a Robi result; DecodeError: `truncated`, `length`, `checksum`, `no-measurement`."""
    expect_length(data, ROBI_LENGTH)
    if data[2] or data[3] != ROBI_FINAL:
        raise DecodeError("no-measurement", f"frame type {data[3]:02x} carries no measurement")
    expect_checksum(data[-1], sum8(data[3:-1]) & ROBI_TRAILER)
    return _settled(fixed(big(data, 5, 3), 3), 0, final=True)


def encode_robi(sample: Sample) -> bytes:
    """The Robi result of `sample`."""
    grams = count_steps(need(sample, "weight"), THOUSANDTH, 3)[::-1]
    body = bytes((3, 8, 0, ROBI_FINAL, 0)) + grams + bytes(11)
    return body + bytes((sum8(body[3:]) & ROBI_TRAILER,))


def decode_soehnle(data: bytes) -> Sample:
    """The record in a Soehnle frame; DecodeError: `truncated`, `length`, `no-measurement`."""
    expect_head(data, SOEHNLE_RECORD)
    expect_length(data, SOEHNLE_LENGTH)
    weight, ohms = fixed(big(data, 9), 1), big(data, 13)
    if not weight:
        raise DecodeError("no-measurement", "an empty place of the memory")
    fields = {"weight": (weight, "kg"), "impedance_50khz": (Decimal(ohms) if ohms else None, "Ohm")}
    return Sample(quantities=quantities(fields), time=_soehnle_time(data), user_slot=data[1] or None, stored=True)


def encode_soehnle(sample: Sample) -> bytes:
    """The Soehnle frame of `sample`."""
    time = sample.time
    clock = bytes(7)
    if time is not None:
        clock = time.year.to_bytes(2, "big") + bytes((time.month, time.day, time.hour, time.minute, time.second))
    ohms = _big(number(sample, "impedance_50khz") or Decimal(0), ONE)
    weight = _big(need(sample, "weight"), TENTH)
    return SOEHNLE_RECORD + bytes((sample.user_slot or 0,)) + clock + weight + bytes(2) + ohms


def _soehnle_time(data: bytes) -> datetime | None:
    try:
        return datetime(big(data, 2), *data[4:9])  # noqa: DTZ001 - a device clock has no zone
    except ValueError:
        return None


def _settled(weight: Decimal, ohms: int, *, final: bool) -> Sample:
    if final and not weight:
        raise DecodeError("no-measurement", "nobody stands on the scale")
    fields = {"weight": (weight, "kg"), "impedance": (Decimal(ohms) if ohms else None, "Ohm")}
    return Sample(quantities=quantities(fields), final=final)


def _vitafit(body: bytes) -> bytes:
    return body + bytes((xor8(body[1:]),)) + VITAFIT_TAIL


def _big(value: Decimal, step: Decimal) -> bytes:
    return count_steps(value, step, 2)[::-1]
