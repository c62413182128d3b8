"""Goals about weight and energy: a first loss, and a swap with its kcal."""

from __future__ import annotations

from collections.abc import Collection
from decimal import ROUND_HALF_UP, Decimal

from engine.energy import days_to_goal, goal_path
from engine.plans.food import Swap, snack_swap, swaps_for
from engine.plans.model import Declined, Goal, Line
from engine.plans.needs import deficit, loss_goal, permitted, slow_enough
from engine.plans.person import Person
from engine.plans.tables import energy


def weight_goal(person: Person, must_not: Collection[str], moved: Decimal = Decimal(0)) -> Goal | Declined:
    """The first loss goal and what to eat less for it; `moved` kcal/day of it are done by the other goal's movement."""
    if person.weight is None or person.bmi is None or person.height is None:
        return Declined("weight", "not-measured")
    loss = loss_goal(person.weight, person.bmi, person.waist_over, person.aims.low, person.height)
    goal = permitted(loss, must_not)
    if goal is None or person.frail:
        return Declined("weight", "frailty" if goal is not None else "no-indication")
    days = energy().deficit.days
    if not slow_enough(goal, person.weight, days):
        return Declined("weight", "too-fast")
    kcal = deficit(goal)
    moving = min(moved, kcal)
    swaps = swaps_for(kcal - moving, snacks=person.snacks)
    figures = _figures(person.weight, person.bmi, goal, kcal, moving, days) | _swap_figures(swaps)
    lines = [Line("plan.weight.do", {"loss_kg": goal}), Line("plan.weight.kcal", {"kcal": kcal})]
    lines += [swap_line(swap) for swap in swaps]
    if moving:
        lines.append(Line("plan.weight.move", {"kcal": moving}))
    return Goal(
        kind="weight", do=tuple(lines), why=Line("plan.weight.why"), measure=Line("plan.weight.measure"),
        figures=figures, rules=("R-WL-1", "R-WL-2", "R-WL-3", "R-BMI-3", "R-CI-0", "R-CI-1"),
        sources=("energy.obesity", "energy.guidance", "foods.food"), classes=("bmi.target",),
        note=_forecast(figures),
    )  # fmt: skip


def swap_goal() -> Goal:
    """One snack for a lighter one."""
    swap = snack_swap()
    return Goal(
        kind="swap", do=(swap_line(swap), Line("plan.swap.kcal", {"kcal": swap.kcal})), why=Line("plan.swap.why"),
        measure=Line("plan.swap.measure"), figures=_swap_figures((swap,)), rules=("R-WL-3",), sources=("foods.food",),
    )  # fmt: skip


def swap_line(swap: Swap) -> Line:
    """The sentence of a swap."""
    if swap.other is None:
        return Line("plan.swap.less", {"grams": swap.grams}, {"food": f"plan.food.{swap.food}"})
    words = {"food": f"plan.food.{swap.food}", "other": f"plan.food.{swap.other}"}
    return Line("plan.swap.for", {"grams": swap.grams}, words)


def _swap_figures(swaps: Collection[Swap]) -> dict[str, Decimal]:
    figures = {f"swap.{swap.id}.{name}": value for swap in swaps for name, value in _parts(swap).items()}
    return figures | {"food_kcal": sum((swap.kcal for swap in swaps), Decimal(0))}


def _parts(swap: Swap) -> dict[str, Decimal]:
    return {"grams": swap.grams, "kcal": swap.kcal}


def _figures(
    weight: Decimal, bmi: Decimal, goal: Decimal, kcal: Decimal, moving: Decimal, days: int
) -> dict[str, Decimal]:
    """The goal and where Hall's model sees the weight: 7,000 kcal/kg is the programme's arithmetic, not a forecast."""
    path, arrival = goal_path(weight, kcal, days), days_to_goal(goal, kcal)
    figures = {
        "weight": weight, "bmi": bmi, "loss_kg": goal, "kcal": kcal, "move_kcal": moving, "loss_days": Decimal(days),
        "expected_kg": _tenth(path.level), "expected_low": _tenth(path.low), "expected_high": _tenth(path.high),
    }  # fmt: skip
    return figures if arrival.expected is None else figures | {"days_to_goal": Decimal(arrival.expected)}


def _forecast(figures: dict[str, Decimal]) -> Line:
    names = ("loss_days", "expected_kg", "expected_low", "expected_high", "kcal", "loss_kg")
    return Line("plan.weight.forecast", {name: figures[name] for name in names})


def _tenth(kg: Decimal) -> Decimal:
    return kg.quantize(Decimal("0.1"), ROUND_HALF_UP)
