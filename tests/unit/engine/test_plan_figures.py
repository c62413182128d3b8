"""The numbers behind the texts of a rule: all that its words name, nothing that is forbidden, goals that fit together."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from engine.advice import assess
from engine.locale import LANGUAGES, catalogue, fields_of
from engine.people import Resident
from engine.plan import figures, goal_of
from engine.plans.compose import VETOES, build
from engine.plans.model import KINDS, Declined, Goal
from engine.plans.words import note
from engine.rules.evaluator import Firing
from engine.rules.model import AdviceRule, parse, spoken_keys
from engine.vocabulary import ANSWERS
from tests.plan_people import ALL_NO, AS_OF, RULES, TARO, judged, person, picture

D = Decimal
WHO = Resident(
    id="r-aaaaaaaaaaaaa", household_id=None, municipality_code="062049", family_name="佐藤", given_name="太郎",
    family_kana="サトウ", given_kana="タロウ", birth_date=date(1976, 5, 1), sex="male",
)  # fmt: skip
RULE = """
kind = "advice"
id = "any-goal"
version = 1
text_version = 1
topic = "{topic}"
tier = "habit"
plan = "{plan}"
barred_by = []
review = "each"
cooldown_days = 14
valid_from = 2026-11-01
nurse_note = "any"
[[source]]
title = "a test"
edition = "of today"
section = "none"
checked = "none"
[[case]]
name = "any"
message = "any"
boundary = "none"
all = [{{ signal = "age", op = ">=", value = "18" }}]
"""


def fired(topic: str, plan_name: str) -> Firing:
    rule = parse(RULE.format(topic=topic, plan=plan_name))
    assert isinstance(rule, AdviceRule)
    return Firing(rule, rule.case[0], ())


def test_the_figures_of_a_rule_are_those_its_text_needs_with_those_of_its_goal() -> None:
    values = ALL_NO | TARO | {"weight.days_28d": "20"}
    firing, found = fired("weight", "weight-loss"), judged(values)
    weight = figures(firing, picture(values), found, goal_of(firing, picture(values), found))
    assert {"loss_kg": D("2.6"), "kcal": D(101), "swap.rice.grams": D(65)}.items() <= weight.items()
    assert (weight["target_low"], weight["bmi"], weight["days"]) == (D("20.0"), D("29.4"), D(20))
    firing = fired("activity", "steps")
    steps = figures(firing, picture(values), found, goal_of(firing, picture(values), found))
    assert {"mean": D(5000), "goal": D(6000), "minutes": D(10), "target": D(8000)}.items() <= steps.items()


def test_without_a_goal_there_is_no_number_of_one() -> None:
    values = TARO | {"weight.days_28d": "20"}
    found = judged(values)
    assert found.must_not & {"weight_loss", "calorie_deficit"}
    for topic, plan in (("weight", "weight-loss"), ("activity", "steps")):
        firing = fired(topic, plan)
        refused = goal_of(firing, picture(values), found)
        assert isinstance(refused, Declined)
        told = figures(firing, picture(values), found, refused)
        assert [name for name in told if "kcal" in name or "loss" in name or "swap" in name] == []
        assert {told.get(name, "-") for name in ("goal", "extra", "minutes")} == {"-"}


def test_a_text_may_name_the_own_numbers_but_no_weight_where_none_may_be_shown() -> None:
    values = ALL_NO | TARO | {"env.wbgt": "28.25", "bp.office.systolic": "141.5", "weight.days_28d": "9"}
    told = figures(fired("sleep", "numbers"), picture(values), judged(values))
    assert (told["age"], told["bmi"], told["weight"], told["target_low"]) == (D(50), D("29.4"), D("88.0"), D("20.0"))
    assert (told["wbgt"], told["office_systolic"], told["office_diastolic"]) == (D("28.3"), D(142), "-")
    hidden = values | {"has.eating-disorder": "1"}
    told = figures(fired("sleep", "numbers"), picture(hidden), judged(hidden))
    assert {told[name] for name in ("bmi", "weight", "waist", "target_low", "target_high")} == {"-"}
    assert told["age"] == 50


def test_every_number_a_text_of_the_rules_names_is_computed() -> None:
    """A text whose number nobody computes would hold up the advice of everybody it is for."""
    values = ALL_NO | TARO | {"weight.days_28d": "20"}
    lacking = {}
    for rule in RULES:
        if isinstance(rule, AdviceRule):
            told = figures(Firing(rule, rule.case[0], ()), picture(values), judged(values))
            wanted = {name for key in spoken_keys(rule) for name in fields_of(catalogue("ja")[key])}
            lacking[rule.id] = wanted - told.keys() - {"plan"}
    assert {name: found for name, found in lacking.items() if found} == {}


def test_the_goal_of_a_rule_is_declined_where_the_rules_forbid_it() -> None:
    values = ALL_NO | TARO
    allowed = goal_of(fired("weight", "weight-loss"), picture(values), judged(values))
    assert isinstance(allowed, Goal)
    assert allowed.kind == "weight"
    older = values | {"age": "76", "bmi": "27.0", "weight.level": "80.8"}
    refused = goal_of(fired("weight", "weight-loss"), picture(older), judged(older))
    assert isinstance(refused, Declined)
    assert refused.by == ("auto_weight_loss",)
    assert goal_of(fired("sleep", "numbers"), picture(values), judged(values)) is None
    unknown = {name: value for name, value in values.items() if name != "age"}
    assert goal_of(fired("weight", "weight-loss"), picture(unknown), judged(unknown)) is None


@pytest.mark.parametrize("unasked", sorted(ANSWERS))
def test_with_the_real_rules_every_kind_is_a_goal_without_its_vetoes_or_a_reason(unasked: str) -> None:
    values = {name: value for name, value in (ALL_NO | TARO).items() if name != unasked}
    found, whom = judged(values), person(values)
    made = [build(kind, whom, found.must_not) for kind in KINDS]
    assert all(not VETOES[goal.kind] & found.must_not for goal in made if isinstance(goal, Goal))
    assert all(goal.reason for goal in made if isinstance(goal, Declined))


def test_a_loss_and_the_steps_beside_it_are_one_plan_and_the_nurse_sees_the_forecast() -> None:
    values = ALL_NO | TARO | {"weight.days_28d": "20", "weight.change_180d": "0", "weight.change_7d": "0"}
    drafts = {one.rule_id: one for one in assess(WHO, picture(values), RULES, AS_OF).drafts}
    weight, steps = (drafts[name].evidence for name in ("bmi-above-target", "steps-below-target"))
    assert weight["goal"]["figures"]["move_kcal"] == steps["goal"]["figures"]["kcal_day"] == "31"
    assert weight["goal"]["figures"]["food_kcal"] == weight["plan"]["food_kcal"] == "70"
    assert "45g" in drafts["bmi-above-target"].text_ja
    goal = goal_of(fired("weight", "weight-loss"), picture(values), judged(values), D(31))
    assert isinstance(goal, Goal)
    for language in LANGUAGES:
        forecast = note(language, goal)
        assert forecast is not None
        assert "86.4" in forecast
        assert weight["note"][language].endswith(forecast)
        assert forecast not in steps["note"][language]
    titles = {source["section"] for source in weight["goal"]["sources"]}
    assert any("目標とするBMIの範囲" in title for title in titles)


SNACKS = {"weight.days_28d": "20", "weight.change_180d": "0", "weight.change_7d": "0", "habit.snacks": "1"}


@pytest.mark.parametrize("wish", [None, "meals", "weight"])
def test_the_snack_of_a_loss_is_not_told_again_as_a_goal_of_its_own(wish: str | None) -> None:
    values = ALL_NO | TARO | SNACKS | {"steps.mean_7d": "8000", "habit.exercise": "1"}
    found = assess(WHO, picture(values), RULES, AS_OF, wish=wish)
    told = {one.rule_id: one for one in found.drafts}
    assert "swap.coffee.grams" in told["bmi-above-target"].evidence["goal"]["figures"]
    assert found.withdrawn["snacks"] == "declined:in-the-loss"


def test_without_a_loss_to_tell_the_snack_is_a_goal_of_its_own() -> None:
    values = ALL_NO | TARO | SNACKS | {"weight.days_28d": "2"}
    firing, found = fired("meals", "swap"), judged(values)
    made = goal_of(firing, picture(values), found)
    assert isinstance(made, Goal)
    assert "swap.coffee.grams" in made.figures


def test_who_chooses_meals_is_given_servings_where_nothing_is_more_pressing() -> None:
    slim = ALL_NO | TARO | {"bmi": "22.0", "weight.level": "65.8", "weight.change_180d": "0", "weight.change_7d": "0"}
    slim |= {"habit.poor-sleep": "1", "answer.smoker": "1"}
    told = {wish: {one.rule_id: one for one in assess(WHO, picture(slim), RULES, AS_OF, wish=wish).drafts}
            for wish in (None, "meals")}  # fmt: skip
    assert "servings" not in told[None]
    figures = told["meals"]["servings"].evidence["goal"]["figures"]
    # Nothing to lose: counted for the weight as it is.
    assert (figures["own_kcal"], figures["eer_kcal"], figures["kcal"]) == ("2,510", "2,510", "2,600")


@pytest.mark.parametrize(
    "with_",
    [
        "has.ckd", "has.dialysis", "has.diet-treatment", "has.doctor-limit", "has.diabetes", "med.insulin",
        "med.glucose-lowering", "has.eating-disorder", "has.cancer-active", "answer.pregnant", "answer.breastfeeding",
        "loss.unintended", "frailty.loss-2kg",
    ],
)  # fmt: skip
def test_servings_are_not_for_who_is_treated_or_must_not_eat_less(with_: str) -> None:
    slim = ALL_NO | TARO | {"bmi": "22.0", "weight.level": "65.8", "weight.change_180d": "0", "weight.change_7d": "0"}
    healthy = slim | {"glucose.treated": "0"}
    assert "servings" in {one.rule_id for one in assess(WHO, picture(healthy), RULES, AS_OF, wish="meals").drafts}
    found = assess(WHO, picture(healthy | {with_: "1"}), RULES, AS_OF, wish="meals")
    assert "servings" not in {one.rule_id for one in found.drafts}
