"""The arithmetic of the signals, for any number of people at once: arrays people x days in, one column per signal out.

The last column of every array is the day of the question; NaN means nothing was measured. One person's signals and a
whole city's go through these same functions, so that they cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.activity import NEEDED_DAYS, VALID_HIGH, VALID_LOW, WINDOW

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]

BP_DAYS: Final = 7
BP_NEEDED: Final = 5
HEART_DAYS: Final = 7
HEART_NEEDED: Final = 3
# The newest weighing may be so many days old, and what it is compared with lies up to 8 days before it: two people
# who weigh themselves once a week do it on the same weekday, give or take one.
RISE_FRESH: Final = 7
RISE_BACK: Final = 8
RISE_SPREAD: Final = 2
HALF_YEAR: Final = 180
LEVEL_DAYS: Final = 7
LEVEL_FRESH: Final = 28
LEAST_SPAN: Final = 28
BLOCK: Final = 15
BLOCK_NEEDED: Final = 3
CHANGE_DAYS: Final = HALF_YEAR + LEVEL_DAYS - 1 + LEVEL_FRESH


@dataclass(frozen=True, slots=True)
class Column:
    """One signal of many people: NaN where it is unknown; of how many days it was made, lowest and highest of them."""

    value: Floats
    count: Counts
    low: Floats | None = None
    high: Floats | None = None


def half_up(values: Floats, digits: int) -> Floats:
    """`values` rounded half away from zero; a tie that binary fractions put a hair too low still goes up."""
    scale = 10.0**digits
    return np.copysign(np.floor(np.abs(values) * scale + 0.5 + 1e-7) / scale, values) + 0.0


def bmi_column(weight_kg: Floats, height_cm: Floats) -> Floats:
    """`engine.signals.bmi` of many people: exact in whole numbers of 0.01 kg and 0.01 cm, rounded half-up to 0.1."""
    known = np.isfinite(weight_kg) & np.isfinite(height_cm) & (weight_kg > 0) & (height_cm > 0)
    weight = np.rint(np.where(known, weight_kg, 1.0) * 100).astype(np.int64)
    height = np.rint(np.where(known, height_cm, 1.0) * 100).astype(np.int64)
    square = height * height
    tenths = (2 * 10_000_000 * weight + square) // (2 * square)
    return np.where(known, tenths / 10, np.nan)


def padded(values: Floats, width: int) -> Floats:
    """The last `width` days, with unknown days before them where fewer are given."""
    lacking = width - values.shape[1]
    if lacking <= 0:
        return values[:, values.shape[1] - width :]
    return np.concatenate([np.full((len(values), lacking), np.nan), values], axis=1)


def middle(values: Floats, *, lower: bool = False) -> Floats:
    """The median of each row's known values; of two middle ones their mean, or the lower where asked."""
    ordered = np.sort(values, axis=-1)
    count = np.isfinite(ordered).sum(axis=-1)
    first = np.take_along_axis(ordered, (np.maximum(count - 1, 0) // 2)[..., None], axis=-1)[..., 0]
    if lower:
        return first
    second = np.take_along_axis(ordered, np.minimum(count // 2, values.shape[-1] - 1)[..., None], axis=-1)[..., 0]
    return np.where(count > 0, (first + second) / 2, np.nan)


def mean(values: Floats) -> tuple[Floats, Counts]:
    """The mean of each row's known values and how many there are."""
    known = np.isfinite(values)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0.0).sum(axis=-1)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0), count.astype(np.int64)


def valid_steps(steps: Floats, worn: Flags | None = None) -> Floats:
    """The steps of valid days (100 to 49,999, worn where that is known), NaN for the others."""
    valid = (steps >= VALID_LOW) & (steps <= VALID_HIGH)
    return np.where(valid if worn is None else valid & worn, steps, np.nan)


def step_columns(valid: Floats) -> dict[str, Column]:
    """Mean of the valid days among the 7 before today, which is still running; None below 4 of them."""
    week = padded(valid, WINDOW + 1)[:, :-1]
    value, count = mean(week)
    enough = count >= NEEDED_DAYS
    low, high = (_only(enough, _extreme(week, sign)) for sign in (-1.0, 1.0))
    return {
        "steps.mean_7d": Column(half_up(_only(enough, value), 0), count, low, high),
        "steps.valid_days_7d": Column(count.astype(np.float64), count),
    }


def season_column(mean_7d: Floats, expected: Floats, days: Counts) -> Column:
    """The week's steps in % of what this person walks in this season."""
    share = np.divide(mean_7d * 100, expected, out=np.full(len(mean_7d), np.nan), where=expected > 0)
    return Column(half_up(share, 0), days)


def pressure_columns(kind: str, morning: Floats, evening: Floats, top: Floats) -> dict[str, Column]:
    """Home pressure of 7 days: the mean of day means and of each half, from 5 days on; the highest single value.

    `kind` is systolic or diastolic; `morning` and `evening` hold the mean of each half day, `top` its highest value.
    """
    halves = np.stack([padded(morning, BP_DAYS), padded(evening, BP_DAYS)], axis=-1)
    columns = {"mean": mean(halves)[0], "morning": halves[..., 0], "evening": halves[..., 1]}
    found = {f"bp.home.{kind}_{name}": _mean_of_days(days) for name, days in columns.items()}
    week = padded(top, BP_DAYS)
    found[f"bp.home.{kind}_max"] = Column(_extreme(week, 1.0), np.isfinite(week).sum(axis=1))
    return found


def _mean_of_days(days: Floats) -> Column:
    value, count = mean(days)
    return Column(half_up(_only(count >= BP_NEEDED, value), 1), count)


def heart_columns(days: Floats, high: Floats, low: Floats) -> dict[str, Column]:
    """The median resting heart rate of at least 3 of the last 7 days, and the highest and lowest single one."""
    week, tops, bottoms = (padded(values, HEART_DAYS) for values in (days, high, low))
    count = np.isfinite(week).sum(axis=1)
    return {
        "heart.resting": Column(half_up(_only(count >= HEART_NEEDED, middle(week)), 0), count),
        "heart.resting_max": Column(_extreme(tops, 1.0), np.isfinite(tops).sum(axis=1)),
        "heart.resting_min": Column(_extreme(bottoms, -1.0), np.isfinite(bottoms).sum(axis=1)),
    }


def change_columns(weights: Floats) -> dict[str, Column]:
    """What the weight did in 7 and in 180 days, from the median of each day's sure readings (kg)."""
    return {"weight.change_7d": _rise(weights)} | _half_year(weights)


def _rise(weights: Floats) -> Column:
    """The newest day against the first days of the week before it.

    A rise must not be smoothed away (water of a failing heart comes within days), so the newest day stands as it is;
    only where it came from is a median, of the first weighing day and those in the 2 days after it, and of two the
    lower. One wrong reading can therefore raise a question, which a second weighing of the same day settles.
    """
    recent = padded(weights, RISE_FRESH + RISE_BACK)
    newest, last = _newest(recent, RISE_FRESH)
    back = _before(recent, last, RISE_BACK)
    column = np.arange(RISE_BACK)
    first = np.argmax(np.isfinite(back), axis=1)[:, None]
    start = np.where(column <= first + RISE_SPREAD, back, np.nan)
    count = np.isfinite(start).sum(axis=1)
    return Column(half_up(newest - middle(start, lower=True), 2), count + np.isfinite(newest))


def _half_year(weights: Floats) -> dict[str, Column]:
    """The median of the newest week against that of the week half a year earlier, or of the first week known.

    The loss is counted in % of the weight before it: the highest of that first week and of any 15 days since with
    weighings on three. At least 28 days lie between the weeks, else nothing is said.
    """
    span = HALF_YEAR + LEVEL_DAYS - 1
    recent = padded(weights, CHANGE_DAYS)
    newest, last = _newest(recent, LEVEL_FRESH)
    back = _before(recent, last, span)
    known = np.isfinite(back)
    first = np.argmax(known, axis=1)
    column = np.arange(span)
    base = middle(np.where(column < first[:, None] + LEVEL_DAYS, back, np.nan))
    now = middle(np.concatenate([back[:, span - LEVEL_DAYS + 1 :], newest[:, None]], axis=1))
    enough = known.any(axis=1) & (first <= span - LEAST_SPAN) & np.isfinite(newest)
    base, now = _only(enough, base), _only(enough, now)
    before = np.fmax(base, _peak(back[:, : span - LEVEL_DAYS + 1]))
    count = known.sum(axis=1) + np.isfinite(newest)
    loss = np.divide(100 * (before - now), before, out=np.full(len(now), np.nan), where=before > 0)
    return {
        "weight.change_180d": Column(half_up(now - base, 2), count),
        "weight.loss_percent_180d": Column(half_up(_only(enough, loss), 1), count),
    }


def _peak(weights: Floats) -> Floats:
    """The highest median of 15 days in a row with weighings on at least three; -inf where there are none."""
    blocks = weights.reshape(len(weights), weights.shape[1] // BLOCK, BLOCK)
    sure = np.isfinite(blocks).sum(axis=2) >= BLOCK_NEEDED
    return np.asarray(np.where(sure, middle(blocks), -np.inf).max(axis=1))


def _newest(weights: Floats, fresh: int) -> tuple[Floats, Counts]:
    """The newest value of each row and its column, if it is not older than `fresh` days."""
    width = weights.shape[1]
    last = width - 1 - np.argmax(np.isfinite(weights[:, ::-1]), axis=1)
    value = np.take_along_axis(weights, last[:, None], axis=1)[:, 0]
    return _only(last >= width - fresh, value), last


def _before(weights: Floats, last: Counts, days: int) -> Floats:
    """The `days` columns before column `last` of each row."""
    columns = last[:, None] + np.arange(-days, 0)
    values = np.take_along_axis(weights, np.maximum(columns, 0), axis=1)
    return np.where(columns >= 0, values, np.nan)


def _extreme(values: Floats, sign: float) -> Floats:
    known = np.isfinite(values)
    found = sign * np.where(known, sign * values, -np.inf).max(axis=1)
    return _only(np.asarray(known.any(axis=1)), found)


def _only(where: Flags, values: Floats) -> Floats:
    return np.where(where, values, np.nan)
