"""Which lies about a rule its hand-written cases do not notice."""

from __future__ import annotations

from engine.rules import AdviceRule, ClassRule, Rule
from engine.rules.catalogue_files import load_catalogue
from tests.mutation.rule_mutants import Mutant, mutants
from tests.rule_cases import barred_by, cases_of, disagreements


def survivors(rule: Rule) -> tuple[int, list[str]]:
    """How many lies were told about `rule`, and those that no case of its file notices."""
    classes = tuple(one for one in load_catalogue() if isinstance(one, ClassRule))
    told = list(mutants(rule))
    return len(told), [mutant.lie for mutant in told if not noticed(mutant, classes)]


def noticed(mutant: Mutant, classes: tuple[Rule, ...]) -> bool:
    """Whether some case, or the list of what an advice rule gives way to, disagrees with the mutant."""
    rule = mutant.rule
    if isinstance(rule, AdviceRule) and set(rule.barred_by) != set(barred_by(rule.id)):
        return True
    return any(_disagrees(rule, case, classes) for case in cases_of(rule.id))


def _disagrees(rule: Rule, case: dict[str, object], classes: tuple[Rule, ...]) -> bool:
    try:
        return bool(disagreements(rule, case, classes))
    except (StopIteration, ValueError):
        return True
