"""Number formats: the points the standard and the captures give, the special values, and the limits."""

# ruff: noqa: DTZ001 - device clocks have no zone

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles.model import DecodeError
from firmware_profiles.numbers import (
    Reader,
    count_steps,
    decode_datetime,
    decode_float,
    decode_sfloat,
    encode_datetime,
    encode_float,
    encode_sfloat,
    halves,
)


@pytest.mark.parametrize(
    ("wire", "text"), [("0102", "513"), ("01fe", "-51.1"), ("ff02", "767"), ("70f8", "-193.6"), ("f6f4", "127.0")]
)
def test_sfloat_keeps_the_digits_of_its_exponent(wire: str, text: str) -> None:
    assert str(decode_sfloat(bytes.fromhex(wire))) == text


@pytest.mark.parametrize(("wire", "text"), [("6c0100ff", "36.4"), ("2d1e00fe", "77.25")])
def test_float_keeps_the_digits_of_its_exponent(wire: str, text: str) -> None:
    assert str(decode_float(bytes.fromhex(wire))) == text


@pytest.mark.parametrize("raw", [0x07FF, 0x0800, 0x07FE, 0x0802, 0x0801])
def test_special_sfloats_are_no_values(raw: int) -> None:
    assert decode_sfloat(raw.to_bytes(2, "little")) is None


@pytest.mark.parametrize("raw", [0x007FFFFF, 0x00800000, 0x007FFFFE, 0x00800002, 0x00800001])
def test_special_floats_are_no_values(raw: int) -> None:
    assert decode_float(raw.to_bytes(4, "little")) is None


def test_a_float_no_body_has_is_refused() -> None:
    with pytest.raises(DecodeError) as refusal:
        decode_float(bytes.fromhex("0100007f"))
    assert refusal.value.code == "out-of-range"


@given(st.binary(min_size=2, max_size=2))
def test_every_sfloat_finds_its_value_again(data: bytes) -> None:
    value = decode_sfloat(data)
    again = decode_sfloat(encode_sfloat(value))
    assert again == value
    assert str(again) == str(value)


@given(st.binary(min_size=3, max_size=3), st.integers(-9, 5))
def test_every_float_finds_its_value_again(mantissa: bytes, exponent: int) -> None:
    value = decode_float(mantissa + (exponent & 0xFF).to_bytes(1, "little"))
    assert decode_float(encode_float(value)) == value


@given(st.integers(-2000, 2000), st.integers(-8, 7))
def test_a_value_with_more_zeros_than_fit_still_encodes(mantissa: int, exponent: int) -> None:
    value = Decimal(mantissa * 1000).scaleb(exponent - 3)
    assert decode_sfloat(encode_sfloat(value)) == value


@pytest.mark.parametrize("text", ["2048.5", "20471", "0.000000001", "1E+12", "NaN", "Infinity"])
def test_a_value_that_does_not_fit_is_an_error_and_never_rounded(text: str) -> None:
    with pytest.raises(ValueError, match=r"fit|number"):
        encode_sfloat(Decimal(text))


def test_an_unknown_date_is_no_time() -> None:
    for wire in ("00000c19000000", "e80700190e1e2d", "e8070c000e1e2d", "e80702300e1e2d", "e80706191f1e2d"):
        assert decode_datetime(bytes.fromhex(wire)) is None


@given(st.datetimes(min_value=datetime(1, 1, 1)))
def test_a_wall_clock_survives_to_the_second(time: datetime) -> None:
    assert decode_datetime(encode_datetime(time)) == time.replace(microsecond=0)


def test_reading_past_the_end_is_a_truncation() -> None:
    reader = Reader(b"\x01")
    with pytest.raises(DecodeError) as refusal:
        reader.unsigned(2)
    assert refusal.value.code == "truncated"


def test_weights_show_a_third_decimal_only_where_it_says_something() -> None:
    assert [str(halves(raw)) for raw in (12460, 12461, 0)] == ["62.30", "62.305", "0.00"]


def test_a_count_of_steps_must_be_whole_and_fit() -> None:
    assert count_steps(Decimal("62.30"), Decimal("0.005"), 2) == (12460).to_bytes(2, "little")
    for value in ("62.301", "-1", "400"):
        with pytest.raises(ValueError, match="fit"):
            count_steps(Decimal(value), Decimal("0.005"), 2)
