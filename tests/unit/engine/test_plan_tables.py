"""The tables of the plans: every row has a source, agrees with the rules, and has words in both languages."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from engine.locale import LANGUAGES, Language, catalogue, fields_of, has_text
from engine.plans import tables
from engine.plans.food import saved
from engine.plans.model import KINDS
from engine.plans.shapes import Row, Table
from engine.rules.catalogue_files import catalogue_texts
from engine.rules.model import ClassRule, parse

TABLES: dict[str, Table] = {
    "energy": tables.energy(),
    "movement": tables.movement(),
    "foods": tables.foods(),
    "meals": tables.meals(),
}


def rows(table: object) -> Iterator[Row]:
    for name in table.__struct_fields__:  # type: ignore[attr-defined]
        value = getattr(table, name)
        yield from (one for one in (value if isinstance(value, tuple) else (value,)) if isinstance(one, Row))


def class_rule(name: str) -> ClassRule:
    rule = parse(catalogue_texts()[name])
    assert isinstance(rule, ClassRule)
    return rule


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_row_names_a_source_of_its_table_and_every_source_is_used(name: str) -> None:
    named = {row.source for row in rows(TABLES[name])}
    assert named == set(TABLES[name].source)
    for source in TABLES[name].source.values():
        assert all(len(text) > 3 for text in msgspec.structs.astuple(source))


def test_every_age_from_18_has_exactly_one_row() -> None:
    for age in range(18, 131):
        for rows_of in (
            [row for row in tables.energy().basal if row.sex == "male"],
            [row for row in tables.energy().basal if row.sex == "female"],
            tables.energy().level,
            [row for row in tables.meals().protein if row.sex == "male"],
            [row for row in tables.meals().protein if row.sex == "female"],
        ):
            assert sum(row.first <= age <= row.last for row in rows_of) == 1


def test_the_step_of_the_ladder_is_the_one_of_the_rules() -> None:
    steps = {case.parameters["step"] for case in class_rule("steps-target").case if case.parameters}
    assert steps == {tables.movement().ladder.step}


def test_every_exchange_saves_and_names_foods_of_the_table() -> None:
    for swap in tables.foods().swap:
        assert saved(swap) >= 10
    used = {name for swap in tables.foods().swap for name in (swap.food, swap.other)} | {tables.foods().rice.food}
    used |= {portion.food for portion in (*tables.foods().saltcut, *tables.foods().dish)}
    assert used == {food.id for food in tables.foods().food}
    for portion in (*tables.foods().saltcut, *tables.foods().dish):
        assert tables.foods().named(portion.food).kcal > 0
    assert tables.foods().named(tables.foods().rice.food).kcal == 156


def test_fermented_soybeans_are_never_proposed() -> None:
    """Who takes warfarin must not eat them, and the picture does not know who does."""
    assert {food.code for food in tables.foods().food}.isdisjoint({"04046", "04047", "04048"})


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_food_activity_vegetable_and_kind_has_words(language: Language) -> None:
    named = {name for swap in tables.foods().swap for name in (swap.food, swap.other)}
    named |= {dish.food for dish in tables.foods().dish} | {tables.foods().rice.food}
    keys = [f"plan.food.{name}" for name in sorted(named)]
    keys += [f"plan.food.{season.vegetable}" for season in tables.meals().season]
    keys += [f"plan.activity.{activity.id}" for activity in tables.movement().activity]
    keys += [f"plan.salt.{cut.food}" for cut in tables.foods().saltcut]
    keys += [f"plan.{kind}.{part}" for kind in KINDS for part in ("why", "measure")]
    found = catalogue(language)
    assert [key for key in keys if ("resident", key) not in found] == []


def test_both_languages_tell_the_same_with_the_same_numbers() -> None:
    ja, en = ({key: text for key, text in catalogue(lang).items() if key[1].startswith("plan.")} for lang in LANGUAGES)
    assert ja.keys() == en.keys()
    assert [key for key in ja if fields_of(ja[key]) != fields_of(en[key])] == []
    assert has_text("ja", "nurse", "plan.weight.forecast")
    assert [key for key, text in ja.items() if key[0] == "resident" and "\n" in text] == []


def test_a_month_has_one_vegetable() -> None:
    assert [row.month for row in tables.meals().season] == list(range(1, 13))
