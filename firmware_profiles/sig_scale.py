"""Weight Scale Service 0x181D: the weight measurement 0x2A9D.

Layout: Bluetooth SIG, GATT Specification Supplement, Weight Measurement.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from engine.contract.reading import Sample
from firmware_profiles.model import (
    Codec,
    DecodeError,
    Match,
    Pairing,
    Profile,
    Subscribe,
    UntilIdle,
    UserConsent,
    WriteCurrentTime,
)
from firmware_profiles.numbers import Reader, count_steps, encode_datetime, fixed, halves
from firmware_profiles.sample import need, number, positive, quantities, unit_of
from firmware_profiles.uuids import BODY_COMPOSITION, WEIGHT_MEASUREMENT, WEIGHT_SCALE

IMPERIAL, TIME, USER, SHAPE = 1, 2, 4, 8
UNSUCCESSFUL: Final = 0xFFFF
UNKNOWN_USER: Final = 0xFF
LB: Final = "[lb_av]"
INCH: Final = "[in_i]"
HUNDREDTH, TENTH, THOUSANDTH = Decimal("0.01"), Decimal("0.1"), Decimal("0.001")


def decode_weight(data: bytes, grams: int = 5) -> Sample:
    """The sample in a 0x2A9D frame whose metric step is `grams`.

    DecodeError: `truncated`, `unsuccessful`.
    """
    reader = Reader(data)
    flags = reader.unsigned(1)
    imperial = bool(flags & IMPERIAL)
    raw = reader.unsigned(2)
    time = reader.datetime() if flags & TIME else None
    user = reader.unsigned(1) if flags & USER else UNKNOWN_USER
    # An unsuccessful weighing may leave BMI and height out although the flag is set.
    if raw == UNSUCCESSFUL:
        raise DecodeError("unsuccessful", "the scale says the weighing failed")
    bmi, height = (reader.unsigned(2), reader.unsigned(2)) if flags & SHAPE else (0, 0)
    fields = {
        "weight": (fixed(raw, 2), LB) if imperial else (metric_weight(raw, grams), "kg"),
        "bmi": (positive(fixed(bmi, 1)), "kg/m2"),
        "height": (positive(fixed(height, 1)), INCH) if imperial else (positive(fixed(height, 3)), "m"),
    }
    return Sample(quantities=quantities(fields), time=time, user_slot=None if user == UNKNOWN_USER else user)


def encode_weight(sample: Sample, grams: int = 5) -> bytes:
    """The 0x2A9D frame of `sample`; ValueError when a value is no multiple of the wire's step."""
    imperial = unit_of(sample, "weight") == LB
    step = HUNDREDTH if imperial else fixed(grams, 3)
    bmi, height = number(sample, "bmi"), number(sample, "height")
    flags = IMPERIAL if imperial else 0
    body = count_steps(need(sample, "weight"), step, 2)
    if sample.time is not None:
        flags |= TIME
        body += encode_datetime(sample.time)
    if sample.user_slot is not None:
        flags |= USER
        body += bytes((sample.user_slot,))
    if bmi is not None or height is not None:
        flags |= SHAPE
        body += count_steps(bmi or Decimal(0), TENTH, 2)
        body += count_steps(height or Decimal(0), TENTH if imperial else THOUSANDTH, 2)
    return bytes((flags,)) + body


def metric_weight(raw: int, grams: int = 5) -> Decimal:
    """`raw` steps of `grams` in kg, with a third decimal only where it says something."""
    return halves(raw * (grams // 5))


WEIGHT_CODEC: Final = Codec(decode=decode_weight, encode=encode_weight)

WEIGHT: Final = Profile(
    id="sig-weight",
    maker="Bluetooth SIG",
    model="Weight Scale Service",
    match=(Match(service=WEIGHT_SCALE, unless_services=(BODY_COMPOSITION,)),),
    provides=frozenset({"body-weight", "body-height", "bmi"}),
    source="Bluetooth SIG, Weight Scale Service 1.0 and GATT Specification Supplement",
    steps=(WriteCurrentTime(), UserConsent(), Subscribe(WEIGHT_MEASUREMENT), UntilIdle(10.0)),
    codecs={WEIGHT_MEASUREMENT: WEIGHT_CODEC},
    proof="capture",
    pairing=Pairing(wake="step-on", bond="just-works"),
)
