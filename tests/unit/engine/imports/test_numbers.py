"""Numbers, units and moments as people and programs write them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.reading import Value
from engine.imports.moments import day_span, moment, zone_named
from engine.imports.numbers import is_absent, number, said, value_of

TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize(
    ("text", "comma", "value"),
    [
        ("62.3", False, "62.3"), ("６２．３", False, "62.3"), (" 62.30 ", False, "62.30"), ("5,400", False, "5400"),
        ("1,234,567", False, "1234567"), ("62,3", True, "62.3"), ("1.234,5", True, "1234.5"), ("+5", False, "5"),
        ("−1.5", False, "-1.5"), ("3.2434754", False, "3.2434754"), ("1e2", False, "1E+2"), (".5", False, "0.5"),
        ("62,3", False, None), ("", False, None), ("62.3kg", False, None), ("nan", False, None), ("1e999", False, None),
        ("123456789", False, None), ("六十二", False, None), ("1.2.3", False, None),
    ],
)  # fmt: skip
def test_a_number_is_read_in_any_width_and_a_word_is_none(text: str, comma: bool, value: str | None) -> None:
    found = number(text, comma)
    assert (None if found is None else str(found)) == value


@given(st.decimals(min_value=-1000, max_value=1000, places=6))
def test_said_digits_are_plain_and_mean_the_same(amount: Decimal) -> None:
    assert Decimal(said(amount)) == amount
    assert "E" not in said(amount)


@pytest.mark.parametrize("text", ["", " ", "-", "ー", "null", "NULL", "N/A", "―", "--"])
def test_a_cell_without_a_measurement_is_known_as_such(text: str) -> None:
    assert is_absent(text)
    assert not is_absent("0")


@pytest.mark.parametrize(
    ("kind", "amount", "unit", "expected"),
    [
        ("body-weight", "62.30", "kg", ("62.30", "kg")),
        ("body-weight", "9", "st", ("126", "[lb_av]")),
        ("body-weight", "137.4", "lb", ("137.4", "[lb_av]")),
        ("body-height", "5", "ft", ("152.40", "cm")),
        ("body-temperature", "98.6", "degF", ("98.6", "[degF]")),
        ("energy-expended", "50", "kcal", ("209.200", "kJ")),
        ("basal-metabolism", "1210", "kcal", ("1210", "kcal")),
        ("basal-metabolism", "1210", "Cal", ("1210", "kcal/d")),
        ("systolic", "128", "mmHg", ("128", "mm[Hg]")),
        ("systolic", "17.1", "kPa", ("17.1", "kPa")),
        ("steps-day", "900", "count", ("900", "{steps}/d")),
        ("bmi", "26.8", "count", ("26.8", "kg/m2")),
        ("body-weight", "62", "cm", None),
        ("steps-day", "5", "km", None),
        ("heart-rate", "60", "furlong", None),
    ],
)
def test_a_unit_is_brought_to_one_the_intake_knows_or_refused(
    kind: str, amount: str, unit: str, expected: tuple[str, str] | None
) -> None:
    found = value_of(kind, Decimal(amount), unit)
    assert found == (None if expected is None else Value(kind, *expected))


@pytest.mark.parametrize(
    ("text", "formats", "expected"),
    [
        ("2026/11/20 07:05", ("%Y/%m/%d %H:%M",), datetime(2026, 11, 19, 22, 5, tzinfo=UTC)),
        ("２０２６／１１／２０　０７：０５", ("%Y/%m/%d %H:%M",), datetime(2026, 11, 19, 22, 5, tzinfo=UTC)),
        ("令和8年11月20日 午後3時5分", ("era",), datetime(2026, 11, 20, 6, 5, tzinfo=UTC)),
        ("令和八年十一月二十日", ("era",), datetime(2026, 11, 20, 3, 0, tzinfo=UTC)),
        ("R8.11.20 7:05", ("era",), datetime(2026, 11, 19, 22, 5, tzinfo=UTC)),
        ("2026/11/20 午前12:30", ("era",), datetime(2026, 11, 19, 15, 30, tzinfo=UTC)),
        ("2026-11-20T07:05:00Z", ("iso",), datetime(2026, 11, 20, 7, 5, tzinfo=UTC)),
        ("2026-11-20", ("iso",), datetime(2026, 11, 20, 3, 0, tzinfo=UTC)),
        ("Nov 20 2026 07:05", ("%b %d %Y %H:%M",), datetime(2026, 11, 19, 22, 5, tzinfo=UTC)),
        ("1795125900000", ("epoch-ms",), datetime(2026, 11, 19, 22, 5, tzinfo=UTC)),
        ("1795125900", ("epoch-s",), datetime(2026, 11, 19, 22, 5, tzinfo=UTC)),
        ("2026/13/20 07:05", ("%Y/%m/%d %H:%M", "era", "iso"), None),
        ("令和8年11月20日 25時", ("era",), None),
        ("平成40年1月1日", ("era",), None),
        ("9" * 400, ("epoch-s", "iso", "era"), None),
    ],
)
def test_a_moment_without_a_zone_is_the_households(text: str, formats: tuple[str, ...], expected: datetime) -> None:
    assert moment(text, formats, TOKYO) == expected


@given(st.text(max_size=40))
def test_a_moment_is_an_aware_instant_or_nothing(text: str) -> None:
    found = moment(text, ("iso", "era", "epoch-ms", "%Y/%m/%d %H:%M"), TOKYO)
    assert found is None or found.tzinfo is not None


def test_a_day_is_the_households_civil_day_also_where_it_has_23_hours() -> None:
    start, end = day_span(datetime(2026, 3, 29, tzinfo=UTC).date(), ZoneInfo("Europe/Berlin"))
    assert (end - start).total_seconds() == 23 * 3600 - 1


@pytest.mark.parametrize("name", ["", "Mars/Base", "../../etc/passwd", "\0"])
def test_a_zone_that_does_not_exist_is_the_households(name: str) -> None:
    assert zone_named(name, TOKYO) is TOKYO
