"""Weight trend of one person: a robust level and forecast, and a slope that is spoken only when it is sure.

The level comes from a damped local-linear Kalman filter that does not believe gross errors (another person on the
scale, a box in the hands); the slope is Theil-Sen over 28 and 56 days with its 90 % interval. All numbers come from
the kernels of `engine.series`, run for one person.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

import msgspec
import numpy as np

from engine.series.change import change_point
from engine.series.kernel import State, advance, stride
from engine.series.levels import follow, level, odds, outlook
from engine.series.model import PRIOR, Array, Model
from engine.series.sen import CONFIDENCE, Slopes, theil_sen
from engine.series.weekday import weekday_effect

__all__ = ["CONFIDENCE", "Trend", "weight_trend"]
DAY: Final = timedelta(days=1)
SLOPE_DAYS: Final = 28
LONG_DAYS: Final = 56
WEEK: Final = 7
# A claim needs more than an interval that happens to miss 0: six days of data that span ten.
CLAIM_DAYS: Final = 6
CLAIM_SPAN: Final = 10.0
# What is older than this before the newest reading has left no trace in the filter.
FORGOTTEN: Final = 180.0


class Fade(msgspec.Struct, frozen=True):
    """A part of the level that changes with time: kg, and what is kept of it per day."""

    kg: float
    kept: float


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said of a series at `as_of`: kg, kg per week; None where there is too little.

    `low`..`high` is the 90 % interval of `slope_per_week` over 28 days, `low_56d`..`high_56d` that of 56 days;
    `claimed` is False whenever `low`..`high` covers 0, and when it misses 0 only because bad days come in runs. A
    forecast's interval holds the person's next reading in 90 of 100 cases. `days` counts days with a reading in the
    last 28, `age_days` is the age of the newest one; `turned_on` is the first day after a proven turn within 56 days,
    with the slopes before and after it. `settled` is the level without its `wobble`, which fades; `weekdays` is what
    Monday to Sunday add to it, from 56 days and only with four readings of each; `drifts` are kg per day that fade
    too, one per parameter set.
    """

    level: float | None = None
    level_sd: float | None = None
    settled: float | None = None
    drifts: tuple[Fade, ...] = ()
    wobble: Fade = Fade(0.0, 1.0)
    slope_per_week: float | None = None
    low: float | None = None
    high: float | None = None
    claimed: bool = False
    days: int = 0
    age_days: float | None = None
    forecast_7d: float | None = None
    forecast_7d_low: float | None = None
    forecast_7d_high: float | None = None
    forecast_14d: float | None = None
    forecast_14d_low: float | None = None
    forecast_14d_high: float | None = None
    slope_56d: float | None = None
    low_56d: float | None = None
    high_56d: float | None = None
    turned_on: date | None = None
    slope_before: float | None = None
    slope_after: float | None = None
    weekdays: tuple[float, ...] | None = None

    def forecast(self, days: float) -> float | None:
        """The reading expected `days` after `as_of`, in kg; None without a level."""
        if self.settled is None:
            return None
        drift = sum(part.kg * float((1 - part.kept**days) / (1 - part.kept)) for part in self.drifts)
        return self.settled + drift + self.wobble.kg * float(self.wobble.kept**days)


def weight_trend(points: Iterable[tuple[datetime, float]], as_of: datetime, noise: Model | None = None) -> Trend:
    """The trend of `points` (instant, kg) as known at `as_of`; order, duplicates, gaps and later points do not matter.

    Days are cut in the zone of `as_of`; `noise` are the parameters fitted for this person, the population's without.
    Total: no points give an empty trend, one gives a level and no slope.
    """
    model = PRIOR if noise is None else noise
    known = sorted({(at, value) for at, value in points if at <= as_of and math.isfinite(value)})
    if not known:
        return Trend()
    trend = _levelled(_state(known, as_of, model), model, (as_of - known[-1][0]) / DAY)
    today = as_of.astimezone(as_of.tzinfo).date()
    recent = _grid([(at, value) for at, value in known if as_of - at < SLOPE_DAYS * DAY], as_of, today, SLOPE_DAYS)
    longer = _grid([(at, value) for at, value in known if as_of - at < LONG_DAYS * DAY], as_of, today, LONG_DAYS)
    sober, long = theil_sen(recent), theil_sen(longer)
    slope_28, low, high = _weekly(sober)
    slope_56, low_56, high_56 = _weekly(long)
    turned_on, before, after = _turn(longer, today)
    return msgspec.structs.replace(
        trend, slope_per_week=slope_28, low=low, high=high, claimed=_claimed(recent, sober),
        days=int(np.isfinite(recent).sum()), slope_56d=slope_56, low_56d=low_56, high_56d=high_56,
        turned_on=turned_on, slope_before=before, slope_after=after, weekdays=_weekdays(longer, today),
    )  # fmt: skip


def _state(known: Sequence[tuple[datetime, float]], as_of: datetime, model: Model) -> State:
    """The filter through the readings, brought forward to `as_of`."""
    newest = known[-1][0]
    kept = [(at, value) for at, value in known if (newest - at) / DAY <= FORGOTTEN]
    instants = [at for at, _ in kept]
    gaps = [0.0, *((later - earlier) / DAY for earlier, later in pairwise(instants))]
    *_, last = follow(np.asarray([[value for _, value in kept]]), np.asarray([gaps]), model)
    return advance(last, stride((as_of - newest) / DAY, model))


def _levelled(state: State, model: Model, age: float) -> Trend:
    now, sd = level(state, model)
    shares = odds(state, model)
    rest = float((shares * state.level).sum())
    kept = np.broadcast_to(model.kept, shares.shape)[:, 0].tolist()
    week, fortnight = outlook(state, model, 7.0), outlook(state, model, 14.0)
    return Trend(
        level=float(now[0]), level_sd=float(sd[0]), settled=rest, age_days=age,
        drifts=tuple(map(Fade, (shares * state.slope)[:, 0].tolist(), kept)),
        wobble=Fade(float(now[0]) - rest, float(model.memory[0, 0])),
        forecast_7d=float(week.value[0]), forecast_7d_low=float(week.low[0]), forecast_7d_high=float(week.high[0]),
        forecast_14d=float(fortnight.value[0]), forecast_14d_low=float(fortnight.low[0]),
        forecast_14d_high=float(fortnight.high[0]),
    )  # fmt: skip


def _grid(known: Sequence[tuple[datetime, float]], as_of: datetime, today: date, days: int) -> Array:
    """One row of civil days up to today, the median of each day's readings; a second try weighs nothing extra."""
    found: dict[int, list[float]] = {}
    for at, value in known:
        found.setdefault((today - at.astimezone(as_of.tzinfo).date()).days, []).append(value)
    row = np.full((1, days + 1), np.nan)  # `days` times 24 hours may touch one date more
    for ago, values in found.items():
        row[0, days - ago] = median(values)
    return row


def _weekly(found: Slopes) -> tuple[float | None, float | None, float | None]:
    slope_week, low, high = (_number(WEEK * float(part[0])) for part in (found.slope, found.low, found.high))
    return slope_week, low, high


def _claimed(row: Array, found: Slopes) -> bool:
    days = np.flatnonzero(np.isfinite(row[0]))
    return len(days) >= CLAIM_DAYS and bool(days[-1] - days[0] >= CLAIM_SPAN and found.firm[0])


def _turn(row: Array, today: date) -> tuple[date | None, float | None, float | None]:
    found = change_point(row)
    day = _number(float(found.day[0]))
    if day is None:
        return None, None, None
    on = today - timedelta(days=row.shape[1] - 1 - int(day))
    return on, _number(WEEK * float(found.before[0])), _number(WEEK * float(found.after[0]))


def _weekdays(row: Array, today: date) -> tuple[float, ...] | None:
    effects = weekday_effect(row).effect[0]
    if not np.isfinite(effects).all():
        return None
    first = (today - timedelta(days=row.shape[1] - 1)).weekday()
    return tuple(float(effects[(day - first) % WEEK]) for day in range(WEEK))


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
