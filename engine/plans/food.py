"""Meals in numbers: swaps with their kcal from the food table, servings, salt, protein, plants and drinks a day."""

from __future__ import annotations

from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

import msgspec

from engine.plans.shapes import Dish, Exchange, Servings
from engine.plans.tables import at_age, foods, meals

_WHOLE = Decimal(1)
_TENTH = Decimal("0.1")


class Swap(msgspec.Struct, frozen=True, kw_only=True):
    """`grams` of a food less, or for `other_grams` of another, and the kcal this saves."""

    id: str
    food: str
    grams: Decimal
    kcal: Decimal
    other: str | None = None
    other_grams: Decimal | None = None


class SaltCut(msgspec.Struct, frozen=True):
    """What is left in the bowl, and the salt this saves in g."""

    food: str
    grams: Decimal
    salt: Decimal


class Limit(msgspec.Struct, frozen=True):
    """Alcohol a day at most, in g, and what that is of each drink in ml; days a week without any."""

    grams: Decimal
    free_days: Decimal
    drinks: dict[str, Decimal]


def food_kcal(name: str, grams: Decimal) -> Decimal:
    """The kcal of `grams` of a food, exact; raises KeyError for a food that is not in the table."""
    return foods().named(name).kcal * grams / 100


def saved(exchange: Exchange) -> Decimal:
    """The kcal an exchange saves, whole."""
    kcal = food_kcal(exchange.food, exchange.grams) - food_kcal(exchange.other, exchange.other_grams)
    return kcal.quantize(_WHOLE, ROUND_HALF_UP)


def rice_for(kcal: Decimal) -> Swap | None:
    """So much less cooked rice saves about `kcal`, to 5 g; None below 10 g."""
    table = foods().rice
    grams = kcal * 100 / foods().named(table.food).kcal
    grams = (grams / table.rounded_to).to_integral_value(ROUND_HALF_UP) * table.rounded_to
    if grams < table.least:
        return None
    spared = food_kcal(table.food, grams).quantize(_WHOLE, ROUND_HALF_UP)
    return Swap(id="rice", food=table.food, grams=grams, kcal=spared)


def swaps_for(kcal: Decimal, *, snacks: bool = False) -> tuple[Swap, ...]:
    """What to change a day to save `kcal`, within what a portion can say (12 kcal).

    Who snacks begins with the snack; rice alone gives no more than 160 kcal while something else can be changed.
    """
    left, found = kcal, list[Swap]()
    habits: tuple[str, ...] = ("snacks",) if snacks else ()
    while True:
        fitting = [one for one in foods().swap if one.id not in {swap.id for swap in found} and saved(one) <= left]
        own = [one for one in fitting if one.habit in habits]
        others = [one for one in fitting if one.habit == "any"] if left > foods().rice.most_kcal else []
        if not own and not others:
            break
        taken = max(own or others, key=saved)
        found.append(_swap(taken))
        left -= found[-1].kcal
        habits = ()
    rest = rice_for(left)
    return (*found, rest) if rest else tuple(found)


def snack_swap() -> Swap:
    """The smallest exchange of a snack: a beginning."""
    return _swap(min((one for one in foods().swap if one.habit == "snacks"), key=saved))


def _swap(one: Exchange) -> Swap:
    return Swap(
        id=one.id, food=one.food, grams=one.grams, kcal=saved(one), other=one.other, other_grams=one.other_grams
    )


def servings(kcal: Decimal) -> Servings | None:
    """The servings of the food guide for an energy need; None outside 1,600 to 2,800 kcal.

    A need where two columns meet belongs to the larger one.
    """
    fitting = [row for row in meals().servings if abs(kcal - row.kcal) <= row.within]
    return max(fitting, key=lambda row: row.kcal, default=None)


def salt_limit(*, male: bool | None, strict: bool) -> Decimal:
    """Grams of salt a day to stay below: 7.5 (men), 6.5 (women and sex unknown), 6 when it must be strict."""
    table = meals().salt
    if strict:
        return table.strict
    return table.male if male else table.female


def salt_cuts() -> tuple[SaltCut, ...]:
    """What is left in the bowl and the salt it saves, from the food table, the most first."""
    cuts = [
        SaltCut(row.food, row.grams, (foods().named(row.food).salt * row.grams / 100).quantize(_TENTH, ROUND_HALF_UP))
        for row in foods().saltcut
    ]
    return tuple(sorted(cuts, key=lambda cut: (-cut.salt, cut.food)))


def protein_target(age: Decimal, sex: str, weight: Decimal | None, *, frail: bool) -> Decimal | None:
    """Grams of protein a day: the recommended amount of age and sex, 1.0 g per kg for the frail where that is more.

    None under 18 and for a sex that is not told.
    """
    row = at_age((one for one in meals().protein if one.sex == sex), age)
    if row is None:
        return None
    by_weight = meals().frail.protein_per_kg * weight if frail and weight is not None else Decimal(0)
    return max(row.grams, by_weight.quantize(_WHOLE, ROUND_HALF_UP))


def protein_dish(month: int) -> tuple[Dish, Decimal]:
    """A dish in season and its protein in g."""
    fitting = [dish for dish in foods().dish if month in dish.months] or [d for d in foods().dish if not d.months]
    dish = fitting[0]
    return dish, (foods().named(dish.food).protein * dish.grams / 100).quantize(_TENTH, ROUND_HALF_UP)


def vegetable_of(month: int) -> str:
    """The vegetable of a month (1 to 12) around Sakata; raises KeyError for another month."""
    return {row.month: row.vegetable for row in meals().season}[month]


def alcohol_limit(age: Decimal, *, male: bool | None) -> Limit | None:
    """Alcohol a day at most: 20 g, half of it for women, from 65 and where the sex is unknown; None under 20."""
    table, less = meals().alcohol, meals().less
    if age < table.adult_from:
        return None
    grams = table.grams if male and age < less.older_from else less.alcohol_grams
    drinks = {row.id: _ten(grams * 100 / row.percent / table.density) for row in meals().drink}
    return Limit(grams, less.free_days, drinks)


def _ten(value: Decimal) -> Decimal:
    return (value / 10).to_integral_value(ROUND_FLOOR) * 10
