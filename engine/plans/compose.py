"""One goal of a kind for one person, or why there is none; which goals are told is for `engine.advice.choose`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Final

from engine.plans import goals_energy, goals_meals, goals_movement
from engine.plans.model import Declined, Goal, Kind
from engine.plans.needs import DEFICIT_VETOES
from engine.plans.person import Person

ADULT: Final = Decimal(18)
_MOVING: Final = frozenset({"exercise_increase", "everything"})
VETOES: Final[dict[Kind, frozenset[str]]] = {
    "weight": DEFICIT_VETOES, "swap": DEFICIT_VETOES,
    "steps": _MOVING | {"steps_target"}, "exercise": _MOVING, "strength": _MOVING, "sitting": _MOVING,
    # Who must not eat less skips no meal; where only a deficit is barred the servings are for the weight as it is.
    "servings": frozenset(
        {
            "servings", "skip_meal", "unsupervised_calorie_deficit", "protein_increase", "potassium_increase",
            "weight_display", "everything",
        }
    ),
    "salt": frozenset({"everything"}), "breakfast": frozenset({"everything"}), "alcohol": frozenset({"everything"}),
    "vegetables": frozenset({"potassium_increase", "everything"}),
    "fruit": frozenset({"potassium_increase", "everything"}),
    "protein": frozenset({"protein_increase", "everything"}),
}  # fmt: skip


def build(kind: Kind, person: Person, must_not: Collection[str], moved: Decimal = Decimal(0)) -> Goal | Declined:
    """The goal of this kind for `person`, or why there is none; the vetoes come first."""
    vetoed = VETOES[kind].intersection(must_not)
    if vetoed:
        return Declined(kind, "vetoed", tuple(sorted(vetoed)))
    if person.age < ADULT:
        return Declined(kind, "not-adult")
    if kind == "weight":
        return goals_energy.weight_goal(person, must_not, moved)
    return _BUILDERS[kind](person, must_not)


_Builder = Callable[[Person, Collection[str]], Goal | Declined]
_BUILDERS: Final[dict[str, _Builder]] = {
    "swap": lambda _, __: goals_energy.swap_goal(),
    "steps": goals_movement.steps_goal,
    "exercise": lambda person, must_not: goals_movement.training_goal("exercise", person, must_not),
    "strength": lambda person, must_not: goals_movement.training_goal("strength", person, must_not),
    "sitting": lambda _, __: goals_movement.sitting_goal(),
    "servings": goals_meals.servings_goal,
    "salt": lambda person, _: goals_meals.salt_goal(person),
    "vegetables": lambda person, _: goals_meals.vegetables_goal(person),
    "fruit": lambda person, _: goals_meals.fruit_goal(person),
    "protein": lambda person, _: goals_meals.protein_goal(person),
    "breakfast": lambda _, __: goals_meals.breakfast_goal(),
    "alcohol": lambda person, _: goals_meals.alcohol_goal(person),
}
