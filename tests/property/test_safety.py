"""No veto is escaped: whatever the profile and the order of the rules, and while anything is not asked, nothing is pushed."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from random import Random
from typing import Any, Final

import pytest

from engine.judge import Judgement, judge
from engine.rules import load_catalogue
from engine.rules.model import AdviceRule, ClassRule, Rule, VetoRule
from engine.vocabulary import ANSWERS, QUESTION_ORDER, VOCABULARY
from tests.veto_oracle import Oracle, Values, anybody, picture, profile, well

PROFILES: Final = 10_000
PARTS: Final = 4


@cache
def rules() -> tuple[Rule, ...]:
    """The vetoes, the proposals, and the classes they rest on; referrals bar nothing but in an emergency."""
    return _with_classes(VetoRule | AdviceRule)


@cache
def vetoes() -> tuple[Rule, ...]:
    """The vetoes and the classes they rest on."""
    return _with_classes(VetoRule)


def _with_classes(sort: Any) -> tuple[Rule, ...]:
    wanted = [rule for rule in load_catalogue() if isinstance(rule, sort)]
    classes = {rule.defines: rule for rule in load_catalogue() if isinstance(rule, ClassRule)}
    names = {name for rule in wanted for name in rule.signals} | {"bmi.target"}
    while more := {n for name in names & classes.keys() for n in classes[name].signals} - names:
        names |= more
    return (*(rule for name, rule in sorted(classes.items()) if name in names), *wanted)


def forbidden(found: Judgement) -> dict[str, bool]:
    """Everything barred or demanded, with whether it is sure."""
    said: dict[str, bool] = {}
    for bar in (*found.bars, *found.musts):
        said[bar.code] = said.get(bar.code, False) or bar.sure
    return said


def escapes(values: Values, found: Judgement) -> list[str]:
    """What the oracle forbids and the engine does not, and proposals that pass a bar."""
    oracle, said = Oracle(values), forbidden(found)
    missed = [f"sure: {code}" for code in sorted(oracle.sure) if not said.get(code, False)]
    missed += [f"feared: {code}" for code in sorted(oracle.feared - oracle.sure) if code not in said]
    for proposal in found.proposals:
        rule = proposal.firing.rule
        assert isinstance(rule, AdviceRule)
        barred = set(rule.barred_by)
        if barred & oracle.sure and proposal.allowed:
            missed.append(f"proposed: {rule.id}")
        if barred & oracle.feared and not proposal.bars:
            missed.append(f"pushed while not asked: {rule.id}")
    return missed


@pytest.mark.parametrize("part", range(PARTS))
def test_no_veto_is_escaped_by_any_profile_in_any_order_of_the_rules(part: int) -> None:
    rng = Random(part)
    order = list(vetoes())
    for number in range(PROFILES // PARTS):
        values = anybody(rng)
        rng.shuffle(order)
        found = judge(picture(values), order)
        assert escapes(values, found) == [], (part, number, {k: str(v) for k, v in values.items() if v is not None})


def test_no_proposal_of_the_whole_catalogue_passes_a_veto() -> None:
    rng = Random(9)
    order = list(rules())
    proposed = 0
    for _ in range(600):
        values = anybody(rng)
        rng.shuffle(order)
        found = judge(picture(values), order)
        assert escapes(values, found) == []
        proposed += sum(proposal.allowed for proposal in found.proposals)
    assert proposed > 300


def test_the_order_of_the_rules_changes_nothing() -> None:
    rng = Random(5)
    order = list(rules())
    for _ in range(100):
        given = picture(profile(rng))
        first = judge(given, order)
        rng.shuffle(order)
        again = judge(given, order)
        assert (first.bars, first.musts, first.proposals, first.ask) == (
            again.bars,
            again.musts,
            again.proposals,
            again.ask,
        )


# --- not asked ------------------------------------------------------------------------------------------------------

# The answers that can forbid a deficit, fasting or more exercise in somebody measured and well in every other way.
PUSHED: Final = (
    "symptom.red-flag", "symptom.hypoglycemia", "symptom.irregular-pulse", "answer.pregnant", "answer.breastfeeding",
    "med.insulin", "med.sulfonylurea", "med.glinide", "med.glucose-lowering", "has.heart-failure", "has.cvd",
    "has.atrial-fibrillation", "has.eating-disorder", "has.cancer-active", "loss.unintended", "has.doctor-limit",
    "has.diet-treatment",
)  # fmt: skip
PUSHES: Final = frozenset({"calorie_deficit", "fasted_exercise", "exercise_increase", "skip_meal", "weight_loss"})


def test_who_was_asked_everything_may_be_told_everything() -> None:
    rng = Random(11)
    for _ in range(20):
        found = judge(picture(well(rng)), rules())
        assert not PUSHES & found.must_not
        assert found.ask == ()


def test_while_an_input_is_not_asked_nothing_is_pushed_and_its_question_comes_first() -> None:
    rng = Random(12)
    for _ in range(200):
        values = well(rng) | {"weight.change_180d": None}
        missing = rng.sample(PUSHED, rng.randint(1, len(PUSHED)))
        values |= dict.fromkeys(missing)
        found = judge(picture(values), rules())
        questions = {VOCABULARY[name].question for name in missing}
        assert found.ask[0] == min((q for q in questions if q), key=QUESTION_ORDER.index)
        assert questions <= set(found.ask)
        assert PUSHES & found.must_not
        for proposal in found.proposals:
            rule = proposal.firing.rule
            assert isinstance(rule, AdviceRule)
            pushed = PUSHES & found.must_not & set(rule.barred_by)
            assert not pushed or (proposal.bars and proposal.ask)


def test_who_was_asked_nothing_gets_no_deficit_no_fasting_and_no_more_exercise() -> None:
    rng = Random(13)
    for _ in range(200):
        values = well(rng) | dict.fromkeys(ANSWERS)
        found = judge(picture(values), rules())
        assert found.must_not >= PUSHES
        assert found.ask[0] == "symptoms"


def test_a_known_user_of_insulin_may_move_and_is_told_to_be_careful() -> None:
    values = well(Random(14)) | {"med.insulin": Decimal(1), "med.glucose-lowering": Decimal(1)}
    found = judge(picture(values), rules())
    assert "exercise_increase" not in found.must_not
    assert found.must_not >= {"skip_meal", "fasted_exercise", "unsupervised_calorie_deficit"}
    assert found.must == {"hypoglycemia_precaution"}
