"""What a weekday adds to a weight, looked for only after the trend is taken out (a steady loss is no weekly cycle)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.series.model import Array
from engine.series.sen import Z

WEEK: Final = 7
# Days in each direction whose line is the trend at a day, the fewest readings that make a line, and readings per
# weekday before anything is said.
_REACH: Final = 7
_LINE: Final = 5
_WEEKS: Final = 4
_ROUNDS: Final = 4


@dataclass(frozen=True, slots=True)
class Weekdays:
    """Per person and weekday (0 = the first column's): the effect in the unit of the values and its 90 % interval.

    NaN for a person with a weekday read on fewer than four weeks; the seven effects of a person sum to 0.
    """

    effect: Array
    low: Array
    high: Array


def weekday_effect(values: Array) -> Weekdays:
    """The weekday effects of `values` (people, consecutive days; NaN = none) around each person's own moving line."""
    people, days = values.shape
    turn = np.arange(days) % WEEK
    effect = np.zeros((people, WEEK))
    rest, spread = values, effect
    for _ in range(_ROUNDS):
        # Fitting in turns: the line from what is left by the weekdays, the weekdays from what is left by the line.
        rest = values - _line(values - effect[:, turn])
        effect, spread, weeks = _means(rest, turn)
        effect = np.where(np.isnan(effect), 0.0, effect)
    unsure = (weeks < _WEEKS).any(axis=1, keepdims=True)
    effect, spread = (np.where(unsure, np.nan, part) for part in (effect, spread))
    return Weekdays(effect, effect - Z * spread, effect + Z * spread)


def _means(rest: Array, turn: NDArray[np.intp]) -> tuple[Array, Array, Array]:
    """Mean of each weekday around their common mean, its standard error, and how many there are."""
    sums, squares, counts = (np.zeros((rest.shape[0], WEEK)) for _ in range(3))
    for day in range(WEEK):
        part = rest[:, turn == day]
        read = np.isfinite(part)
        counts[:, day] = read.sum(axis=1)
        sums[:, day] = np.where(read, part, 0).sum(axis=1)
        squares[:, day] = np.where(read, part * part, 0).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums / counts
        inside = (squares - sums * means).sum(axis=1) / np.maximum(counts.sum(axis=1) - WEEK, 1)
        spread = np.sqrt(np.maximum(inside, 0)[:, None] / counts)
    return means - means.mean(axis=1, keepdims=True), spread, counts


def _line(values: Array) -> Array:
    """The value at each day of the straight line through the two weeks around it; NaN where there are too few."""
    read = np.isfinite(values)
    place = np.arange(values.shape[1], dtype=np.float64)
    middle = np.where(read, values, 0.0).sum(axis=1, keepdims=True) / np.maximum(read.sum(axis=1, keepdims=True), 1)
    value = np.where(read, values - middle, 0.0)
    n, x, xx = _near(read * 1.0), _near(read * place), _near(read * place**2)
    y, xy = _near(value), _near(value * place)
    x, xx, xy = x - n * place, xx - 2 * place * x + n * place**2, xy - place * y
    bent = n * xx - x * x
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where((n >= _LINE) & (bent > 0), middle + (xx * y - x * xy) / bent, np.nan))


def _near(values: Array) -> Array:
    """The sum over the days around each day."""
    sums = np.cumsum(np.pad(values, ((0, 0), (_REACH + 1, _REACH))), axis=1)
    return np.asarray(sums[:, 2 * _REACH + 1 :] - sums[:, : -2 * _REACH - 1])
