"""Frames of a connection put together: two-part measurements, lone parts, and parts that do not belong together."""

# ruff: noqa: DTZ001 - device clocks have no zone

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from engine.contract.reading import Quantity, Sample
from firmware_profiles.model import DecodeError
from firmware_profiles.session import Assembled, Assembler
from firmware_profiles.sig_body import BODY, encode_body, encode_body_parts
from firmware_profiles.sig_scale import encode_weight
from firmware_profiles.uuids import BODY_COMPOSITION_MEASUREMENT, HEART_RATE_MEASUREMENT, WEIGHT_MEASUREMENT


def body(slot: int, fat: str) -> Sample:
    return Sample(
        quantities={
            "body_fat_percentage": Quantity(Decimal(fat), "%"),
            "weight": Quantity(Decimal("63.25"), "kg"),
            "impedance": Quantity(Decimal(500), "Ohm"),
        },
        time=datetime(2026, 11, 21, 7, 0, slot),
        user_slot=slot,
    )


WEIGHT = Sample(quantities={"weight": Quantity(Decimal("63.25"), "kg")})


def test_other_frames_may_come_between_two_parts() -> None:
    assembler = Assembler(BODY)
    first, last = encode_body_parts(body(1, "24.1"), ("impedance",))
    weight = encode_weight(WEIGHT)
    assert assembler.feed(BODY_COMPOSITION_MEASUREMENT, first) == ()
    assert assembler.feed(WEIGHT_MEASUREMENT, weight) == (Assembled(WEIGHT, weight, (1,)),)
    assert assembler.feed(BODY_COMPOSITION_MEASUREMENT, last) == (Assembled(body(1, "24.1"), first + last, (0, 2)),)
    assert assembler.finish() == ()


def test_a_part_left_alone_stands_for_itself_at_the_end() -> None:
    assembler = Assembler(BODY)
    first, _ = encode_body_parts(body(1, "24.1"), ("impedance",))
    assembler.feed(BODY_COMPOSITION_MEASUREMENT, first)
    (alone,) = assembler.finish()
    assert alone.sample.quantities.keys() == {"body_fat_percentage", "weight"}
    assert assembler.finish() == ()


def test_parts_of_two_people_are_never_mixed() -> None:
    assembler = Assembler(BODY)
    mine, _ = encode_body_parts(body(1, "24.1"), ("impedance",))
    _, yours = encode_body_parts(body(2, "31.0"), ("impedance",))
    assert assembler.feed(BODY_COMPOSITION_MEASUREMENT, mine) == ()
    (first,) = assembler.feed(BODY_COMPOSITION_MEASUREMENT, yours)
    (second,) = assembler.finish()
    assert (first.sample.user_slot, second.sample.user_slot) == (1, 2)


def test_a_refused_frame_is_counted_and_the_next_one_still_read() -> None:
    assembler = Assembler(BODY)
    with pytest.raises(DecodeError) as refusal:
        assembler.feed(HEART_RATE_MEASUREMENT, b"\x00\x40")
    assert refusal.value.code == "no-codec"
    (found,) = assembler.feed(BODY_COMPOSITION_MEASUREMENT, encode_body(body(1, "24.1")))
    assert found.frames == (1,)
