"""Goals about movement: steps, exercise, strength, sitting less."""

from __future__ import annotations

from collections.abc import Collection
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Literal

from engine.plans.exercise import next_steps, said_steps, training, walking_kcal
from engine.plans.model import Declined, Goal, Line
from engine.plans.needs import ENERGY_VETOES
from engine.plans.person import HEAT_MONTHS, SNOW_MONTHS, Person
from engine.plans.tables import movement


def steps_goal(person: Person, must_not: Collection[str]) -> Goal | Declined:
    """The next rung of the ladder of steps and the minutes it takes."""
    target = person.aims.steps
    if target is None:
        return Declined("steps", "no-target")
    if person.steps is None:
        return Declined("steps", "not-measured")
    if next_steps(person.steps, target) is None:
        return Declined("steps", "target-met")
    goal, mean = said_steps(person.steps, target), person.steps.quantize(Decimal(1), ROUND_HALF_UP)
    if goal <= mean:
        return Declined("steps", "target-met")
    if goal - mean < movement().ladder.least:
        return Declined("steps", "near-enough")
    minutes = ((goal - mean) / movement().ladder.per_minute).to_integral_value(ROUND_CEILING)
    figures = {"mean": mean, "target": target, "goal": goal, "extra": goal - mean, "minutes": minutes}
    if person.weight is not None and not ENERGY_VETOES.intersection(must_not):
        figures["kcal_day"] = walking_kcal(minutes, person.weight).quantize(Decimal(1), ROUND_HALF_UP)
    do = [Line("plan.steps.now", {"mean": mean}), Line("plan.steps.do", {"goal": goal})]
    do += [Line("plan.steps.minutes", {"minutes": minutes}), *_where(person, must_not)]
    return Goal(
        kind="steps", do=tuple(do), why=Line("plan.steps.why"), measure=Line("plan.steps.measure"), figures=figures,
        rules=("R-PA-1", "R-PA-4"), sources=("movement.guide", "movement.policy"), classes=("steps.target",),
    )  # fmt: skip


def training_goal(kind: Literal["exercise", "strength"], person: Person, must_not: Collection[str]) -> Goal | Declined:
    """Which activity, how many minutes, on how many days a week, and the kcal of a week where they may be shown."""
    found = training(kind, person.able, must_not, person.weight)
    if found is None:
        return Declined(kind, "nothing-suits")
    figures = {
        "mets": found.activity.mets, "minutes": found.minutes, "days": found.days,
        "minutes_week": found.minutes * found.days, "mets_h_week": found.mets_h_week,
    }  # fmt: skip
    words = {"activity": f"plan.activity.{found.activity.id}"}
    do = [
        Line(f"plan.{kind}.do", {}, words),
        Line("plan.training.amount", {"minutes": found.minutes, "days": found.days}),
    ]
    if found.other is not None:
        do.insert(1, Line("plan.training.other", {}, {"activity": f"plan.activity.{found.other.id}"}))
    if found.spent_week is not None and not ENERGY_VETOES.intersection(must_not):
        week = found.spent_week.net.quantize(Decimal(1), ROUND_HALF_UP)
        figures |= {"kcal_week": week, "kcal_day": (week / 7).quantize(Decimal(1), ROUND_HALF_UP)}
        if kind == "exercise" and not (person.frail or person.thin):
            do.append(Line("plan.training.kcal", {"kcal": week}))
    if found.activity.place == "outdoor":
        do += _where(person, must_not)
    if "fasted_exercise" in must_not:
        do.append(Line("plan.training.after-meal"))
    do.append(Line("plan.training.rest"))
    # To the frail what counts is not to fall, whatever they do.
    why = "strength" if person.frail or person.thin else kind
    return Goal(
        kind=kind, do=tuple(do), why=Line(f"plan.{why}.why"), measure=Line(f"plan.{kind}.measure"), figures=figures,
        rules=("R-PA-2", "R-MET-1") if kind == "exercise" else ("R-PA-3", "R-MET-1"),
        sources=(f"movement.{found.activity.source}", "movement.guide", "movement.kcal", "movement.policy"),
    )  # fmt: skip


def sitting_goal() -> Goal:
    """Standing up now and then."""
    minutes = movement().start.sitting_minutes
    return Goal(
        kind="sitting", do=(Line("plan.sitting.do", {"minutes": minutes}),), why=Line("plan.sitting.why"),
        measure=Line("plan.sitting.measure"), figures={"minutes": minutes}, rules=("R-PA-3",),
        sources=("movement.guide", "movement.policy"),
    )  # fmt: skip


def _where(person: Person, must_not: Collection[str]) -> list[Line]:
    """Indoors now, or on the days the season brings."""
    if person.indoors or "outdoor_exercise" in must_not:
        return [Line("plan.where.indoors")]
    if person.month in SNOW_MONTHS:
        return [Line("plan.where.snow")]
    return [Line("plan.where.heat")] if person.month in HEAT_MONTHS else []
