"""Rules are data: their laws, and hand-written cases for each of them."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from engine.rules import Firing, Indeterminate, Rule, Silent, check_catalogue, evaluate, load_catalogue
from engine.rules.catalogue_files import catalogue_texts
from engine.signals import VOCABULARY, Signal, Signals
from tests.conftest import GOLDEN

RULES = {rule.id: rule for rule in load_catalogue()}
AS_OF = datetime(2026, 11, 21, tzinfo=UTC)


def given(values: dict[str, str]) -> Signals:
    found = {
        name: Signal(value=Decimal(value), unit="1", inputs=(f"reading-{name}",)) for name, value in values.items()
    }
    return Signals(AS_OF, found)


def cases() -> list[Any]:
    files = sorted((GOLDEN / "rules").glob("*.toml"))
    return [
        pytest.param(RULES[path.stem], case, id=f"{path.stem}: {case['name']}")
        for path in files
        for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]
    ]


@pytest.mark.parametrize(("rule", "case"), cases())
def test_a_rule_says_what_its_golden_case_says(rule: Rule, case: dict[str, Any]) -> None:
    outcome = evaluate(rule, given(case["signals"]))
    if "fires" in case:
        assert isinstance(outcome, Firing)
        assert (outcome.case.name, outcome.case.severity) == (case["fires"], case["severity"])
        if "reasons" in case:
            assert [reason.words for reason in outcome.reasons] == case["reasons"]
        assert all(reason.inputs == (f"reading-{reason.signal}",) for reason in outcome.reasons)
    elif "missing" in case:
        assert isinstance(outcome, Indeterminate)
        assert list(outcome.missing) == case["missing"]
    else:
        assert isinstance(outcome, Silent)
        assert case["silent"]


def test_every_rule_has_a_firing_a_silent_an_indeterminate_and_every_case_covered() -> None:
    for rule in RULES.values():
        golden = tomllib.loads((GOLDEN / "rules" / f"{rule.id}.toml").read_text(encoding="utf-8"))["case"]
        assert any("silent" in case for case in golden)
        assert any("missing" in case for case in golden)
        assert {case.name for case in rule.case} <= {case["fires"] for case in golden if "fires" in case}


def test_every_threshold_of_a_rule_stands_exactly_in_a_golden_case() -> None:
    for rule in RULES.values():
        golden = tomllib.loads((GOLDEN / "rules" / f"{rule.id}.toml").read_text(encoding="utf-8"))["case"]
        for condition in (condition for case in rule.case for condition in case.conditions):
            values = {
                Decimal(case["signals"][condition.signal]) for case in golden if condition.signal in case["signals"]
            }
            assert condition.value in values, f"{rule.id}: {condition}"


def test_the_catalogue_keeps_its_laws() -> None:
    assert check_catalogue(catalogue_texts()) == []
    assert set(RULES) == {"bmi-above-target", "home-bp-high", "steps-below-target"}


def test_signals_nobody_reads_are_only_those_shown_to_people() -> None:
    """A signal in the vocabulary is used by a rule, a plan or a screen, or it is removed."""
    unused = VOCABULARY.keys() - frozenset().union(*(rule.signals for rule in RULES.values()))
    shown = {"weight.level", "weight.slope_kg_per_week", "weight.age_days", "steps.valid_days_7d", "bp.home.days_7d"}
    assert unused == shown


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('signal = "steps.mean_7d"', 'signal = "steps.mean_9d"', "unknown-signal"),
        ('id = "steps-below-target"', 'id = "steps"', "id"),
        ('name = "older"', 'name = "adult"', "case-names"),
        ('message = "steps-below-target.next-goal"', 'message = "nothing"', "no-text"),
        ('nurse_note = "steps-below-target.note"', 'nurse_note = "nothing"', "no-text"),
        ('severity = "routine"\nmessage', 'severity = "routine"\nurl = ""\nmessage', "not-a-rule"),
        ('op = ">="', 'op = "~"', "not-a-rule"),
        ('value = "20"', 'value = "twenty"', "not-a-rule"),
        ('edition = "厚生労働省 2024-01"\n', "", "not-a-rule"),
        ("version = 1\n", "version = 0\n", "not-a-rule"),
        ('review = "each"', 'review = "nobody"', "not-a-rule"),
    ],
)
def test_a_rule_that_breaks_a_law_is_refused_with_its_code(old: str, new: str, fault: str) -> None:
    text = catalogue_texts()["steps-below-target"]
    assert old in text
    faults = check_catalogue({"steps-below-target": text.replace(old, new)})
    assert any(line.startswith(f"steps-below-target: {fault}") for line in faults)


def test_the_most_serious_case_comes_first() -> None:
    text = catalogue_texts()["home-bp-high"].replace('severity = "soon"', 'severity = "urgent"')
    assert any("case-order" in fault for fault in check_catalogue({"home-bp-high": text}))


def test_a_case_with_nothing_to_hold_is_refused() -> None:
    text = catalogue_texts()["steps-below-target"]
    bare = text[: text.index("all = [")] + "parameters = { target = '1', step = '1' }\n"
    assert any("always" in fault for fault in check_catalogue({"steps-below-target": bare}))
