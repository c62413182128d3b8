"""Seasons: January is compared with January, or with an October that was brought to January first."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from engine.seasons import SEASON_FACTOR, factor, season, weekday_baseline

JANUARY = date(2027, 1, 20)
NAN = float("nan")


def year_of(today: date, steps: dict[int, float], days: int = 400) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Steps of each day by its month, up to `today`; a month that is not named was not counted."""
    dates = [today - timedelta(days=back) for back in range(days - 1, -1, -1)]
    return np.array([[steps.get(day.month, NAN) for day in dates]])


def test_where_last_january_is_known_it_is_the_baseline_whatever_october_was() -> None:
    found = season(year_of(JANUARY, {1: 4000.0, 2: 4000.0, 10: 9000.0, 12: 4500.0}), JANUARY)
    assert found.last_year[0]
    assert found.expected[0] == pytest.approx(4000)
    assert found.days[0] == 29


def test_without_last_year_october_is_brought_to_january() -> None:
    found = season(year_of(JANUARY, {10: 8000.0, 11: 8000.0}, days=100), JANUARY)
    assert not found.last_year[0]
    assert found.expected[0] == pytest.approx(8000 * 0.8)


def test_december_is_brought_to_january_by_what_lies_between_them() -> None:
    found = season(year_of(JANUARY, {12: 4500.0}, days=60), JANUARY)
    assert found.expected[0] == pytest.approx(4500 / 0.9 * 0.8)


def test_the_week_under_test_is_not_its_own_baseline() -> None:
    steps = np.full((1, 60), 6000.0)
    steps[0, -8:] = 100.0
    assert season(steps, date(2026, 6, 20)).expected[0] == pytest.approx(6000)


def test_too_few_days_are_no_baseline() -> None:
    thin = np.full((1, 60), NAN)
    thin[0, :13] = 5000.0
    assert np.isnan(season(thin, date(2026, 6, 20)).expected[0])
    thin[0, 13] = 5000.0
    assert season(thin, date(2026, 6, 20)).expected[0] == pytest.approx(5000)
    assert np.isnan(season(np.full((1, 3), 5000.0), date(2026, 6, 20)).expected[0])


def test_nine_days_of_last_year_are_too_few_to_be_last_year() -> None:
    steps = np.full((1, 400), NAN)
    steps[0, 399 - 364 : 399 - 364 + 9] = 4000.0
    assert np.isnan(season(steps, JANUARY).expected[0])
    steps[0, 399 - 364 + 9] = 4000.0
    assert season(steps, JANUARY).last_year[0]


def test_deep_winter_is_a_fifth_less_and_nothing_is_more_than_the_best() -> None:
    assert factor(date(2027, 2, 1)) == 0.8
    assert max(SEASON_FACTOR) == 1.0
    assert len(SEASON_FACTOR) == 12


def test_a_weekday_baseline_knows_the_market_day() -> None:
    until = date(2026, 10, 26)  # a Monday
    days = {until - timedelta(days=back): 3000.0 for back in range(1, 29)}
    days |= {day: 9000.0 for day in days if day.weekday() == 5}
    found = weekday_baseline(days, until)
    assert found.steps == (3000.0, 3000.0, 3000.0, 3000.0, 3000.0, 9000.0, 3000.0)
    assert found.days == 28


def test_a_weekday_of_which_little_is_known_takes_the_person_s_usual_day() -> None:
    until = date(2026, 10, 26)
    days = {until - timedelta(days=back): 3000.0 + back for back in range(1, 29)}
    sundays = [day for day in days if day.weekday() == 6]
    for day in sundays[:-1]:
        del days[day]
    found = weekday_baseline(days, until)
    assert found.steps[6] == pytest.approx(float(np.median(list(days.values()))))


def test_a_baseline_of_autumn_is_lower_once_the_snow_lies() -> None:
    until = date(2027, 1, 1)
    days = {until - timedelta(days=back): 4500.0 for back in range(1, 29)}
    assert weekday_baseline(days, until).steps[0] == pytest.approx(4500 / 0.9 * 0.8)


def test_two_weeks_are_the_least_for_a_weekday_baseline() -> None:
    until = date(2026, 10, 26)
    days = {until - timedelta(days=back): 3000.0 for back in range(1, 14)}
    assert weekday_baseline(days, until).steps == (None,) * 7
