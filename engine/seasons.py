"""Steps against the person's own same season: never January against October.

Where last year's same weeks are known they are the baseline; otherwise the person's own recent days are, each brought
to the present season by a declared factor. Days are NaN where nothing valid was counted; axis 0 is people, axis 1 days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Share of the steps of spring and autumn that people take in each month. Deep winter: NEIGE (65-84 years, heavy-snow
# Niigata, doi 10.1186/s12889-020-09343-8), share of waking time not sedentary falls from 46.1 to 35.4 % (men) and from
# 52.1 to 44.5 % (women), a factor of 0.77 and 0.85. December and March have half of the snow months' loss. High summer:
# 24,625 people in Yokohama (PMC5555090) take 98 to 188 steps less per degree above about 20 degrees. That these hold
# for Sakata is product policy until its own residents' data say it better.
SEASON_FACTOR: Final = (0.8, 0.8, 0.9, 1.0, 1.0, 1.0, 0.9, 0.9, 1.0, 1.0, 1.0, 0.9)
YEAR: Final = 364  # a whole number of weeks: weekdays meet weekdays
AROUND: Final = 14
LAST_YEAR_NEEDED: Final = 10
RECENT: Final = 90
RECENT_NEEDED: Final = 14
WEEK: Final = 7
BASELINE_DAYS: Final = 28
WEEKDAY_NEEDED: Final = 2


class Season(msgspec.Struct, frozen=True):
    """Steps per day expected of each person in this season; how many days say so, and whether last year's do."""

    expected: Floats
    days: NDArray[np.int64]
    last_year: NDArray[np.bool_]


class WeekdayBaseline(msgspec.Struct, frozen=True, kw_only=True):
    """Steps per day, Monday to Sunday, that are usual for a person in this season, None where too little is known."""

    steps: tuple[float | None, ...]
    days: int


def factor(day: date) -> float:
    """The share of the yearly best that people walk in the month of `day`."""
    return SEASON_FACTOR[day.month - 1]


def season(steps: Floats, today: date) -> Season:
    """What each person walks in the season of `today`, the day of the last column; the last 7 days are left out.

    Last year's (or the year's before) 29 days around the same date count if 10 of them are valid, else the 90 days
    before the last week, adjusted, if 14 are.
    """
    people, width = steps.shape
    before = width - 1 - WEEK
    old, old_days = _same_weeks(steps, width)
    first = max(before - RECENT, 0)
    recent = steps[:, first : max(before, 0)]
    factors = np.array([factor(today - timedelta(days=width - 1 - column)) for column in range(first, max(before, 0))])
    now = float(np.mean([factor(today - timedelta(days=back)) for back in range(1, WEEK + 1)]))
    own, own_days = _mean(recent / factors if recent.shape[1] else np.full((people, 1), np.nan))
    last_year = old_days >= LAST_YEAR_NEEDED
    expected = np.where(last_year, old, np.where(own_days >= RECENT_NEEDED, own * now, np.nan))
    return Season(expected, np.where(last_year, old_days, own_days), last_year)


def _same_weeks(steps: Floats, width: int) -> tuple[Floats, NDArray[np.int64]]:
    columns = [
        column
        for back in range(YEAR, width + AROUND, YEAR)
        for column in range(width - 1 - back - AROUND, width - back + AROUND)
        if 0 <= column < width
    ]
    return _mean(steps[:, columns] if columns else np.full((len(steps), 1), np.nan))


def _mean(values: Floats) -> tuple[Floats, NDArray[np.int64]]:
    known = np.isfinite(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0), count.astype(np.int64)


def weekday_baseline(days: Mapping[date, float], until: date) -> WeekdayBaseline:
    """The usual steps of each weekday from the valid `days` of the 28 before `until`, brought to the season of `until`.

    Each weekday is the median of its days; a weekday with fewer than two takes the median of all.
    """
    now = factor(until)
    known = {
        day: days[day] / factor(day) * now
        for back in range(1, BASELINE_DAYS + 1)
        if (day := until - timedelta(days=back)) in days
    }
    if len(known) < RECENT_NEEDED:
        return WeekdayBaseline(steps=(None,) * WEEK, days=len(known))
    overall = _median(list(known.values()))
    found = [[value for day, value in known.items() if day.weekday() == weekday] for weekday in range(WEEK)]
    steps = tuple(_median(values) if len(values) >= WEEKDAY_NEEDED else overall for values in found)
    return WeekdayBaseline(steps=steps, days=len(known))


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))
