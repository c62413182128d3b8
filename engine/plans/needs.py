"""What a body needs and what it may lose: energy need, first loss goal, deficit. Exact decimals, rounded half-up."""

from __future__ import annotations

from collections.abc import Collection
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Final, Literal

from engine.plans.tables import at_age, energy

# Only the exponents count.
_WHOLE: Final = Decimal((0, (1,), 0))
_TENTH: Final = Decimal((0, (1,), -1))
ActivityLevel = Literal["low", "normal", "high"]
# Any of these and no loss goal and no deficit is told.
DEFICIT_VETOES: Final = frozenset(
    {
        "weight_loss",
        "auto_weight_loss",
        "calorie_deficit",
        "unsupervised_calorie_deficit",
        "weight_display",
        "everything",
    }
)
# Any of these and no energy is shown at all.
ENERGY_VETOES: Final = frozenset({"calorie_deficit", "unsupervised_calorie_deficit", "weight_display", "everything"})


def eer(age: Decimal, sex: str, weight: Decimal, level: ActivityLevel) -> Decimal | None:
    """The kcal/day that keep a weight in kg (R-EER, DRI 2025), whole; it is too high for the very heavy.

    None under 18, for a sex that is not told, and for a level the table has not (high from 75). Raises ValueError for a
    weight that is not positive.
    """
    _positive(weight)
    basal = at_age((row for row in energy().basal if row.sex == sex), age)
    row = at_age(energy().level, age)
    factor = None if row is None else {"low": row.low, "normal": row.normal, "high": row.high}[level]
    if basal is None or factor is None:
        return None
    return _whole(basal.kcal_per_kg * weight * factor)


def level_of(steps: Decimal | None, age: Decimal) -> ActivityLevel:
    """How active a day is, by its steps; normal when they are unknown, never high where the table has no high."""
    cut, row = energy().steps_level, at_age(energy().level, age)
    if steps is None:
        return "normal"
    if steps < cut.low_below:
        return "low"
    return "high" if steps >= cut.high_from and row is not None and row.high is not None else "normal"


def indicated(bmi: Decimal | None, waist_over: bool | None) -> bool:
    """Whether there is a reason to lose weight at all: BMI 25 or more, or a large waist (R-CI-0)."""
    heavy = bmi is not None and any(bmi >= row.bmi_from for row in energy().share)
    return heavy or waist_over is True


def first_goal(weight: Decimal, bmi: Decimal) -> Decimal:
    """The first goal in kg, whether or not it may be set (R-WL-1, R-WL-2): 3 % of the weight from BMI 25, 5 % from 35.

    Half-up to a tenth; 2 kg below BMI 25.
    """
    percent = max((row.percent for row in energy().share if bmi >= row.bmi_from), default=None)
    return energy().waist.kg if percent is None else _tenth(weight * percent / 100)


def bmi_after(weight: Decimal, goal_kg: Decimal, height_cm: Decimal) -> Decimal:
    """The BMI once `goal_kg` are lost, half-up to a tenth; the height must be positive."""
    return _tenth((weight - goal_kg) * 10_000 / (height_cm * height_cm))


def loss_goal(
    weight: Decimal,
    bmi: Decimal | None,
    waist_over: bool | None,
    target_low: Decimal | None,
    height_cm: Decimal | None,
) -> Decimal | None:
    """The first goal in kg where there is a reason for one and room below the weight.

    None without an indication (R-CI-0), without a target range, and when the goal would lead below the range (R-CI-1).
    Whether it may be said is for the vetoes (`permitted`). Raises ValueError for a weight that is not positive.
    """
    _positive(weight)
    if bmi is None or target_low is None or height_cm is None:
        return None
    if not indicated(bmi, waist_over):
        return None
    goal = first_goal(weight, bmi)
    if (weight - goal) * 10_000 < target_low * height_cm * height_cm:
        return None
    return goal


def permitted(goal: Decimal | None, must_not: Collection[str]) -> Decimal | None:
    """The goal where nothing forbids it, else None."""
    return None if DEFICIT_VETOES.intersection(must_not) else goal


def deficit(goal_kg: Decimal, days: int | None = None) -> Decimal:
    """The kcal/day for a loss of `goal_kg` over `days` (180) at 7,000 kcal/kg, whole (R-WL-3).

    Raises ValueError for a goal or days that are not positive.
    """
    table = energy().deficit
    over = table.days if days is None else days
    if goal_kg <= 0 or over <= 0:
        raise ValueError("the goal and the days must be positive")
    return _whole(goal_kg * table.kcal_per_kg / over)


def most_deficit(weight: Decimal) -> Decimal:
    """The kcal/day of the fastest loss ever planned, 1 % of the weight a week at 7,000 kcal/kg; whole, rounded down.

    Raises ValueError for a weight that is not positive.
    """
    _positive(weight)
    a_week = energy().pace.percent_per_week * weight * energy().deficit.kcal_per_kg / 100
    return (a_week / 7).quantize(_WHOLE, ROUND_FLOOR)


def slow_enough(goal_kg: Decimal, weight: Decimal, days: int) -> bool:
    """Whether a loss of `goal_kg` over `days` stays within 1 % of the weight a week."""
    _positive(weight)
    return goal_kg * 7 * 100 <= energy().pace.percent_per_week * weight * days


def _positive(weight: Decimal) -> None:
    if weight <= 0:
        raise ValueError("the weight must be positive")


def _whole(value: Decimal) -> Decimal:
    return value.quantize(_WHOLE, ROUND_HALF_UP)


def _tenth(value: Decimal) -> Decimal:
    return value.quantize(_TENTH, ROUND_HALF_UP)
