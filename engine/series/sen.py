"""Theil-Sen slopes of many people with the interval after Sen 1968: the sober statement about a trend."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.series.model import Array, Flags

CONFIDENCE: Final = 0.90
# Numbers of one chunk's pairs: 32 MB of float64, whatever the number of people.
_PAIRS: Final = 4_000_000
Z: Final = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
_FEWEST: Final = 3
# What lasts of a body weight's deviation to the next day (median of 15 people), worth so many pairs of days; what a
# line that bends towards its noise hides of it, in parts of the days; and the most that is believed.
_LASTS: Final = 0.35
_WORTH: Final = 10.0
_BENT: Final = 3.0
_MOST: Final = 0.8


@dataclass(frozen=True, slots=True)
class Slopes:
    """Per person: slope per day (NaN below two days), its 90 % interval (NaN below three), and days with a value.

    `firm` where the interval still misses 0 when it is widened for what lasts from one day to the next: Sen's own takes
    days as independent, and a body's are not (0.35 lasts), which would make one trend in four out of nothing.
    """

    slope: Array
    low: Array
    high: Array
    firm: Flags
    days: NDArray[np.int64]


def theil_sen(values: Array) -> Slopes:
    """The slope over all columns of `values` (people, consecutive days; NaN = none), with its interval.

    The same numbers as scipy.stats.theilslopes(alpha=0.9), ties included; sorted in chunks of bounded memory.
    """
    people, width = values.shape
    size = max(_PAIRS // max(width * (width - 1) // 2, width * width // 4, 1), 1)
    parts = [_slopes(values[start : start + size]) for start in range(0, max(people, 1), size)]
    return Slopes(
        np.concatenate([part.slope for part in parts]),
        np.concatenate([part.low for part in parts]),
        np.concatenate([part.high for part in parts]),
        np.concatenate([part.firm for part in parts]),
        np.concatenate([part.days for part in parts]),
    )


def _slopes(values: Array) -> Slopes:
    days = np.isfinite(values).sum(axis=1)
    if values.shape[1] < 2:  # noqa: PLR2004 - no pair
        none = np.full(values.shape[0], np.nan)
        return Slopes(none, none, none, np.zeros(values.shape[0], dtype=bool), days)
    earlier, later = _pairs(values.shape[1])
    slopes = (values[:, later] - values[:, earlier]) / (later - earlier)
    slopes.sort(axis=1)  # NaN last
    count = days * (days - 1) // 2
    middle = (_at(slopes, (count - 1) // 2) + _at(slopes, count // 2)) / 2
    reach = Z * np.sqrt(np.maximum(_sen_term(days) - _ties(values), 0) / 18)
    sure = days >= _FEWEST
    low, high = _between(slopes, count, reach)
    lowest, highest = _between(slopes, count, reach * np.sqrt(_lasting(values, middle, days)))
    return Slopes(
        np.where(count > 0, middle, np.nan),
        np.where(sure, low, np.nan),
        np.where(sure, high, np.nan),
        sure & ((lowest > 0) | (highest < 0)),
        days,
    )


def _between(slopes: Array, count: NDArray[np.int64], reach: Array) -> tuple[Array, Array]:
    """The ordered slopes so far below and above the middle."""
    low = np.maximum(np.rint((count - reach) / 2).astype(np.int64) - 1, 0)
    high = np.minimum(np.rint((count + reach) / 2).astype(np.int64), count - 1)
    return _at(slopes, low), _at(slopes, high)


def _lasting(values: Array, slope: Array, days: NDArray[np.int64]) -> Array:
    """How many times the variance is that of independent days, from what lasts of the deviations from the line.

    What lasts is a person's own estimate and the population's together; days further apart share less of it.
    """
    read = np.isfinite(values)
    rest = values - np.nan_to_num(slope)[:, None] * np.arange(values.shape[1])
    rest = np.where(read, rest - _middle(rest, days)[:, None], 0.0)
    near = (read[:, 1:] & read[:, :-1]).sum(axis=1)
    spread = (rest * rest).sum(axis=1) / np.maximum(days, 1)
    shared = (rest[:, 1:] * rest[:, :-1]).sum(axis=1) / np.maximum(spread, 1e-12)
    lasts = np.clip((shared + _LASTS * _WORTH) / (near + _WORTH) + _BENT / np.maximum(days, 1), 0.0, _MOST)
    grown = np.ones(len(values))
    for apart in range(1, values.shape[1]):
        pairs = (read[:, apart:] & read[:, :-apart]).sum(axis=1)
        grown += 2 * lasts**apart * pairs / np.maximum(days, 1)
    return np.asarray(grown)


def _middle(values: Array, days: NDArray[np.int64]) -> Array:
    ordered = np.sort(values, axis=1)
    return (_at(ordered, (days - 1) // 2) + _at(ordered, np.minimum(days // 2, values.shape[1] - 1))) / 2


@lru_cache(maxsize=8)
def _pairs(width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return np.triu_indices(width, 1)


def _at(rows: Array, places: NDArray[np.int64]) -> Array:
    return np.take_along_axis(rows, np.maximum(places, 0)[:, None], axis=1)[:, 0]


def _ties(values: Array) -> NDArray[np.int64]:
    """What equal values take from the variance: the sum of t(t-1)(2t+5) over groups of t equal values."""
    alike = (values[:, :, None] == values[:, None, :]).sum(axis=2)
    return np.asarray(((alike - 1) * (2 * alike + 5) * (alike > 0)).sum(axis=1), dtype=np.int64)


def _sen_term(count: NDArray[np.int64]) -> NDArray[np.int64]:
    return count * (count - 1) * (2 * count + 5)
