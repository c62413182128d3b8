"""The habits: what each proposes in words, when it waits for a question, and what is never said beside what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.advice import Assessment, Draft, assess
from engine.locale import LANGUAGES, catalogue, fields_of
from engine.people import Resident
from engine.plans.compose import VETOES
from engine.plans.model import KINDS
from engine.rules import AdviceRule, ClassRule, VetoRule, load_catalogue
from engine.signals import Signal, Signals
from engine.vocabulary import ANSWERS
from engine.wording import wording_faults
from tests.rule_cases import cases_of

SPRING, SUMMER, WINTER = (datetime(2026, month, 20, 3, tzinfo=UTC) for month in (4, 8, 1))
WHO = Resident(
    id="r-aaaaaaaaaaaaa", household_id=None, municipality_code="062049", family_name="佐藤", given_name="太郎",
    family_kana="サトウ", given_kana="タロウ", birth_date=date(1968, 5, 1), sex="male",
)  # fmt: skip
RULES = load_catalogue()
HABITS = {rule.id: rule for rule in RULES if isinstance(rule, AdviceRule)}
AROUND = tuple(rule for rule in RULES if isinstance(rule, ClassRule | VetoRule))
ALL_NO = dict.fromkeys(sorted(ANSWERS), "0")
# A weight of this week without a loss, so that nothing but what a case says stands in the way.
WELL = ALL_NO | {"age": "50", "sex.male": "1", "weight.change_180d": "0", "weight.change_7d": "0"}
TALKS = {key for rule in HABITS.values() for case in rule.case if (key := case.message_open)}
UNKNOWN_NUMBER = re.compile(r"(?<![\w-])-(?![\w-])|(?<=\s)-(?=\w)")
# What is no goal of its own says how it is measured in its own words; these only invite or ask to measure.
NO_MEASURE = {"guidance-invitation", "weight-talk-75", "alcohol-none"}
MEASURED = {
    "ja": re.compile("はか|たしかめ|カレンダー|かぞえ|書きましょう|見ましょう|思い出し|平均|わかります"),
    "en": re.compile("[Mm]easure|Weigh|calendar|[Cc]ount|Write|[Ll]ook|average|recall|Watch|shows"),
}


def body(values: dict[str, str]) -> dict[str, str]:
    """A height, and the weight that belongs to the BMI."""
    bmi = values.get("bmi")
    weight = {} if bmi is None else {"weight.level": str((Decimal(bmi) * Decimal("2.89")).quantize(Decimal("0.1")))}
    return {"height": "170"} | weight


def said(values: dict[str, str], at: datetime = SPRING, only: str | None = None) -> Assessment:
    known = body(values) | values
    picture = Signals(at, {name: Signal(value=Decimal(value), unit="1") for name, value in known.items()})
    return assess(WHO, picture, RULES if only is None else (*AROUND, HABITS[only]), at)


def drafts(found: Assessment) -> dict[str, Draft]:
    return {draft.rule_id: draft for draft in found.drafts}


def firing() -> Iterator[Any]:
    for rule_id in sorted(HABITS):
        seen = set[str]()
        for case in cases_of(rule_id):
            if case.get("fires", "") not in {"", *seen}:
                seen.add(case["fires"])
                yield pytest.param(rule_id, case, id=f"{rule_id}: {case['name']}")


def faults(draft: Draft) -> list[str]:
    """What the linter finds, and a number nobody knows read out as a dash."""
    texts = {language: text_of(draft, language) for language in LANGUAGES}
    found = [fault for language, told in texts.items() for fault in wording_faults(language, told)]
    return found + [f"a dash: {told}" for told in texts.values() if UNKNOWN_NUMBER.search(told)]


def text_of(draft: Draft, language: str) -> str:
    return draft.text_ja if language == "ja" else draft.text_en


@pytest.mark.parametrize(("rule_id", "case"), list(firing()))
def test_whoever_answered_every_question_with_no_is_told_what_to_do_in_plain_words(
    rule_id: str, case: dict[str, Any]
) -> None:
    for at in (SPRING, SUMMER, WINTER):
        found = said(WELL | case["signals"], at, rule_id)
        draft = drafts(found).get(rule_id)
        assert draft is not None, found.withdrawn
        assert faults(draft) == []
        assert draft.ask == ()
        assert draft.evidence["message"] not in TALKS
        if rule_id not in NO_MEASURE:
            for language in LANGUAGES:
                assert MEASURED[language].search(text_of(draft, language))


@pytest.mark.parametrize(("rule_id", "case"), list(firing()))
def test_nobody_is_pushed_while_a_question_is_open(rule_id: str, case: dict[str, Any]) -> None:
    rule = HABITS[rule_id]
    spoken = next(one for one in rule.case if one.name == case["fires"])
    # An age and the alcohol answers alone settle no veto.
    draft = drafts(said({"sex.male": "0"} | case["signals"], only=rule_id)).get(rule_id)
    if not rule.barred_by:
        assert draft is not None
        assert draft.evidence["message"] == spoken.message
    elif draft is not None:
        assert draft.evidence["message"] == spoken.message_open
        assert draft.ask
        assert not {"kcal", "loss_kg", "rice_g"} & {
            name for name, told in draft.evidence["plan"].items() if told != "-"
        }
        assert faults(draft) == []
    else:
        assert spoken.message_open is None


@pytest.mark.parametrize("rule", list(HABITS.values()), ids=list(HABITS))
def test_a_rule_gives_way_to_everything_its_plan_gives_way_to(rule: AdviceRule) -> None:
    kind = "weight" if rule.plan == "weight-loss" else rule.plan
    assert kind in {*KINDS, "numbers"}
    vetoes = next((codes for name, codes in VETOES.items() if name == kind), frozenset[str]())
    assert vetoes - {"everything"} <= set(rule.barred_by)


def test_a_text_names_the_plan_exactly_where_the_rule_has_one() -> None:
    own_words = {"weight-talk-75", "indoor-steps"}
    for rule in HABITS.values():
        keys = {case.message for case in rule.case}
        named = {"plan" in fields_of(catalogue(language)["resident", key]) for key in keys for language in LANGUAGES}
        assert named == {rule.plan != "numbers" and rule.id not in own_words}, rule.id
        for key in {case.message_open for case in rule.case} - {None}:
            assert "plan" not in fields_of(catalogue("ja")["resident", str(key)])


def test_in_the_heat_a_failing_heart_is_told_of_a_cool_room_and_not_of_drinking() -> None:
    hot = WELL | {"age": "78", "env.wbgt": "32"}
    assert {"heat-cool", "heat-drink"} <= drafts(said(hot)).keys()
    failing = said(hot | {"has.heart-failure": "1", "heart.resting": "70"})
    assert "heat-cool" in drafts(failing)
    assert "heat-drink" not in drafts(failing)
    assert "飲" not in drafts(failing)["heat-cool"].text_ja


def test_while_snow_lies_steps_are_walked_indoors_and_clearing_it_is_no_exercise() -> None:
    snowy = said(WELL | {"age": "70", "steps.mean_7d": "2600", "env.snow": "1"}, WINTER)
    assert "indoor-steps" in drafts(snowy)
    assert "steps-below-target" not in drafts(snowy)
    assert "雪かきを 運動の かわりに しないでください。" in drafts(snowy)["indoor-steps"].text_ja


def test_a_frail_person_hears_of_movement_and_protein_before_salt() -> None:
    weak = {"frailty.fatigue": "1", "frailty.no-exercise": "1", "grip": "17", "gait": "0.9", "bmi": "26.0"}
    found = said(WELL | weak | {"age": "79", "habit.salty": "1", "weight.days_28d": "12"})
    assert {"frailty-prevention", "protein"} <= drafts(found).keys()
    assert not {"salt", "bmi-above-target", "snacks"} & drafts(found).keys()


def test_from_75_a_high_bmi_is_a_talk_without_a_goal() -> None:
    found = said(WELL | {"age": "75", "bmi": "31.0", "weight.days_28d": "12"}, only="weight-talk-75")
    assert "保健師と 話しましょう" in drafts(found)["weight-talk-75"].text_ja
    assert "bmi-above-target" not in drafts(said(WELL | {"age": "75", "bmi": "31.0", "weight.days_28d": "12"}))


@pytest.mark.parametrize("eats", ["has.eating-disorder", "has.cancer-active"])
def test_with_an_eating_disorder_or_cancer_nobody_speaks_of_weight_or_weighing(eats: str) -> None:
    heavy = WELL | {"bmi": "31.0", "weight.days_28d": "2", "weight.age_days": "3", "habit.snacks": "1", eats: "1"}
    told = drafts(said(heavy)) | drafts(said(heavy | {"age": "78", "weight.days_28d": "9"}))
    assert not {"measure-weight", "weight-talk-75", "bmi-above-target", "snacks"} & told.keys()
    assert all("BMI" not in draft.text_ja and "kcal" not in draft.text_ja for draft in told.values())


@pytest.mark.parametrize("expects", ["answer.pregnant", "answer.breastfeeding"])
def test_an_expecting_drinker_is_never_told_an_amount(expects: str) -> None:
    found = said(WELL | {"age": "30", "sex.male": "0", "habit.risky-drinking": "1", expects: "1"})
    assert "alcohol-none" in drafts(found)
    assert "alcohol" not in drafts(found)
    assert all("ml" not in draft.text_ja for draft in found.drafts)


def test_who_has_sore_kidneys_hears_nothing_of_protein_vegetables_or_fruit() -> None:
    thin = WELL | {"age": "72", "bmi": "20.8", "habit.few-vegetables": "1", "habit.snacks": "1"}
    assert {"protein", "vegetables"} & drafts(said(thin | {"lab.egfr": "80"})).keys()
    assert not {"protein", "vegetables", "fruit"} & drafts(said(thin | {"lab.egfr": "40"})).keys()


def test_whoever_may_have_low_glucose_is_not_told_to_move_dinner() -> None:
    late = WELL | {"habit.late-dinner": "1"}
    assert "late-dinner" in drafts(said(late))
    assert "late-dinner" not in drafts(said(late | {"med.insulin": "1", "has.diabetes": "1"}))


MANY = WELL | {
    "steps.mean_7d": "2500", "habit.skips-breakfast": "1", "habit.fast-eating": "1", "habit.poor-sleep": "1",
    "habit.late-dinner": "1", "habit.exercise": "0",
}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "goals"),
    [
        ({}, {"steps-below-target", "breakfast"}),
        ({"habit.salty": "1"}, {"salt", "steps-below-target"}),
        ({"habit.salty": "1", "has.joint-pain": "1"}, {"salt", "sitting"}),
        ({"habit.salty": "1", "habit.risky-drinking": "1"}, {"alcohol", "salt"}),
        ({"habit.salty": "1", "habit.risky-drinking": "1", "answer.smoker": "1"}, {"smoking", "alcohol"}),
        ({"answer.smoker": "1", "bmi": "29.0", "weight.days_28d": "9"}, {"smoking", "bmi-above-target"}),
        ({"bmi": "29.0", "weight.days_28d": "9"}, {"bmi-above-target", "steps-below-target"}),
        ({"age": "70", "frailty.fatigue": "1", "bmi": "19.5"}, {"eat-enough", "frailty-prevention"}),
    ],
)
def test_two_goals_are_the_ones_that_matter_most(more: dict[str, str], goals: set[str]) -> None:
    found = said(MANY | more)
    assert {name for name in drafts(found) if name in HABITS} == goals
    assert found.failed == ()


_NUMBERS = {
    "age": st.integers(0, 100), "sex.male": st.integers(0, 1), "bmi": st.decimals("13", "45", places=1),
    "waist": st.integers(55, 130), "weight.days_28d": st.integers(0, 28), "weight.age_days": st.integers(0, 90),
    "steps.mean_7d": st.integers(200, 14000), "env.wbgt": st.integers(5, 36), "env.snow": st.integers(0, 1),
    "env.hot-season": st.integers(0, 1), "bp.home.days_7d": st.integers(1, 7), "grip": st.integers(8, 50),
    "bp.home.systolic_mean": st.integers(95, 150), "bp.home.diastolic_mean": st.integers(50, 95),
    "bp.office.systolic": st.integers(95, 150), "bp.office.diastolic": st.integers(50, 95),
    "gait": st.decimals("0.4", "1.6", places=1), "lab.egfr": st.integers(20, 110), "lab.fpg": st.integers(70, 140),
}  # fmt: skip


@st.composite
def pictures(draw: st.DrawFn) -> dict[str, str]:
    """Some numbers, most answers: mostly no, sometimes yes, some not asked."""
    asked = draw(st.sampled_from(["0", "0", None]))
    found = {} if asked is None else dict(ALL_NO)
    yes = draw(st.lists(st.sampled_from(sorted(ANSWERS)), max_size=6))
    unasked = draw(st.lists(st.sampled_from(sorted(ANSWERS)), max_size=2))
    found |= dict.fromkeys(yes, "1")
    for name, values in _NUMBERS.items():
        if draw(st.booleans()):
            found[name] = str(draw(values))
    return {name: value for name, value in found.items() if name not in unasked}


@given(values=pictures(), at=st.sampled_from([SPRING, SUMMER, WINTER]))
def test_whatever_is_known_every_habit_can_be_told_in_allowed_words(values: dict[str, str], at: datetime) -> None:
    found = said(values, at)
    assert found.failed == ()
    for draft in found.drafts:
        if draft.rule_id in HABITS:
            assert faults(draft) == [], draft.text_ja
            barred = set(HABITS[draft.rule_id].barred_by) & found.judgement.must_not
            assert bool(barred) == (draft.evidence["message"] in TALKS)
