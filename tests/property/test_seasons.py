"""Seasons: the measure is the person's own, scales with them and knows no neighbours."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.seasons import SEASON_FACTOR, season, weekday_baseline

TODAYS = st.dates(date(2025, 1, 1), date(2028, 12, 31))
SEEDS = st.integers(0, 2**32)


def steps(seed: int, people: int, width: int, kept: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    rng = np.random.default_rng(seed)
    found = rng.integers(100, 20_000, (people, width)).astype(np.float64)
    found[rng.random(found.shape) > kept] = np.nan
    return found


@given(TODAYS, SEEDS, st.integers(1, 800), st.floats(0, 1))
def test_who_walks_twice_as_much_has_twice_the_measure(today: date, seed: int, width: int, kept: float) -> None:
    walked = steps(seed, 3, width, kept)
    one, other = season(walked, today), season(walked * 2, today)
    np.testing.assert_allclose(other.expected, one.expected * 2)
    np.testing.assert_array_equal(other.days, one.days)


@given(TODAYS, SEEDS, st.integers(20, 800), st.floats(0.3, 1))
def test_nobody_is_measured_by_a_neighbour(today: date, seed: int, width: int, kept: float) -> None:
    walked = steps(seed, 4, width, kept)
    together = season(walked, today).expected
    for row in range(4):
        np.testing.assert_allclose(season(walked[row : row + 1], today).expected[0], together[row])


@given(TODAYS, SEEDS, st.integers(20, 800), st.floats(0.3, 1))
def test_the_measure_lies_within_what_was_walked_and_the_seasons_allow(
    today: date, seed: int, width: int, kept: float
) -> None:
    walked = steps(seed, 1, width, kept)
    found = season(walked, today).expected[0]
    if not np.isnan(found):
        reach = max(SEASON_FACTOR) / min(SEASON_FACTOR)
        assert np.nanmin(walked) / reach - 1e-6 <= found <= np.nanmax(walked) * reach + 1e-6


@given(TODAYS, SEEDS, st.integers(20, 800))
def test_this_week_is_no_part_of_its_own_measure(today: date, seed: int, width: int) -> None:
    walked = steps(seed, 2, width, 0.8)
    changed = walked.copy()
    changed[:, -8:] = 40_000.0
    np.testing.assert_array_equal(season(changed, today).expected, season(walked, today).expected)


@given(TODAYS, st.lists(st.integers(100, 20_000), min_size=40, max_size=40), st.integers(1, 400))
def test_a_weekday_baseline_looks_at_the_28_days_before_and_at_nothing_else(
    until: date, walked: list[int], away: int
) -> None:
    days = {until - timedelta(days=back): float(value) for back, value in enumerate(walked[:28], 1)}
    found = weekday_baseline(days, until)
    outside = {until + timedelta(days=back): 1.0 for back in range(3)} | {until - timedelta(days=28 + away): 1.0}
    assert weekday_baseline(days | outside, until) == found
    assert all(step is not None and step > 0 for step in found.steps)
