"""Where a series turned: one straight line against two, with a threshold that counts every place that was tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.series.model import Array, Flags

Places = NDArray[np.intp]
# Readings on each side of a turn.
_SIDE: Final = 7
# Twice the log likelihood ratio a line of autocorrelated noise exceeds once in twenty (simulated, see its test): a
# penalty for the two extra parameters and one for the search over the places.
_THRESHOLD: Final = 16.0
_WILD: Final = 3.5
_MAD: Final = 1.4826


@dataclass(frozen=True, slots=True)
class Changes:
    """Per person: column of the first day after the turn (NaN = none proven), the evidence, slopes per day around it.

    `evidence` is twice the log likelihood ratio, corrected for noise that lasts more than a day; NaN with too few days.
    """

    day: Array
    evidence: Array
    before: Array
    after: Array


def change_point(values: Array) -> Changes:
    """The most likely turn of each person in `values` (people, consecutive days; NaN = none), if it is proven."""
    if values.shape[1] < 2 * _SIDE:
        none = np.full(values.shape[0], np.nan)
        return Changes(none, none, none, none)
    clean = _without_wild(values)
    read = np.isfinite(clean)
    place = np.broadcast_to(np.arange(values.shape[1], dtype=np.float64), values.shape)
    left = _running(read, place, np.where(read, clean, 0.0))
    whole = tuple(part[:, -1:] for part in left)
    right = tuple(total - part for total, part in zip(whole, left, strict=True))
    one = _rest(whole)[:, 0]
    two = np.where((left[0] >= _SIDE) & (right[0] >= _SIDE), _rest(left) + _rest(right), np.inf)
    last = np.argmin(two, axis=1)
    rows = np.arange(values.shape[0])
    best = two[rows, last]
    tried = np.isfinite(best)
    line, lines = ((_slope(part)[rows, last]) for part in (left, right))
    count = whole[0][:, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = count * np.log(np.maximum(one, 1e-12) / np.maximum(best, 1e-12))
        evidence = np.where(tried, ratio * _independent(clean, left, right, last), np.nan)
    proven = tried & (evidence > _THRESHOLD)
    return Changes(
        np.where(proven, last + 1.0, np.nan), evidence, np.where(proven, line, np.nan), np.where(proven, lines, np.nan)
    )


def _without_wild(values: Array) -> Array:
    """`values` without readings that stand alone far from their two weeks: a wrong person is no turn."""
    with np.errstate(all="ignore"):
        edge = np.full((values.shape[0], _SIDE), np.nan)
        near = np.lib.stride_tricks.sliding_window_view(np.hstack([edge, values, edge]), 2 * _SIDE + 1, axis=1)
        away = np.abs(values - _median(near))
        usual = _median(away[:, None, :])
    return np.where(away > np.maximum(_WILD * _MAD * usual, 1e-9), np.nan, values)


def _median(windows: Array) -> Array:
    """Median over the last axis, NaN left out, without numpy's warning for windows that are empty."""
    ordered = np.sort(windows, axis=-1)
    count = np.isfinite(ordered).sum(axis=-1)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    place = np.stack([low, np.minimum(high, ordered.shape[-1] - 1)], axis=-1)
    return np.asarray(np.take_along_axis(ordered, place, axis=-1).mean(axis=-1))


def _running(read: Flags, x: Array, y: Array) -> tuple[Array, ...]:
    """Running sums a regression needs: n, x, y, xx, xy, yy; y around the first readings' mean for the digits' sake."""
    start = y.sum(axis=1, keepdims=True) / np.maximum(read.sum(axis=1, keepdims=True), 1)
    y = np.where(read, y - start, 0.0)
    parts = (read, read * x, y, read * x * x, x * y, y * y)
    return tuple(np.cumsum(part, axis=1, dtype=np.float64) for part in parts)


def _rest(sums: tuple[Array, ...]) -> Array:
    """Squares left by the best line."""
    n, x, y, xx, xy, yy = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        bent, along = xx - x * x / n, xy - x * y / n
        left = yy - y * y / n - np.where(bent > 0, along * along / bent, 0.0)
    return np.where(n > 0, np.maximum(left, 0.0), 0.0)


def _slope(sums: tuple[Array, ...]) -> Array:
    n, x, y, xx, xy, _ = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        bent = xx - x * x / n
        return np.asarray(np.where(bent > 0, (xy - x * y / n) / bent, np.nan))


def _independent(values: Array, left: tuple[Array, ...], right: tuple[Array, ...], last: Places) -> Array:
    """How much of the evidence stays when neighbouring days err together: (1 - r) / (1 + r), r from the two lines."""
    rows = np.arange(values.shape[0])
    days = np.arange(values.shape[1], dtype=np.float64)
    after = days[None, :] > last[:, None]
    rest = values - np.where(after, *(_fitted(part, rows, last, days) for part in (right, left)))
    rest = rest - np.nanmean(np.where(np.isfinite(rest).any(axis=1, keepdims=True), rest, 0.0), axis=1, keepdims=True)
    now, before = rest[:, 1:], rest[:, :-1]
    both = np.isfinite(now) & np.isfinite(before)
    pairs, power = np.where(both, now * before, 0.0).sum(axis=1), np.where(both, now * now, 0.0).sum(axis=1)
    # Lines bend towards their noise: what is seen of r is too small by about five parts in n.
    count = np.maximum(np.isfinite(rest).sum(axis=1), 1)
    r = np.clip(pairs / np.maximum(power, 1e-12) + 5 / count, 0.0, 0.8)
    return np.asarray((1 - r) / (1 + r))


def _fitted(sums: tuple[Array, ...], rows: Places, last: Places, days: Array) -> Array:
    n, x, y = (part[rows, last][:, None] for part in sums[:3])
    slope = np.nan_to_num(_slope(sums)[rows, last])[:, None]
    return np.asarray(y / np.maximum(n, 1) + slope * (days[None, :] - x / np.maximum(n, 1)))
