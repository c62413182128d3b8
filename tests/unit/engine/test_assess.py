"""Written cases: the golden ones and our own agree with the rules; what cannot be read is refused, never guessed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.casework import picture_of_case, read_case
from engine.casework_answers import assess_case, decode_case
from engine.refusal import Refusal
from engine.rules import load_catalogue
from engine.vocabulary import DERIVED, VOCABULARY
from tests.written_cases import FILES, differences, lines_of, said_of

# Every output key of the case format (its README), and what `phr assess` says besides.
KEYS = frozenset({
    "bmi", "bmi_class", "target_bmi", "vs_target", "guidance_level", "step1", "risks", "risk_count",
    "level_if_untreated", "metabo", "urgency", "referral", "red_flags", "must_not", "must", "steps_target",
    "steps_band", "next_step_goal", "loss_goal_kg", "deficit_kcal_day_180d", "eer_kcal", "exercise_kcal_gross",
    "exercise_kcal_net", "exercise_mets_h", "frailty", "ask", "missing",
})  # fmt: skip
# The rules of the clinical notes that a written case can be about.
NOTES = frozenset({
    "R-BMI-0", "R-BMI-1", "R-BMI-3", "R-WL-1", "R-WL-2", "R-WL-3", "R-TKHG-0", "R-TKHG-1", "R-TKHG-2", "R-TKHG-3",
    "R-TKHG-4", "R-TKHG-5", "R-METS", "R-METS-1", "R-METS-2", "R-REF-1", "R-BP-1", "R-BP-2", "R-BP-3", "R-BP-4",
    "R-BP-5", "R-GLU", "R-GLU-1", "R-GLU-2", "R-GLU-3", "R-GLU-4", "R-LIP-1", "R-LIP-2", "R-CKD-1", "Liver", "R-HR-1",
    "R-RED-1", "R-HF-1", "R-DQ-1", "R-FR-1", "R-FR-2", "R-FR-3", "R-PA-1", "R-PA-4", "R-MET-1", "R-HEAT-1",
    "R-SNOW-1", "R-EER", "R-CI-0", "R-CI-1", "R-CI-2", "R-CI-3", "R-CI-4", "R-CI-5", "R-CI-6", "R-CI-7", "R-CI-8",
    "R-CI-9",
})  # fmt: skip


def said(**parts: Any) -> dict[str, Any]:
    return said_of(json.dumps({"id": "x", **parts}))


@pytest.mark.parametrize("file", FILES)
def test_every_written_case_agrees_with_the_rules(file: str) -> None:
    table = [row for line in lines_of(file) for row in differences(line)]
    assert not table, "\n" + "\n".join(table)


def test_the_comparison_of_cases_notices_each_kind_of_lie() -> None:
    """A comparison that lets everything pass would prove nothing."""
    line = lines_of("own_cases.jsonl")[0]
    case = json.loads(line)
    lies: dict[str, Any] = {
        "bmi": 24.9, "bmi_class": "normal", "red_flags": ["ldl_180"], "must_not_absent": ["no-such-code"],
        "urgency_any_of": ["urgent"], "eer_kcal": 1, "loss_goal_kg": None, "risks": ["bp"],
    }  # fmt: skip
    rows = list(differences(json.dumps(case | {"expected": lies}), said_of(line)))
    assert {row.split("|")[2].strip() for row in rows} == lies.keys() - {"must_not_absent"}


def test_the_cases_cover_every_rule_of_the_notes_and_have_ids_of_their_own() -> None:
    cases = [json.loads(line) for file in FILES for line in lines_of(file)]
    assert len({case["id"] for case in cases}) == len(cases)
    assert {rule for case in cases for rule in case["rules"]} == NOTES
    assert len(lines_of("advice_cases.jsonl")) == 31
    own = [json.loads(line) for line in lines_of("own_cases.jsonl")]
    assert {rule for case in own for rule in case["rules"]} == NOTES


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"profile": {}, "labs": {}, "bp": {}, "trend": {}, "env": {}, "ask": {}, "symptoms": []},
        {"profile": {"sex": "female", "age": 70, "height_cm": None, "weight_kg": None, "waist_cm": None}},
        {"profile": {"weight_kg": 60}, "ask": {"exercise": {"mets": 3, "minutes": 10}}},
    ],
)
def test_every_key_of_the_format_is_said_of_any_case(parts: dict[str, Any]) -> None:
    assert said(**parts).keys() == KEYS


def test_of_somebody_nothing_is_known_of_no_class_is_invented_and_every_question_is_open() -> None:
    found = said()
    assert found["guidance_level"] == "indeterminate"
    assert found["metabo"] == "unknown"
    assert all(found[key] is None for key in ("bmi", "bmi_class", "target_bmi", "risks", "risk_count", "loss_goal_kg"))
    assert {"pregnancy", "glucose-medicine", "heart-disease"} <= set(found["ask"])
    assert {"weight_loss", "skip_meal", "exercise_increase", "protein_increase"} <= set(found["must_not"])
    assert found["urgency"] == "none"


def test_the_picture_of_a_case_names_every_measured_and_answered_signal() -> None:
    case = read_case({"id": "x"})
    assert not isinstance(case, Refusal)
    assert picture_of_case(case).values.keys() == VOCABULARY.keys() - DERIVED


def test_blood_drawn_at_the_meal_is_not_fasting() -> None:
    labs = {"tg": 300, "hdl": 55, "hba1c": 5.3}
    person = {"sex": "male", "age": 50, "age_fy_end": 50, "height_cm": 170, "weight_kg": 70, "waist_cm": 90}
    assert said(profile=person, labs=labs | {"hours_since_meal": 0})["risks"] is None
    assert said(profile=person, labs=labs)["risks"] is None  # the pressure is missing still
    pressure = {"office_sbp": 120, "office_dbp": 70}
    assert said(profile=person, labs=labs | {"hours_since_meal": 0}, bp=pressure)["risks"] is None
    assert said(profile=person, labs=labs, bp=pressure)["risks"] == ["lipid"]


def test_a_whole_number_written_as_a_fraction_is_that_number() -> None:
    assert said(profile={"age": 45.0})["target_bmi"] == said(profile={"age": 45})["target_bmi"] == [18.5, 24.9]


def test_a_symptom_without_a_word_is_none_and_an_unknown_word_is_an_emergency() -> None:
    assert said(symptoms=[" "])["urgency"] == "none"
    assert said(symptoms=["ろれつが回らない"])["urgency"] == "emergency"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad-json"),
        ("{", "bad-json"),
        ("nothing", "bad-json"),
        ('{"id": "x"', "bad-json"),
        ('{"id": "x", "resting_hr": NaN}', "bad-json"),
        ('{"id": "x", "resting_hr": Infinity}', "bad-json"),
        ('{"id": "x", "resting_hr": ' + "9" * 5000 + "}", "bad-json"),
        ("[" * 100_000, "bad-json"),
        (r'{"id": "\ud800"}', "bad-json"),
        (r'{"id": "x", "profile": {"\udfff": 1}}', "bad-json"),
        ("[]", "bad-case"),
        ("7", "bad-case"),
        ("{}", "bad-case"),
        ('{"id": 5}', "bad-case"),
        ('{"id": "x", "profile": []}', "bad-case"),
        ('{"id": "x", "profile": {"sex": "man"}}', "bad-case"),
        ('{"id": "x", "profile": {"age": 45.5}}', "bad-case"),
        ('{"id": "x", "profile": {"age": -1}}', "bad-case"),
        ('{"id": "x", "profile": {"smoker": "yes"}}', "bad-case"),
        ('{"id": "x", "profile": {"meds": ["aspirine"]}}', "bad-case"),
        ('{"id": "x", "profile": {"conditions": ["gout"]}}', "bad-case"),
        ('{"id": "x", "profile": {"hight_cm": 170}}', "bad-case"),
        ('{"id": "x", "labs": {"urine_protein": "5+"}}', "bad-case"),
        ('{"id": "x", "symptoms": "chest pain"}', "bad-case"),
        ('{"id": "x", "env": {"wbgt": "hot"}}', "bad-case"),
        ('{"id": "x", "profile": {"height_cm": -170}}', "out-of-range"),
        ('{"id": "x", "profile": {"height_cm": 0}}', "out-of-range"),
        ('{"id": "x", "profile": {"height_cm": 1e-400000, "weight_kg": 60}}', "out-of-range"),
        ('{"id": "x", "profile": {"weight_kg": 1e400000}}', "out-of-range"),
        ('{"id": "x", "labs": {"fpg": 99999999999999999999999999}}', "out-of-range"),
        ('{"id": "x", "labs": {"hours_since_meal": -1}}', "out-of-range"),
        ('{"id": "x", "profile": {"steps_7d_mean": -1}}', "out-of-range"),
        ('{"id": "x", "ask": {"exercise": {"mets": 0.5, "minutes": 10}}}', "out-of-range"),
    ],
)
def test_what_no_case_can_say_is_refused_with_its_code(text: str, code: str) -> None:
    raw = decode_case(text)
    found = raw if isinstance(raw, Refusal) else assess_case(raw, load_catalogue())
    assert isinstance(found, Refusal)
    assert found.code == code
    assert found.message


def test_a_loss_is_a_share_of_the_weight_before_it() -> None:
    """-3 kg at 57 kg now is 5.0 % of 60, at 57.2 kg it is 4.98 %: the exact quotient decides, not a rounded one."""
    person: dict[str, Any] = {"sex": "male", "age": 45, "age_fy_end": 45, "height_cm": 165}
    trend = {"weight_change_180d_kg": -3, "intentional": False}
    flags = {kg: said(profile=person | {"weight_kg": kg}, trend=trend)["red_flags"] for kg in (57, 57.01)}
    assert "unintended_loss_5pct" in flags[57]
    assert "unintended_loss_5pct" not in flags[57.01]
