"""A clinician's second opinion: cases from the notes alone, people nobody asked, and drafts no doctor would sign together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from typing import Any, Final

import pytest

from engine.advice import Assessment, assess
from engine.casework import picture_of_case, read_case
from engine.casework_answers import assess_case, decode_case
from engine.choosing import MOST_GOALS, NO_GOAL
from engine.people import Resident
from engine.refusal import Refusal
from engine.rules import load_catalogue
from engine.signals import Signal, Signals
from engine.vocabulary import QUESTION_ORDER, VOCABULARY
from tests.written_cases import differences, lines_of

FILE: Final = "doctor_cases.jsonl"
RULES: Final = load_catalogue()
NOW: Final = datetime(2026, 5, 21, 3, tzinfo=UTC)
SOMEBODY: Final = Resident(
    id="r-aaaaaaaaaaaaa", household_id=None, municipality_code="062049", family_name="佐藤", given_name="花子",
    family_kana="サトウ", given_kana="ハナコ", birth_date=date(1955, 5, 1), sex="female", height_cm=Decimal(160),
)  # fmt: skip
HABITS: Final = sorted(name for name in VOCABULARY if name.startswith("habit."))
LESS_TO_EAT: Final = {"bmi-above-target", "waist-over-goal", "snacks"}
MORE_MOVEMENT: Final = {
    "steps-below-target", "indoor-steps", "exercise-volume", "strength", "frailty-prevention", "sitting",
}  # fmt: skip
LOWERING: Final = {"insulin", "sulfonylurea", "glinide"}


def test_every_case_of_the_clinician_agrees_with_the_rules() -> None:
    table = [row for line in lines_of(FILE) for row in differences(line)]
    assert not table, "\n" + "\n".join(table)


def test_the_cases_of_the_clinician_are_many_and_each_has_an_id_of_its_own() -> None:
    ids = [json.loads(line)["id"] for line in lines_of(FILE)]
    assert len(ids) == len(set(ids)) >= 300


def unasked(number: int) -> tuple[dict[str, Any], set[str]]:
    """An adult of whom one to four veto inputs were never asked, and the questions that this leaves due."""
    rng = Random(number)
    sex, age, height = rng.choice(("male", "female")), rng.randint(18, 88), rng.choice((150, 160, 170))
    who: dict[str, Any] = {
        "sex": sex, "age": age, "age_fy_end": age, "height_cm": height,
        "weight_kg": round(rng.uniform(19, 36) * height * height / 10_000, 1), "waist_cm": rng.choice((None, 80, 86, 92)),
        "smoker": False, "steps_7d_mean": rng.randint(800, 12_000), "pregnant": False, "breastfeeding": False,
        "conditions": rng.choice(([], ["diabetes"], ["ckd"], ["cvd"])), "meds": rng.choice(([], ["antihypertensive"])),
    }  # fmt: skip
    left_out = set(rng.sample(["meds", "conditions", "pregnant", "breastfeeding"], rng.randint(1, 4)))
    due = {
        "glucose-medicine": "meds" in left_out,
        "heart-disease": "conditions" in left_out,
        "pregnancy": "pregnant" in left_out and sex == "female" and age <= 55,
        "breastfeeding": "breastfeeding" in left_out and sex == "female" and age <= 49,
    }
    profile = {name: value for name, value in who.items() if name not in left_out}
    labs = {"fpg": rng.randint(85, 130), "egfr": rng.choice((70, 41)), "ldl": rng.randint(90, 190)}
    pressure = {"office_sbp": rng.randint(105, 165), "office_dbp": rng.randint(60, 95)}
    case = {"id": str(number), "profile": profile, "labs": labs, "bp": pressure}
    return case, {question for question, holds in due.items() if holds}


def test_who_was_not_asked_gets_no_deficit_no_push_and_the_right_question_first() -> None:
    for number in range(300):
        case, due = unasked(number)
        raw = decode_case(json.dumps(case))
        assert not isinstance(raw, Refusal)
        said = assess_case(raw, RULES)
        assert not isinstance(said, Refusal)
        if case["profile"]["sex"] == "male":
            assert not {"pregnancy", "breastfeeding"} & set(said["ask"]), case
        if not due:
            continue
        assert (said["loss_goal_kg"], said["deficit_kcal_day_180d"]) == (None, None), case
        assert {"calorie_deficit", "fasted_exercise"} <= set(said["must_not"]), case
        assert said["ask"][0] == min(due, key=QUESTION_ORDER.index), (said["ask"], due)
        assert due <= set(said["ask"]), case
        # Breastfeeding is no reason to walk less.
        if due != {"breastfeeding"}:
            assert said["next_step_goal"] is None, case
            assert "exercise_increase" in said["must_not"], case


def written(line: dict[str, Any], habits: list[str]) -> Assessment:
    case = read_case(line)
    assert not isinstance(case, Refusal)
    values = dict(picture_of_case(case).values)
    values |= {name: Signal(value=Decimal(name in habits), unit="1", count=1) for name in HABITS}
    return assess(SOMEBODY, Signals(NOW, values), RULES, NOW)


def everybody() -> Iterator[tuple[dict[str, Any], Assessment]]:
    """Every case of the file, one with all bad habits, the next with none, the next with one of them."""
    for number, text in enumerate(lines_of(FILE)):
        line = decode_case(text)
        assert not isinstance(line, Refusal)
        habits: list[str] = ([HABITS[number % len(HABITS)]], HABITS, [])[number % 3]
        yield line, written(line, habits)


@pytest.fixture(scope="module")
def all_said() -> list[tuple[dict[str, Any], Assessment]]:
    return list(everybody())


def forbidden(line: dict[str, Any]) -> set[str]:
    """The rules whose goals this person must not be given, read off the case and not off our vetoes."""
    who, labs, env, trend = line["profile"], line.get("labs", {}), line.get("env", {}), line.get("trend", {})
    meds, ill, age = set(who.get("meds", ())), set(who.get("conditions", ())), who["age"]
    found: set[str] = set()
    if meds & LOWERING or ill & {"eating_disorder", "cancer_active"} or age < 18 or age >= 75:
        found |= LESS_TO_EAT
    if who.get("pregnant"):
        found |= LESS_TO_EAT | {"steps-below-target", "salt", "alcohol", "exercise-volume", "servings"}
    if who.get("breastfeeding"):
        found |= LESS_TO_EAT | {"alcohol"}
    if trend.get("weight_change_180d_kg", 0) < 0 and trend.get("intentional") is False:
        found |= LESS_TO_EAT
    if "heart_failure" in ill:
        found |= {"heat-drink"} | (MORE_MOVEMENT if trend.get("weight_change_7d_kg", 99) >= 2 else set())
    if labs.get("egfr", 99) < 45 or "ckd" in ill:
        found |= {"protein"}
    if labs.get("egfr", 99) < 45:
        found |= {"vegetables", "fruit"}
    acute = line.get("bp", {}).get("office_sbp", 0) >= 180 or labs.get("fpg", 0) >= 250
    if acute or set(line.get("symptoms", ())) - {"none"} or env.get("wbgt", 0) >= 31:
        found |= MORE_MOVEMENT
    return found


def test_no_case_is_given_a_goal_its_own_words_forbid(all_said: list[tuple[dict[str, Any], Assessment]]) -> None:
    for line, found in all_said:
        goals = {
            draft.rule_id for draft in found.drafts if not draft.ask and not draft.evidence["message"].endswith("talk")
        }
        told = {rule for rule in goals & forbidden(line) if "discuss" not in of(found, rule)}
        assert not told, (line["id"], told)


def of(found: Assessment, rule: str) -> str:
    return str(next(draft.evidence["message"] for draft in found.drafts if draft.rule_id == rule))


def test_what_is_said_fits_together(all_said: list[tuple[dict[str, Any], Assessment]]) -> None:
    """Two goals at most, none beside an urgent call, nothing at all beside 119, and one deadline for one pressure."""
    for line, found in all_said:
        assert not found.failed, line["id"]
        flags = {flag.rule.id for flag in found.judgement.flags}
        advice = [draft for draft in found.drafts if draft.rule_id not in flags]
        assert sum(draft.topic not in NO_GOAL for draft in advice) <= MOST_GOALS, line["id"]
        if found.judgement.urgency in {"urgent", "emergency"}:
            assert {draft.topic for draft in advice} <= NO_GOAL - {"guidance"}, line["id"]
        if found.judgement.urgency == "emergency":
            assert {draft.severity for draft in found.drafts} == {"emergency"}, line["id"]
        pressures = {
            draft.severity for draft in found.drafts if draft.rule_id in flags and draft.topic == "blood-pressure"
        }
        assert len(pressures) <= 1, line["id"]


def test_a_lesser_deadline_for_the_same_pressure_waits_but_its_red_flag_stays() -> None:
    line = {"id": "x", "profile": {"sex": "female", "age": 31, "pregnant": True, "meds": [], "conditions": []}}
    found = written(line | {"bp": {"office_sbp": 145, "office_dbp": 92}}, [])
    assert {"bp_grade1", "bp_pregnancy"} <= set(found.judgement.red_flags)
    assert [draft.rule_id for draft in found.drafts if draft.topic == "blood-pressure"] == ["bp-pregnancy"]
    assert found.withdrawn["office-bp-high"] == "referral-first"


def test_nobody_with_an_eating_disorder_reads_a_bmi() -> None:
    who = {"sex": "female", "age": 25, "height_cm": 157, "weight_kg": 42, "pregnant": False, "breastfeeding": False}
    for conditions in ({"conditions": ["eating_disorder"]}, {}):
        found = written({"id": "x", "profile": who | {"meds": []} | conditions}, [])
        assert "underweight" in found.judgement.red_flags
        assert not [draft for draft in found.drafts if "BMI" in draft.text_ja or "BMI" in draft.text_en]
    well = written({"id": "x", "profile": who | {"meds": [], "conditions": []}}, [])
    assert "BMIは 17.0" in next(draft.text_ja for draft in well.drafts if draft.rule_id == "underweight")


def test_a_part_of_a_case_that_is_null_is_a_part_left_out() -> None:
    bare = {"id": "x", "profile": {"sex": "male", "age": 70, "height_cm": 170, "weight_kg": 65}}
    null = bare | dict.fromkeys(("labs", "bp", "trend", "symptoms", "env", "ask"))
    null["profile"] = {**bare["profile"], "frailty": None}  # type: ignore[dict-item]
    assert assess_case(null, RULES) == assess_case(bare, RULES)
