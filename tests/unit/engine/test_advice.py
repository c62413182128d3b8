"""Drafts: concrete, vetted, in plain words."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from engine.advice import Assessment, Draft, assess
from engine.asking import words
from engine.casework import picture_of_case, read_case
from engine.choosing import MOST_GOALS, NO_GOAL
from engine.locale import CONTEXTS, LANGUAGES, UnknownTextError, catalogue, fields_of, text
from engine.people import Resident
from engine.refusal import Refusal
from engine.rules import AdviceRule, load_catalogue
from engine.signals import Signals
from engine.vocabulary import QUESTION_ORDER

NOW = datetime(2026, 5, 21, 9, 0, tzinfo=UTC)
TARO = Resident(
    id="r-aaaaaaaaaaaaa", household_id=None, municipality_code="062049", family_name="佐藤", given_name="太郎",
    family_kana="サトウ", given_kana="タロウ", birth_date=date(1968, 5, 1), sex="male", height_cm=Decimal(170),
)  # fmt: skip
RULES = load_catalogue()
MAN: dict[str, Any] = {"sex": "male", "age": 58, "height_cm": 170, "weight_kg": 65, "waist_cm": 80, "smoker": False}
ASKED: dict[str, Any] = {"meds": [], "conditions": []}
WALKS_LITTLE: dict[str, Any] = {"steps_7d_mean": 4100}
HEAVY: dict[str, Any] = {"weight_kg": 88}
HIGH = {"home_sbp_mean": 142, "home_dbp_mean": 84, "home_days": 6}
URGENT = {"home_sbp_mean": 182, "home_dbp_mean": 84, "home_days": 6}


def said(profile: dict[str, Any], at: datetime = NOW, wish: str | None = None, **more: Any) -> Assessment:
    case = read_case({"id": "x", "profile": MAN | profile, **more})
    assert not isinstance(case, Refusal)
    return assess(TARO, Signals(at, picture_of_case(case).values), RULES, at, wish=wish)


def one(found: Assessment, rule: str) -> Draft:
    return next(draft for draft in found.drafts if draft.rule_id == rule)


def rules_of(found: Assessment) -> list[str]:
    return [draft.rule_id for draft in found.drafts]


@pytest.mark.parametrize(
    ("age", "mean", "goal", "minutes"),
    [(58, 4100, "5,100", "10"), (78, 2600, "3,600", "10"), (58, 7600, "8,000", "4"), (70, 5800, "6,000", "2")],
)
def test_the_next_step_goal_is_a_thousand_more_and_never_beyond_the_target(
    age: int, mean: int, goal: str, minutes: str
) -> None:
    found = one(said(ASKED | {"age": age, "steps_7d_mean": mean}), "steps-below-target")
    assert (found.evidence["plan"]["goal"], found.evidence["plan"]["minutes"]) == (goal, minutes)
    assert f"1日 {goal}歩を" in found.text_ja
    assert f"try {goal} steps" in found.text_en


def test_the_first_loss_goal_is_three_percent_and_its_energy_is_computed() -> None:
    found = one(said(ASKED | HEAVY), "bmi-above-target")
    plan = found.evidence["plan"]
    assert (plan["loss_kg"], plan["kcal"]) == ("2.6", "101")
    # 101 kcal: 65 g of cooked rice at 156 kcal/100 g
    assert (plan["swap.rice.grams"], plan["food_kcal"]) == ("65", "101")
    assert "2.6kg" in found.text_ja
    assert "101kcal" in found.text_ja


def test_without_answers_no_deficit_and_no_push_is_written_anywhere() -> None:
    some: tuple[dict[str, Any], ...] = ({}, {"meds": []}, {"conditions": []})
    for answered in some:
        found = said(answered | HEAVY | WALKS_LITTLE)
        for draft in found.drafts:
            whole = msgspec.json.encode([draft.text_ja, draft.text_en, draft.evidence["plan"]]).decode()
            assert not any(word in whole for word in ("kcal", "loss_kg", "rice_g", "walk_minutes", "5,100"))
            assert draft.ask
        assert found.judgement.ask


def test_from_75_there_is_no_loss_goal_even_with_all_answers() -> None:
    found = said(ASKED | HEAVY | {"age": 77})
    assert "bmi-above-target" not in rules_of(found)
    assert all("loss_kg" not in draft.evidence["plan"] for draft in found.drafts)


def test_a_pressure_of_180_blocks_the_push_to_walk() -> None:
    found = said(ASKED | WALKS_LITTLE, bp=URGENT)
    assert "steps-below-target" not in rules_of(found)
    assert found.withdrawn["steps-below-target"].startswith("vetoed contraindication:")
    urgent = one(found, "home-bp-high")
    assert urgent.severity == "urgent"
    assert "182" in urgent.text_ja
    assert "119" in urgent.text_ja


def test_in_an_emergency_nothing_else_is_said() -> None:
    found = said(ASKED | WALKS_LITTLE | HEAVY, symptoms=["chest_pain"])
    assert {draft.severity for draft in found.drafts} == {"emergency"}
    assert all(draft.evidence["rule"]["id"] == "symptom-emergency" for draft in found.drafts)


def test_referrals_come_first_the_most_serious_before_the_others() -> None:
    labs = {"ldl": 192, "tg": 310, "alt": 35}
    found = said(ASKED | WALKS_LITTLE | HEAVY, bp=HIGH, labs=labs)
    order = [draft.severity for draft in found.drafts]
    assert order[0] == "prompt"
    assert order == sorted(order, key=["emergency", "urgent", "prompt", "soon", "routine"].index)


def test_at_most_two_goals_are_drafted_and_one_a_topic() -> None:
    found = said(ASKED | WALKS_LITTLE | HEAVY | {"smoker": True}, bp={"office_sbp": 132, "office_dbp": 84})
    goals = [draft for draft in found.drafts if draft.topic not in NO_GOAL and draft.rule_id in advice_rules()]
    assert len(goals) == MOST_GOALS
    assert len({draft.topic for draft in goals}) == MOST_GOALS
    assert "two-goals" in found.withdrawn.values()


def test_the_goal_a_person_chose_is_among_the_two() -> None:
    profile = ASKED | WALKS_LITTLE | HEAVY | {"smoker": True}
    assert "must-smoking" not in rules_of(said(profile))
    left_out = next(rule for rule, why in said(profile).withdrawn.items() if why == "two-goals")
    topic = next(rule.topic for rule in RULES if rule.id == left_out and isinstance(rule, AdviceRule))
    assert topic in {draft.topic for draft in said(profile, wish=topic).drafts}


def advice_rules() -> set[str]:
    return {rule.id for rule in RULES if isinstance(rule, AdviceRule)}


def test_a_person_who_is_no_longer_here_gets_nothing() -> None:
    case = read_case({"id": "x", "profile": MAN | WALKS_LITTLE | ASKED, "bp": URGENT})
    assert not isinstance(case, Refusal)
    for status in ("moved", "deceased", "left"):
        gone = msgspec.structs.replace(TARO, status=status)
        found = assess(gone, picture_of_case(case), RULES, NOW)
        assert not found.drafts
        assert found.withdrawn["home-bp-high"] == f"vetoed contraindication:{status}"


def test_the_evidence_is_frozen_with_sources_reasons_inputs_and_vetoes() -> None:
    found = one(said(ASKED | WALKS_LITTLE | {"meds": ["insulin"]}), "steps-below-target")
    evidence = msgspec.json.decode(msgspec.json.encode(found.evidence))
    assert evidence == found.evidence
    assert evidence["rule"]["id"] == "steps-below-target"
    assert evidence["sources"][0]["section"]
    assert evidence["reasons"][-1] == "steps.mean_7d = 4100 < 8000"
    assert evidence["signals"]["steps.mean_7d"]["value"] == "4100"
    assert "fasted_exercise" in evidence["must_not"]
    assert evidence["must"] == ["hypoglycemia_precaution"]
    assert len(found.snapshot_hash) == 64


@pytest.mark.parametrize(("month", "word"), [(1, "雪"), (8, "暑い"), (5, None)])
def test_walking_fits_the_season(month: int, word: str | None) -> None:
    found = one(said(ASKED | WALKS_LITTLE, datetime(2026, month, 5, tzinfo=UTC)), "steps-below-target")
    assert ("雪" in found.text_ja, "暑い" in found.text_ja) == (word == "雪", word == "暑い")


# --- words ----------------------------------------------------------------------------------------------------------


def test_both_languages_have_the_same_texts_with_the_same_fields() -> None:
    ja, en = catalogue("ja"), catalogue("en")
    assert ja.keys() == en.keys()
    assert {context for context, _ in ja} == set(CONTEXTS)
    for key in ja:
        assert fields_of(ja[key]) == fields_of(en[key]), key


def test_every_question_has_its_words() -> None:
    for language in LANGUAGES:
        for question in QUESTION_ORDER:
            assert words(language, question) != question


def test_an_unknown_text_is_an_error_and_not_an_empty_sentence() -> None:
    with pytest.raises(UnknownTextError):
        text("ja", "resident", "nothing")
