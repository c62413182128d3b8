"""Health Thermometer Service 0x1809: the measurement 0x2A1C and the intermediate temperature 0x2A1E.

Layout: Bluetooth SIG, Health Thermometer Service 1.0.
"""

from __future__ import annotations

from typing import Final

import msgspec

from engine.contract.reading import Sample
from firmware_profiles.model import Codec, DecodeError, Match, Pairing, Profile, Subscribe, UntilIdle, WriteCurrentTime
from firmware_profiles.numbers import Reader, encode_datetime, encode_float
from firmware_profiles.sample import need, quantities, unit_of
from firmware_profiles.uuids import (
    BLOOD_PRESSURE,
    BODY_COMPOSITION,
    INTERMEDIATE_TEMPERATURE,
    TEMPERATURE,
    THERMOMETER,
    WEIGHT_SCALE,
)

FAHRENHEIT, TIME, SITE = 1, 2, 4


def decode_temperature(data: bytes) -> Sample:
    """The sample in a 0x2A1C frame, in the device's own scale.

    DecodeError: `truncated`, `unsuccessful` (no value), `out-of-range`.
    """
    reader = Reader(data)
    flags = reader.unsigned(1)
    value = reader.float32()
    time = reader.datetime() if flags & TIME else None
    if flags & SITE:
        reader.unsigned(1)
    if value is None:
        raise DecodeError("unsuccessful", "the thermometer sent no value")
    unit = "[degF]" if flags & FAHRENHEIT else "Cel"
    return Sample(quantities=quantities({"temperature": (value, unit)}), time=time)


def decode_passing_temperature(data: bytes) -> Sample:
    """The still climbing value of a 0x2A1E frame; never final."""
    return msgspec.structs.replace(decode_temperature(data), final=False)


def encode_temperature(sample: Sample) -> bytes:
    """The 0x2A1C or 0x2A1E frame of `sample`; ValueError when the value does not fit a FLOAT exactly."""
    flags = FAHRENHEIT if unit_of(sample, "temperature") == "[degF]" else 0
    body = encode_float(need(sample, "temperature"))
    if sample.time is not None:
        flags |= TIME
        body += encode_datetime(sample.time)
    return bytes((flags,)) + body


TEMPERATURE_PROFILE: Final = Profile(
    id="sig-thermometer",
    maker="Bluetooth SIG",
    model="Health Thermometer Service",
    match=(Match(service=THERMOMETER, unless_services=(BODY_COMPOSITION, WEIGHT_SCALE, BLOOD_PRESSURE)),),
    provides=frozenset({"body-temperature"}),
    source="Bluetooth SIG, Health Thermometer Service 1.0",
    steps=(WriteCurrentTime(), Subscribe(TEMPERATURE), UntilIdle(10.0)),
    codecs={
        TEMPERATURE: Codec(decode=decode_temperature, encode=encode_temperature),
        INTERMEDIATE_TEMPERATURE: Codec(decode=decode_passing_temperature, encode=encode_temperature),
    },
    experimental=True,
    proof="specification",
    pairing=Pairing(wake="mouth"),
)
