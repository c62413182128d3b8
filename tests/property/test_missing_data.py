"""Missing data, on the rules that ship: nothing said of a person is contradicted when more becomes known.

People are made up around the thresholds of the whole catalogue; a few of their values are hidden, and what the rules
say of the picture with gaps is held against what they say of the whole one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.explaining import explain
from engine.judge import EVERYTHING, Judgement, judge
from engine.rules import AdviceRule, ClassRule, FlagRule, load_catalogue
from engine.rules.model import SEVERITIES, FlagCase
from engine.signals import Signal, Signals
from engine.vocabulary import ANSWERS, DERIVED, VOCABULARY

RULES: Final = load_catalogue()
AS_OF: Final = datetime(2026, 11, 22, tzinfo=UTC)
COMPARED: Final = [c for rule in RULES for case in rule.cases for c in case.conditions]
CUTS: Final = {
    name: sorted({c.value for c in COMPARED if c.signal == name and not c.about_presence}) or [Decimal(10)]
    for name in VOCABULARY.keys() - DERIVED
}
STEPS: Final = tuple(map(Decimal, ("-10", "-1", "-0.1", "0", "0.1", "1", "10")))
# These are used as far as they were measured: knowing a fasting glucose takes the place of the HbA1c, that is no gap.
BY_PRESENCE: Final = frozenset(c.signal for c in COMPARED if c.about_presence)
NUMBERS: Final = tuple(sorted(VOCABULARY.keys() - DERIVED - ANSWERS - BY_PRESENCE))
QUESTIONS: Final = tuple(sorted(ANSWERS - BY_PRESENCE))
# Blood drawn too soon after a meal has to be drawn again.
AGAIN: Final = frozenset(
    name for rule in RULES if isinstance(rule, ClassRule) for case in rule.case for name in case.needs
)
ONLY_ASKED: Final = frozenset(rule.id for rule in RULES if isinstance(rule, FlagRule) and rule.unasked == "ask")
Values = Mapping[str, Decimal | None]


def somebody(seed: int) -> dict[str, Decimal | None]:
    """A person of whom everything is known, near thresholds, with few illnesses; what was measured differs."""
    rng = Random(seed)
    found: dict[str, Decimal | None] = {}
    for name in sorted(VOCABULARY.keys() - DERIVED):
        if name in ANSWERS:
            found[name] = Decimal(int(rng.random() < 0.1))
        else:
            found[name] = max(rng.choice(CUTS[name]) + rng.choice(STEPS), Decimal(0))
        if name in BY_PRESENCE and rng.random() < 0.5:
            found[name] = None
    return found


def judged(values: Values, hidden: Sequence[str] = ()) -> Judgement:
    shown = {name: Signal(value=None if name in hidden else value, unit="1") for name, value in values.items()}
    return judge(Signals(AS_OF, shown), RULES)


people = st.integers(0, 2**32).map(somebody)
hidden_few = st.lists(st.sampled_from([*NUMBERS, *QUESTIONS]), unique=True, min_size=1, max_size=6)
hidden_answers = st.lists(st.sampled_from(QUESTIONS), unique=True, min_size=1, max_size=5)


@given(people, hidden_few)
@settings(max_examples=100)
def test_a_class_or_an_advice_that_was_answered_with_gaps_stays_when_they_are_filled(
    values: Values, hidden: list[str]
) -> None:
    gaps, whole = judged(values, hidden), judged(values)
    for name, one in gaps.settled.items():
        if one.case is not None:
            assert whole.gives(name) == one.gives, name
        else:
            number = whole.settled[name].case
            assert number is None or number.number in one.options, name
    said = {one.firing.rule.id: one.firing.case for one in whole.proposals}
    open_ = {one.rule.id for one in gaps.indeterminate}
    for rule in RULES:
        if isinstance(rule, AdviceRule) and rule.id not in open_:
            before = next((one.firing.case for one in gaps.proposals if one.firing.rule.id == rule.id), None)
            assert before == said.get(rule.id), rule.id


@given(people, hidden_few)
def test_what_is_named_as_missing_is_unknown_or_must_be_measured_again_and_can_be_had(
    values: Values, hidden: list[str]
) -> None:
    gaps = judged(values, hidden)
    named = {name for one in gaps.settled.values() for name in one.missing}
    named |= {name for one in gaps.indeterminate for name in one.missing}
    unknown = {name for name, value in values.items() if value is None or name in hidden}
    assert named <= unknown | AGAIN
    assert not named & DERIVED


@given(people, hidden_answers)
@settings(max_examples=100)
def test_an_unasked_answer_never_makes_a_referral_less_urgent_nor_lifts_a_bar(
    values: Values, hidden: list[str]
) -> None:
    gaps, whole = judged(values, hidden), judged(values)
    before = {flag.rule.id: flag for flag in gaps.flags}
    for flag in whole.flags:
        assert isinstance(flag.case, FlagCase)
        if flag.rule.id not in ONLY_ASKED:
            feared = before[flag.rule.id].case
            assert isinstance(feared, FlagCase)
            assert SEVERITIES.index(feared.severity) >= SEVERITIES.index(flag.case.severity), flag.rule.id
        elif flag.rule.id not in before:
            assert {VOCABULARY[name].question for name in flag.rule.signals & set(hidden)} & set(gaps.ask), flag.rule.id
    # In an emergency everything is barred; symptoms are only asked for, by their rule.
    assert whole.must_not - {EVERYTHING} <= gaps.must_not
    assert whole.must <= gaps.must


@given(people, hidden_few)
def test_an_explanation_tells_the_story_of_the_judgement(values: Values, hidden: list[str]) -> None:
    """The three-valued account of each case must be one the engine's own answer allows."""
    found = judged(values, hidden)
    fired = {flag.rule.id for flag in found.flags} | {one.firing.rule.id for one in found.proposals}
    for rule, story in zip(RULES, explain(RULES, found), strict=True):
        states = {case.name: case.state for case in story.cases}
        if story.came in {"fires", "stopped"}:
            assert rule.id in fired
            assert story.case is not None
            assert states[story.case] != "fails", rule.id
        elif story.came == "silent":
            assert rule.id not in fired
            sure = "holds" in states.values()
            assert not sure, rule.id
        elif story.came == "bars":
            assert {stop.case for stop in story.stops} == {name for name, state in states.items() if state != "fails"}
        elif story.came == "gives":
            assert isinstance(rule, ClassRule)
            assert set(story.said) == {found.gives(rule.defines)}
        else:
            assert story.missing or isinstance(rule, ClassRule)
