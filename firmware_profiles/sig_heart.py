"""Heart Rate Service 0x180D: the measurement 0x2A37 of chest straps and mirrors.

Layout: Bluetooth SIG, Heart Rate Service 1.0.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from engine.contract.reading import Quantity, Sample
from firmware_profiles.model import Codec, DecodeError, Match, Pairing, Profile, Subscribe, UntilIdle
from firmware_profiles.numbers import Reader
from firmware_profiles.sample import flag, number, positive, quantities
from firmware_profiles.uuids import (
    BLOOD_PRESSURE,
    BODY_COMPOSITION,
    HEART_RATE,
    HEART_RATE_MEASUREMENT,
    PULSE_OXIMETER,
    RUNNING,
    THERMOMETER,
    WEIGHT_SCALE,
)

WIDE, CONTACT, CONTACT_KNOWN, ENERGY, INTERVALS = 1, 2, 4, 8, 16
_BYTE: Final = 0xFF


def decode_heart(data: bytes) -> Sample:
    """The sample in a 0x2A37 frame; a rate of 0 is absent, a rate without skin contact is not final.

    DecodeError: `truncated`. RR-intervals run to the end of the frame, oldest first, in 1/1024 s.
    """
    reader = Reader(data)
    flags = reader.unsigned(1)
    rate = positive(Decimal(reader.unsigned(2 if flags & WIDE else 1)))
    energy = Decimal(reader.unsigned(2)) if flags & ENERGY else None
    intervals = _read_intervals(reader) if flags & INTERVALS else None
    contact = bool(flags & CONTACT) if flags & CONTACT_KNOWN else None
    fields: dict[str, tuple[Decimal | bool | str | list[int] | None, str]] = {
        "heart_rate": (rate, "/min"),
        "sensor_contact": (contact, "bool"),
        "energy_expended": (energy, "kJ"),
        "rr_intervals": (intervals, "1/1024 s"),
    }
    return Sample(quantities=quantities(fields), final=rate is None or contact is not False)


def encode_heart(sample: Sample) -> bytes:
    """The 0x2A37 frame of `sample`; ValueError when a value does not fit."""
    rate, energy = int(number(sample, "heart_rate") or 0), number(sample, "energy_expended")
    flags = WIDE if rate > _BYTE else 0
    body = rate.to_bytes(2 if flags else 1, "little")
    if "sensor_contact" in sample.quantities:
        flags |= CONTACT_KNOWN | (CONTACT if flag(sample, "sensor_contact") else 0)
    if energy is not None:
        flags |= ENERGY
        body += int(energy).to_bytes(2, "little")
    intervals = sample.quantities.get("rr_intervals", Quantity([], "1/1024 s")).value
    if isinstance(intervals, list) and intervals:
        flags |= INTERVALS
        body += b"".join(interval.to_bytes(2, "little") for interval in intervals)
    return bytes((flags,)) + body


def _read_intervals(reader: Reader) -> list[int]:
    if reader.left == 0 or reader.left % 2:
        raise DecodeError("truncated", f"{reader.left} bytes are no list of RR-intervals")
    return [reader.unsigned(2) for _ in range(reader.left // 2)]


HEART: Final = Profile(
    id="sig-heart-rate",
    maker="Bluetooth SIG",
    model="Heart Rate Service",
    match=(
        Match(
            service=HEART_RATE,
            unless_services=(BODY_COMPOSITION, WEIGHT_SCALE, BLOOD_PRESSURE, THERMOMETER, PULSE_OXIMETER, RUNNING),
        ),
    ),
    provides=frozenset({"heart-rate", "energy-expended"}),
    source="Bluetooth SIG, Heart Rate Service 1.0",
    steps=(Subscribe(HEART_RATE_MEASUREMENT), UntilIdle(30.0)),
    codecs={HEART_RATE_MEASUREMENT: Codec(decode=decode_heart, encode=encode_heart)},
    live=True,
    proof="capture",
    pairing=Pairing(wake="wear"),
)
