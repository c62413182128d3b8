"""Renpho ES-WBE28: the SIG's UUIDs with steps of 50 g and a composition frame in which only the impedance is true.

Layout from captures of github.com/KristianP26/ble-scale-sync (tests/scales/renpho.test.ts, issues 191, 267): the
"body fat" of its 0x2A9C is none, and what follows the impedance is not known.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from engine.contract.reading import Sample
from firmware_profiles.frames import expect_head, expect_length, little
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
from firmware_profiles.numbers import count_steps, fixed
from firmware_profiles.sample import need, quantities
from firmware_profiles.sig_scale import TENTH, decode_weight, encode_weight
from firmware_profiles.uuids import BODY_COMPOSITION, BODY_COMPOSITION_MEASUREMENT, WEIGHT_MEASUREMENT, WEIGHT_SCALE

GRAMS: Final = 50
LENGTH: Final = 19
FLAGS: Final = b"\x0c\x02"
_IMPEDANCE: Final = 7


def decode_impedance(data: bytes) -> Sample:
    """The impedance in a composition frame; DecodeError: `truncated`, `length`, `no-measurement`."""
    expect_head(data, FLAGS)
    expect_length(data, LENGTH)
    raw = little(data, _IMPEDANCE)
    if not raw:
        raise DecodeError("no-measurement", "no impedance was measured")
    return Sample(quantities=quantities({"impedance": (fixed(raw, 1), "Ohm")}))


def encode_impedance(sample: Sample) -> bytes:
    """The composition frame of `sample`."""
    body = FLAGS + bytes(_IMPEDANCE - len(FLAGS)) + count_steps(need(sample, "impedance"), TENTH, 2)
    return body.ljust(LENGTH, b"\0")


ES_WBE28: Final = Profile(
    id="renpho-es-wbe28",
    maker="Renpho",
    model="ES-WBE28",
    match=(
        Match(name=r"Renpho-Scale", service=WEIGHT_SCALE),
        Match(name=r"Renpho-Scale", service=BODY_COMPOSITION),
    ),
    provides=frozenset({"body-weight", "body-height", "bmi", "impedance"}),
    source="github.com/KristianP26/ble-scale-sync, tests/scales/renpho.test.ts (btsnoop)",
    # It sends nothing to who enables the measurements before the clock and the person are known.
    steps=(
        WriteCurrentTime(),
        UserConsent(),
        Subscribe(BODY_COMPOSITION_MEASUREMENT, optional=True),
        Subscribe(WEIGHT_MEASUREMENT),
        UntilIdle(10.0),
    ),
    codecs={
        WEIGHT_MEASUREMENT: Codec(
            decode=partial(decode_weight, grams=GRAMS), encode=partial(encode_weight, grams=GRAMS)
        ),
        BODY_COMPOSITION_MEASUREMENT: Codec(decode=decode_impedance, encode=encode_impedance),
    },
    pairing=Pairing(wake="step-on", bond="just-works", slots=8, register=True),
    proof="capture",
)
