"""Movement in numbers: kcal of an activity, the next goal of steps, which activity suits whom."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

import msgspec

from engine.plans.shapes import Activity
from engine.plans.tables import movement

_TENTH = Decimal("0.1")


class Spent(msgspec.Struct, frozen=True):
    """kcal with and without what rest would have taken, and MET-hours; None where the weight is unknown."""

    gross: Decimal
    net: Decimal
    mets_h: Decimal


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """What to do (or `other`), how long, on how many days a week, what a week spends; `spent_week` needs a weight."""

    activity: Activity
    other: Activity | None
    minutes: Decimal
    days: Decimal
    mets_h_week: Decimal
    spent_week: Spent | None


class Able(msgspec.Struct, frozen=True, kw_only=True):
    """What decides which activity suits: age, used to exercise, sore joints, indoors only; None is not asked."""

    age: Decimal
    trained: bool | None = None
    frail: bool = False
    sore: bool | None = None
    indoors: bool = False


def exercise_kcal(mets: Decimal, minutes: Decimal, kg: Decimal) -> Spent:
    """Kcal and MET-hours of `minutes` at `mets` METs for a body of `kg` (R-MET-1); net is without rest (METs - 1).

    Raises ValueError for METs below 1, negative minutes or a weight that is not positive.
    """
    if mets < 1 or minutes < 0 or kg <= 0:
        raise ValueError("METs from 1, minutes from 0 and a positive weight")
    factor = movement().kcal.per_mets_h_kg * minutes * kg / 60
    return Spent(
        gross=(factor * mets).quantize(_TENTH, ROUND_HALF_UP),
        net=(factor * (mets - 1)).quantize(_TENTH, ROUND_HALF_UP),
        mets_h=(mets * minutes / 60).quantize(Decimal("0.01"), ROUND_HALF_UP),
    )


def next_steps(mean: Decimal | None, target: Decimal | None) -> Decimal | None:
    """The next goal: 1,000 above the own mean, never beyond the target (R-PA-4); None when nothing is left to push."""
    if mean is None or target is None or mean >= target:
        return None
    return min(mean + movement().ladder.step, target)


def said_steps(mean: Decimal, target: Decimal) -> Decimal:
    """The next goal as it is said: from the mean to the nearest hundred."""
    ladder = movement().ladder
    near = (mean / ladder.rounded_to).to_integral_value(ROUND_HALF_UP) * ladder.rounded_to
    return min(near + ladder.step, target)


def suits(activity: Activity, able: Able, must_not: Collection[str]) -> bool:
    """Whether `activity` may be proposed to someone like `able`; clearing snow never is (R-SNOW-1).

    Sore joints nobody asked for count as sore. Vigorous is only for under 65s who are used to exercise. Who must not
    exercise fasted may get low blood sugar: not in water.
    """
    older = able.age >= movement().amount.older_from or able.frail
    vigorous = activity.mets >= movement().kcal.vigorous_from
    return not (
        activity.kind == "clearing"
        or (activity.place == "outdoor" and (able.indoors or "outdoor_exercise" in must_not))
        or (activity.impact == "high" and able.sore is not False)
        or (activity.water and "fasted_exercise" in must_not)
        or (older and not activity.older)
        or (vigorous and (older or able.trained is not True or "vigorous_exercise" in must_not))
    )


def training(kind: str, able: Able, must_not: Collection[str], kg: Decimal | None) -> Training | None:
    """A week of `exercise` or `strength` for someone like `able`; None when it is vetoed.

    Exercise is 4 MET-hours a week on 3 days for who is used to it (R-PA-2), 10 minutes a time to begin with; strength
    is 2 days, 3 for who is used to it (R-PA-3).
    """
    if {"exercise_increase", "everything"}.intersection(must_not):
        return None
    wanted = {"strength"} if kind == "strength" else {"endurance", "multi"}
    fitting = [one for one in movement().activity if one.kind in wanted and suits(one, able, must_not)]
    if not fitting:
        return None
    chosen, table = fitting[0], movement()
    strength = kind == "strength"
    days = _strength_days(able) if strength else table.amount.days
    minutes = table.start.strength_minutes if strength else _minutes(chosen, able)
    return Training(
        activity=chosen, other=_other(chosen, fitting[1:], able), minutes=minutes, days=days,
        mets_h_week=(chosen.mets * minutes * days / 60).quantize(_TENTH, ROUND_HALF_UP),
        spent_week=None if kg is None else exercise_kcal(chosen.mets, minutes * days, kg),
    )  # fmt: skip


def walking_kcal(minutes: Decimal, kg: Decimal) -> Decimal:
    """Net kcal of so many minutes of walking."""
    walk = next(one for one in movement().activity if one.kind == "walking")
    return exercise_kcal(walk.mets, minutes, kg).net


def _other(chosen: Activity, rest: Sequence[Activity], able: Able) -> Activity | None:
    """Another choice, indoors for a day of snow or heat; the most demanding one for who is used to exercise."""
    found = [one for one in rest if chosen.place == "indoor" or one.place == "indoor"]
    return max(found, key=lambda one: one.mets) if found and able.trained else next(iter(found), None)


def _strength_days(able: Able) -> Decimal:
    amount = movement().amount
    return amount.strength_days_trained if able.trained and not able.frail else amount.strength_days


def _minutes(activity: Activity, able: Able) -> Decimal:
    amount, start = movement().amount, movement().start.minutes
    if able.frail or able.trained is not True:
        return start
    each = amount.mets_h_week * 60 / activity.mets / amount.days
    return (each / 5).to_integral_value(ROUND_CEILING) * 5
