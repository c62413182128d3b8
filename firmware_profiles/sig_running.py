"""Running Speed and Cadence Service 0x1814: the measurement 0x2A53 of foot pods.

Layout: Bluetooth SIG, Running Speed and Cadence Service 1.0.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from engine.contract.reading import Sample
from firmware_profiles.model import Codec, Match, Pairing, Profile, Subscribe, UntilIdle
from firmware_profiles.numbers import Reader, count_steps, fixed
from firmware_profiles.sample import need, number, quantities
from firmware_profiles.uuids import (
    BLOOD_PRESSURE,
    BODY_COMPOSITION,
    PULSE_OXIMETER,
    RSC_MEASUREMENT,
    RUNNING,
    THERMOMETER,
    WEIGHT_SCALE,
)

STRIDE, DISTANCE = 1, 2
SPEED_STEP: Final = Decimal(1) / 256


def decode_running(data: bytes) -> Sample:
    """The sample in a 0x2A53 frame; cadence is a rate, never a step total. DecodeError: `truncated`."""
    reader = Reader(data)
    flags = reader.unsigned(1)
    speed, cadence = Decimal(reader.unsigned(2)) * SPEED_STEP, Decimal(reader.unsigned(1))
    stride = fixed(reader.unsigned(2), 2) if flags & STRIDE else None
    distance = fixed(reader.unsigned(4), 1) if flags & DISTANCE else None
    fields = {
        # 1/256 m/s has eight exact decimals; the zeros at their end say nothing.
        "speed": (speed.quantize(Decimal(1)) if speed == speed.to_integral_value() else speed.normalize(), "m/s"),
        "cadence": (cadence, "/min"),
        "stride_length": (stride, "m"),
        "total_distance": (distance, "m"),
    }
    return Sample(quantities=quantities(fields))


def encode_running(sample: Sample) -> bytes:
    """The 0x2A53 frame of `sample`; ValueError when a value is no multiple of the wire's step."""
    flags = 0
    body = count_steps(need(sample, "speed"), SPEED_STEP, 2) + count_steps(need(sample, "cadence"), Decimal(1), 1)
    stride, distance = number(sample, "stride_length"), number(sample, "total_distance")
    if stride is not None:
        flags |= STRIDE
        body += count_steps(stride, Decimal("0.01"), 2)
    if distance is not None:
        flags |= DISTANCE
        body += count_steps(distance, Decimal("0.1"), 4)
    return bytes((flags,)) + body


RUNNING_PROFILE: Final = Profile(
    id="sig-running",
    maker="Bluetooth SIG",
    model="Running Speed and Cadence Service",
    match=(
        Match(
            service=RUNNING,
            unless_services=(BODY_COMPOSITION, WEIGHT_SCALE, BLOOD_PRESSURE, THERMOMETER, PULSE_OXIMETER),
        ),
    ),
    provides=frozenset({"speed", "cadence", "stride-length", "total-distance"}),
    source="Bluetooth SIG, Running Speed and Cadence Service 1.0",
    steps=(Subscribe(RSC_MEASUREMENT), UntilIdle(30.0)),
    codecs={RSC_MEASUREMENT: Codec(decode=decode_running, encode=encode_running)},
    live=True,
    experimental=True,
    proof="fixture",
    pairing=Pairing(wake="wear"),
)
