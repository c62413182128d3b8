"""The trend is total, blind to order, doubles and the future, and never claims what its interval does not carry."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import theilslopes

from engine.trends import weight_trend

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
INSTANTS = st.integers(-200 * 1440, 0).map(lambda minutes: NOW + timedelta(minutes=minutes))
SERIES = st.lists(st.tuples(INSTANTS, st.floats(2, 300)), max_size=40)


@given(SERIES)
def test_any_series_gives_finite_numbers(points: list[tuple[datetime, float]]) -> None:
    trend = weight_trend(points, NOW)
    for number in (trend.level, trend.level_sd, trend.slope_per_week, trend.low, trend.high, trend.forecast(14)):
        assert number is None or math.isfinite(number)
    assert (trend.level is None) == (not points)
    if points and trend.level is not None:
        values = [value for _, value in points]
        assert min(values) - 60 <= trend.level <= max(values) + 60


@given(
    st.dictionaries(st.integers(0, 27), st.one_of(st.floats(40, 90), st.sampled_from([60.0, 60.5])), min_size=3).map(
        lambda days: sorted(days.items())
    )
)
def test_the_slope_and_its_interval_are_those_of_a_statistics_library(days: list[tuple[int, float]]) -> None:
    points = [(NOW - timedelta(days=27 - day), value) for day, value in days]
    trend = weight_trend(points, NOW)
    known = theilslopes([value for _, value in days], [float(day) for day, _ in days], alpha=0.90)
    assert trend.slope_per_week == pytest.approx(7 * float(known.slope), abs=1e-9)
    assert trend.low == pytest.approx(7 * float(known.low_slope), abs=1e-9)
    assert trend.high == pytest.approx(7 * float(known.high_slope), abs=1e-9)


@given(SERIES)
def test_no_trend_is_claimed_when_the_interval_covers_zero(points: list[tuple[datetime, float]]) -> None:
    trend = weight_trend(points, NOW)
    if trend.claimed:
        assert trend.low is not None
        assert trend.high is not None
        assert trend.slope_per_week is not None
        assert trend.low * trend.high > 0
        assert trend.low <= trend.slope_per_week <= trend.high


@given(
    SERIES,
    st.randoms(use_true_random=False),
    st.lists(st.tuples(st.integers(1, 10_000), st.floats(2, 300)), max_size=5),
)
def test_order_doubles_and_the_future_change_nothing(
    points: list[tuple[datetime, float]], rng: object, later: list[tuple[int, float]]
) -> None:
    mixed = [*points, *points[:3], *((NOW + timedelta(minutes=minutes), value) for minutes, value in later)]
    rng.shuffle(mixed)  # type: ignore[attr-defined]
    assert weight_trend(mixed, NOW) == weight_trend(points, NOW)


@given(st.floats(30, 150), st.integers(7, 40), st.floats(4, 60), st.sampled_from([-1, 1]), st.integers(0, 20))
def test_a_gross_error_hardly_moves_a_known_level(start: float, days: int, size: float, sign: int, gap: int) -> None:
    points = [(NOW - timedelta(days=gap + 1 + day), start + 0.3 * (-1) ** day) for day in range(days)]
    clean, dirty = weight_trend(points, NOW), weight_trend([*points, (NOW, start + sign * size)], NOW)
    assert clean.level is not None
    assert dirty.level is not None
    assert abs(clean.level - dirty.level) <= 0.3
