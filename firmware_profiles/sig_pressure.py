"""Blood Pressure Service 0x1810: the measurement 0x2A35 and the intermediate cuff pressure 0x2A36.

Layout: Bluetooth SIG, Blood Pressure Service 1.1.
"""

from __future__ import annotations

from typing import Final

import msgspec

from engine.contract.reading import Quantity, Sample
from firmware_profiles.model import (
    Codec,
    DecodeError,
    Match,
    Pairing,
    Profile,
    Subscribe,
    UntilIdle,
    WriteCurrentTime,
)
from firmware_profiles.numbers import Reader, encode_datetime, encode_sfloat
from firmware_profiles.sample import flag, number, positive, quantities, unit_of
from firmware_profiles.sig_scale import UNKNOWN_USER
from firmware_profiles.uuids import BLOOD_PRESSURE, BODY_COMPOSITION, INTERMEDIATE_CUFF, PRESSURE, WEIGHT_SCALE

KPA, TIME, PULSE, USER, STATUS = 1, 2, 4, 8, 16
PRESSURES: Final = ("systolic", "diastolic", "mean_arterial_pressure")
STATUS_BITS: Final = {"body_movement": 1, "cuff_loose": 2, "irregular_pulse": 4, "improper_position": 32}
PULSE_RANGE: Final = {1: "above", 2: "below"}
_RANGE_SHIFT: Final = 3


def decode_pressure(data: bytes) -> Sample:
    """The sample in a 0x2A35 frame; a mean or pulse of NaN or 0 is absent, reserved flags are ignored.

    DecodeError: `truncated`, `unsuccessful` (no systolic or diastolic value).
    """
    sample = _decode(data)
    if not {"systolic", "diastolic"} <= sample.quantities.keys():
        raise DecodeError("unsuccessful", "the monitor sent no systolic or no diastolic pressure")
    return sample


def decode_cuff(data: bytes) -> Sample:
    """The passing cuff pressure of a 0x2A36 frame, in the systolic field as on the wire; never final."""
    return msgspec.structs.replace(_decode(data), final=False)


def encode_pressure(sample: Sample) -> bytes:
    """The 0x2A35 or 0x2A36 frame of `sample`; ValueError when a value does not fit an SFLOAT exactly."""
    flags = KPA if unit_of(sample, *PRESSURES) == "kPa" else 0
    body = b"".join(encode_sfloat(number(sample, name)) for name in PRESSURES)
    if sample.time is not None:
        flags |= TIME
        body += encode_datetime(sample.time)
    pulse = number(sample, "pulse_rate")
    if pulse is not None:
        flags |= PULSE
        body += encode_sfloat(pulse)
    if sample.user_slot is not None:
        flags |= USER
        body += bytes((sample.user_slot,))
    if "pulse_rate_range" in sample.quantities or not STATUS_BITS.keys().isdisjoint(sample.quantities):
        flags |= STATUS
        body += _encode_status(sample).to_bytes(2, "little")
    return bytes((flags,)) + body


def _decode(data: bytes) -> Sample:
    reader = Reader(data)
    flags = reader.unsigned(1)
    unit = "kPa" if flags & KPA else "mm[Hg]"
    systolic, diastolic, mean = reader.sfloat(), reader.sfloat(), positive(reader.sfloat())
    time = reader.datetime() if flags & TIME else None
    pulse = positive(reader.sfloat()) if flags & PULSE else None
    user = reader.unsigned(1) if flags & USER else UNKNOWN_USER
    pressures = dict(zip(PRESSURES, ((systolic, unit), (diastolic, unit), (mean, unit)), strict=True))
    found = quantities(pressures | {"pulse_rate": (pulse, "/min")})
    if flags & STATUS:
        found |= _read_status(reader.unsigned(2))
    return Sample(quantities=found, time=time, user_slot=None if user == UNKNOWN_USER else user)


def _read_status(status: int) -> dict[str, Quantity]:
    found = {name: Quantity(bool(status & bit), "bool") for name, bit in STATUS_BITS.items()}
    word = PULSE_RANGE.get(status >> _RANGE_SHIFT & 3)
    return found if word is None else found | {"pulse_rate_range": Quantity(word, "1")}


def _encode_status(sample: Sample) -> int:
    status = sum(bit for name, bit in STATUS_BITS.items() if flag(sample, name))
    word = sample.quantities.get("pulse_rate_range")
    ranges = {text: code for code, text in PULSE_RANGE.items()}
    return status if word is None else status | ranges[str(word.value)] << _RANGE_SHIFT


PRESSURE_PROFILE: Final = Profile(
    id="sig-blood-pressure",
    maker="Bluetooth SIG",
    model="Blood Pressure Service",
    # The Beurer BM85 uses the same UUIDs with big-endian words and an unannounced user byte: not ours to read.
    match=(
        Match(
            service=BLOOD_PRESSURE,
            unless_name=r"(?i)(beurer)?[ _-]?bm[ _-]?85",
            unless_services=(BODY_COMPOSITION, WEIGHT_SCALE),
        ),
    ),
    provides=frozenset({"systolic", "diastolic", "mean-arterial-pressure", "pulse-rate"}),
    source="Bluetooth SIG, Blood Pressure Service 1.1",
    steps=(
        WriteCurrentTime(),
        Subscribe(PRESSURE),
        UntilIdle(10.0),
    ),
    codecs={
        PRESSURE: Codec(decode=decode_pressure, encode=encode_pressure),
        INTERMEDIATE_CUFF: Codec(decode=decode_cuff, encode=encode_pressure),
    },
    proof="capture",
    pairing=Pairing(wake="cuff", bond="just-works"),
)
