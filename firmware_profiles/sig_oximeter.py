"""Pulse Oximeter Service 0x1822: spot check 0x2A5E and continuous measurement 0x2A5F.

Layout: Bluetooth SIG, Pulse Oximeter Service 1.0.1.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from engine.contract.reading import Sample
from firmware_profiles.model import Codec, Match, Pairing, Profile, Subscribe, UntilIdle, WriteCurrentTime
from firmware_profiles.numbers import Reader, encode_datetime, encode_sfloat
from firmware_profiles.sample import number, quantities
from firmware_profiles.uuids import (
    BLOOD_PRESSURE,
    BODY_COMPOSITION,
    PLX_CONTINUOUS,
    PLX_SPOT,
    PULSE_OXIMETER,
    THERMOMETER,
    WEIGHT_SCALE,
)

SPOT_TIME, SPOT_STATUS, SPOT_DEVICE, SPOT_AMPLITUDE, SPOT_CLOCK_UNSET = 1, 2, 4, 8, 16
FAST, SLOW, STATUS, DEVICE, AMPLITUDE = 1, 2, 4, 8, 16
ONGOING: Final = 1 << 5
# Not yet (ongoing, early estimate) or not a person (demonstration, testing, calibrating, unavailable, invalid).
UNSETTLED: Final = ONGOING | 1 << 6 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 15

Pair = tuple[Decimal | None, Decimal | None]
NO_PAIR: Final[Pair] = (None, None)


def decode_spot(data: bytes) -> Sample:
    """The sample in a 0x2A5E frame; final unless the measurement status says it is not settled or not real.

    DecodeError: `truncated`. A NaN (finger out) leaves the quantity out.
    """
    reader = Reader(data)
    flags = reader.unsigned(1)
    spo2, rate = _read_pair(reader)
    time = reader.datetime() if flags & SPOT_TIME else None
    status = reader.unsigned(2) if flags & SPOT_STATUS else 0
    if flags & SPOT_DEVICE:
        reader.unsigned(3)
    amplitude = reader.sfloat() if flags & SPOT_AMPLITUDE else None
    return Sample(
        quantities=quantities(_name_pair("", (spo2, rate)) | {"pulse_amplitude_index": (amplitude, "%")}),
        final=not status & UNSETTLED,
        time=None if flags & SPOT_CLOCK_UNSET else time,
    )


def encode_spot(sample: Sample) -> bytes:
    """The 0x2A5E frame of `sample`; one that is not final carries the status "measurement ongoing"."""
    flags, body = 0, _write_pair(sample, "")
    if sample.time is not None:
        flags |= SPOT_TIME
        body += encode_datetime(sample.time)
    if not sample.final:
        flags |= SPOT_STATUS
        body += ONGOING.to_bytes(2, "little")
    if "pulse_amplitude_index" in sample.quantities:
        flags |= SPOT_AMPLITUDE
        body += encode_sfloat(number(sample, "pulse_amplitude_index"))
    return bytes((flags,)) + body


def decode_continuous(data: bytes) -> Sample:
    """The sample in a 0x2A5F frame, with the same rule for final as a spot check; DecodeError: `truncated`."""
    reader = Reader(data)
    flags = reader.unsigned(1)
    normal = _read_pair(reader)
    fast = _read_pair(reader) if flags & FAST else NO_PAIR
    slow = _read_pair(reader) if flags & SLOW else NO_PAIR
    status = reader.unsigned(2) if flags & STATUS else 0
    if flags & DEVICE:
        reader.unsigned(3)
    amplitude = reader.sfloat() if flags & AMPLITUDE else None
    fields = _name_pair("", normal) | _name_pair("_fast", fast) | _name_pair("_slow", slow)
    found = quantities(fields | {"pulse_amplitude_index": (amplitude, "%")})
    return Sample(quantities=found, final=not status & UNSETTLED)


def encode_continuous(sample: Sample) -> bytes:
    """The 0x2A5F frame of `sample`."""
    flags, body = 0, _write_pair(sample, "")
    for suffix, bit in (("_fast", FAST), ("_slow", SLOW)):
        if f"spo2{suffix}" in sample.quantities or f"pulse_rate{suffix}" in sample.quantities:
            flags |= bit
            body += _write_pair(sample, suffix)
    if not sample.final:
        flags |= STATUS
        body += ONGOING.to_bytes(2, "little")
    if "pulse_amplitude_index" in sample.quantities:
        flags |= AMPLITUDE
        body += encode_sfloat(number(sample, "pulse_amplitude_index"))
    return bytes((flags,)) + body


def _read_pair(reader: Reader) -> Pair:
    return reader.sfloat(), reader.sfloat()


def _name_pair(suffix: str, pair: Pair) -> dict[str, tuple[Decimal | None, str]]:
    return {f"spo2{suffix}": (pair[0], "%"), f"pulse_rate{suffix}": (pair[1], "/min")}


def _write_pair(sample: Sample, suffix: str) -> bytes:
    return encode_sfloat(number(sample, f"spo2{suffix}")) + encode_sfloat(number(sample, f"pulse_rate{suffix}"))


OXIMETER: Final = Profile(
    id="sig-pulse-oximeter",
    maker="Bluetooth SIG",
    model="Pulse Oximeter Service",
    match=(
        Match(service=PULSE_OXIMETER, unless_services=(BODY_COMPOSITION, WEIGHT_SCALE, BLOOD_PRESSURE, THERMOMETER)),
    ),
    provides=frozenset({"spo2", "pulse-rate", "pulse-amplitude-index"}),
    source="Bluetooth SIG, Pulse Oximeter Service 1.0.1",
    steps=(
        WriteCurrentTime(),
        Subscribe(PLX_SPOT, optional=True),
        Subscribe(PLX_CONTINUOUS, optional=True),
        UntilIdle(15.0),
    ),
    codecs={
        PLX_SPOT: Codec(decode=decode_spot, encode=encode_spot),
        PLX_CONTINUOUS: Codec(decode=decode_continuous, encode=encode_continuous),
    },
    experimental=True,
    proof="fixture",
    pairing=Pairing(wake="finger"),
)
