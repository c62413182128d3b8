"""The clock itself: Date Time 0x2A08 and Current Time 0x2A2B, local wall time without a zone.

Layout: Bluetooth SIG, Current Time Service 1.1 and GATT Specification Supplement.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from engine.contract.reading import Sample
from firmware_profiles.model import Codec, Profile
from firmware_profiles.numbers import Reader, encode_datetime
from firmware_profiles.sample import number, quantities
from firmware_profiles.uuids import CURRENT_TIME, DATE_TIME

_SECOND: Final = 1_000_000
_FRACTIONS: Final = 256
_DAYS: Final = range(1, 8)
_REASONS: Final = 0x0F


def decode_date_time(data: bytes) -> Sample:
    """The clock in a 0x2A08 value; its time is None when the clock is not set. DecodeError: `truncated`."""
    return Sample(quantities={}, time=Reader(data).datetime())


def encode_date_time(sample: Sample) -> bytes:
    """The 0x2A08 value of the sample's time."""
    return encode_datetime(sample.time)


def decode_current_time(data: bytes) -> Sample:
    """The clock in a 0x2A2B value with day of week (1 Monday) and adjust reason bits; DecodeError: `truncated`."""
    reader = Reader(data)
    time = reader.datetime()
    day, fraction, reason = reader.unsigned(1), reader.unsigned(1), reader.unsigned(1)
    fields = {
        "day_of_week": (Decimal(day) if day in _DAYS else None, "1"),
        "adjust_reason": (Decimal(reason & _REASONS), "1"),
    }
    exact = None if time is None else time.replace(microsecond=fraction * _SECOND // _FRACTIONS)
    return Sample(quantities=quantities(fields), time=exact)


def encode_current_time(sample: Sample) -> bytes:
    """The 0x2A2B value of `sample`."""
    micros = 0 if sample.time is None else sample.time.microsecond
    day, reason = int(number(sample, "day_of_week") or 0), int(number(sample, "adjust_reason") or 0)
    # Rounded up, so that a value decoded from the wire (rounded down) finds its own fraction again.
    fraction = min(-(-micros * _FRACTIONS // _SECOND), _FRACTIONS - 1)
    return encode_datetime(sample.time) + bytes((day, fraction, reason))


def current_time(now: datetime, reason: int = 0) -> bytes:
    """The 0x2A2B value a gateway writes for the wall clock `now`."""
    fields = {"day_of_week": (Decimal(now.isoweekday()), "1"), "adjust_reason": (Decimal(reason), "1")}
    return encode_current_time(Sample(quantities=quantities(fields), time=now))


TIME: Final = Profile(
    id="sig-time",
    maker="Bluetooth SIG",
    model="Current Time Service",
    match=(),
    provides=frozenset(),
    source="Bluetooth SIG, Current Time Service 1.1",
    codecs={
        DATE_TIME: Codec(decode=decode_date_time, encode=encode_date_time),
        CURRENT_TIME: Codec(decode=decode_current_time, encode=encode_current_time),
    },
    live=True,
    experimental=True,
    proof="specification",
)
