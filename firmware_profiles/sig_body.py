"""Body Composition Service 0x181B: the measurement 0x2A9C, in one indication or split over two.

Layout: Bluetooth SIG, GATT Specification Supplement, Body Composition Measurement.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
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
    UserConsent,
    WriteCurrentTime,
)
from firmware_profiles.numbers import Reader, count_steps, encode_datetime, fixed, halves
from firmware_profiles.sample import number, quantities, unit_of
from firmware_profiles.sig_scale import INCH, LB, UNKNOWN_USER, UNSUCCESSFUL, WEIGHT_CODEC
from firmware_profiles.uuids import BODY_COMPOSITION, BODY_COMPOSITION_MEASUREMENT, WEIGHT_MEASUREMENT

IMPERIAL, TIME, USER, PART = 1, 2, 4, 1 << 12
FAT: Final = "body_fat_percentage"
STEPS: Final = {"%": Decimal("0.1"), "kJ": Decimal(1), "Ohm": Decimal("0.1"), "kg": Decimal("0.005"),
                LB: Decimal("0.01"), "m": Decimal("0.001"), INCH: Decimal("0.1")}  # fmt: skip


class Field(msgspec.Struct, frozen=True):
    """An optional u16 of the frame: its flag bit, metric unit and imperial unit."""

    name: str
    flag: int
    unit: str
    imperial: str


FIELDS: Final = (
    Field("basal_metabolism", 1 << 3, "kJ", "kJ"),
    Field("muscle_percentage", 1 << 4, "%", "%"),
    Field("muscle_mass", 1 << 5, "kg", LB),
    Field("fat_free_mass", 1 << 6, "kg", LB),
    Field("soft_lean_mass", 1 << 7, "kg", LB),
    Field("body_water_mass", 1 << 8, "kg", LB),
    Field("impedance", 1 << 9, "Ohm", "Ohm"),
    Field("weight", 1 << 10, "kg", LB),
    Field("height", 1 << 11, "m", INCH),
)


def decode_body(data: bytes) -> Sample:
    """The sample in a 0x2A9C frame, whole or part; a zero field was not measured and is left out.

    DecodeError: `truncated`, `unsuccessful`, `not-measured` (a frame of zeros, as some scales send for empty slots).
    """
    reader = Reader(data)
    flags, fat = reader.unsigned(2), reader.unsigned(2)
    time = reader.datetime() if flags & TIME else None
    user = reader.unsigned(1) if flags & USER else UNKNOWN_USER
    if fat == UNSUCCESSFUL:
        raise DecodeError("unsuccessful", "the scale says the measurement failed")
    found: dict[str, tuple[Decimal | None, str]] = {FAT: (scale_field(fat, "%"), "%")}
    for field in FIELDS:
        if flags & field.flag:
            unit = field.imperial if flags & IMPERIAL else field.unit
            found[field.name] = (scale_field(reader.unsigned(2), unit), unit)
    present = quantities(found)
    if not present:
        raise DecodeError("not-measured", "every field of the frame is zero")
    return Sample(quantities=present, time=time, user_slot=None if user == UNKNOWN_USER else user)


def encode_body(sample: Sample, *, part: bool = False) -> bytes:
    """The 0x2A9C frame of `sample`, flagged as one of two when `part`; ValueError when a value does not fit."""
    imperial = unit_of(sample, *(field.name for field in FIELDS if field.imperial == LB)) == LB
    imperial = imperial or unit_of(sample, "height") == INCH
    flags = (IMPERIAL if imperial else 0) | (PART if part else 0)
    body = count_steps(number(sample, FAT) or Decimal(0), STEPS["%"], 2)
    if sample.time is not None:
        flags |= TIME
        body += encode_datetime(sample.time)
    if sample.user_slot is not None:
        flags |= USER
        body += bytes((sample.user_slot,))
    for field in FIELDS:
        quantity = sample.quantities.get(field.name)
        if quantity is not None:
            flags |= field.flag
            body += _encode_field(quantity, field.imperial if imperial else field.unit)
    return flags.to_bytes(2, "little") + body


def encode_body_parts(sample: Sample, second: Sequence[str]) -> tuple[bytes, bytes]:
    """`sample` split over two frames, the quantities named in `second` in the later one; fat stands in both."""
    late = {name: quantity for name, quantity in sample.quantities.items() if name in second}
    early = {name: quantity for name, quantity in sample.quantities.items() if name not in second}
    fat = {name: quantity for name, quantity in sample.quantities.items() if name == FAT}
    parts = (msgspec.structs.replace(sample, quantities=fat | chosen) for chosen in (early, late))
    first, last = (encode_body(part, part=True) for part in parts)
    return first, last


def is_part(data: bytes) -> bool:
    """Whether the frame says that it is one of two."""
    return len(data) > 1 and bool(int.from_bytes(data[:2], "little") & PART)


def join_parts(first: Sample, second: Sample) -> Sample:
    """The measurement whose two parts are `first` and `second`."""
    return Sample(
        quantities=first.quantities | second.quantities,
        final=first.final and second.final,
        time=first.time if first.time is not None else second.time,
        user_slot=first.user_slot if first.user_slot is not None else second.user_slot,
    )


def scale_field(raw: int, unit: str) -> Decimal | None:
    """The value of a raw u16 in `unit`, None for the zero of a field that was not measured."""
    if raw == 0:
        return None
    return halves(raw) if unit == "kg" else fixed(raw, {"kJ": 0, "%": 1, "Ohm": 1, LB: 2, "m": 3, INCH: 1}[unit])


def _encode_field(quantity: Quantity, unit: str) -> bytes:
    if quantity.unit != unit or not isinstance(quantity.value, Decimal):
        raise ValueError(f"{quantity} is not in {unit}")
    return count_steps(quantity.value, STEPS[unit], 2)


BODY: Final = Profile(
    id="sig-body-composition",
    maker="Bluetooth SIG",
    model="Body Composition Service",
    match=(Match(service=BODY_COMPOSITION),),
    provides=frozenset({
        "body-fat", "muscle-percentage", "muscle-mass", "lean-mass", "soft-lean-mass", "body-water-mass",
        "basal-metabolism", "impedance", "body-weight", "body-height", "bmi",
    }),
    source="Bluetooth SIG, Body Composition Service 1.0, User Data Service 1.1, GATT Specification Supplement",
    steps=(
        WriteCurrentTime(),
        UserConsent(),
        Subscribe(BODY_COMPOSITION_MEASUREMENT),
        Subscribe(WEIGHT_MEASUREMENT, optional=True),
        UntilIdle(10.0),
    ),
    codecs={
        BODY_COMPOSITION_MEASUREMENT: Codec(decode=decode_body, encode=encode_body, is_part=is_part, join=join_parts),
        WEIGHT_MEASUREMENT: WEIGHT_CODEC,
    },
    proof="capture",
    pairing=Pairing(wake="step-on", bond="just-works", slots=8, register=True),
)  # fmt: skip
