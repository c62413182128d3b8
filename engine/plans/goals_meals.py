"""Goals about meals: servings, salt, vegetables, fruit, protein, breakfast, drinks."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from engine.plans.food import alcohol_limit, protein_dish, protein_target, salt_cuts, salt_limit, servings, vegetable_of
from engine.plans.model import Declined, Goal, Line
from engine.plans.needs import DEFICIT_VETOES, eer, level_of, most_deficit
from engine.plans.person import Person
from engine.plans.tables import meals

GROUPS = ("staple", "side", "main", "milk", "fruit")
ENDS = ("least", "most")


def servings_goal(person: Person, must_not: Collection[str]) -> Goal | Declined:
    """A day's meals as servings of the food guide, by the energy need; not for who is frail or thin."""
    if person.diet_treated or person.glucose_treated:
        return Declined("servings", "diet-treatment")
    if person.frail or person.thin:
        return Declined("servings", "frailty")
    if person.weight is None:
        return Declined("servings", "not-measured")
    needs = _needs(person, person.weight, must_not)
    row = None if needs is None else servings(needs["eer_kcal"])
    if needs is None or row is None:
        return Declined("servings", "no-table")
    told = needs | {"kcal": row.kcal}
    counts = {group: getattr(row, group) for group in GROUPS}
    ends = {f"{group}_{end}": Decimal(n) for group, both in counts.items() for end, n in zip(ENDS, both, strict=True)}
    return Goal(
        kind="servings", do=tuple(_serving_line(group, *count) for group, count in counts.items()),
        why=Line("plan.servings.why"), measure=Line("plan.servings.measure"), figures=told | ends,
        rules=("R-EER",), sources=("energy.eer", "energy.policy", "meals.guide"), classes=("bmi.target",),
        note=Line("plan.servings.note", told),
    )  # fmt: skip


def _serving_line(group: str, least: int, most: int) -> Line:
    if least == most:
        return Line(f"plan.servings.{group}.one", {"most": Decimal(most)})
    return Line(f"plan.servings.{group}", {"least": Decimal(least), "most": Decimal(most)})


def salt_goal(person: Person) -> Goal | Declined:
    """Salt a day below the limit, with what to leave in the bowl."""
    if person.frail or person.thin:
        return Declined("salt", "frailty")
    limit = salt_limit(male=person.male, strict=person.strict_salt)
    cuts = salt_cuts()
    figures = {"limit": limit} | {f"cut.{cut.food}": cut.salt for cut in cuts}
    do = [Line("plan.salt.do", {"limit": limit})]
    do += [Line(f"plan.salt.{cut.food}", {"salt": cut.salt}) for cut in cuts]
    return Goal(
        kind="salt", do=tuple(do), why=Line("plan.salt.why"), measure=Line("plan.salt.measure"), figures=figures,
        rules=("1.6 salt",), sources=("meals.dri", "foods.food", "foods.policy"),
    )  # fmt: skip


def vegetables_goal(person: Person) -> Goal:
    """One small dish of vegetables more, of what is in season here."""
    grams, dish = meals().plants.vegetables, meals().dish.grams
    words = {"food": f"plan.food.{vegetable_of(person.month)}"}
    return Goal(
        kind="vegetables", do=(Line("plan.vegetables.do", {"dish": dish}), Line("plan.vegetables.season", {}, words)),
        why=Line("plan.vegetables.why", {"grams": grams}), measure=Line("plan.vegetables.measure"),
        figures={"grams": grams, "dish": dish}, rules=("1.6 vegetables",),
        sources=("meals.national", "meals.place", "meals.policy"),
    )  # fmt: skip


def fruit_goal(person: Person) -> Goal | Declined:
    """Fruit a day, not for who is treated for glucose."""
    if person.glucose_treated or person.diet_treated:
        return Declined("fruit", "diet-treatment")
    grams = meals().plants.fruit
    return Goal(
        kind="fruit", do=(Line("plan.fruit.do", {"grams": grams}),), why=Line("plan.fruit.why"),
        measure=Line("plan.fruit.measure"), figures={"grams": grams}, rules=("1.6 fruit",), sources=("meals.national",),
    )  # fmt: skip


def protein_goal(person: Person) -> Goal | Declined:
    """Protein at every meal, with its grams a day and a dish in season."""
    target = protein_target(person.age, person.sex, person.weight, frail=person.frail or person.thin)
    if target is None:
        return Declined("protein", "no-table")
    dish, protein = protein_dish(person.month)
    values = {"grams": dish.grams, "protein": protein}
    return Goal(
        kind="protein",
        do=(Line("plan.protein.do"), Line("plan.protein.dish", values, {"food": f"plan.food.{dish.food}"})),
        why=Line("plan.protein.why", {"target": target}), measure=Line("plan.protein.measure"),
        figures={"target": target, "dish_grams": dish.grams, "dish_protein": protein}, rules=("1.6 protein",),
        sources=("meals.dri", "meals.frailty", "foods.food"),
    )  # fmt: skip


def breakfast_goal() -> Goal:
    """Breakfast on most days."""
    days = meals().less.breakfast_days
    return Goal(
        kind="breakfast", do=(Line("plan.breakfast.do", {"days": days}), Line("plan.breakfast.dish")),
        why=Line("plan.breakfast.why"), measure=Line("plan.breakfast.measure"), figures={"days": days},
        rules=("1.6 breakfast",), sources=("meals.policy",),
    )  # fmt: skip


def alcohol_goal(person: Person) -> Goal | Declined:
    """Less to drink; never for who is under 20, pregnant or nursing: for them the limit is none at all."""
    if person.sex != "male" and (person.pregnant is not False or person.breastfeeding is not False):
        return Declined("alcohol", "pregnancy")
    limit = alcohol_limit(person.age, male=person.male)
    if limit is None:
        return Declined("alcohol", "under-age")
    figures = {"grams": limit.grams, "free_days": limit.free_days} | {f"{k}_ml": v for k, v in limit.drinks.items()}
    do = [Line("plan.alcohol.do", {"grams": limit.grams})]
    do += [Line(f"plan.alcohol.{name}", {"ml": ml}) for name, ml in limit.drinks.items()]
    do.append(Line("plan.alcohol.free", {"days": limit.free_days}))
    return Goal(
        kind="alcohol", do=tuple(do), why=Line("plan.alcohol.why"), measure=Line("plan.alcohol.measure"),
        figures=figures, rules=("1.6 alcohol",), sources=("meals.drinking", "meals.policy"),
    )  # fmt: skip


def _needs(person: Person, weight: Decimal, must_not: Collection[str]) -> dict[str, Decimal] | None:
    """The own need and the one the meals are counted for: never below it by more than the fastest loss."""
    level = level_of(person.steps, person.age)
    own = eer(person.age, person.sex, weight, level)
    aimed = eer(person.age, person.sex, _weight_for(person, weight, must_not), level)
    if own is None or aimed is None:
        return None
    return {"own_kcal": own, "eer_kcal": max(aimed, own - most_deficit(weight))}


def _weight_for(person: Person, weight: Decimal, must_not: Collection[str]) -> Decimal:
    """The weight the need is computed for: the top of the target range for the heavy, where a deficit may be told."""
    high = person.aims.high
    if high is None or person.height is None or DEFICIT_VETOES.intersection(must_not):
        return weight
    return min(weight, high * person.height * person.height / 10_000)
