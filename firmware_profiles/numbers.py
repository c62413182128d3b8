"""Bluetooth number formats with their digits kept, and the cursor every decoder reads with."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from firmware_profiles.model import DecodeError

SFLOAT_NAN: Final = b"\xff\x07"
# A reading's number has at most 12 digits before and 9 after the point (engine.contract.reading.Number).
_FLOAT_EXPONENTS: Final = range(-9, 6)
_SFLOAT_EXPONENTS: Final = range(-8, 8)


class Reader:
    """A bounds-checked little-endian cursor: reading past the end raises DecodeError("truncated")."""

    def __init__(self, data: bytes) -> None:
        self._data = bytes(data)
        self._at = 0

    @property
    def left(self) -> int:
        """How many bytes have not been read."""
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if self.left < count:
            raise DecodeError("truncated", f"{count} bytes expected at offset {self._at}, {self.left} left")
        self._at += count
        return self._data[self._at - count : self._at]

    def unsigned(self, size: int) -> int:
        """The next unsigned integer of `size` bytes."""
        return int.from_bytes(self.take(size), "little")

    def sfloat(self) -> Decimal | None:
        """The next SFLOAT."""
        return decode_sfloat(self.take(2))

    def float32(self) -> Decimal | None:
        """The next FLOAT."""
        return decode_float(self.take(4))

    def datetime(self) -> datetime | None:
        """The next Date Time (0x2A08)."""
        return decode_datetime(self.take(7))


def decode_sfloat(data: bytes) -> Decimal | None:
    """The two-byte IEEE 11073 SFLOAT in `data`, exponent digits kept; None for NaN, NRes, infinity and reserved."""
    raw = int.from_bytes(data, "little")
    exponent, mantissa = _signed(raw >> 12, 4), _signed(raw & 0xFFF, 12)
    return None if _is_special(exponent, mantissa, 11) else Decimal(mantissa).scaleb(exponent)


def encode_sfloat(value: Decimal | None) -> bytes:
    """The SFLOAT of `value`, NaN for None; ValueError when it does not fit exactly."""
    if value is None:
        return SFLOAT_NAN
    exponent, mantissa = _fit(value, 11, _SFLOAT_EXPONENTS)
    return ((exponent & 0xF) << 12 | mantissa & 0xFFF).to_bytes(2, "little")


def decode_float(data: bytes) -> Decimal | None:
    """The four-byte IEEE 11073 FLOAT in `data`, None for its special values.

    DecodeError("out-of-range") for an exponent no body measurement has.
    """
    raw = int.from_bytes(data, "little")
    exponent, mantissa = _signed(raw >> 24, 8), _signed(raw & 0xFFFFFF, 24)
    if _is_special(exponent, mantissa, 23):
        return None
    if exponent not in _FLOAT_EXPONENTS:
        raise DecodeError("out-of-range", f"FLOAT exponent {exponent}")
    return Decimal(mantissa).scaleb(exponent)


def encode_float(value: Decimal | None) -> bytes:
    """The FLOAT of `value`, NaN for None; ValueError when it does not fit exactly."""
    exponent, mantissa = (0, 0x7FFFFF) if value is None else _fit(value, 23, _FLOAT_EXPONENTS)
    return ((exponent & 0xFF) << 24 | mantissa & 0xFFFFFF).to_bytes(4, "little")


def decode_datetime(data: bytes) -> datetime | None:
    """The wall clock in a seven-byte Date Time; None when year, month or day is unknown (0) or no calendar has it."""
    year = int.from_bytes(data[:2], "little")
    try:
        return datetime(year, *data[2:7])  # noqa: DTZ001 - a device clock has no zone
    except ValueError:
        return None


def encode_datetime(time: datetime | None) -> bytes:
    """The Date Time of `time`; None becomes all zeros, which means unknown."""
    if time is None:
        return bytes(7)
    return time.year.to_bytes(2, "little") + bytes((time.month, time.day, time.hour, time.minute, time.second))


def fixed(raw: int, places: int) -> Decimal:
    """`raw` with the decimal point `places` digits from the right."""
    return Decimal(raw).scaleb(-places)


def halves(raw: int) -> Decimal:
    """`raw` steps of 0.005, with a third decimal only where it says something: 12460 is 62.30, 12461 is 62.305."""
    return fixed(raw // 2, 2) if raw % 2 == 0 else fixed(raw * 5, 3)


def count_steps(value: Decimal, step: Decimal, size: int) -> bytes:
    """`value` as an unsigned little-endian count of `step`s; ValueError when inexact or too large for `size` bytes."""
    count = value / step
    if count != count.to_integral_value() or not 0 <= count < 1 << 8 * size:
        raise ValueError(f"{value} does not fit {size} bytes of {step}")
    return int(count).to_bytes(size, "little")


def _signed(raw: int, bits: int) -> int:
    return raw - (1 << bits) if raw >> (bits - 1) else raw


def _is_special(exponent: int, mantissa: int, bits: int) -> bool:
    top = 1 << bits
    return exponent == 0 and (mantissa >= top - 2 or mantissa <= 2 - top)


def _fit(value: Decimal, bits: int, exponents: range) -> tuple[int, int]:
    """Exponent and mantissa of `value`, its own digits where they fit, else fewer trailing or leading zeros."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{value} is no number")  # noqa: TRY004 - a NaN is a bad value, not a bad type
    mantissa = int("".join(map(str, digits)) or "0") * (-1 if sign else 1)
    if mantissa == 0:
        return min(max(exponent, exponents[0]), exponents[-1]), 0
    while exponent > exponents[-1]:
        mantissa, exponent = mantissa * 10, exponent - 1
    while mantissa % 10 == 0 and (exponent < exponents[0] or not _is_free(exponent, mantissa, bits)):
        mantissa, exponent = mantissa // 10, exponent + 1
    if exponent not in exponents or not _is_free(exponent, mantissa, bits):
        raise ValueError(f"{value} does not fit {bits + 1} bits of mantissa")
    return exponent, mantissa


def _is_free(exponent: int, mantissa: int, bits: int) -> bool:
    return -(1 << bits) <= mantissa < 1 << bits and not _is_special(exponent, mantissa, bits)
