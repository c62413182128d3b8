"""OMRON memory records, as they stand in the device: blood pressure, the HN-300T2 scale, the HBF scales.

Layouts: github.com/userx14/omblepy and github.com/eigger/hass-omron (blood pressure, HN-300T2), github.com/oliexdev/
openScale OmronBodyCompositionLib (HBF). Facts only; the bytes of real devices are in tests/golden/captures.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from engine.contract.reading import Quantity, Sample
from firmware_profiles.model import DecodeError
from firmware_profiles.numbers import Reader, fixed
from firmware_profiles.sample import flag, need, number, positive, quantities

CENTURY: Final = 2000
PRESSURE_SIZE: Final = 14
SYSTOLIC_BASE: Final = 25
HIGHEST_SYSTOLIC: Final = 0xE1
_LAST_SECOND: Final = 59
_LAST_YEAR: Final = 63
HN_SIZE: Final = 16
HBF_LONG, HBF_SHORT = 48, 32
_ERASED: Final = 0xFFFF
_TWELVE_BITS: Final = 0xFFF
_LB_PER_KG: Final = Decimal("2.20462")
_LB_SLACK: Final = Decimal("0.3")


def decode_pressure_record(data: bytes, *, swapped_words: bool = False, swapped_flags: bool = False) -> Sample:
    """The sample in a blood-pressure record of 14 or 16 bytes, mmHg and /min.

    Older devices hand over every 16-bit word with its bytes exchanged (`swapped_words`) and carry no record number;
    the wrist monitor HEM-6232T exchanges the irregular-pulse and movement bits (`swapped_flags`).
    DecodeError: `truncated`, `empty` (a place that was never written).
    """
    record = Reader(data).take(PRESSURE_SIZE)
    record = swap_words(record) if swapped_words else record
    systolic, diastolic, pulse = record[0], record[1], record[2]
    if systolic > HIGHEST_SYSTOLIC or diastolic == 0:
        raise DecodeError("empty", "this place of the memory holds no measurement")
    date, clock = int.from_bytes(record[4:6], "little"), int.from_bytes(record[6:8], "little")
    irregular, movement = bool(date >> 14 & 1), bool(date >> 15 & 1)
    if swapped_flags:
        irregular, movement = movement, irregular
    fields = {
        "systolic": (Decimal(systolic + SYSTOLIC_BASE), "mm[Hg]"),
        "diastolic": (Decimal(diastolic), "mm[Hg]"),
        "pulse_rate": (positive(Decimal(pulse)), "/min"),
        "irregular_pulse": (irregular, "bool"),
        "body_movement": (movement, "bool"),
    }
    # The seconds run to 63 on some devices.
    second = min(clock & 0x3F, _LAST_SECOND)
    moment = (record[3] & 0x3F, date >> 10 & 0xF, date >> 5 & 0x1F, date & 0x1F, clock >> 6 & 0x3F, second)
    number_ = 0 if swapped_words else int.from_bytes(record[10:12], "little")
    return Sample(quantities=quantities(fields), time=wall_time(*moment), sequence=number_ or None)


def encode_pressure_record(sample: Sample, *, swapped_words: bool = False, swapped_flags: bool = False) -> bytes:
    """The 14-byte record of `sample`; ValueError for a value or a year it cannot hold."""
    irregular, movement = flag(sample, "irregular_pulse"), flag(sample, "body_movement")
    if swapped_flags:
        irregular, movement = movement, irregular
    year, month, day, hour, minute, second = _parts(sample.time)
    date = hour | day << 5 | month << 10 | irregular << 14 | movement << 15
    values = (need(sample, "systolic") - SYSTOLIC_BASE, need(sample, "diastolic"), number(sample, "pulse_rate") or 0)
    head = b"".join(whole(Decimal(value), 1) for value in values)
    if head[0] > HIGHEST_SYSTOLIC:
        raise ValueError(f"systolic {head[0] + SYSTOLIC_BASE} is more than the record holds")
    words = (date, second | minute << 6, 0, sample.sequence or 0, 0)
    record = head + bytes((year,)) + b"".join(word.to_bytes(2, "little") for word in words)
    return swap_words(record) if swapped_words else record


def decode_hn_record(data: bytes) -> Sample:
    """The sample in a 16-byte HN-300T2 record: kg with its time and record number.

    DecodeError: `truncated`, `empty`, `inconsistent` (shown in another unit, and the two weights differ).
    """
    record = Reader(data).take(HN_SIZE)
    raw, pounds = int.from_bytes(record[:2], "big"), int.from_bytes(record[11:13], "big")
    if raw in {0, _ERASED}:
        raise DecodeError("empty", "this place of the memory holds no measurement")
    weight = fixed(raw * 5, 2)
    if record[8] and abs(weight * _LB_PER_KG - fixed(pounds * 2, 1)) > _LB_SLACK:
        raise DecodeError("inconsistent", "the record's kilograms and pounds are not one weight")
    count = int.from_bytes(record[9:11], "big")
    fields = {"weight": (weight, "kg")}
    return Sample(quantities=quantities(fields), time=wall_time(*record[2:8]), sequence=count or None)


def encode_hn_record(sample: Sample) -> bytes:
    """The 16-byte record of `sample`; ValueError for a weight that is no multiple of 50 g."""
    weight = need(sample, "weight")
    pounds = int((weight * _LB_PER_KG / Decimal("0.2")).to_integral_value())
    clock = bytes(_parts(sample.time))
    record = _steps(weight, Decimal("0.05"), _ERASED - 1).to_bytes(2, "big") + clock + b"\0"
    return record + (sample.sequence or 0).to_bytes(2, "big") + min(pounds, _ERASED).to_bytes(2, "big") + b"\xff" * 3


class Bits(msgspec.Struct, frozen=True):
    """A field of a big-endian record: `width` bits from bit `low` (0 is the least) of the `size` bytes at `at`."""

    at: int
    size: int
    low: int
    width: int

    def read(self, record: bytes) -> int:
        """The field's value."""
        return int.from_bytes(record[self.at : self.at + self.size], "big") >> self.low & (1 << self.width) - 1

    def write(self, record: bytearray, value: int) -> None:
        """Put `value` in its place; ValueError when it does not fit."""
        if not 0 <= value < 1 << self.width:
            raise ValueError(f"{value} does not fit {self.width} bits")
        end = self.at + self.size
        whole_ = int.from_bytes(record[self.at : end], "big") | value << self.low
        record[self.at : end] = whole_.to_bytes(self.size, "big")


WEIGHT, WEIGHT_COPY = Bits(26, 2, 4, 12), Bits(0, 2, 4, 12)
VISCERAL: Final = "visceral_fat_level"
BODY_FIELDS: Final[Mapping[str, tuple[Bits, Decimal, str]]] = {
    "body_fat_percentage": (Bits(2, 2, 6, 10), Decimal("0.1"), "%"),
    VISCERAL: (Bits(2, 2, 0, 6), Decimal(1), "1"),
    "basal_metabolism": (Bits(4, 2, 4, 12), Decimal(1), "kcal"),
    "skeletal_muscle_percentage": (Bits(6, 2, 6, 10), Decimal("0.1"), "%"),
    "bmi": (Bits(8, 2, 6, 10), Decimal("0.1"), "kg/m2"),
    "body_age": (Bits(10, 1, 0, 7), Decimal(1), "a"),
}
MOMENT: Final = (
    Bits(7, 1, 0, 6), Bits(11, 1, 0, 4), Bits(12, 1, 3, 5), Bits(12, 2, 6, 5), Bits(9, 1, 0, 6), Bits(13, 1, 0, 6),
)  # fmt: skip


def decode_body_record(data: bytes, size: int = HBF_SHORT, *, ages: bool = True) -> Sample:
    """The sample in an HBF record of `size` bytes; a composition of 0 is "not measured" (a guest, a child).

    The 48-byte records count visceral fat in half levels. A record that opens with the same weight it holds further
    down is the HBF-222T's, which counts in 100 g; the others count in 50 g. `ages` False: this model shows no age.
    DecodeError: `truncated`, `empty`.
    """
    record = Reader(data).take(size)
    raw, copy = WEIGHT.read(record), WEIGHT_COPY.read(record)
    if raw in {0, _TWELVE_BITS}:
        raise DecodeError("empty", "this place of the memory holds no measurement")
    found = {"weight": Quantity(fixed(raw, 1) if raw == copy else fixed(raw * 5, 2), "kg")}
    for name, (bits, step, unit) in BODY_FIELDS.items():
        value = bits.read(record)
        if value and (ages or name != "body_age"):
            found[name] = Quantity(value * _step(name, step, size), unit)
    return Sample(quantities=found, time=wall_time(*(bits.read(record) for bits in MOMENT)))


def encode_body_record(sample: Sample, size: int = HBF_SHORT) -> bytes:
    """The record of `sample` in `size` bytes; ValueError for a value it cannot hold."""
    record = bytearray(size)
    weight = need(sample, "weight")
    if weight / Decimal("0.05") < _TWELVE_BITS:
        WEIGHT.write(record, _steps(weight, Decimal("0.05"), _TWELVE_BITS - 1))
    else:
        for bits in (WEIGHT, WEIGHT_COPY):
            bits.write(record, _steps(weight, Decimal("0.1"), _TWELVE_BITS - 1))
    for name, (bits, step, _) in BODY_FIELDS.items():
        value = number(sample, name)
        if value is not None:
            bits.write(record, _steps(value, _step(name, step, size), (1 << bits.width) - 1))
    for bits, part in zip(MOMENT, _parts(sample.time), strict=True):
        bits.write(record, part)
    return bytes(record)


def swap_words(data: bytes) -> bytes:
    """`data` with the bytes of each 16-bit word exchanged."""
    return b"".join(data[at : at + 2][::-1] for at in range(0, len(data), 2))


def wall_time(year: int, month: int, day: int, hour: int, minute: int, second: int) -> datetime | None:
    """The wall clock of these numbers, the year counted from 2000; None when no calendar has it, or no device."""
    if year > _LAST_YEAR:
        return None
    try:
        return datetime(CENTURY + year, month, day, hour, minute, second)  # noqa: DTZ001 - a device clock has no zone
    except ValueError:
        return None


def whole(value: Decimal, size: int) -> bytes:
    """`value` as an unsigned little-endian number of `size` bytes; ValueError when it is no such number."""
    return _steps(value, Decimal(1), (1 << 8 * size) - 1).to_bytes(size, "little")


def _step(name: str, step: Decimal, size: int) -> Decimal:
    return Decimal("0.5") if name == VISCERAL and size == HBF_LONG else step


def _steps(value: Decimal, step: Decimal, most: int) -> int:
    count = value / step
    if count != count.to_integral_value() or not 0 <= count <= most:
        raise ValueError(f"{value} is no count of {step} up to {most}")
    return int(count)


def _parts(time: datetime | None) -> tuple[int, int, int, int, int, int]:
    if time is None:
        return 0, 0, 0, 0, 0, 0
    if not CENTURY <= time.year <= CENTURY + _LAST_YEAR:
        raise ValueError(f"the record has no year {time.year}")
    return time.year - CENTURY, time.month, time.day, time.hour, time.minute, time.second
