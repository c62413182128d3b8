"""Forecasts on real weights: a short slice of `python -m tests.benchmarks.trend_errors`, whose table has 50 corruptions."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from engine.series.fit import fit
from engine.series.model import PRIOR
from engine.series.stored import together, understood, written
from tests.benchmarks.trend_errors import CORRUPTIONS, HORIZONS, Cell, corrupted, measure, ours, people, prior_of, table


@lru_cache(maxsize=1)
def slice_of_errors() -> list[Cell]:
    return measure(range(12))


@pytest.mark.parametrize("days", HORIZONS)
@pytest.mark.parametrize("corruption", [name for name in CORRUPTIONS if name != "clean"])
def test_no_simple_method_beats_ours_by_two_percent_on_damaged_series(corruption: str, days: int) -> None:
    [cell] = [cell for cell in slice_of_errors() if (cell.corruption, cell.days) == (corruption, days)]
    assert cell.errors["ours"] <= 1.02 * cell.best
    if days == 1:
        assert cell.errors["ours, level"] <= 1.02 * cell.best, "the level is what is said of tomorrow, too"


def test_of_a_hundred_outcomes_about_ninety_fall_into_the_forecast_interval() -> None:
    cells = slice_of_errors()
    assert 0.85 <= float(np.mean([cell.held for cell in cells])) <= 0.95
    for cell in cells:
        assert 0.85 <= cell.held <= 0.95, (cell.corruption, cell.days)


def test_somebody_else_on_the_scale_costs_ours_a_quarter_of_what_it_costs_the_last_value() -> None:
    cells = {(cell.corruption, cell.days): cell.errors for cell in slice_of_errors()}
    lost = {name: cells["5 % wrong", 7][name] - cells["clean", 7][name] for name in ("ours", "last value")}
    assert lost["ours"] <= 0.25 * lost["last value"]


def test_the_table_has_a_line_for_every_series_and_horizon() -> None:
    lines = table(slice_of_errors()).splitlines()
    assert len(lines) == 2 + len(CORRUPTIONS) * len(HORIZONS)
    assert len({line.count("|") for line in lines}) == 1


def test_a_corruption_changes_what_it_says_and_nothing_else() -> None:
    readings = people().readings
    known = np.isfinite(readings)
    missing = corrupted(readings, 0.6, 0.0, 1)
    left = np.isfinite(missing)
    assert 0.3 < left.sum() / known.sum() < 0.5
    assert (missing[left] == readings[left]).all()
    wrong = corrupted(readings, 0.0, 0.05, 1)
    assert (np.isfinite(wrong) == known).all()
    assert 0.02 < (wrong[known] != readings[known]).mean() < 0.08


def test_the_shipped_prior_is_the_one_these_people_give() -> None:
    found = prior_of(people().readings)
    assert PRIOR.odds[:, 0] == pytest.approx(found.odds[:, 0], abs=0.01)
    assert float(PRIOR.scale[0, 0]) == pytest.approx(float(found.scale[0, 0]), abs=0.02)
    assert PRIOR.widths == pytest.approx(found.widths, abs=0.03)


def test_parameters_fitted_to_a_persons_first_forty_days_forecast_the_later_ones_better() -> None:
    readings = people().readings
    fitted = together([model for text in written(fit(readings[:, :40])) if (model := understood(text)) is not None])
    for days in (7, 14):
        errors = []
        for model in (fitted, PRIOR):
            forecast = ours(readings, model).values[days][:, 40:-days]
            errors.append(float(np.nanmean(np.abs(readings[:, 40 + days :] - forecast))))
        assert errors[0] <= errors[1]
        said, later = ours(readings, fitted), readings[:, 40 + days :]
        low, high = said.low[days][:, 40:-days], said.high[days][:, 40:-days]
        held = ((low <= later) & (later <= high))[np.isfinite(later) & np.isfinite(low)].mean()
        assert 0.85 <= float(held) <= 0.98
