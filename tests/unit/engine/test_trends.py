"""The weight trend on small, telling series; kg and days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from random import Random

import pytest

from engine.trends import Trend, weight_trend

START = datetime(2026, 9, 1, 7, tzinfo=timezone(timedelta(hours=9)))


def at(day: float) -> datetime:
    return START + timedelta(days=day)


def series(days: int, start: float = 70.0, per_week: float = 0.0, scatter: float = 0.4) -> list[tuple[datetime, float]]:
    rng = Random(5)
    return [(at(day), start + per_week * day / 7 + rng.gauss(0, scatter)) for day in range(days)]


def test_without_points_nothing_is_said() -> None:
    assert weight_trend([], START) == Trend()
    assert weight_trend([(at(3), 70.0)], START) == Trend(), "a later point is not known yet"


def test_one_point_is_a_level_without_a_slope() -> None:
    trend = weight_trend([(at(0), 62.3)], at(0))
    assert trend.level == pytest.approx(62.3)
    assert (trend.slope_per_week, trend.low, trend.high, trend.claimed, trend.days) == (None, None, None, False, 1)


def test_two_points_have_a_slope_but_claim_nothing() -> None:
    trend = weight_trend([(at(0), 62.0), (at(7), 63.0)], at(7))
    assert trend.slope_per_week == pytest.approx(1.0)
    assert (trend.low, trend.claimed) == (None, False)


def test_steady_loss_is_claimed_with_its_interval() -> None:
    trend = weight_trend(series(28, per_week=-0.5), at(27))
    assert trend.claimed
    assert trend.low is not None
    assert trend.high is not None
    assert trend.slope_per_week is not None
    assert trend.low <= trend.slope_per_week <= trend.high < 0
    assert trend.low <= -0.5 <= trend.high


def test_scatter_alone_is_no_trend() -> None:
    trend = weight_trend(series(28), at(27))
    assert not trend.claimed
    assert trend.low is not None
    assert trend.high is not None
    assert trend.low <= 0 <= trend.high


def test_five_rising_days_are_too_few_to_claim() -> None:
    points = [(at(day), 70.0 + day) for day in range(5)]
    trend = weight_trend(points, at(5))
    assert trend.low is not None
    assert trend.low > 0
    assert not trend.claimed


@pytest.mark.parametrize("gap", [1, 3, 10, 30])
@pytest.mark.parametrize("error", [-5.0, 5.0, 40.0, -55.0])
def test_one_wrong_reading_hardly_moves_the_level(gap: int, error: float) -> None:
    points, now = series(20), at(19 + gap)
    before, after = weight_trend(points, now), weight_trend([*points, (now, 70.0 + error)], now)
    assert before.level is not None
    assert after.level is not None
    assert abs(after.level - before.level) <= 0.3


def test_a_wrong_first_reading_does_not_anchor_the_level() -> None:
    points = [(at(-1), 30.0), *series(14)]
    trend = weight_trend(points, at(14))
    assert trend.level == pytest.approx(70.0, abs=0.6)


def test_four_agreeing_days_after_a_jump_are_believed() -> None:
    points = series(20) + [(at(20 + day), 63.0 + day / 10) for day in range(4)]
    trend = weight_trend(points, at(24))
    assert trend.level == pytest.approx(63.2, abs=0.5)


def test_a_visitor_of_three_days_is_not_believed() -> None:
    points = series(20) + [(at(20 + day), 85.0) for day in range(3)]
    assert weight_trend(points, at(23)).level == pytest.approx(70.0, abs=0.6)


def test_a_gap_widens_what_is_known() -> None:
    points = series(20)
    soon, late = weight_trend(points, at(20)), weight_trend(points, at(60))
    assert soon.level_sd is not None
    assert late.level_sd is not None
    assert late.level_sd > 2 * soon.level_sd
    assert (late.days, late.claimed, late.slope_per_week) == (0, False, None)
    assert late.age_days == pytest.approx(41.0)


def test_the_forecast_fades_instead_of_running_away() -> None:
    trend = weight_trend(series(40, per_week=-1.0), at(39))
    near, far = trend.forecast(7), trend.forecast(365)
    assert near is not None
    assert far is not None
    assert trend.level is not None
    assert near < trend.level
    assert trend.level - far < 50 / 7, "at most fifty days of the present slope are left"
    assert Trend().forecast(7) is None


def test_days_are_cut_where_the_person_lives() -> None:
    night = datetime(2026, 9, 1, 16, 0, tzinfo=UTC)
    points = [(night - timedelta(hours=2), 70.0), (night, 70.5)]
    assert weight_trend(points, night).days == 1
    assert weight_trend(points, night.astimezone(timezone(timedelta(hours=9)))).days == 2


def test_the_forecast_interval_surrounds_the_forecast_and_widens_with_every_gap() -> None:
    points = series(40)
    widths = []
    for gap in (0, 2, 7, 30):
        trend = weight_trend(points, at(39 + gap))
        low, value, high = trend.forecast_7d_low, trend.forecast_7d, trend.forecast_7d_high
        assert low is not None
        assert value is not None
        assert high is not None
        assert low < value < high
        assert trend.forecast(7) == pytest.approx(value)
        assert trend.forecast(0) == pytest.approx(trend.level)
        assert trend.forecast(14) == pytest.approx(trend.forecast_14d)
        widths.append(high - low)
    assert widths == sorted(widths)
    assert widths[-1] > 1.3 * widths[0]


def test_a_loss_that_stopped_is_a_loss_in_56_days_no_trend_in_28_and_a_dated_turn() -> None:
    rng = Random(2)
    points = [(at(day), 80 - 0.12 * min(day, 28) + rng.gauss(0, 0.3)) for day in range(57)]
    trend = weight_trend(points, at(56))
    assert trend.high_56d is not None
    assert trend.high_56d < 0
    assert not trend.claimed
    assert trend.turned_on is not None
    assert abs((trend.turned_on - at(28).date()).days) <= 6
    assert trend.slope_before is not None
    assert trend.slope_after is not None
    assert trend.slope_before < -0.5 < trend.slope_after


def test_heavy_mondays_are_found_and_need_four_weeks() -> None:
    points = [(day, kg + (0.6 if day.weekday() == 0 else 0.0)) for day, kg in series(56, scatter=0.1)]
    found = weight_trend(points, at(55)).weekdays
    assert found is not None
    assert found[0] == pytest.approx(0.6 * 6 / 7, abs=0.12)
    assert max(found[1:]) < 0.1
    assert weight_trend(points[:20], at(55)).weekdays is None


def test_two_hundred_days_old_readings_still_give_a_level_of_their_time() -> None:
    trend = weight_trend(series(30), at(230))
    assert trend.level == pytest.approx(70.0, abs=1.0)
    assert trend.age_days == pytest.approx(201.0)
    assert trend.turned_on is None
