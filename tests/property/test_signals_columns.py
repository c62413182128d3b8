"""The columns of signals: medians that are medians, rises that are not smoothed away, losses that are not hidden."""

from __future__ import annotations

from statistics import median, median_low

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.signals_columns import CHANGE_DAYS, change_columns, middle, padded, pressure_columns

KG = st.integers(4000, 12_000).map(lambda grams: grams / 100)
MAYBE = st.one_of(st.none(), KG)
Row = list[float | None]


def row(values: Row) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.array([[np.nan if value is None else value for value in values]])


def changes(values: Row) -> dict[str, float]:
    return {name: float(column.value[0]) for name, column in change_columns(row(values)).items()}


@given(st.lists(MAYBE, min_size=1, max_size=12))
def test_the_middle_is_the_median_of_what_is_known(values: Row) -> None:
    known = [value for value in values if value is not None]
    found, lower = middle(row(values))[0], middle(row(values), lower=True)[0]
    if not known:
        assert np.isnan(found)
        assert np.isnan(lower)
        return
    assert found == median(known)
    assert lower == median_low(known)


@given(st.lists(MAYBE, min_size=8, max_size=20), KG, st.integers(1, 1000).map(lambda grams: grams / 100))
def test_whatever_is_gained_on_the_last_day_is_gained_in_the_week(before: Row, kg: float, more: float) -> None:
    found, other = changes([*before, kg])["weight.change_7d"], changes([*before, kg + more])["weight.change_7d"]
    assert np.isnan(found) == all(value is None for value in before[-8:])
    assert np.isnan(found) or abs(other - found - more) < 0.011


@given(st.lists(MAYBE, max_size=30), st.lists(MAYBE, min_size=9, max_size=9), st.lists(MAYBE, max_size=30))
def test_a_week_knows_nothing_of_what_lies_before_it(old: Row, week: Row, other: Row) -> None:
    assume(week[-1] is not None)
    found = [changes([*past, *week])["weight.change_7d"] for past in (old, other)]
    assert found[0] == found[1] or np.isnan(found).all()


@given(st.lists(MAYBE, min_size=28, max_size=190), KG, st.integers(0, 800).map(lambda grams: grams / 100))
def test_who_weighs_less_now_has_lost_more(past: Row, kg: float, less: float) -> None:
    heavy, light = (changes([*past, *(value - off for value in [kg] * 7)]) for off in (0.0, less))
    if np.isnan(heavy["weight.loss_percent_180d"]):
        assert np.isnan(light["weight.loss_percent_180d"])
        return
    assert light["weight.loss_percent_180d"] >= heavy["weight.loss_percent_180d"]
    assert light["weight.change_180d"] <= heavy["weight.change_180d"]


@given(st.lists(MAYBE, min_size=40, max_size=CHANGE_DAYS + 20))
def test_the_loss_is_never_less_than_what_the_first_and_the_last_week_say(values: Row) -> None:
    found = changes(values)
    change, loss = found["weight.change_180d"], found["weight.loss_percent_180d"]
    assert np.isnan(change) == np.isnan(loss)
    if not np.isnan(change):
        heaviest = max(value for value in values if value is not None)
        assert loss >= -change / heaviest * 100 - 0.1 or change > 0
        assert loss < 100


@given(st.integers(1, 12), st.lists(KG, min_size=1, max_size=12))
def test_padding_keeps_the_last_days_where_they_are(width: int, values: list[float]) -> None:
    found = padded(row(list(values)), width)[0]
    assert found.shape == (width,)
    kept = min(width, len(values))
    assert found[width - kept :].tolist() == values[-kept:]
    assert np.isnan(found[: width - kept]).all()


@given(
    st.lists(st.tuples(st.integers(80, 200), st.integers(80, 200)), min_size=7, max_size=7),
    st.integers(0, 6),
    st.integers(1, 30),
)
def test_higher_pressure_never_lowers_a_mean(days: list[tuple[int, int]], which: int, more: int) -> None:
    def means(morning: list[float], evening: list[float]) -> list[float]:
        found = pressure_columns("systolic", row(list(morning)), row(list(evening)), row(list(morning)))
        return [float(column.value[0]) for column in found.values()]

    morning, evening = [float(one) for one, _ in days], [float(two) for _, two in days]
    raised = [value + more * (day == which) for day, value in enumerate(morning)]
    assert all(after >= before for before, after in zip(means(morning, evening), means(raised, evening), strict=True))
