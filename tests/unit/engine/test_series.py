"""The kernels of many people on small series whose truth is known; kg and days."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.series.change import change_point
from engine.series.fit import fit, fit_prior
from engine.series.levels import level_and_forecast
from engine.series.model import PRIOR, Model
from engine.series.sen import theil_sen
from engine.series.stored import together, understood, written
from engine.series.weekday import weekday_effect

Array = NDArray[np.float64]


def scatter(people: int, days: int, lasting: float = 0.35, sd: float = 0.4, seed: int = 7) -> Array:
    """Noise of body weights: of each day's deviation a share lasts to the next."""
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(people, days))
    for day in range(1, days):
        found[:, day] = lasting * found[:, day - 1] + np.sqrt(1 - lasting**2) * found[:, day]
    return np.asarray(sd * found)


def test_without_readings_a_person_has_no_level_and_others_keep_theirs() -> None:
    values = np.full((2, 30), np.nan)
    values[1] = 70 + scatter(1, 30)
    found = level_and_forecast(values)
    assert np.isnan(found.level[0])
    assert np.isnan(found.outlooks[0].value[0])
    assert found.level[1] == pytest.approx(70, abs=0.6)


def test_a_steady_loss_is_foreseen_most_of_the_way() -> None:
    values = 80 - np.arange(60) / 7 + scatter(200, 60)
    found = level_and_forecast(values)
    assert float(np.mean(found.level)) == pytest.approx(80 - 59 / 7, abs=0.2)
    week = float(np.mean(found.outlooks[0].value - found.level))
    assert -1.0 < week < -0.5
    assert (found.outlooks[0].low < found.outlooks[0].value).all()
    assert (found.outlooks[0].value < found.outlooks[0].high).all()


def test_every_gap_widens_the_interval() -> None:
    values = 70 + scatter(50, 60)
    widths = []
    for gap in (0, 1, 3, 7, 14, 30, 90):
        found = level_and_forecast(np.hstack([values, np.full((50, gap), np.nan)]))
        widths.append(found.outlooks[0].high - found.outlooks[0].low)
    assert (np.diff(np.stack(widths), axis=0) > 0).all()


def test_a_noisy_person_gets_a_wider_interval_than_a_quiet_one() -> None:
    found = level_and_forecast(np.vstack([70 + scatter(20, 60, sd=0.1), 70 + scatter(20, 60, sd=1.0)]))
    width = found.outlooks[0].high - found.outlooks[0].low
    assert width[20:].min() > 2 * width[:20].max()


def test_two_wrong_first_readings_are_outvoted_by_four_right_ones() -> None:
    values = np.array([[95.0, 95.2, 70.0, 70.3, 69.9, 70.1]])
    assert level_and_forecast(values).level[0] == pytest.approx(70, abs=0.4)


def test_another_unit_gives_the_same_picture_in_that_unit() -> None:
    values = 70 + scatter(5, 40)
    kilograms, pounds = level_and_forecast(values), level_and_forecast(values / 0.45359237, unit=1 / 0.45359237)
    assert pounds.level * 0.45359237 == pytest.approx(kilograms.level)
    assert pounds.outlooks[1].high * 0.45359237 == pytest.approx(kilograms.outlooks[1].high)


def test_people_are_worked_on_in_chunks_that_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    values = 70 + scatter(7, 30)
    whole = level_and_forecast(values, together([_one(set_) for set_ in (0, 1, 2, 3, 0, 1, 2)]))
    monkeypatch.setattr("engine.series.levels.CHUNK", 3)
    parts = level_and_forecast(values, together([_one(set_) for set_ in (0, 1, 2, 3, 0, 1, 2)]))
    assert parts.level == pytest.approx(whole.level, abs=0)
    monkeypatch.setattr("engine.series.sen._PAIRS", 400)
    assert theil_sen(values).low == pytest.approx(theil_sen(values[::-1]).low[::-1], abs=0)


def _one(set_: int) -> Model:
    """One set of the prior as if fitted to one person."""
    arrays = (getattr(PRIOR, name) for name in PRIOR.__slots__ if name != "widths")
    return Model(*(array[set_ : set_ + 1] for array in arrays), widths=PRIOR.widths)


def test_a_steady_loss_is_no_weekday() -> None:
    found = weekday_effect(80 - np.arange(84)[None, :] / 7 + np.zeros((1, 84)))
    assert found.effect[0] == pytest.approx(np.zeros(7), abs=1e-6)


def test_a_weekday_is_found_under_a_trend_and_with_days_missing() -> None:
    truth = np.array([0.5, 0.2, 0.0, -0.1, -0.2, -0.2, -0.2])
    values = 80 - np.arange(168) / 14 + truth[np.arange(168) % 7] + scatter(100, 168, lasting=0.0, sd=0.2)
    values[np.random.default_rng(1).random(values.shape) < 0.3] = np.nan
    found = weekday_effect(values)
    assert found.effect.sum(axis=1) == pytest.approx(np.zeros(100), abs=1e-9)
    assert found.effect.mean(axis=0) == pytest.approx(truth, abs=0.03)
    held = ((found.low <= truth) & (truth <= found.high)).mean()
    assert 0.8 < held < 0.97


def test_three_weeks_say_nothing_of_weekdays() -> None:
    assert np.isnan(weekday_effect(70 + scatter(1, 21)).effect).all()


def test_noise_that_lasts_is_seldom_taken_for_a_turn() -> None:
    line = 75 - np.arange(56) * 0.05
    for lasting in (0.0, 0.35):
        found = change_point(line + scatter(1500, 56, lasting))
        assert np.isfinite(found.day).mean() <= 0.06, lasting


def test_readings_of_somebody_else_are_no_turn() -> None:
    values = 75 + scatter(500, 56)
    values[np.random.default_rng(2).random(values.shape) < 0.05] += 9
    assert np.isfinite(change_point(values).day).mean() <= 0.06


def test_a_loss_that_stops_is_dated_and_has_two_slopes() -> None:
    values = 80 - 0.1 * np.minimum(np.arange(56), 28) + scatter(100, 56)
    found = change_point(values)
    proven = np.isfinite(found.day)
    assert proven.mean() > 0.6
    assert float(np.median(found.day[proven])) == pytest.approx(28, abs=5)
    assert float(np.median(found.before[proven])) == pytest.approx(-0.1, abs=0.03)
    assert float(np.median(found.after[proven])) == pytest.approx(0.0, abs=0.03)


def test_ten_days_have_no_turn_and_no_evidence() -> None:
    found = change_point(70 + scatter(1, 10))
    assert np.isnan(found.day[0])
    assert np.isnan(found.evidence[0])


def test_a_walker_and_a_swinger_get_their_own_parameters() -> None:
    rng = np.random.default_rng(3)
    walkers = 70 + np.cumsum(rng.normal(0, 0.3, (20, 120)), axis=1)
    swingers = 70 + rng.normal(0, 0.4, (20, 120))
    fitted = fit(np.vstack([walkers, swingers]))
    restless = fitted.walk[0] / (fitted.noise[0] + fitted.wobble[0])
    assert restless[:20].min() > 10 * restless[20:].max()


def test_who_has_no_reading_keeps_the_likeliest_set_of_the_prior() -> None:
    fitted = fit(np.full((1, 5), np.nan))
    likeliest = int(np.argmax(PRIOR.odds[:, 0]))
    assert fitted.walk[0, 0] == pytest.approx(PRIOR.walk[likeliest, 0])
    assert fitted.scale[0, 0] == pytest.approx(PRIOR.scale[0, 0])


def test_a_population_of_walkers_makes_walking_likely_and_nothing_impossible() -> None:
    walkers = 70 + np.cumsum(np.random.default_rng(3).normal(0, 0.3, (20, 120)), axis=1)
    found = fit_prior(walkers)
    assert found.odds[0, 0] > 0.7
    assert (found.odds > 0.01).all()
    assert float(found.odds.sum()) == pytest.approx(1.0)


def test_fitted_parameters_come_back_from_the_store_as_they_were() -> None:
    fitted = fit(70 + scatter(3, 40))
    back = together([model for text in written(fitted) if (model := understood(text)) is not None])
    for name in ("walk", "noise", "wobble", "memory", "kept", "turn", "sloped", "scale"):
        assert np.broadcast_to(getattr(back, name), (1, 3)) == pytest.approx(
            np.broadcast_to(getattr(fitted, name), (1, 3)), abs=0
        )


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version":1}', '{"version":2,"walk":1}', '{"version":1,"walk":-1}'])
def test_parameters_that_cannot_be_understood_are_none(text: str) -> None:
    assert understood(text) is None


def test_another_version_of_parameters_is_not_taken_for_this_one() -> None:
    [text] = written(fit(70 + scatter(1, 20)))
    assert understood(text) is not None
    assert understood(text.replace('"version":1', '"version":2')) is None


def test_the_interval_of_a_slope_is_a_90_percent_one() -> None:
    values = 70 + np.random.default_rng(5).normal(0, 0.4, (3000, 28))
    found = theil_sen(values)
    held = float(((found.low <= 0) & (found.high >= 0)).mean())
    share = NormalDist().cdf(2.5) - NormalDist().cdf(-2.5)
    assert 0.9 - 0.02 * share < held < 0.9 + 0.03


def test_bad_days_that_come_in_runs_are_seldom_firm_and_a_real_loss_is() -> None:
    runs = 70 + scatter(3000, 28, lasting=0.35)
    found = theil_sen(runs)
    assert ((found.low > 0) | (found.high < 0)).mean() > 0.18, "the textbook's interval takes runs for trends"
    assert found.firm.mean() < 0.11
    assert theil_sen(runs - 0.5 / 7 * np.arange(28)).firm.mean() > 0.97
    assert theil_sen(runs[:, :2]).firm.sum() == 0


@pytest.mark.parametrize("shape", [(0, 5), (0, 0), (3, 0), (2, 1), (2, 13), (2, 56)])
def test_without_people_days_or_readings_nothing_is_said_and_nothing_breaks(shape: tuple[int, int]) -> None:
    values = np.full(shape, np.nan)
    for found in (level_and_forecast(values).level, theil_sen(values).slope, change_point(values).day):
        assert found.shape == shape[:1]
        assert np.isnan(found).all()
    effects = weekday_effect(values).effect
    assert effects.shape == (shape[0], 7)
    assert np.isnan(effects).all()
