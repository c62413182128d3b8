"""A town judged at once is judged person by person."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.judge import Judgement, judge
from engine.judge_many import Town, judge_many
from engine.rules import Firing, load_catalogue
from engine.rules.evaluator import regions
from engine.rules.model import SEVERITIES, VetoRule
from engine.signals import Signal, Signals
from engine.vocabulary import ANSWERS, DERIVED, VOCABULARY
from tests.property.invented_rules import ANSWERS as ASKED
from tests.property.invented_rules import NUMBERS, invented

RULES = load_catalogue()
PEOPLE = 150
AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
BASE = sorted(VOCABULARY.keys() - DERIVED)
CHOICES = {
    name: sorted({value for rule in RULES if name in rule.signals for value in regions(rule, name)}) for name in BASE
}


def town(seed: int, missing: float) -> list[dict[str, Decimal | None]]:
    """People whose every signal lies at, between or beyond the thresholds of some rule, or is missing."""
    rng = Random(seed)
    yes_no = [Decimal(0), Decimal(1)]
    return [
        {
            name: None
            if rng.random() < missing
            else rng.choice(yes_no if name in ANSWERS else CHOICES[name] or [Decimal(1)])
            for name in BASE
        }
        for _ in range(PEOPLE)
    ]


@pytest.mark.parametrize(("seed", "missing"), [(1, 0.0), (2, 0.1), (3, 0.5)])
def test_what_is_said_of_a_town_is_what_is_said_of_each_of_its_people(seed: int, missing: float) -> None:
    people = town(seed, missing)
    columns = {
        name: np.array([np.nan if (value := one[name]) is None else float(value) for one in people]) for name in BASE
    }
    many = judge_many(columns, RULES)
    urgency = many.urgency()
    for at, values in enumerate(people):
        alone = judge(Signals(AS_OF, {name: Signal(value=value, unit="1") for name, value in values.items()}), RULES)
        assert shown(many, at) == told(alone)
        assert urgency[at] == (-1 if alone.urgency is None else SEVERITIES.index(alone.urgency))
        for code in ("exercise_increase", "calorie_deficit", "fluid_increase"):
            assert many.must_not(code)[at] == (code in alone.must_not - {"everything"})


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_rules_of_any_shape_say_of_a_town_what_they_say_of_each_person(seed: int) -> None:
    rng = Random(seed)
    rules = invented(rng)
    people = [
        {name: rng.choice((None, Decimal(30), Decimal(40), Decimal(50), Decimal(60))) for name in NUMBERS}
        | {name: rng.choice((None, Decimal(0), Decimal(1))) for name in ASKED}
        for _ in range(25)
    ]
    many = judge_many(
        {
            name: np.array([np.nan if (value := one[name]) is None else float(value) for one in people])
            for name in people[0]
        },
        rules,
    )
    for at, values in enumerate(people):
        alone = judge(Signals(AS_OF, {name: Signal(value=value, unit="1") for name, value in values.items()}), rules)
        assert shown(many, at) == told(alone)


def told(alone: Judgement) -> dict[str, object]:
    return {
        "classes": {name: (one.gives, one.options, one.missing) for name, one in alone.settled.items()},
        "flags": {flag.rule.id: (flag.case.name, flag.ask) for flag in alone.flags},
        "bars": {
            (bar.code, bar.rule, bar.case, bar.sure, bar.ask)
            for bar in (*alone.bars, *alone.musts)
            if bar.code != "everything"
        },
        "advice": {proposal.firing.rule.id: proposal.firing.case.name for proposal in alone.proposals},
        "open": {one.rule.id: one.missing for one in alone.indeterminate},
    }


def shown(many: Town, at: int) -> dict[str, object]:
    flags = {name: one.outcomes[one.codes[at]] for name, one in many.flags.items()}
    advice = {name: one.outcomes[one.codes[at]] for name, one in many.advice.items()}
    bars = [bar for one in many.bars.values() for bar in one.outcomes[one.codes[at]]]
    classes = {name: one.outcomes[one.codes[at]] for name, one in many.settled.items()}
    return {
        "classes": {name: (one.gives, one.options, one.missing) for name, one in classes.items()},
        "flags": {name: (one.case.name, one.ask) for name, one in flags.items() if one is not None},
        "bars": {(bar.code, bar.rule, bar.case, bar.sure, bar.ask) for bar in bars},
        "advice": {name: one.case.name for name, one in advice.items() if isinstance(one, Firing)},
        "open": {name: one.missing for name, one in advice.items() if one is not None and not isinstance(one, Firing)},
    }


def test_every_veto_rule_was_reached() -> None:
    many = judge_many(
        {
            name: np.array([np.nan if (value := one[name]) is None else float(value) for one in town(4, 0.1)])
            for name in BASE
        },
        RULES,
    )
    assert set(many.bars) == {rule.id for rule in RULES if isinstance(rule, VetoRule)}
    assert all(any(one.outcomes) for one in many.bars.values())
