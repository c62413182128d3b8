"""OMRON devices that hand out their records through the Bluetooth SIG's services once they are bonded.

The frames are the SIG's and as proven as they are. That these models send them is known from Japanese open-source
readers (github.com/obniz/obniz-parts-kits: HEM-6233T, HEM-9200T, HN-300T2, MC-6810T2, HPO-300T); of the oximeter's and
the thermometer's frames we have no capture.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from engine.contract.reading import Sample
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
from firmware_profiles.numbers import Reader, count_steps, encode_datetime
from firmware_profiles.omron_memory import NAME, NEW_SERVICE, OTHER_NAMES, OTHER_SCALES, PASSKEY_NAMES
from firmware_profiles.omron_talk import SERVICE
from firmware_profiles.sample import need, number, positive, quantities
from firmware_profiles.sig_pressure import PRESSURE_PROFILE
from firmware_profiles.sig_scale import WEIGHT
from firmware_profiles.sig_temperature import TEMPERATURE_PROFILE
from firmware_profiles.uuids import WEIGHT_SCALE

OXIMETER_SERVICE: Final = "6e400001-b5a3-f393-efa9-e50e24dcca9e"
OXIMETER_RECORD: Final = "6e4000f1-b5a3-f393-efa9-e50e24dcca9e"
ONE = Decimal(1)
_SOURCE: Final = "github.com/obniz/obniz-parts-kits, Ble; Bluetooth SIG services"


def decode_oximeter(data: bytes) -> Sample:
    """The sample in a frame of the HPO-300T: SpO2, pulse and the time; DecodeError: `truncated`, `unsuccessful`."""
    reader = Reader(data)
    reader.take(1)
    spo2, pulse, time = reader.unsigned(2), reader.unsigned(2), reader.datetime()
    if not 0 < spo2 <= 100:  # noqa: PLR2004 - per cent
        raise DecodeError("unsuccessful", "the oximeter measured no saturation")
    fields = {"spo2": (Decimal(spo2), "%"), "pulse_rate": (positive(Decimal(pulse)), "/min")}
    return Sample(quantities=quantities(fields), time=time)


def encode_oximeter(sample: Sample) -> bytes:
    """The frame of `sample`; ValueError for values that are no whole numbers."""
    pulse = number(sample, "pulse_rate") or Decimal(0)
    values = count_steps(need(sample, "spo2"), ONE, 2) + count_steps(pulse, ONE, 2)
    return b"\0" + values + encode_datetime(sample.time)


CUFF: Final = msgspec.structs.replace(
    PRESSURE_PROFILE,
    id="omron-blood-pressure",
    maker="OMRON",
    model="blood-pressure monitors with the SIG's service",
    match=(Match(name=OTHER_NAMES, unless_services=(NEW_SERVICE, SERVICE)),),
    source=_SOURCE,
    pairing=Pairing(wake="cuff", button=True, bond="just-works", slots=2),
    proof="capture",
)
PASSKEY_CUFF: Final = msgspec.structs.replace(
    CUFF,
    id="omron-hem-9200t",
    model="HEM-9200T, HEM-9210T",
    match=(Match(name=PASSKEY_NAMES),),
    pairing=Pairing(wake="cuff", button=True, bond="passkey"),
)
SCALE: Final = msgspec.structs.replace(
    WEIGHT,
    id="omron-scale",
    maker="OMRON",
    model="HN-300T2, HN-290T, SC-150",
    match=(Match(name=OTHER_SCALES, service=WEIGHT_SCALE),),
    source=_SOURCE,
    pairing=Pairing(wake="step-on", button=True, bond="just-works"),
    proof="capture",
)
THERMOMETER: Final = msgspec.structs.replace(
    TEMPERATURE_PROFILE,
    id="omron-thermometer",
    maker="OMRON",
    model="MC-6810T2",
    match=(Match(name=NAME + r"0013"),),
    source=_SOURCE,
    pairing=Pairing(wake="mouth", button=True, bond="just-works"),
    experimental=True,
    proof="specification",
)
OXIMETER: Final = Profile(
    id="omron-oximeter",
    maker="OMRON",
    model="HPO-300T",
    match=(Match(name=NAME + r"0006"),),
    provides=frozenset({"spo2", "pulse-rate"}),
    source=_SOURCE,
    steps=(WriteCurrentTime(), Subscribe(OXIMETER_RECORD), UntilIdle(10.0)),
    codecs={OXIMETER_RECORD: Codec(decode=decode_oximeter, encode=encode_oximeter)},
    pairing=Pairing(wake="finger", button=True, bond="just-works"),
    experimental=True,
)
