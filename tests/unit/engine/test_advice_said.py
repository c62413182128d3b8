"""What must be said with advice, what is held back beside a referral, and what the evidence tells of each line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from engine.advice import Assessment, Draft, assess
from engine.casework import picture_of_case, read_case
from engine.locale import text
from engine.refusal import Refusal
from engine.rules import load_catalogue
from engine.signals import Signals
from tests.messages import WHO

RULES = load_catalogue()
MAN: dict[str, Any] = {
    "sex": "male", "age": 58, "age_fy_end": 58, "height_cm": 170, "weight_kg": 66, "smoker": False, "meds": [],
    "conditions": [], "steps_7d_mean": 4100,
}  # fmt: skip
HEAVY: dict[str, Any] = {"weight_kg": 78}


def said(month: int = 5, wish: str | None = None, bp: dict[str, Any] | None = None, **profile: Any) -> Assessment:
    case = read_case({"id": "x", "profile": MAN | profile, "bp": bp or {}})
    assert not isinstance(case, Refusal), case
    at = datetime(2026, month, 5, tzinfo=UTC)
    return assess(WHO, Signals(at, picture_of_case(case).values), RULES, at, wish=wish)


def of(found: Assessment, rule: str) -> Draft:
    return next(draft for draft in found.drafts if draft.rule_id == rule)


def topics(found: Assessment) -> set[str]:
    return {draft.topic for draft in found.drafts}


SUGAR = text("ja", "resident", "must.sugar")
AFTER_MEAL = text("ja", "resident", "must.after-meal")


def test_whoever_uses_insulin_and_is_to_walk_is_told_to_carry_sugar_and_to_eat_first() -> None:
    told = of(said(meds=["insulin"]), "steps-below-target")
    assert told.text_ja.endswith(f"{AFTER_MEAL}\n{SUGAR}")
    assert told.evidence["texts"][-2:] == ["must.after-meal", "must.sugar"]
    other = of(said(), "steps-below-target")
    assert SUGAR not in other.text_ja
    assert AFTER_MEAL not in other.text_ja


def test_a_text_that_only_asks_to_talk_carries_no_precaution() -> None:
    open_ = of(said(meds=None), "steps-below-target")
    assert open_.ask
    assert SUGAR not in open_.text_ja
    assert "hypoglycemia_precaution" in open_.evidence["must"]


def test_a_smoker_is_told_to_stop_whatever_else_there_is_to_say() -> None:
    assert "tobacco" in topics(said(smoker=True, **HEAVY))
    assert topics(said(smoker=True, wish="activity", **HEAVY)) >= {"tobacco", "activity"}
    assert "tobacco" not in topics(said(**HEAVY))


URGENT: dict[str, Any] = {"home_sbp_mean": 182, "home_dbp_mean": 104, "home_days": 6}
HIGH: dict[str, Any] = {"home_sbp_mean": 142, "home_dbp_mean": 84, "home_days": 6}


def test_beside_a_referral_of_today_no_goal_is_told_and_beside_a_later_one_it_is() -> None:
    now = said(bp=URGENT, **HEAVY)
    assert topics(now) <= {"blood-pressure"}
    assert now.withdrawn["bmi-above-target"] == "referral-first"
    assert "weight" in topics(said(bp=HIGH, **HEAVY))


def test_a_line_that_would_name_an_unknown_number_is_left_out() -> None:
    found = of(said(bp={"office_sbp": 185}), "office-bp-high")
    assert found.evidence["plan"]["diastolic"] == "-"
    assert "上が" not in found.text_ja
    assert "119" in found.text_ja


def test_a_referral_names_the_test_in_the_readers_language() -> None:
    case = read_case({"id": "x", "profile": MAN, "labs": {"hba1c": "6.0"}})
    assert not isinstance(case, Refusal)
    found = of(assess(WHO, picture_of_case(case), RULES, datetime(2026, 4, 15, tzinfo=UTC)), "glucose-high")
    assert "HbA1c(NGSP)は 6.0でした。" in found.text_ja
    assert "Your HbA1c (NGSP) was 6.0." in found.text_en


@pytest.mark.parametrize(("month", "key"), [(1, "plan.where.snow"), (8, "plan.where.heat"), (5, None)])
def test_the_evidence_tells_the_text_of_every_line_and_the_sources_of_the_goal(month: int, key: str | None) -> None:
    evidence = of(said(month), "steps-below-target").evidence
    assert evidence["texts"][:3] == ["steps-below-target.plan", "plan.steps.now", "plan.steps.do"]
    assert {text for text in evidence["texts"] if text.startswith("plan.where.")} == ({key} if key else set())
    assert evidence["goal"]["kind"] == "steps"
    assert evidence["goal"]["figures"]["goal"] == "5,100"
    assert [one for one in evidence["goal"]["sources"] if one not in evidence["sources"]] == []
    assert len(evidence["sources"]) > len(evidence["goal"]["sources"])
