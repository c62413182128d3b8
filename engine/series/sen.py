"""Theil-Sen slopes of many people with the interval after Sen 1968: the sober statement about a trend."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.series.model import Array, Flags

CONFIDENCE: Final = 0.90
# People of a chunk, and numbers of its pairs: both stay near the processor, whatever the number of people and days.
_PEOPLE: Final = 1024
_PAIRS: Final = 1_000_000
Z: Final = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
_FEWEST: Final = 3
# What lasts of a body weight's deviation to the next day (median of 15 people), worth so many pairs of days; what a
# line that bends towards its noise hides of it, in parts of the days; and the most that is believed.
_LASTS: Final = 0.35
_WORTH: Final = 10.0
_BENT: Final = 3.0
_MOST: Final = 0.8
Counts = NDArray[np.int64]
IntOrCounts = TypeVar("IntOrCounts", int, Counts)


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
    days: Counts


def theil_sen(values: Array) -> Slopes:
    """The slope over all columns of `values` (people, consecutive days; NaN = none), with its interval.

    The same numbers as scipy.stats.theilslopes(alpha=0.9), ties included; sorted in chunks of bounded memory.
    """
    days = np.isfinite(values).sum(axis=1)
    found, firm = np.full((3, len(values)), np.nan), np.zeros(len(values), dtype=bool)
    # People with as many days go together: then no chunk sorts many pairs that are not there.
    order = np.argsort(days, kind="stable")
    start = int(np.searchsorted(days[order], 2))
    while start < len(order):
        most = int(days[order[min(start + _PEOPLE, len(order)) - 1]])
        chosen = order[start : start + min(_PEOPLE, max(_PAIRS // _pairs(most), 1))]
        found[:, chosen], firm[chosen] = _slopes(values[chosen], days[chosen])
        start += len(chosen)
    slope, low, high = found
    return Slopes(slope, low, high, firm, days)


def _slopes(values: Array, days: Counts) -> tuple[Array, Flags]:
    """Slope, low and high, and which are firm, of people with two days or more; `days` ascend."""
    read, place = _together(values, int(days[-1]))
    slopes = _between_days(read, place)
    slopes.sort(axis=1)  # NaN last
    count = _pairs(days)
    middle = (_at(slopes, (count - 1) // 2) + _at(slopes, count // 2)) / 2
    reach = Z * np.sqrt(np.maximum(_sen_term(days) - _ties(read), 0) / 18)
    sure = days >= _FEWEST
    low, high = _between(slopes, count, reach)
    lowest, highest = _between(slopes, count, reach * np.sqrt(_lasting(values, middle, days)))
    found = np.stack([middle, np.where(sure, low, np.nan), np.where(sure, high, np.nan)])
    return found, sure & ((lowest > 0) | (highest < 0))


def _together(values: Array, most: int) -> tuple[Array, Array]:
    """The readings of each person without the empty days between them, at most `most`, and their columns."""
    place = np.argsort(~np.isfinite(values), axis=1, kind="stable")[:, :most]
    read = np.take_along_axis(values, place, axis=1)
    return np.where(np.isfinite(read), read, np.nan), place.astype(np.float64)


def _between_days(read: Array, place: Array) -> Array:
    """The slope between every two readings of each person; NaN where there is none."""
    people, most = read.shape
    slopes, filled = np.empty((people, _pairs(most))), 0
    for apart in range(1, most):
        part = slopes[:, filled : filled + most - apart]
        np.subtract(read[:, apart:], read[:, :-apart], out=part)
        part /= place[:, apart:] - place[:, :-apart]
        filled += most - apart
    return slopes


def _between(slopes: Array, count: Counts, reach: Array) -> tuple[Array, Array]:
    """The ordered slopes so far below and above the middle."""
    low = np.maximum(np.rint((count - reach) / 2).astype(np.int64) - 1, 0)
    high = np.minimum(np.rint((count + reach) / 2).astype(np.int64), count - 1)
    return _at(slopes, low), _at(slopes, high)


def _lasting(values: Array, slope: Array, days: Counts) -> Array:
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


def _middle(values: Array, days: Counts) -> Array:
    ordered = np.sort(values, axis=1)
    return (_at(ordered, (days - 1) // 2) + _at(ordered, np.minimum(days // 2, values.shape[1] - 1))) / 2


def _pairs(days: IntOrCounts) -> IntOrCounts:
    return days * (days - 1) // 2


def _at(rows: Array, places: Counts) -> Array:
    return np.take_along_axis(rows, np.maximum(places, 0)[:, None], axis=1)[:, 0]


def _ties(read: Array) -> Counts:
    """What equal values take from the variance: the sum of t(t-1)(2t+5) over groups of t equal values.

    Among t equal values put in order t-k pairs are k apart; each counted 12k+6 times, they make that sum.
    """
    ordered, found = np.sort(read, axis=1), np.zeros(len(read), dtype=np.int64)
    for apart in range(1, read.shape[1]):
        alike = (ordered[:, apart:] == ordered[:, :-apart]).sum(axis=1)
        if not alike.any():
            break
        found += (12 * apart + 6) * alike
    return found


def _sen_term(count: Counts) -> Counts:
    return count * (count - 1) * (2 * count + 5)
