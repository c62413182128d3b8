"""A&D devices that are bonded once and then speak the Bluetooth SIG's layouts: scales, blood pressure, thermometer.

An overlay is as proven as the layouts it reads: the SIG's frames are captured, and a manner that is wrong brings no
reading rather than a wrong one. The first firmware's own layout and the thermometer's have no capture: experimental.
Facts: A&D's sample applications (copies on GitHub), UUIDs and field widths only.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from engine.contract.reading import Sample
from firmware_profiles.model import (
    Codec,
    Converse,
    DecodeError,
    Match,
    Pairing,
    Profile,
    Remember,
    Setting,
    Subscribe,
    Talk,
    UntilIdle,
    Write,
    WriteCurrentTime,
    WriteDateTime,
)
from firmware_profiles.numbers import Reader, count_steps, encode_datetime, fixed
from firmware_profiles.sample import need, quantities, unit_of
from firmware_profiles.sig_body import BODY as SIG_BODY
from firmware_profiles.sig_pressure import PRESSURE_PROFILE
from firmware_profiles.sig_scale import LB, TIME, UNKNOWN_USER, UNSUCCESSFUL, USER, WEIGHT_CODEC
from firmware_profiles.sig_temperature import TEMPERATURE_PROFILE
from firmware_profiles.uuids import BLOOD_PRESSURE, PRESSURE, TEMPERATURE, THERMOMETER, WEIGHT_MEASUREMENT, WEIGHT_SCALE

OLD_SCALE: Final = "23434100-1fe4-1eff-80cb-00ff78297d8b"
OLD_WEIGHT: Final = "23434101-1fe4-1eff-80cb-00ff78297d8b"
CUSTOM: Final = "233bf001-5a34-1b6d-975c-000d5690abe4"
SEND_ALL: Final = bytes.fromhex("0200e1")
ASKED: Final = "and-asked"
TENTH: Final = Decimal("0.1")
NAMED: Final = r"(A&D_)?UC-?352"
BONDED_SCALE: Final = Pairing(wake="step-on", button=True, bond="just-works", restarts=True)
_SOURCE: Final = "A&D sample applications for Android and iOS; Bluetooth SIG services"


def decode_old_weight(data: bytes) -> Sample:
    """The sample in a frame of the first UC-352BLE firmware: SIG flags, but steps of 0.1 kg or 0.1 lb.

    DecodeError: `truncated`, `unsuccessful`.
    """
    reader = Reader(data)
    flags, raw = reader.unsigned(1), reader.unsigned(2)
    time = reader.datetime() if flags & TIME else None
    user = reader.unsigned(1) if flags & USER else UNKNOWN_USER
    if raw == UNSUCCESSFUL:
        raise DecodeError("unsuccessful", "the scale says the weighing failed")
    fields = {"weight": (fixed(raw, 1), LB if flags & 1 else "kg")}
    return Sample(quantities=quantities(fields), time=time, user_slot=None if user == UNKNOWN_USER else user)


def encode_old_weight(sample: Sample) -> bytes:
    """The frame of `sample`; ValueError when its weight is no multiple of the step."""
    flags = 1 if unit_of(sample, "weight") == LB else 0
    body = count_steps(need(sample, "weight"), TENTH, 2)
    if sample.time is not None:
        flags, body = flags | TIME, body + encode_datetime(sample.time)
    if sample.user_slot is not None:
        flags, body = flags | USER, body + bytes((sample.user_slot,))
    return bytes((flags,)) + body


def ask_for_all(setting: Setting) -> Talk:
    """Ask once, at the first visit, for everything in the memory; later visits bring what is new by themselves."""
    if ASKED not in setting.memory:
        yield Write(CUSTOM, SEND_ALL, optional=True)
        yield Remember(ASKED, 1)
    return "done"


SCALE: Final = Profile(
    id="and-scale",
    maker="A&D",
    model="UC-352BLE",
    match=(Match(name=NAMED, unless_services=(OLD_SCALE,)),),
    provides=frozenset({"body-weight", "body-height", "bmi"}),
    source=_SOURCE,
    steps=(WriteCurrentTime(), WriteDateTime(WEIGHT_SCALE), Subscribe(WEIGHT_MEASUREMENT), UntilIdle(10.0)),
    codecs={WEIGHT_MEASUREMENT: WEIGHT_CODEC},
    pairing=BONDED_SCALE,
    proof="capture",
)
FIRST_SCALE: Final = Profile(
    id="and-scale-first",
    maker="A&D",
    model="UC-352BLE (first firmware)",
    match=(Match(name=NAMED, service=OLD_SCALE),),
    provides=frozenset({"body-weight"}),
    source=_SOURCE,
    steps=(WriteCurrentTime(), WriteDateTime(OLD_SCALE), Subscribe(OLD_WEIGHT), UntilIdle(10.0)),
    codecs={OLD_WEIGHT: Codec(decode=decode_old_weight, encode=encode_old_weight)},
    pairing=BONDED_SCALE,
    experimental=True,
)
CUFF: Final = msgspec.structs.replace(
    PRESSURE_PROFILE,
    id="and-blood-pressure",
    maker="A&D",
    model="UA-651BLE, UA-1200BLE",
    match=(Match(name=r"(A&D_)?UA-?(651|1200|767|767PBT|656)BLE"),),
    source=_SOURCE,
    steps=(
        WriteDateTime(BLOOD_PRESSURE),
        WriteCurrentTime(),
        Converse(ask_for_all),
        Subscribe(PRESSURE),
        UntilIdle(10.0),
    ),
    pairing=Pairing(wake="cuff", button=True, bond="just-works", restarts=True),
    proof="capture",
)
THERMOMETER_PROFILE: Final = msgspec.structs.replace(
    TEMPERATURE_PROFILE,
    id="and-thermometer",
    maker="A&D",
    model="UT-201BLE",
    match=(Match(name=r"(A&D_)?UT-?201BLE"),),
    source=_SOURCE,
    steps=(WriteDateTime(THERMOMETER), WriteCurrentTime(), Subscribe(TEMPERATURE), UntilIdle(10.0)),
    pairing=Pairing(wake="mouth", button=True, bond="just-works", restarts=True),
    experimental=True,
    proof="specification",
)
# It computes a composition only for people whose sex it knows, 90 to 220 cm tall.
BODY: Final = msgspec.structs.replace(
    SIG_BODY,
    id="and-body-composition",
    maker="A&D",
    model="UC-421BLE",
    match=(Match(name=r"(A&D_)?UC-?421BLE"),),
    source=_SOURCE,
    pairing=Pairing(wake="step-on", button=True, bond="just-works", slots=5, register=True, restarts=True),
    proof="capture",
)
