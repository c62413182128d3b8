"""The heart at rest, and pressure by halves of the day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.signals import Point, Signal, signals
from tests.unit.engine.test_signals import HANAKO, NOW

TOKYO = ZoneInfo("Asia/Tokyo")


def at(ago: int, clock: str, value: int, reading: str | None = None, **more: Any) -> Point:
    day = date(2026, 11, 21) - timedelta(days=ago)
    hour, minute = clock.split(":")
    when = datetime(day.year, day.month, day.day, int(hour), int(minute), tzinfo=TOKYO)
    return Point(at=when, value=Decimal(value), unit="1", reading_id=reading or f"{ago}-{clock}", device_id="d", **more)


def of(**kinds: list[Point]) -> dict[str, Signal]:
    history = {name.replace("_", "-"): points for name, points in kinds.items()}
    return signals(HANAKO, history, TOKYO, NOW).values


def cuff(pulses: dict[int, int], **more: Any) -> dict[str, list[Point]]:
    return {
        "systolic": [at(ago, "07:00", 128, **more) for ago in pulses],
        "diastolic": [at(ago, "07:00", 78, **more) for ago in pulses],
        "pulse_rate": [at(ago, "07:00", pulse, **more) for ago, pulse in pulses.items()],
    }


def test_the_pulse_of_sitting_pressure_measurements_is_the_resting_rate_from_three_days_on() -> None:
    found = of(**cuff({0: 70, 2: 74, 5: 90}))["heart.resting"]
    assert (found.value, found.count, found.unit) == (Decimal(74), 3, "/min")
    assert found.inputs == ("0-07:00", "2-07:00", "5-07:00")
    few = of(**cuff({0: 70, 2: 74}))["heart.resting"]
    assert (few.value, few.note) == (None, "too-few-days")


def test_one_single_pulse_is_enough_for_the_highest_and_the_lowest() -> None:
    found = of(**cuff({0: 124}))
    assert found["heart.resting"].value is None
    assert found["heart.resting_max"].value == 124
    assert found["heart.resting_max"].inputs == ("0-07:00",)
    assert found["heart.resting_min"].value == 124
    assert of(**cuff({0: 124, 1: 38}))["heart.resting_min"].inputs == ("1-07:00",)


def test_a_wrong_clock_hides_no_single_rate_and_makes_no_mean() -> None:
    found = of(**cuff({0: 124, 1: 123, 2: 122}, time_quality="unknown"))
    assert found["heart.resting_max"].value == 124
    assert found["heart.resting"].value is None


@pytest.mark.parametrize(
    "mark", [{"experimental": True}, {"preliminary": True}, {"certainty": "assumed"}, {"certainty": None}]
)
def test_doubtful_rates_never_enter(mark: dict[str, Any]) -> None:
    found = of(**cuff(dict.fromkeys(range(5), 130), **mark))
    assert found["heart.resting"].value is None
    assert found["heart.resting_max"].value is None


def test_rates_of_last_week_do_not_count() -> None:
    assert of(**cuff({7: 124}))["heart.resting_max"].value is None
    assert of(**cuff({6: 124}))["heart.resting_max"].value == 124


def test_a_pulse_without_a_pressure_is_not_known_to_be_at_rest() -> None:
    points = [at(ago, "07:00", 118, reading=f"oximeter-{ago}") for ago in range(5)]
    assert of(pulse_rate=points)["heart.resting"].value is None


def test_a_device_s_resting_rate_is_taken_where_no_cuff_spoke_that_day() -> None:
    stated = [at(ago, "12:00", 60) for ago in range(4)]
    found = of(resting_heart_rate=stated, **cuff({0: 80, 1: 80}))["heart.resting"]
    assert found.value == 70  # 80, 80, 60, 60


def test_a_stream_heard_all_day_gives_its_low_tenth() -> None:
    def stream(ago: int, hours: range) -> list[Point]:
        return [at(ago, f"{hour:02d}:{minute:02d}", 60 + hour) for hour in hours for minute in (0, 30)]

    found = of(heart_rate=[rate for ago in range(3) for rate in stream(ago, range(8, 20))])["heart.resting"]
    assert found.value == 69  # the third of 24 from below
    run = of(heart_rate=[rate for ago in range(3) for rate in stream(ago, range(17, 20))])
    assert run["heart.resting"].value is None
    assert run["heart.resting_max"].value is None, "three hours of sport are no rest"


def pressures(days: dict[int, tuple[int, int]]) -> dict[str, list[Point]]:
    both = [
        (ago, clock, high) for ago, pair in days.items() for clock, high in zip(("07:00", "21:00"), pair, strict=True)
    ]
    return {
        "systolic": [at(ago, clock, high) for ago, clock, high in both],
        "diastolic": [at(ago, clock, high - 50) for ago, clock, high in both],
    }


def test_morning_and_evening_have_means_of_their_own() -> None:
    found = of(**pressures(dict.fromkeys(range(5), (142, 128))))
    assert found["bp.home.systolic_morning"].value == Decimal("142.0")
    assert found["bp.home.systolic_evening"].value == Decimal("128.0")
    assert found["bp.home.diastolic_morning"].value == Decimal("92.0")
    assert found["bp.home.diastolic_evening"].value == Decimal("78.0")
    assert found["bp.home.systolic_mean"].value == Decimal("135.0")


def test_four_mornings_are_too_few_for_a_mean_of_mornings() -> None:
    systolic = [at(ago, "07:00", 150) for ago in range(4)] + [at(ago, "21:00", 130) for ago in range(6)]
    found = of(systolic=systolic)
    assert (found["bp.home.systolic_morning"].value, found["bp.home.systolic_morning"].count) == (None, 4)
    assert found["bp.home.systolic_evening"].value == Decimal("130.0")
    assert found["bp.home.systolic_mean"].value == Decimal("136.7")


def test_a_measurement_before_bed_after_midnight_is_the_evening_of_the_day_before() -> None:
    days = pressures(dict.fromkeys(range(1, 6), (142, 128)))
    late = {kind: [*points, at(0, "00:30", 128 if kind == "systolic" else 78)] for kind, points in days.items()}
    found = of(**late)
    assert found["bp.home.systolic_morning"].value == Decimal("142.0")
    assert found["bp.home.systolic_mean"].count == 5


def test_a_mean_on_the_edge_is_rounded_up_like_the_fractions_it_is_made_of() -> None:
    tries = (130, 130, 131), (139, 139, 140)
    systolic = [
        at(ago, f"{hour}:0{minute}", value)
        for ago in range(10)
        for hour, values in zip(("07", "21"), tries, strict=True)
        for minute, value in enumerate(values)
    ]
    found = of(systolic=systolic)["bp.home.systolic_mean"]
    assert found.value == Decimal("134.8")  # (130 1/3 + 139 1/3) / 2 = 134 5/6
    exact = [at(ago, "07:00", 135 if ago else 134) for ago in range(5)] + [at(0, "07:10", 135), at(0, "07:20", 135), at(0, "07:30", 135)]  # fmt: skip
    assert of(systolic=exact)["bp.home.systolic_mean"].value == Decimal("135.0")  # 134.95
