"""Rules are data: their laws, and hand-written cases for each of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import pytest

from engine.rules import AdviceRule, ClassRule, Condition, FlagRule, Rule, VetoRule, check_catalogue, load_catalogue
from engine.rules.catalogue_files import CatalogueError, catalogue_texts
from engine.rules.evaluator import regions
from engine.rules.model import COMPARE, VetoCase
from engine.vocabulary import ANSWERS, VOCABULARY
from tests.conftest import GOLDEN
from tests.rule_cases import barred_by, cases_of, disagreements

RULES = {rule.id: rule for rule in load_catalogue()}
TEXTS = catalogue_texts()
# Signals no rule compares, and what they are there for.
SHOWN: Final = {
    "height": "goes into the BMI and the goals",
    "weight.level": "goes into the BMI, the goals and the energy need",
    "weight.slope_kg_per_week": "told on the page and in notes, never judged",
    "steps.valid_days_7d": "says on how many days a mean of steps rests; too few give no mean",
    "steps.season_percent": "told beside the steps: the same season of last year",
    "bmi.above_high": "tells on which side of the target range somebody is",
    "bp.home.systolic_morning": "told to the nurse: morning and evening apart",
    "bp.home.systolic_evening": "told to the nurse: morning and evening apart",
    "bp.home.diastolic_morning": "told to the nurse: morning and evening apart",
    "bp.home.diastolic_evening": "told to the nurse: morning and evening apart",
}


def each_rule() -> list[Any]:
    return [pytest.param(rule, id=name) for name, rule in RULES.items()]


@pytest.mark.parametrize("rule", each_rule())
def test_a_rule_says_what_each_of_its_hand_written_cases_says(rule: Rule) -> None:
    wrong = {case["name"]: found for case in cases_of(rule.id) if (found := disagreements(rule, case))}
    assert wrong == {}


@pytest.mark.parametrize("rule", each_rule())
def test_every_case_of_a_rule_is_reached_and_somewhere_it_is_quiet(rule: Rule) -> None:
    golden = cases_of(rule.id)
    names = [case["name"] for case in golden]
    assert len(set(names)) == len(names)
    match rule:
        case ClassRule():
            reached = {case["gives"] for case in golden if "gives" in case}
            assert {case.gives for case in rule.case if not case.either} == reached
            assert any(case.get("open") for case in golden)
        case VetoRule():
            said = {code for case in golden for code in (*case.get("bars", ()), *case.get("bars_open", ()))}
            assert {code for case in rule.case for code in (*case.must_not, *case.must)} == said
            assert any(case.get("silent") for case in golden)
        case _:
            assert {case.name for case in rule.cases} == {case["fires"] for case in golden if "fires" in case}
            assert any(case.get("silent") for case in golden)


@pytest.mark.parametrize("rule", each_rule())
def test_every_threshold_of_a_rule_stands_exactly_in_a_case_and_so_do_both_its_sides(rule: Rule) -> None:
    for condition in {c for case in rule.cases for c in case.conditions if not c.about_presence}:
        values = {
            Decimal(case["signals"][condition.signal])
            for case in cases_of(rule.id)
            if condition.signal in case["signals"]
        }
        if VOCABULARY[condition.signal].sort == "derived":
            continue
        assert condition.value in values, condition
        held = {COMPARE[condition.op](value, condition.value) for value in values}
        assert held == {True, False}, condition


@pytest.mark.parametrize("rule", [param for param in each_rule() if isinstance(param.values[0], AdviceRule)])
def test_the_cases_of_an_advice_rule_name_what_it_gives_way_to(rule: AdviceRule) -> None:
    assert set(barred_by(rule.id)) == set(rule.barred_by)


def test_every_rule_has_a_file_of_cases_and_every_file_a_rule() -> None:
    assert {path.stem for path in (GOLDEN / "rules").glob("*.toml")} == set(RULES)


def test_the_catalogue_keeps_its_laws() -> None:
    assert check_catalogue(TEXTS) == []


def test_signals_nobody_reads_are_only_those_shown_to_people() -> None:
    """A signal in the vocabulary is judged by a rule, or it is told to people for a reason written down here."""
    needed = {
        name for rule in RULES.values() if isinstance(rule, ClassRule) for case in rule.case for name in case.needs
    }
    unasked = {
        name for rule in RULES.values() for case in rule.cases if isinstance(case, VetoCase) for name in case.unasked
    }
    defined = {rule.defines for rule in RULES.values() if isinstance(rule, ClassRule)}
    read = frozenset().union(*(rule.signals for rule in RULES.values())) | needed | unasked | defined
    assert VOCABULARY.keys() - read == SHOWN.keys()


def test_every_answer_can_be_asked_for() -> None:
    assert all(VOCABULARY[name].question for name in ANSWERS)


def changed(rule: str, old: str, new: str) -> list[str]:
    """The faults of one shipped rule after a change of its text; the change must bite."""
    text = TEXTS[rule]
    assert old in text
    return check_catalogue({rule: text.replace(old, new, 1)})


@pytest.mark.parametrize(
    ("rule", "old", "new", "fault"),
    [
        ("office-bp-high", 'signal = "bp.office.systolic"', 'signal = "bp.office.sistolic"', "unknown-signal"),
        ("veto-heat", 'signal = "env.wbgt"', 'signal = "env.heat"', "unknown-signal"),
        ("risk-lipid", 'needs = ["lab.tg"]', 'needs = ["lab.fat"]', "unknown-signal"),
        ("office-bp-high", 'id = "office-bp-high"', 'id = "office"', "id"),
        ("office-bp-high", 'name = "grade-2"', 'name = "grade-3"', "case-names"),
        ("office-bp-high", 'message = "office-bp-high.prompt"', 'message = "nothing"', "no-text"),
        ("office-bp-high", 'nurse_note = "office-bp-high.note"', 'nurse_note = "nothing"', "no-text"),
        ("office-bp-high", 'severity = "prompt"', 'severity = "emergency"', "case-order"),
        ("office-bp-high", "valid_from = 2024-04-01", "valid_from = 2024-04-01\nvalid_until = 2024-03-31", "validity"),
        ("risk-lipid", 'defines = "risk.lipid"', 'defines = "lab.tg"', "defines"),
        ("risk-lipid", 'gives = "yes"\nnumber = "1"', 'gives = "yes"\nnumber = "0"', "numbers"),
        ("risk-lipid", 'needs = ["lab.tg"]\n', "", "needs"),
        ("risk-lipid", 'all = [{ signal = "lab.hdl", op = "<", value = "40" }]', "", "always"),
        ("risk-lipid", 'kind = "class"', 'kind = "habit"', "not-a-rule"),
        ("risk-lipid", 'kind = "class"', "", "not-a-rule"),
        ("risk-lipid", 'op = "<"', 'op = "~"', "not-a-rule"),
        ("risk-lipid", 'value = "40"', 'value = "forty"', "not-a-rule"),
        ("risk-lipid", "version = 1\n", "version = 0\n", "not-a-rule"),
        ("risk-lipid", 'edition = "', 'url = "', "not-a-rule"),
        ("risk-lipid", 'boundary = "39 counts', 'url = "39 counts', "not-a-rule"),
        ("office-bp-high", 'severity = "urgent"', 'severity = "high"', "not-a-rule"),
        ("office-bp-high", 'review = "each"', 'review = "nobody"', "not-a-rule"),
        ("office-bp-high", 'topic = "blood-pressure"', 'topic = "bp"', "not-a-rule"),
        ("veto-heat", 'must_not = ["', 'must_not = ["sunshine", "', "not-a-rule"),
    ],
)  # fmt: skip
def test_a_rule_that_breaks_a_law_is_refused_with_its_code(rule: str, old: str, new: str, fault: str) -> None:
    assert any(line.startswith(f"{rule}: {fault}: ") for line in changed(rule, old, new))


def test_one_value_is_derived_by_one_rule() -> None:
    text = TEXTS["risk-lipid"]
    twin = text.replace('id = "risk-lipid"', 'id = "risk-lipid-2"')
    assert check_catalogue({"risk-lipid": text, "risk-lipid-2": twin}) == [
        "risk.lipid: defined-twice: 2 rules define it"
    ]


def test_a_file_that_is_no_toml_is_named_and_the_others_are_still_checked() -> None:
    texts = {"broken": "kind = ", "risk-lipid": TEXTS["risk-lipid"].replace('id = "risk-lipid"', 'id = "x1"')}
    faults = check_catalogue(texts)
    assert [fault.split(":")[:2] for fault in faults] == [["broken", " not-a-rule"], ["risk-lipid", " id"]]


def test_a_broken_catalogue_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {**TEXTS, "risk-lipid": TEXTS["risk-lipid"].replace('id = "risk-lipid"', 'id = "x1"')}
    monkeypatch.setattr("engine.rules.catalogue_files.catalogue_texts", lambda: broken)
    with pytest.raises(CatalogueError, match="risk-lipid: id: "):
        load_catalogue.__wrapped__()


def test_an_unknown_number_is_tried_below_at_between_and_above_its_thresholds() -> None:
    assert regions(RULES["risk-lipid"], "lab.tg") == tuple(map(Decimal, ("149", "150", "162.5", "175", "176")))
    assert regions(RULES["risk-lipid"], "age") == (Decimal(0),)


@pytest.mark.parametrize(("op", "low", "same", "high"), [
    ("<", True, False, False), ("<=", True, True, False), (">", False, False, True),
    (">=", False, True, True), ("==", False, True, False), ("!=", True, False, True),
    ("known", True, True, True), ("missing", False, False, False),
])  # fmt: skip
def test_each_comparison_below_at_and_above_its_threshold(op: Any, low: bool, same: bool, high: bool) -> None:
    condition = Condition("age", op, Decimal(65))
    assert [condition.holds(Decimal(value)) for value in (64, 65, 66)] == [low, same, high]
    assert condition.holds(None) == (op == "missing")


def test_a_flag_rule_speaks_of_the_most_serious_first_and_a_veto_of_codes() -> None:
    flags = [rule for rule in RULES.values() if isinstance(rule, FlagRule)]
    assert {code for rule in flags for case in rule.case for code in case.flags} >= {"bp_grade3", "symptom_emergency"}
    assert all(
        case.must_not or case.must for rule in RULES.values() if isinstance(rule, VetoRule) for case in rule.case
    )
