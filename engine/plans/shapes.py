"""The shapes of the tables: what a row says, in which unit."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from engine.rules.model import Source

Sex = Literal["male", "female"]


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something published: `source` is a key of the table's sources."""

    source: str


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of rows and the sources they name."""

    source: dict[str, Source]


class Span(Row, frozen=True, kw_only=True):
    """A row for ages from `from` to `to`, both included."""

    first: int = msgspec.field(name="from")
    last: int = msgspec.field(name="to")


class Basal(Span, frozen=True, kw_only=True):
    """kcal per kg and day at rest."""

    sex: Sex
    kcal_per_kg: Decimal


class Level(Span, frozen=True, kw_only=True):
    """The whole day as a multiple of rest, by how active it is; None where the table has no such level."""

    low: Decimal
    normal: Decimal
    high: Decimal | None = None


class Share(Row, frozen=True, kw_only=True):
    """The first loss goal in percent of the weight, from a BMI on."""

    bmi_from: Decimal
    percent: Decimal


class Waist(Row, frozen=True, kw_only=True):
    """The first loss goal in kg where only the waist is large."""

    kg: Decimal


class Deficit(Row, frozen=True, kw_only=True):
    """The arithmetic of a deficit: kcal in a kg and the days it is spread over."""

    kcal_per_kg: Decimal
    days: int


class Pace(Row, frozen=True, kw_only=True):
    """The fastest loss that is ever planned."""

    percent_per_week: Decimal


class StepsLevel(Row, frozen=True, kw_only=True):
    """Which steps a day mean a low or a high level of activity."""

    low_below: Decimal
    high_from: Decimal


class Energy(Table, frozen=True, kw_only=True):
    """The table of energy."""

    basal: tuple[Basal, ...]
    level: tuple[Level, ...]
    share: tuple[Share, ...]
    waist: Waist
    deficit: Deficit
    pace: Pace
    steps_level: StepsLevel


class Kcal(Row, frozen=True, kw_only=True):
    """kcal of a MET-hour and kg, and from how many METs on something is vigorous."""

    per_mets_h_kg: Decimal
    vigorous_from: Decimal


class Amount(Row, frozen=True, kw_only=True):
    """How much exercise a week; `older_from` is the age from which the older people's part of the guide holds."""

    mets_h_week: Decimal
    days: Decimal
    strength_days: Decimal
    strength_days_trained: Decimal
    older_from: int


class Start(Row, frozen=True, kw_only=True):
    """What one begins with, in minutes."""

    minutes: Decimal
    strength_minutes: Decimal
    sitting_minutes: Decimal


class Ladder(Row, frozen=True, kw_only=True):
    """The next goal of steps above one's own, the least worth a push, steps in a minute, what is said is rounded to."""

    step: Decimal
    least: Decimal
    per_minute: Decimal
    rounded_to: Decimal


class Activity(Row, frozen=True, kw_only=True):
    """Something to do: METs, where, how hard on the joints; `older` when it suits older people, `water` when in it."""

    id: str
    mets: Decimal
    place: Literal["indoor", "outdoor"]
    impact: Literal["low", "high"]
    kind: Literal["endurance", "multi", "walking", "strength", "clearing"]
    older: bool
    water: bool = False


class Movement(Table, frozen=True, kw_only=True):
    """The table of movement."""

    kcal: Kcal
    amount: Amount
    start: Start
    ladder: Ladder
    activity: tuple[Activity, ...]


class Food(Row, frozen=True, kw_only=True):
    """A food by its number in the national table; kcal, g of protein and g of salt in 100 g."""

    id: str
    code: str
    kcal: Decimal
    protein: Decimal
    salt: Decimal


class Exchange(Row, frozen=True, kw_only=True):
    """`grams` of a food for `other_grams` of another; `habit` says whose it is."""

    id: str
    habit: Literal["snacks", "any"]
    food: str
    grams: Decimal
    other: str
    other_grams: Decimal


class Portion(Row, frozen=True, kw_only=True):
    """So many grams of a food."""

    food: str
    grams: Decimal


class Dish(Portion, frozen=True, kw_only=True):
    """A portion in season in `months`; none means all year."""

    months: tuple[int, ...] = ()


class Rice(Row, frozen=True, kw_only=True):
    """The food of which less is eaten: grams are rounded, below `least` not worth saying, `most_kcal` from it alone."""

    food: str
    rounded_to: Decimal
    least: Decimal
    most_kcal: Decimal


class Foods(Table, frozen=True, kw_only=True):
    """The table of foods and exchanges."""

    food: tuple[Food, ...]
    swap: tuple[Exchange, ...]
    saltcut: tuple[Portion, ...]
    dish: tuple[Dish, ...]
    rice: Rice

    def named(self, name: str) -> Food:
        """The food called `name`; raises KeyError when there is none."""
        return {food.id: food for food in self.food}[name]


class Servings(Row, frozen=True, kw_only=True):
    """Servings a day, least and most, for a need of `kcal` give or take `within`."""

    kcal: Decimal
    within: Decimal
    staple: tuple[int, int]
    side: tuple[int, int]
    main: tuple[int, int]
    milk: tuple[int, int]
    fruit: tuple[int, int]


class Salt(Row, frozen=True, kw_only=True):
    """Grams of salt a day to stay below; `strict` with high blood pressure or kidney disease."""

    male: Decimal
    female: Decimal
    strict: Decimal


class Protein(Span, frozen=True, kw_only=True):
    """Grams of protein a day."""

    sex: Sex
    grams: Decimal


class Frail(Row, frozen=True, kw_only=True):
    """Grams of protein per kg and day for who is frail."""

    protein_per_kg: Decimal


class Plants(Row, frozen=True, kw_only=True):
    """Grams of vegetables and of fruit a day."""

    vegetables: Decimal
    fruit: Decimal


class OneDish(Row, frozen=True, kw_only=True):
    """Grams in one small dish of vegetables."""

    grams: Decimal


class Alcohol(Row, frozen=True, kw_only=True):
    """Grams of alcohol a day at most, its density in g/ml, and the age of drinking."""

    grams: Decimal
    density: Decimal
    adult_from: int


class Less(Row, frozen=True, kw_only=True):
    """The stricter limit of women and older people, days without a drink and days with breakfast."""

    alcohol_grams: Decimal
    free_days: Decimal
    breakfast_days: Decimal
    older_from: int


class Drink(Row, frozen=True, kw_only=True):
    """A drink and its alcohol in percent of the volume."""

    id: str
    percent: Decimal


class Season(Row, frozen=True, kw_only=True):
    """The vegetable of a month."""

    month: int
    vegetable: str


class Meals(Table, frozen=True, kw_only=True):
    """The table of meals."""

    servings: tuple[Servings, ...]
    salt: Salt
    protein: tuple[Protein, ...]
    frail: Frail
    plants: Plants
    dish: OneDish
    alcohol: Alcohol
    less: Less
    drink: tuple[Drink, ...]
    season: tuple[Season, ...]
