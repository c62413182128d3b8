"""Day totals out of running totals: midnight, resets, wraps and late syncs."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest

from engine.activity import HABIT_CUT, activity, day_totals, seen_days, worn_days
from engine.signals import Point

TOKYO = ZoneInfo("Asia/Tokyo")
DAY1, DAY2, DAY3 = date(2026, 11, 1), date(2026, 11, 2), date(2026, 11, 3)


def at(day: int, clock: str) -> datetime:
    return datetime.combine(date(2026, 11, day), time.fromisoformat(clock), TOKYO)


def total(day: int, clock: str, steps: int, device: str = "d-aaaaaaaaaaaaa") -> Point:
    return Point(at=at(day, clock), value=Decimal(steps), unit="{steps}", reading_id=f"{day}{clock}", device_id=device)


def days(*points: Point) -> dict[date, int]:
    return {day: int(steps) for day, steps in day_totals(points, TOKYO).items()}


def since_midnight(day: int, clock: str, steps: int) -> Point:
    return msgspec.structs.replace(total(day, clock, steps), since=at(day, "00:00"))


def test_a_band_that_says_since_when_it_counts_is_believed_with_one_reading_a_day() -> None:
    read = [since_midnight(day, "23:50", steps) for day, steps in ((1, 11423), (2, 19948), (3, 6000))]
    assert days(*read) == {DAY1: 11423, DAY2: 19948, DAY3: 6000}


def test_a_dated_total_that_falls_within_its_day_was_started_again_and_loses_nothing() -> None:
    read = [since_midnight(1, clock, steps) for clock, steps in (("09:00", 3000), ("12:00", 500), ("23:00", 2500))]
    assert days(*read) == {DAY1: 5500}


def test_yesterday_s_total_still_shown_a_moment_after_midnight_stays_yesterday_s() -> None:
    read = [since_midnight(1, "23:50", 8000), since_midnight(2, "00:00:20", 8010), since_midnight(2, "09:00", 900)]
    assert days(*read) == {DAY1: 8010, DAY2: 900}


def test_a_counter_that_starts_again_at_midnight() -> None:
    assert days(
        total(1, "08:00", 500), total(1, "23:50", 9000), total(2, "07:00", 200), total(2, "21:00", 7000),
        total(3, "06:00", 50),
    ) == {DAY1: 9000, DAY2: 7000, DAY3: 50}  # fmt: skip


def test_a_counter_that_never_starts_again() -> None:
    assert days(total(1, "00:00:01", 100_000), total(1, "23:59:59", 108_000), total(2, "23:59:59", 114_000)) == {
        DAY1: 8000,
        DAY2: 6000,
    }


def test_a_battery_change_in_the_day_keeps_both_parts() -> None:
    points = [total(1, "08:00", 100_000), total(1, "12:00", 104_000), total(1, "13:00", 300), total(1, "20:00", 4300)]
    assert days(*points) == {DAY1: 8300}


@pytest.mark.parametrize("size", [2**16, 2**32])
def test_a_counter_that_wraps_loses_nothing(size: int) -> None:
    assert days(total(1, "08:00", size - 500), total(1, "12:00", 700)) == {DAY1: 1200}


def test_a_fall_too_large_to_be_walked_is_a_reset_and_not_a_wrap() -> None:
    assert days(total(1, "08:00", 2**16 - 20_000), total(1, "08:10", 900)) == {DAY1: 900}


def test_yesterdays_total_sent_just_after_midnight_is_not_walked_again() -> None:
    points = [
        total(1, "08:00", 100), total(1, "23:50", 9000), total(2, "00:05", 9010), total(2, "00:30", 20),
        total(2, "22:00", 6000), total(3, "07:00", 30),
    ]  # fmt: skip
    found = days(*points)
    assert found[DAY1] + found[DAY2] == 9010 + 6000
    assert found[DAY1] >= 9000
    assert found[DAY2] <= 6010


def test_a_total_read_exactly_at_midnight_closes_the_day() -> None:
    points = [total(1, "12:00", 4000), total(2, "00:00", 9000), total(2, "08:00", 300), total(3, "00:00", 7000), total(3, "07:00", 10)]  # fmt: skip
    assert days(*points) == {DAY1: 9000, DAY2: 7000, DAY3: 10}


def test_late_synced_and_repeated_points_change_nothing() -> None:
    points = [total(1, "08:00", 500), total(1, "23:50", 9000), total(2, "07:00", 200), total(2, "21:00", 7000)]
    assert days(*points[::-1], *points) == days(*points)


def test_two_bands_on_one_person_count_once() -> None:
    one = [total(1, "08:00", 1000), total(1, "20:00", 5000)]
    other = [total(1, "08:00", 0, "d-bbbbbbbbbbbbb"), total(1, "20:00", 4200, "d-bbbbbbbbbbbbb")]
    assert days(*one, *other) == {DAY1: 4200}


def test_steps_over_a_missed_midnight_are_shared_by_time() -> None:
    assert days(total(1, "12:00", 1000), total(2, "12:00", 1100)) == {DAY1: 50, DAY2: 50}


def test_no_points_are_no_days() -> None:
    assert days() == {}


def test_the_week_needs_four_valid_days_and_leaves_out_today() -> None:
    today = date(2026, 11, 21)
    totals = {
        today - timedelta(days=back): Decimal(steps)
        for back, steps in enumerate((90_000, 4000, 5000, 6000, 99, 50_000, 100, 0))
    }
    week = activity(totals, today)
    assert (week.valid_days, week.low, week.high) == (4, Decimal(100), Decimal(6000))
    assert week.mean == Decimal(15_100) / 4
    three = activity({day: steps for day, steps in totals.items() if steps != 100}, today)
    assert (three.mean, three.valid_days) == (None, 3)


def test_a_day_without_a_reading_of_its_own_is_not_valid() -> None:
    today = date(2026, 11, 21)
    totals = {today - timedelta(days=back): Decimal(4000) for back in range(1, 8)}
    seen = frozenset(list(totals)[:5])
    assert activity(totals, today, seen).valid_days == 5


@pytest.mark.parametrize(("steps", "valid"), [(99, 0), (100, 1), (49_999, 1), (50_000, 0)])
def test_the_bounds_of_a_valid_day_are_those_of_the_national_survey(steps: int, valid: int) -> None:
    today = date(2026, 11, 21)
    assert activity({today - timedelta(days=1): Decimal(steps)}, today).valid_days == valid


def test_a_walk_home_after_midnight_is_yesterday_s_habit_and_today_s_report() -> None:
    points = [
        total(1, "20:00", 50_000),
        total(2, "00:00", 50_400),
        total(2, "01:30", 53_400),
        total(2, "20:00", 57_400),
    ]
    assert days(*points) == {DAY1: 400, DAY2: 7000}
    habit = {day: int(steps) for day, steps in day_totals(points, TOKYO, HABIT_CUT).items()}
    assert habit[DAY1] == 400 + 3000 + 4000 * 25 // 185
    assert sum(habit.values()) == 7400


def test_steps_counted_since_midnight_are_not_put_into_the_night_before() -> None:
    read = [since_midnight(day, "08:00", 900) for day in (1, 2)]
    assert day_totals(read, TOKYO, HABIT_CUT) == {DAY1: 900, DAY2: 900}
    early = [since_midnight(2, "03:00", 700), since_midnight(2, "09:00", 1700)]
    assert day_totals(early, TOKYO, HABIT_CUT) == {DAY1: 700 + 1000 // 6, DAY2: 1000 - 1000 // 6}


def test_the_habit_of_a_daily_counter_read_only_by_day_is_its_day() -> None:
    points = [total(1, "08:00", 500), total(1, "23:50", 9000), total(2, "07:00", 200), total(2, "21:00", 7000)]
    assert day_totals(points, TOKYO, HABIT_CUT) == {DAY1: 9000, DAY2: 7000}


def test_days_seen_follow_the_cut() -> None:
    night = [total(2, "02:00", 10)]
    assert seen_days(night, TOKYO) == {DAY2}
    assert seen_days(night, TOKYO, HABIT_CUT) == {DAY1}


def interval(day: int, hour: int, steps: int) -> Point:
    point = msgspec.structs.replace(total(day, f"{hour:02d}:00", steps), since=at(day, f"{hour - 1:02d}:00"))
    return msgspec.structs.replace(point, reading_id=f"{day}-{hour}")


def hourly(day: int, walked: range) -> list[Point]:
    return [interval(day, hour, 300 if hour in walked else 0) for hour in range(1, 24)]


def test_a_day_counts_as_worn_with_ten_hours_of_steps_and_not_with_nine() -> None:
    points = [*hourly(1, range(8, 18)), *hourly(2, range(8, 17)), *hourly(3, range(0))]
    assert worn_days(points, (), TOKYO) == frozenset({DAY1})


def test_a_heart_that_is_heard_makes_an_hour_without_steps_a_worn_one() -> None:
    points = hourly(1, range(8, 17))
    assert worn_days(points, (), TOKYO) == frozenset()
    assert worn_days(points, [total(1, "20:30", 71)], TOKYO) == frozenset({DAY1})
    assert worn_days(points, [total(1, "10:30", 71)], TOKYO) == frozenset()


def test_a_device_that_only_speaks_of_walks_cannot_say_whether_it_was_worn() -> None:
    assert worn_days([interval(1, 9, 300), interval(1, 15, 400)], (), TOKYO) is None
    assert worn_days([], (), TOKYO) is None


def test_an_interval_of_several_hours_covers_each_of_them() -> None:
    long = msgspec.structs.replace(interval(1, 18, 4000), since=at(1, "08:00"))
    assert worn_days([long, interval(2, 5, 0)], (), TOKYO) == frozenset({DAY1})
    endless = msgspec.structs.replace(long, since=at(1, "08:00") - timedelta(days=2))
    assert worn_days([endless, interval(2, 5, 0)], (), TOKYO) == frozenset()
