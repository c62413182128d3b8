"""Promises of the kernels: time is additive, people do not touch each other, nothing later is known, order is free."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import theilslopes

from engine.series.answers import Answer, Row, answers
from engine.series.fit import fit
from engine.series.kernel import absorb, advance, begin, stride
from engine.series.levels import level, level_and_forecast, outlook
from engine.series.model import PRIOR
from engine.series.sen import theil_sen

Array = NDArray[np.float64]
WEIGHT = st.one_of(st.floats(40, 120), st.sampled_from([70.0, 70.5, 71.0, math.nan, math.nan]))
GRID = st.integers(1, 25).flatmap(
    lambda days: st.lists(st.lists(WEIGHT, min_size=days, max_size=days), min_size=1, max_size=4)
)
ROWS = st.lists(
    st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 60), WEIGHT).map(
        lambda row: Row(row[0], float(row[1]), row[1], row[2])
    ),
    max_size=12,
)


@given(st.floats(0, 40), st.floats(0, 40), st.lists(WEIGHT, min_size=1, max_size=8))
def test_two_strides_are_one_of_their_sum(first: float, second: float, weights: list[float]) -> None:
    state = begin(1, PRIOR)
    for weight in weights:
        state = absorb(advance(state, stride(1.0, PRIOR)), np.array([weight]), PRIOR)
    twice = advance(advance(state, stride(first, PRIOR)), stride(second, PRIOR))
    once = advance(state, stride(first + second, PRIOR))
    for name in ("level", "slope", "wobble", "ll", "ls", "lw", "ss", "sw", "ww"):
        assert getattr(twice, name) == pytest.approx(getattr(once, name), rel=1e-6, abs=1e-9, nan_ok=True), name


@settings(max_examples=30)  # each example is many people
@given(GRID)
def test_nobody_is_touched_by_another_and_the_spread_is_never_negative(grid: list[list[float]]) -> None:
    values = np.array(grid)
    together = level_and_forecast(values)
    for person in range(len(values)):
        alone = level_and_forecast(values[person : person + 1])
        assert together.level[person] == pytest.approx(alone.level[0], rel=1e-12, nan_ok=True)
        assert together.outlooks[1].high[person] == pytest.approx(alone.outlooks[1].high[0], rel=1e-12, nan_ok=True)
    known = np.isfinite(values).any(axis=1)
    assert (np.isfinite(together.level) == known).all()
    assert (together.sd[known] > 0).all()
    for seen in together.outlooks:
        assert (seen.low[known] < seen.high[known]).all()


@settings(max_examples=30)
@given(GRID, st.floats(-30, 30))
def test_heavier_by_a_box_is_heavier_by_a_box_in_everything_said(grid: list[list[float]], box: float) -> None:
    values = np.array(grid)
    plain, boxed = level_and_forecast(values), level_and_forecast(values + box)
    assert boxed.level - box == pytest.approx(plain.level, abs=1e-5, nan_ok=True)
    assert boxed.outlooks[0].low - box == pytest.approx(plain.outlooks[0].low, abs=1e-5, nan_ok=True)


@settings(max_examples=30)  # each example is many people
@given(GRID)
def test_days_before_the_first_reading_say_nothing(grid: list[list[float]]) -> None:
    values = np.array(grid)
    later = level_and_forecast(np.hstack([np.full((len(values), 9), np.nan), values]))
    assert later.level == pytest.approx(level_and_forecast(values).level, rel=1e-9, nan_ok=True)


@settings(max_examples=30)  # each asks as often as there are rows
@given(ROWS)
def test_an_answer_knows_only_the_rows_up_to_its_own(rows: list[Row]) -> None:
    said = answers(rows)
    assert len(said) == len(rows)
    for number, row in enumerate(rows):
        known = [
            other
            for place, other in enumerate(rows)
            if other.group == row.group and (other.at < row.at or (other.at == row.at and place < number))
        ]
        assert_alike(answers([*known, row])[-1], said[number])


@given(ROWS.filter(lambda rows: len({(row.group, row.at) for row in rows}) == len(rows)), st.randoms())
def test_the_order_of_a_table_is_free_where_no_time_is_twice(rows: list[Row], rng: object) -> None:
    places = list(range(len(rows)))
    rng.shuffle(places)  # type: ignore[attr-defined]
    said, mixed = answers(rows), answers([rows[place] for place in places])
    for here, place in enumerate(places):
        assert_alike(mixed[here], said[place])


@given(st.lists(st.tuples(st.integers(0, 3), WEIGHT), min_size=1, max_size=15))
def test_a_table_and_the_grid_of_days_say_the_same(steps: list[tuple[int, float]]) -> None:
    days = np.cumsum([step + 1 for step, _ in steps])
    rows = [Row("a", float(day), int(day), weight) for day, (_, weight) in zip(days, steps, strict=True)]
    grid = np.full((1, int(days[-1]) + 1), np.nan)
    grid[0, days] = [weight for _, weight in steps]
    found, said = level_and_forecast(grid), answers(rows)[-1]
    if said.level is None:
        assert np.isnan(found.level[0])
        return
    assert said.level == pytest.approx(float(found.level[0]), rel=1e-9)
    assert said.forecast_7d_high == pytest.approx(float(found.outlooks[0].high[0]), rel=1e-9)
    assert said.forecast_14d == pytest.approx(float(found.outlooks[1].value[0]), rel=1e-9)


def assert_alike(one: Answer, other: Answer) -> None:
    for name in Answer.__struct_fields__:
        first, second = getattr(one, name), getattr(other, name)
        assert (first is None) == (second is None), name
        assert first is None or first == pytest.approx(second, rel=1e-9, abs=1e-9), name


@settings(max_examples=30)  # each example is many people
@given(GRID)
def test_slopes_of_many_are_those_of_a_statistics_library(grid: list[list[float]]) -> None:
    values = np.array(grid)
    found = theil_sen(values)
    for person, row in enumerate(values):
        days = np.flatnonzero(np.isfinite(row))
        assert found.days[person] == len(days)
        assert not found.firm[person] or found.low[person] > 0 or found.high[person] < 0
        assert np.isnan(found.slope[person]) == (len(days) < 2)
        assert np.isnan(found.low[person]) == (len(days) < 3)
        if len(days) >= 3:
            known = theilslopes(row[days], days, alpha=0.90)
            expected = (known.slope, known.low_slope, known.high_slope)
            assert (found.slope[person], found.low[person], found.high[person]) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=12)  # each example is two searches
@given(GRID.filter(lambda grid: len(grid) > 1))
def test_a_fit_is_the_same_alone_and_in_company(grid: list[list[float]]) -> None:
    values = np.array(grid)
    company, alone = fit(values), fit(values[:1])
    for name in ("walk", "noise", "wobble", "scale"):
        assert getattr(company, name)[0, 0] == pytest.approx(getattr(alone, name)[0, 0], rel=1e-6), name


@given(st.lists(st.floats(60, 80), min_size=1, max_size=20), st.floats(0.5, 60))
def test_waiting_never_makes_the_level_surer(weights: list[float], days: float) -> None:
    state = begin(1, PRIOR)
    for weight in weights:
        state = absorb(advance(state, stride(1.0, PRIOR)), np.array([weight]), PRIOR)
    later = advance(state, stride(days, PRIOR))
    for name, wait in (("spread of a set", later.ll - state.ll), ("slope", later.ww - state.ww)):
        assert (wait >= -1e-9).all(), name
    near, far = outlook(state, PRIOR, 7.0), outlook(state, PRIOR, 7.0 + days)
    assert level(later, PRIOR)[1][0] > 0
    assert far.high[0] - far.low[0] >= 0.98 * (near.high[0] - near.low[0])
