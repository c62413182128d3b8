"""The first weight goal, and what it would make of the body mass index: exact decimals, kg, cm, kg/m²."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

# 肥満症診療ガイドライン2022: 3 % of the weight in 3 to 6 months, 5 to 10 % from BMI 35; the fourth term of the specific
# health guidance: 2 kg, which is also the goal of a large waist below BMI 25.
PERCENT_FROM: Final = Decimal("25.0")
SEVERE_FROM: Final = Decimal("35.0")
PERCENT: Final = Decimal(3)
SEVERE_PERCENT: Final = Decimal(5)
SMALL_GOAL: Final = Decimal("2.0")
TENTH: Final = Decimal("0.1")


def first_goal(weight_kg: Decimal, bmi: Decimal) -> Decimal:
    """The kilograms of a first goal, half-up to 0.1, whether or not it may be set."""
    if bmi < PERCENT_FROM:
        return SMALL_GOAL
    percent = SEVERE_PERCENT if bmi >= SEVERE_FROM else PERCENT
    return (weight_kg * percent / 100).quantize(TENTH, ROUND_HALF_UP)


def bmi_after(weight_kg: Decimal, goal_kg: Decimal, height_cm: Decimal) -> Decimal:
    """The BMI once `goal_kg` are lost, half-up to 0.1; the height must be positive."""
    return ((weight_kg - goal_kg) * 10_000 / (height_cm * height_cm)).quantize(TENTH, ROUND_HALF_UP)
