"""What single bits and sentinels of the SIG formats mean for a reading."""

# ruff: noqa: DTZ001 - device clocks have no zone

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from engine.contract.reading import Quantity, Sample, values_of
from firmware_profiles import (
    sig_body,
    sig_heart,
    sig_info,
    sig_oximeter,
    sig_pressure,
    sig_scale,
    sig_temperature,
    sig_time,
)
from firmware_profiles.model import DecodeError
from firmware_profiles.uuids import BATTERY_LEVEL, FIRMWARE_REVISION, MAKER_NAME


def refusal(decode: object, wire: str) -> str:
    with pytest.raises(DecodeError) as caught:
        decode(bytes.fromhex(wire))  # type: ignore[operator]
    return caught.value.code


def test_a_failed_weighing_is_refused_even_when_its_bmi_is_left_out() -> None:
    assert refusal(sig_scale.decode_weight, "08ffff") == "unsuccessful"
    assert refusal(sig_scale.decode_weight, "02ffffe8070c190e1e2d") == "unsuccessful"


def test_an_unknown_user_is_nobody() -> None:
    assert sig_scale.decode_weight(bytes.fromhex("04b036ff")).user_slot is None
    assert sig_scale.decode_weight(bytes.fromhex("04b03600")).user_slot == 0


def test_a_device_year_of_zero_is_no_time_but_still_a_weight() -> None:
    sample = sig_scale.decode_weight(bytes.fromhex("02b03600000c190e1e2d"))
    assert sample.time is None
    assert values_of(sample)[0].value == "70.00"


def test_an_empty_body_composition_slot_is_not_a_person_without_fat() -> None:
    assert refusal(sig_body.decode_body, "9803" + "00" * 14) == "not-measured"
    assert refusal(sig_body.decode_body, "00000000") == "not-measured"


def test_fat_of_zero_beside_a_weight_is_left_out() -> None:
    sample = sig_body.decode_body(bytes.fromhex("000400004c31"))
    assert {name: str(q.value) for name, q in sample.quantities.items()} == {"weight": "63.10"}


def test_masses_of_one_frame_have_one_unit() -> None:
    mixed = {"muscle_mass": Quantity(Decimal(30), "kg"), "weight": Quantity(Decimal(150), "[lb_av]")}
    with pytest.raises(ValueError, match="one unit"):
        sig_body.encode_body(Sample(quantities=mixed))


def test_a_blood_pressure_of_nan_is_an_unsuccessful_measurement() -> None:
    assert refusal(sig_pressure.decode_pressure, "00ff07ff07ff07") == "unsuccessful"
    assert refusal(sig_pressure.decode_pressure, "007c00ff076100") == "unsuccessful"


def test_a_mean_or_pulse_of_zero_is_absent() -> None:
    sample = sig_pressure.decode_pressure(bytes.fromhex("047c00560000000000"))
    assert sample.quantities.keys() == {"systolic", "diastolic"}


def test_kilopascals_stay_the_devices_own_unit() -> None:
    sample = sig_pressure.decode_pressure(bytes.fromhex("01a5f073f0ff07"))
    assert sample.quantities["systolic"] == Quantity(Decimal("16.5"), "kPa")


def test_a_passing_cuff_pressure_is_never_final() -> None:
    assert not sig_pressure.decode_cuff(bytes.fromhex("006400ff07ff07")).final


def test_a_heart_rate_without_skin_contact_is_a_preview() -> None:
    assert not sig_heart.decode_heart(bytes.fromhex("044b")).final
    assert sig_heart.decode_heart(bytes.fromhex("064b")).final


def test_contact_alone_gives_no_reading() -> None:
    for wire in ("0400", "0600"):
        sample = sig_heart.decode_heart(bytes.fromhex(wire))
        assert sample.final
        assert values_of(sample) == ()


def test_half_an_interval_is_a_truncation() -> None:
    for wire in ("103f", "103fc6", "103fc603c6"):
        assert refusal(sig_heart.decode_heart, wire) == "truncated"


def test_fahrenheit_stays_the_devices_own_unit() -> None:
    sample = sig_temperature.decode_temperature(bytes.fromhex("01da0300ff"))
    assert sample.quantities == {"temperature": Quantity(Decimal("98.6"), "[degF]")}
    assert not sig_temperature.decode_passing_temperature(bytes.fromhex("006c0100ff")).final


def test_a_temperature_of_nan_is_an_unsuccessful_measurement() -> None:
    assert refusal(sig_temperature.decode_temperature, "00ffff7f00") == "unsuccessful"


@pytest.mark.parametrize("bit", range(16))
def test_saturation_is_final_only_when_settled_and_of_a_person(bit: int) -> None:
    status = (1 << bit).to_bytes(2, "little").hex()
    sample = sig_oximeter.decode_spot(bytes.fromhex(f"0262004600{status}"))
    assert sample.final is (bit not in {5, 6, 10, 11, 12, 13, 15})


def test_an_oximeter_whose_clock_is_not_set_has_no_time() -> None:
    wire = bytes.fromhex("1162004600e8070b1d170839")
    assert sig_oximeter.decode_spot(wire).time is None
    assert sig_oximeter.decode_spot(bytes((1,)) + wire[1:]).time == datetime(2024, 11, 29, 23, 8, 57)


def test_a_finger_that_is_out_gives_no_saturation() -> None:
    assert sig_oximeter.decode_continuous(bytes.fromhex("00ff07ff07")).quantities == {}


def test_the_clock_a_gateway_writes_reads_back_with_its_weekday() -> None:
    now = datetime(2026, 11, 21, 7, 1, 3, 500_000)
    sample = sig_time.decode_current_time(sig_time.current_time(now))
    assert sample.time == now
    assert sample.quantities["day_of_week"].value == 6
    assert sig_time.decode_date_time(sig_time.encode_date_time(sample)).time == now.replace(microsecond=0)


def test_a_battery_above_full_is_no_level() -> None:
    assert refusal(sig_info.decode_battery, "65") == "out-of-range"
    assert refusal(sig_info.decode_battery, "") == "truncated"


def test_device_information_is_readable_text_or_nothing() -> None:
    info = sig_info.device_info({MAKER_NAME: b" A&D \x00rest", FIRMWARE_REVISION: b"\x00\x00", BATTERY_LEVEL: b"\x64"})
    assert (info.maker, info.firmware, info.battery) == ("A&D", None, 100)
    assert sig_info.device_info({BATTERY_LEVEL: b"\xff"}).battery is None
    assert sig_info.device_info({BATTERY_LEVEL: b"\x00"}, battery_unreliable=True).battery is None
    assert sig_info.decode_text(b"\xff\x1b[31mred\n") == "\ufffd[31mred"
    assert sig_info.decode_text(sig_info.encode_text("体重計")) == "体重計"
