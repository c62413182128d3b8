"""No small lie about a rule goes unnoticed; the lies about code have their own command, `./x mutate`."""

from __future__ import annotations

import pytest

from engine.rules import Rule, load_catalogue
from tests.mutation.code_mutants import code_mutants
from tests.mutation.survivors import survivors


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.id) for rule in load_catalogue()])
def test_every_lie_about_a_rule_is_noticed_by_its_own_cases(rule: Rule) -> None:
    count, alive = survivors(rule)
    assert count
    assert alive == []


def test_lies_about_code_turn_comparisons_and_move_thresholds() -> None:
    told = dict(code_mutants("a = Decimal('1.5')\nb = x >= a and y in z\n"))
    assert [lie.partition(": ")[2] for lie in told] == [
        "Decimal('1.5') -> Decimal('1.4')",
        "Decimal('1.5') -> Decimal('1.6')",
        "x >= a and y in z -> x >= a or y in z",
        "x >= a -> x > a",
        "y in z -> y not in z",
    ]
