"""The least that computes the same trends in numpy: a damped local-linear Kalman filter with a gross-error weight over
days, and Theil-Sen by pairs. No scale that is learnt, no wobble, no second thoughts about strange readings, no ties.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
CHUNK: Final = 4096
# Odds of a reading being somebody else's, and how far away such readings lie (kg²).
_ODDS, _AWAY = 0.03 / 0.97, 64.0
_HORIZONS: Final = (7.0, 14.0)
_Z: Final = 1.645


def levels(values: Floats, noise: tuple[Floats, ...]) -> Floats:
    """Level, slope, and each forecast with its ends, of everybody; `noise`: walk, noise, kept, turn, sloped."""
    parts = []
    for start in range(0, len(values), CHUNK):
        part = slice(start, start + CHUNK)
        days = np.ascontiguousarray(values[part].T, dtype=np.float64)
        parts.append(_follow(days, *(one[part] for one in noise)))
    return np.concatenate(parts, axis=1)


def _follow(days: Floats, walk: Floats, noise: Floats, kept: Floats, turn: Floats, sloped: Floats) -> Floats:
    people = days.shape[1]
    level, slope = np.full(people, np.nan), np.zeros(people)
    ll, ls, ss = np.zeros(people), np.zeros(people), np.zeros(people)
    with np.errstate(over="ignore", invalid="ignore"):
        for read in days:
            level, slope = level + slope, kept * slope
            sheared = ls + ss
            ll, ls, ss = ll + ls + sheared + walk, kept * sheared, kept * kept * ss + turn
            known = np.isfinite(read)
            first = known & np.isnan(level)
            if first.any():
                level, ll, ss = np.where(first, read, level), np.where(first, noise, ll), np.where(first, sloped, ss)
            gap, total = np.where(known, read - level, 0.0), ll + noise
            wide = total + _AWAY
            trust = 1 / (1 + _ODDS * np.sqrt(total / wide) * np.exp(gap * gap * (_AWAY / 2) / (total * wide)))
            share = np.where(known, trust, 0.0) / total
            by_level, by_slope = share * ll, share * ls
            level, slope = level + by_level * gap, slope + by_slope * gap
            ss, ls, ll = ss - by_slope * ls, ls - by_level * ls, ll - by_level * ll
    found = [level, slope]
    for ahead in _HORIZONS:
        reach = (1 - kept**ahead) / (1 - kept)
        sd = np.sqrt(ll + 2 * reach * ls + reach * reach * ss + walk * ahead + noise)
        found += [level + reach * slope, level + reach * slope - _Z * sd, level + reach * slope + _Z * sd]
    return np.array(found)


def slopes(values: Floats) -> Floats:
    """Theil-Sen slope with the ends of its 90 % interval."""
    earlier, later = np.triu_indices(values.shape[1], 1)
    parts = []
    for start in range(0, len(values), CHUNK):
        part = values[start : start + CHUNK]
        pairs = (part[:, later] - part[:, earlier]) / (later - earlier)
        pairs.sort(axis=1)  # how many are there differs from person to person: no partition at one place
        days = np.isfinite(part).sum(axis=1)
        count = days * (days - 1) // 2
        reach = _Z * np.sqrt(days * (days - 1) * (2 * days + 5) / 18)
        ends = np.rint((count - reach) / 2) - 1, np.rint((count + reach) / 2)
        places = np.stack([(count - 1) // 2, count // 2, *ends], axis=1).astype(np.int64)
        below, above, low, high = np.take_along_axis(pairs, places.clip(0, len(earlier) - 1), axis=1).T
        parts.append(np.stack([(below + above) / 2, low, high]))
    return np.concatenate(parts, axis=1)
