"""Signals: exact numbers, honest gaps, and what must never enter them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from engine.people import Resident
from engine.signals import Point, Signals, bmi, signals
from engine.vocabulary import VOCABULARY

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 21, 21, 0, tzinfo=TOKYO)
HANAKO = Resident(
    id="r-aaaaaaaaaaaaa", household_id="h-aaaaaaaaaaaaa", municipality_code="062049", family_name="佐藤", given_name="花子",
    family_kana="サトウ", given_kana="ハナコ", birth_date=date(1960, 5, 1), sex="female", height_cm=Decimal("152.5"),
)  # fmt: skip


def point(kind: str, days_ago: float, value: str, **more: Any) -> Point:
    at = NOW - timedelta(days=days_ago)
    return Point(at=at, value=Decimal(value), unit="1", reading_id=f"{kind}-{days_ago}", device_id="d", **more)


def pressures(days: list[tuple[float, int, int]], **more: Any) -> dict[str, list[Point]]:
    return {
        "systolic": [point("bp", ago, str(high), **more) for ago, high, _ in sorted(days, reverse=True)],
        "diastolic": [point("bp", ago, str(low), **more) for ago, _, low in sorted(days, reverse=True)],
    }


def of(history: dict[str, list[Point]], person: Resident = HANAKO) -> Signals:
    return signals(person, history, TOKYO, NOW)


@pytest.mark.parametrize(
    ("weight", "height", "expected"),
    [
        ("72.1055", "170", "25.0"),  # 24.95 exactly: half goes up, and only then it is compared
        ("72.1054", "170", "24.9"),
        ("53.37", "170", "18.5"),
        ("62.30", "152.5", "26.8"),
        ("100", "200", "25.0"),
    ],
)
def test_bmi_is_exact_and_rounded_half_up(weight: str, height: str, expected: str) -> None:
    assert bmi(Decimal(weight), Decimal(height)) == Decimal(expected)


@pytest.mark.parametrize(("weight", "height"), [("0", "170"), ("60", "0"), ("-1", "170")])
def test_bmi_of_nobody_is_an_error(weight: str, height: str) -> None:
    with pytest.raises(ValueError, match="positive"):
        bmi(Decimal(weight), Decimal(height))


# Laboratory values, the doctor's office, the weather and what a tape measures come from facts, not from devices.
ELSEWHERE = ("lab.", "bp.office.", "env.", "waist", "visceral-fat", "grip", "gait")


def test_every_measured_signal_of_the_vocabulary_is_there_even_without_data() -> None:
    found = of({})
    measured = {n for n, spec in VOCABULARY.items() if spec.sort == "number" and not n.startswith(ELSEWHERE)}
    assert found.values.keys() == measured
    assert all(found.values[name].unit == VOCABULARY[name].unit for name in measured)
    assert {name for name, signal in found.values.items() if signal.value is not None} == {
        "age", "age.fiscal_year", "sex.male", "height", "weight.days_28d", "steps.valid_days_7d", "bp.home.days_7d",
    }  # fmt: skip
    assert all(signal.note for signal in found.values.values() if signal.value is None)


def test_level_and_bmi_name_the_readings_they_came_from() -> None:
    history = {"body-weight": [point("w", ago, "62.30") for ago in (40, 3, 2, 1)]}
    found = of(history).values
    assert found["weight.level"].value == Decimal("62.30")
    assert found["bmi"].value == Decimal("26.8")
    assert found["bmi"].inputs == ("w-3", "w-2", "w-1"), "older than 28 days is not named"
    assert found["weight.days_28d"].value == 3


def test_a_stale_weight_is_no_bmi() -> None:
    found = of({"body-weight": [point("w", 29, "62.30")]}).values
    assert (found["bmi"].value, found["bmi"].note, found["weight.level"].note) == (None, "stale", "stale")


def test_without_a_height_there_is_no_bmi() -> None:
    nobody = msgspec.structs.replace(HANAKO, height_cm=None)
    found = of({"body-weight": [point("w", 1, "62.30")]}, nobody).values["bmi"]
    assert (found.value, found.note) == (None, "no-height")


@pytest.mark.parametrize(
    "mark",
    [
        {"experimental": True},
        {"preliminary": True},
        {"certainty": "assumed"},
        {"certainty": None},
        {"time_quality": "unknown"},
    ],
)
def test_doubtful_points_never_enter(mark: dict[str, Any]) -> None:
    history = {"body-weight": [point("w", ago, "62.30", **mark) for ago in (3, 2, 1)]}
    history |= pressures([(ago, 150, 95) for ago in range(1, 7)], **mark)
    history["steps-day"] = [point("s", ago, "5000", **mark) for ago in range(1, 8)]
    found = of(history).values
    means = ("bp.home.systolic_mean", "bp.home.diastolic_mean", "bp.home.systolic_morning")
    for name in ("weight.level", "weight.change_7d", "bmi", "steps.mean_7d", *means):
        assert found[name].value is None
        assert not found[name].inputs


def test_a_red_flag_with_a_wrong_clock_is_still_the_highest_pressure() -> None:
    found = of(pressures([(1, 190, 112)], time_quality="unknown")).values
    assert found["bp.home.systolic_max"].value == 190
    assert found["bp.home.systolic_mean"].value is None


def test_home_pressure_is_the_mean_of_day_means_and_needs_five_days() -> None:
    # mornings (07:00) 130 and evenings (21:00) 140 and 150: a day is (130 + 145) / 2
    days = [(ago + 14 / 24, 130, 80) for ago in range(5)] + [(float(ago), 140, 90) for ago in range(5)]
    days += [(ago + 0.01, 150, 90) for ago in range(5)]
    found = of(pressures(days)).values
    assert found["bp.home.days_7d"].value == 5
    assert found["bp.home.systolic_mean"].value == Decimal("137.5")
    assert found["bp.home.diastolic_mean"].value == Decimal("85.0")
    four = of(pressures([(float(ago), 140, 90) for ago in range(4)])).values
    assert (four["bp.home.systolic_mean"].value, four["bp.home.systolic_mean"].note) == (None, "too-few-days")


def test_pressure_older_than_a_week_does_not_count() -> None:
    found = of(pressures([(ago + 7.0, 200, 120) for ago in range(6)])).values
    assert found["bp.home.systolic_max"].value is None


def test_steps_leave_today_out_and_need_four_valid_days() -> None:
    history = {"steps-day": [point("s", ago, str(4000 + ago)) for ago in range(5)]}
    found = of(history).values["steps.mean_7d"]
    assert (found.value, found.count) == (Decimal(4003), 4)
    assert (found.low, found.high) == (Decimal(4001), Decimal(4004))
    few = of({"steps-day": history["steps-day"][:4]}).values["steps.mean_7d"]
    assert (few.value, few.note) == (None, "too-few-days")


def test_running_totals_become_days() -> None:
    points = [
        Point(at=datetime(2026, 11, day, hour, tzinfo=TOKYO), value=Decimal(hour * 300), unit="{steps}", reading_id=f"{day}-{hour}", device_id="d")
        for day in range(14, 22)
        for hour in (1, 12, 20)
    ]  # fmt: skip
    found = of({"steps-total": points}).values["steps.mean_7d"]
    assert (found.value, found.count) == (Decimal(6000), 7)


def test_no_slope_is_spoken_while_its_interval_covers_zero() -> None:
    flat = of({"body-weight": [point("w", ago, "62.3" if ago % 2 else "62.9") for ago in range(27, -1, -1)]}).values
    slope = flat["weight.slope_kg_per_week"]
    assert (slope.value, slope.note) == (None, "no-trend")
    assert slope.low is not None
    assert slope.high is not None
    assert slope.low <= 0 <= slope.high
    falling = of({"body-weight": [point("w", ago, f"{62 + ago * 0.1:.2f}") for ago in range(27, -1, -1)]}).values
    assert falling["weight.slope_kg_per_week"].value == Decimal("-0.70")


def test_nothing_after_the_instant_of_the_question_is_looked_at() -> None:
    history = {"body-weight": [point("w", 1, "62.30"), point("w", -1, "99.00")]}
    assert of(history).values["weight.level"].value == Decimal("62.30")


@pytest.mark.parametrize(("sex", "male"), [("male", 1), ("female", 0), ("other", None), ("unknown", None)])
def test_a_sex_nobody_knows_is_neither(sex: Any, male: int | None) -> None:
    assert of({}, msgspec.structs.replace(HANAKO, sex=sex)).value("sex.male") == male


def test_the_age_of_the_fiscal_year_is_the_one_reached_by_31_march() -> None:
    assert (of({}).value("age"), of({}).value("age.fiscal_year")) == (Decimal(66), Decimal(66))
    winter = msgspec.structs.replace(HANAKO, birth_date=date(1960, 3, 31))
    assert (of({}, winter).value("age"), of({}, winter).value("age.fiscal_year")) == (Decimal(66), Decimal(67))


def test_steps_of_the_week_are_compared_with_the_same_weeks_of_last_year() -> None:
    now = [point("s", ago, "3000") for ago in range(1, 8)]
    summer = [point("s", ago, "9000") for ago in range(100, 180)]
    last_year = [point("s", ago, "4000") for ago in range(350, 378)]
    found = of({"steps-day": [*last_year, *summer, *now]}).values["steps.season_percent"]
    assert (found.value, found.note, found.count) == (Decimal(75), "last-year", 28)


def test_without_last_year_the_weeks_before_are_the_measure() -> None:
    points = [point("s", ago, "3000" if ago < 8 else "6000") for ago in range(1, 40)]
    found = of({"steps-day": points}).values["steps.season_percent"]
    assert (found.value, found.note, found.count) == (Decimal(50), "adjusted", 32)


def test_days_on_which_a_band_was_hardly_worn_do_not_count() -> None:
    def hour(day: int, clock: int, steps: int) -> Point:
        end = datetime(2026, 11, day, clock, tzinfo=TOKYO)
        return Point(at=end, since=end - timedelta(hours=1), value=Decimal(steps), unit="{steps}", reading_id=f"{day}-{clock}", device_id="d")  # fmt: skip

    worn = [hour(day, clock, 400 if 8 <= clock < 20 else 0) for day in range(14, 20) for clock in range(1, 24)]
    shed = [hour(20, clock, 2000 if 8 <= clock < 10 else 0) for clock in range(1, 24)]
    summary = [Point(at=datetime(2026, 11, 20, 12, tzinfo=TOKYO), value=Decimal(4000), unit="{steps}/d", reading_id="x", device_id="d")]  # fmt: skip
    found = of({"steps-interval": [*worn, *shed], "steps-day": summary}).values
    assert (found["steps.mean_7d"].value, found["steps.valid_days_7d"].value) == (Decimal(4800), Decimal(6))
