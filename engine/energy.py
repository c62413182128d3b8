"""Energy balance of a body over months: what a deficit does to a weight, and what a weight says of the intake.

The linearised model of Hall (NIDDK): dEI = 9,100 kcal/kg x dBW/dt + 22 kcal/kg/day x (BW - BW0). A lasting deficit
ends in a new steady state instead of taking 1 kg per 7,000 kcal for ever. Sources: Hall et al., Lancet 2011 (about
24 kcal/day for each kg, half of it in about a year); Sanghvi et al., Am J Clin Nutr 2015 (the two constants, and within
about 130 kcal/day for one person weighed for 28 days). The constants were taken from memory of these papers.
"""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Final

import msgspec

STORED: Final = 9100.0
SPENT: Final = 22.0
ERROR_KCAL: Final = 130.0
TIME_CONSTANT: Final = STORED / SPENT
LONGEST: Final = 3650
_HUNDREDTH: Final = Decimal("0.01")
_WINDOW_WEEKS: Final = 4


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """The weight in kg expected after `days`, between `low` and `high` for somebody who eats 130 kcal off the plan."""

    days: int
    level: Decimal
    low: Decimal
    high: Decimal


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """Days until a goal; `latest` is None where it may never be reached, `expected` where this deficit is too small."""

    soonest: int | None
    expected: int | None
    latest: int | None


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """The change of intake in kcal/day against the time before, with its interval; negative is less eaten."""

    kcal: Decimal
    low: Decimal
    high: Decimal


def steady_loss(deficit_kcal: Decimal) -> Decimal:
    """The kg that a lasting deficit of so many kcal/day takes in the end."""
    return _kg(float(deficit_kcal) / SPENT)


def share_done(days: float) -> float:
    """The share of the final change that is reached after `days`: 0 at the start, about a half after a year."""
    return -math.expm1(-days / TIME_CONSTANT)


def goal_path(weight: Decimal, deficit_kcal: Decimal, days: int) -> Path:
    """Where a weight of `weight` kg will stand after `days` of a deficit (kcal/day; a surplus is negative).

    Raises ValueError for a weight that is not positive or days outside 0 to 3,650.
    """
    if weight <= 0 or not 0 <= days <= LONGEST:
        raise ValueError("the weight must be positive and the days 0 to 3650")
    deficit, done = float(deficit_kcal), share_done(days) / SPENT
    level, low, high = (float(weight) - kcal * done for kcal in (deficit, deficit + ERROR_KCAL, deficit - ERROR_KCAL))
    return Path(days=days, level=_kg(level), low=_kg(low), high=_kg(high))


def days_to_goal(goal_kg: Decimal, deficit_kcal: Decimal) -> Arrival:
    """How long a loss of `goal_kg` takes at this deficit, and if 130 kcal/day more or less are saved than meant.

    Raises ValueError for a goal that is not positive.
    """
    if goal_kg <= 0:
        raise ValueError("the goal must be positive")
    deficit = float(deficit_kcal)
    expected, soonest, latest = (_days(float(goal_kg), deficit + off) for off in (0.0, ERROR_KCAL, -ERROR_KCAL))
    return Arrival(soonest=soonest, expected=expected, latest=latest)


def deficit_for(goal_kg: Decimal, days: int) -> Decimal:
    """The kcal/day, whole and rounded up, by which a loss of `goal_kg` is expected after `days`.

    Raises ValueError for a goal or a time that is not positive.
    """
    if goal_kg <= 0 or days <= 0:
        raise ValueError("the goal and the days must be positive")
    return Decimal(repr(float(goal_kg) * SPENT / share_done(days))).quantize(Decimal(1), ROUND_CEILING)


def intake_change(slope_per_week: float, low: float, high: float, level: float, before: float) -> Intake:
    """What the last 28 days of weight say of the intake against the time when the weight stood at `before` kg.

    `slope_per_week` with `low`..`high` in kg/week and `level` in kg are those of the trend. The interval is never
    narrower than 130 kcal/day either way: that is how exact the method is for one person in 28 days.
    """
    middle = level - slope_per_week * _WINDOW_WEEKS / 2
    kcal = STORED * slope_per_week / 7 + SPENT * (middle - before)
    below = max(ERROR_KCAL, STORED * (slope_per_week - low) / 7)
    above = max(ERROR_KCAL, STORED * (high - slope_per_week) / 7)
    return Intake(kcal=_whole(kcal), low=_whole(kcal - below), high=_whole(kcal + above))


def _days(goal: float, deficit: float) -> int | None:
    """None when the steady state of this deficit lies above the goal, or further away than ten years."""
    if deficit <= goal * SPENT:
        return None
    days = math.ceil(-TIME_CONSTANT * math.log1p(-goal * SPENT / deficit) - 1e-9)
    return days if days <= LONGEST else None


def _kg(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(_HUNDREDTH, ROUND_HALF_UP)


def _whole(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(Decimal(1), ROUND_HALF_UP)
