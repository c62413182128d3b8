"""Who improved: a trend that is surely one, towards the range that is aimed at. Pure.

What is said of a person here is what `engine.trends` would say of them: nothing while the interval covers 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from statistics import median
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from engine.series.model import Array
from engine.series.sen import theil_sen
from engine.trends import CLAIM_DAYS, CLAIM_SPAN, SLOPE_DAYS, WEEK

Better = Literal["weight-down", "weight-up", "pressure-down"]
# From this age on weight that goes is asked about and never praised: it may be frailty (R-FR-1); product policy.
OLD: Final = 75
# Home blood pressure from which treatment is discussed (JSH 2019); falling from below it is no progress to speak of.
PRESSURE: Final = 135.0
Points = Sequence[tuple[datetime, float]]


class Slope(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed trend of 28 days: change per week with its 90 % interval, and the median of the first and last week."""

    per_week: float
    low: float
    high: float
    before: float
    now: float
    days: int


def slopes(points: Mapping[str, Points], as_of: datetime, zone: ZoneInfo) -> dict[str, Slope]:
    """The people whose trend of the last 28 days is claimed, days cut in `zone`; the others are not in it.

    Claimed as `engine.trends` claims: firm beyond an interval without 0, on six days or more that span ten.
    """
    names, today = sorted(points), as_of.astimezone(zone).date()
    if not names:
        return {}
    grid = np.vstack([_row(points[name], today, as_of, zone) for name in names])
    found = theil_sen(grid)
    said: dict[str, Slope] = {}
    for number, name in enumerate(names):
        days = np.flatnonzero(np.isfinite(grid[number])).tolist()
        if len(days) < CLAIM_DAYS or days[-1] - days[0] < CLAIM_SPAN or not found.firm[number]:
            continue
        slope, low, high = (WEEK * float(part[number]) for part in (found.slope, found.low, found.high))
        before, now = _ends(grid[number], days)
        said[name] = Slope(per_week=slope, low=low, high=high, before=before, now=now, days=len(days))
    return said


def weight_better(
    slope: Slope, height_cm: float | None, target: tuple[float, float] | None, age: int
) -> Better | None:  # fmt: skip
    """Whether a weight moves towards the target range of the BMI from outside it; None without height or target.

    A loss is none from 75 years on.
    """
    if height_cm is None or height_cm <= 0 or target is None:
        return None
    low, high = target
    index = slope.now * 10_000 / (height_cm * height_cm)
    was = slope.before * 10_000 / (height_cm * height_cm)
    if slope.high < 0 and was > high and index >= low and age < OLD:
        return "weight-down"
    return "weight-up" if slope.low > 0 and was < low and index <= high else None


def pressure_better(slope: Slope) -> Better | None:
    """Whether an upper home pressure falls that was high."""
    return "pressure-down" if slope.high < 0 and slope.before >= PRESSURE else None


def _row(points: Points, today: date, as_of: datetime, zone: ZoneInfo) -> Array:
    """One row of civil days up to today, the median of each day's values; a second try weighs nothing extra."""
    found: dict[int, list[float]] = {}
    for at, value in points:
        if timedelta() <= as_of - at < timedelta(days=SLOPE_DAYS):
            found.setdefault((today - at.astimezone(zone).date()).days, []).append(value)
    row = np.full((1, SLOPE_DAYS + 1), np.nan)
    for ago, values in found.items():
        row[0, SLOPE_DAYS - ago] = median(values)
    return row


def _ends(row: Array, days: Sequence[int]) -> tuple[float, float]:
    """The median of the first and of the last week in which there are values."""
    first = [float(row[day]) for day in days if day - days[0] < WEEK]
    last = [float(row[day]) for day in days if days[-1] - day < WEEK]
    return median(first), median(last)
