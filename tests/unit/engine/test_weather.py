"""Heat and snow: what a table says, and what is assumed where nobody said anything."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.refusal import Refusal
from engine.vocabulary import VOCABULARY
from engine.weather import DEFAULT, FORECAST, YESTERDAY, Day, Table, read_table, weather_signals

SAKATA = "062049"
AUGUST, JANUARY, OCTOBER = date(2026, 8, 3), date(2027, 1, 20), date(2026, 10, 15)


def day(when: date, wbgt: str | None = None, snow: str | None = None) -> Day:
    return Day(
        municipality=SAKATA, day=when, wbgt=None if wbgt is None else Decimal(wbgt),
        snow=None if snow is None else Decimal(snow),
    )  # fmt: skip


def values(rows: list[Day], when: date) -> tuple[str | None, str, str]:
    found = weather_signals(rows, when)
    heat = found["env.wbgt"].value
    return None if heat is None else str(heat), str(found["env.snow"].value), str(found["env.hot-season"].value)


def test_a_measured_day_says_what_it_is_and_where_it_comes_from() -> None:
    found = weather_signals([day(AUGUST, "31.4", "0")], AUGUST)
    assert {name: one.value for name, one in found.items()} == {
        "env.wbgt": Decimal("31.4"),
        "env.snow": Decimal(0),
        "env.hot-season": Decimal(0),
    }
    assert {one.inputs for one in found.values()} == {("weather:062049:2026-08-03",)}
    assert {one.note for one in found.values()} == {None}


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (date(2026, 5, 31), (None, "0", "0")),
        (date(2026, 6, 1), (None, "0", "1")),
        (date(2026, 9, 30), (None, "0", "1")),
        (date(2026, 10, 1), (None, "0", "0")),
        (date(2026, 11, 30), (None, "0", "0")),
        (date(2026, 12, 1), (None, "1", "0")),
        (date(2027, 3, 31), (None, "1", "0")),
        (date(2027, 4, 1), (None, "0", "0")),
    ],
)
def test_an_unknown_day_is_hot_in_summer_and_white_in_winter(when: date, expected: tuple[str | None, str, str]) -> None:
    assert values([], when) == expected
    assert {one.note for one in weather_signals([], when).values()} == {DEFAULT}


def test_yesterday_counts_and_says_so_the_day_before_does_not() -> None:
    one, two = timedelta(days=1), timedelta(days=2)
    assert values([day(AUGUST - one, "22")], AUGUST) == ("22", "0", "0")
    assert weather_signals([day(AUGUST - one, "22")], AUGUST)["env.wbgt"].note == YESTERDAY
    assert values([day(AUGUST - two, "22")], AUGUST) == (None, "0", "1")
    assert values([day(JANUARY - two, snow="0")], JANUARY) == (None, "1", "0")
    assert values([day(AUGUST + one, "22")], AUGUST) == (None, "0", "1")


def test_half_a_row_leaves_the_other_half_to_yesterday_or_the_season() -> None:
    before = day(JANUARY - timedelta(days=1), snow="35")
    assert values([before, day(JANUARY, "2.5")], JANUARY) == ("2.5", "1", "0")
    assert values([day(JANUARY, "2.5")], JANUARY) == ("2.5", "1", "0")
    assert values([day(OCTOBER, snow="0.5")], OCTOBER) == (None, "1", "0")


@given(
    st.lists(
        st.builds(
            day, st.dates(date(2026, 1, 1), date(2026, 12, 31)),
            st.none() | st.integers(-10, 40).map(str), st.none() | st.integers(0, 200).map(str),
        ), max_size=6,
    ),
    st.dates(date(2026, 1, 1), date(2026, 12, 31)),
)  # fmt: skip
def test_no_rows_ever_leave_a_summer_day_without_heat_or_a_snow_question_unanswered(
    rows: list[Day], when: date
) -> None:
    found = weather_signals(rows, when)
    assert set(found) == {name for name in VOCABULARY if name.startswith("env.")}
    assert found["env.snow"].value in {Decimal(0), Decimal(1)}
    known = found["env.wbgt"].value is not None
    assert found["env.hot-season"].value == int(not known and 6 <= when.month <= 9)
    assert all(one.unit == VOCABULARY[name].unit for name, one in found.items())
    assert all(bool(one.inputs) != (one.note == DEFAULT) for one in found.values())
    assert weather_signals(rows[::-1], when).keys() == found.keys()


def table(text: str | bytes, today: date = AUGUST) -> Table:
    found = read_table(text if isinstance(text, bytes) else text.encode(), SAKATA, today)
    assert isinstance(found, Table), found
    return found


@pytest.mark.parametrize(
    "raw",
    [
        b"day,wbgt,snow\n2026-08-03,31.4,0\n",
        "日付,暑さ指数,積雪\r\n2026/8/3,31.4,0\r\n".encode(),
        "\ufeff年月日,最高WBGT(℃),積雪深(cm)\n令和8年8月3日,３１．４,０\n".encode(),
        "酒田のデータ\n\n年月日,日最高WBGT,最深積雪(cm),最深積雪(cm),最深積雪(cm)\n2026/8/3,31.4,0,8,1\n".encode(
            "cp932"
        ),
        "date,WBGT_max,snow_cm\n2026-08-03 00:00,31.4,0\n".encode("utf-16"),
    ],
)
def test_a_table_is_read_in_the_headers_and_encodings_of_japan(raw: bytes) -> None:
    assert table(raw) == Table((day(AUGUST, "31.4", "0"),), ())


def test_of_an_hourly_table_the_highest_of_the_day_counts() -> None:
    assert table("day,wbgt\n2026-08-03 09:00,27.0\n2026-08-03 14:00,32.1\n2026-08-03 18:00,29\n").days == (
        day(AUGUST, "32.1"),
    )


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("someday,30,0", "unreadable-date"),
        ("2026-02-30,30,0", "no-such-date"),
        ("昭和64年1月8日,30,0", "outside-era"),
        (f"{AUGUST + FORECAST + timedelta(days=1)},30,0", "future-date"),
        ("1850-08-03,30,0", "too-old"),
        ("2026-08-02,,", "empty"),
        ("2026-08-02", "empty"),
        ("2026-08-02,warm,", "not-a-number"),
        ("2026-08-02,46,", "implausible"),
        ("2026-08-02,,-1", "implausible"),
    ],
)
def test_a_bad_row_costs_only_itself(row: str, code: str) -> None:
    found = table(f"day,wbgt,snow\n{row}\n2026-08-03,31.4,0\n")
    assert found.days == (day(AUGUST, "31.4", "0"),)
    assert [(one.line, one.code) for one in found.faults] == [(2, code)]


def test_a_bad_cell_costs_only_itself() -> None:
    found = table("day,wbgt,snow\n2026-08-03,hot,12\n")
    assert found.days == (day(AUGUST, snow="12"),)
    assert [(one.code, one.text) for one in found.faults] == [("not-a-number", "hot")]


def test_a_forecast_of_ten_days_is_taken() -> None:
    assert table(f"day,wbgt\n{AUGUST + FORECAST},30\n").days == (day(AUGUST + FORECAST, "30"),)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "no-header"),
        (b"day,temperature\n2026-08-03,31\n", "no-header"),
        (b"wbgt,snow\n31,0\n", "no-header"),
        (b"PK\x03\x04\x00\x00", "not-csv"),
        (b"day,wbgt\n\x81\xff\xfe,1\n", "bad-encoding"),
        (b"day,wbgt\n" + b"a" * 200_000 + b",1\n", "bad-csv"),
    ],
)
def test_what_is_no_such_table_is_refused_whole(raw: bytes, code: str) -> None:
    found = read_table(raw, SAKATA, AUGUST)
    assert isinstance(found, Refusal)
    assert found.code == code


@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: f"day,wbgt,snow\n{text}".encode("utf-8", "replace"))
)
def test_no_bytes_make_the_reader_fall_over(raw: bytes) -> None:
    found = read_table(raw, SAKATA, AUGUST)
    assert isinstance(found, Refusal | Table)
    if isinstance(found, Table):
        assert len({one.day for one in found.days}) == len(found.days)
        assert all(one.wbgt is not None or one.snow is not None for one in found.days)
