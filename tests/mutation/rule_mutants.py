"""Every small lie about a rule: a threshold moved, a comparison turned, a condition or a code lost, an order changed."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import msgspec

from engine.rules.model import (
    SEVERITIES,
    AdviceCase,
    AdviceRule,
    Case,
    ClassCase,
    Condition,
    Count,
    FlagCase,
    FlagRule,
    Rule,
    VetoCase,
)
from engine.vocabulary import ANSWERS

TURNED: Final = {
    ">=": (">", "<"), ">": (">=", "<="), "<=": ("<", ">"), "<": ("<=", ">="), "==": ("!=",), "!=": ("==",),
    "known": ("missing",), "missing": ("known",),
}  # fmt: skip


class Mutant(msgspec.Struct, frozen=True):
    """A rule with one lie in it, and the lie in words."""

    rule: Rule
    lie: str


def mutants(rule: Rule) -> Iterator[Mutant]:
    """Every mutant of `rule`."""
    for at, case in enumerate(rule.cases):
        for changed, lie in _of_case(case):
            yield _with(rule, at, changed, f"{case.name}: {lie}")
        if len(rule.cases) > 1:
            rest = rule.cases[:at] + rule.cases[at + 1 :]
            yield Mutant(msgspec.structs.replace(rule, case=rest), f"{case.name}: dropped")
    yield from _of_rule(rule)


def _with(rule: Rule, at: int, case: Case, lie: str) -> Mutant:
    cases = (*rule.cases[:at], case, *rule.cases[at + 1 :])
    return Mutant(msgspec.structs.replace(rule, case=cases), lie)


def _of_case(case: Case) -> Iterator[tuple[Case, str]]:
    for part in ("all", "any", "none"):
        conditions: tuple[Condition, ...] = getattr(case, part)
        for changed, lie in _of_conditions(conditions):
            yield msgspec.structs.replace(case, **{part: changed}), f"{part} {lie}"
    if case.count is not None:
        for count, lie in _of_count(case.count):
            yield msgspec.structs.replace(case, count=count), f"count {lie}"
    for name, value in case.parameters.items():
        for moved in _near(value):
            yield msgspec.structs.replace(case, parameters=case.parameters | {name: moved}), f"{name} = {moved}"
    yield from _of_its_kind(case)


def _of_conditions(conditions: tuple[Condition, ...]) -> Iterator[tuple[tuple[Condition, ...], str]]:
    for at, condition in enumerate(conditions):
        words = f"{condition.signal} {condition.op} {condition.value}"
        rest = conditions[:at] + conditions[at + 1 :]
        yield rest, f"without {words}"
        for changed in _of_condition(condition):
            yield (*conditions[:at], changed, *conditions[at + 1 :]), f"{words} -> {changed.op} {changed.value}"


def _of_condition(condition: Condition) -> Iterator[Condition]:
    for op in TURNED[condition.op]:
        yield msgspec.structs.replace(condition, op=op)
    if not condition.about_presence:
        for value in _near(condition.value):
            yield msgspec.structs.replace(condition, value=value)


def _near(value: Decimal) -> tuple[Decimal, Decimal]:
    """One unit of the last digit to either side."""
    exponent = value.as_tuple().exponent
    unit = Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)
    return value - unit, value + unit


def _of_count(count: Count) -> Iterator[tuple[Count | None, str]]:
    for number in (count.at_least - 1, count.at_least + 1):
        yield msgspec.structs.replace(count, at_least=number), f"at least {number}"
    for at, group in enumerate(count.of):
        for changed, lie in _of_conditions(group):
            of = (*count.of[:at], *((changed,) if changed else ()), *count.of[at + 1 :])
            yield msgspec.structs.replace(count, of=of), lie


def _of_its_kind(case: Case) -> Iterator[tuple[Case, str]]:
    if isinstance(case, FlagCase):
        place = SEVERITIES.index(case.severity)
        for other in (place - 1, place + 1):
            if 0 <= other < len(SEVERITIES):
                yield msgspec.structs.replace(case, severity=SEVERITIES[other]), SEVERITIES[other]
        yield from _without(case, "flags")
    elif isinstance(case, VetoCase):
        for field in ("must_not", "must", "unasked"):
            yield from _without(case, field)
    elif isinstance(case, ClassCase):
        if not case.either:
            yield msgspec.structs.replace(case, gives="lie", number=Decimal(-7)), "gives another code"
        yield from _without(case, "either")
        yield from _without(case, "needs")
    elif isinstance(case, AdviceCase) and case.message_open is not None:
        yield msgspec.structs.replace(case, message_open=None), "no words while a question is open"


def _without(part: Any, field: str) -> Iterator[tuple[Any, str]]:
    codes: tuple[Any, ...] = getattr(part, field)
    for at, code in enumerate(codes):
        yield msgspec.structs.replace(part, **{field: codes[:at] + codes[at + 1 :]}), f"without {field} {code}"


def _of_rule(rule: Rule) -> Iterator[Mutant]:
    # A rule that looks at no answer says the same either way.
    if isinstance(rule, FlagRule) and not rule.signals.isdisjoint(ANSWERS):
        other = "ask" if rule.unasked == "yes" else "yes"
        yield Mutant(msgspec.structs.replace(rule, unasked=other), f"unasked = {other}")
    if isinstance(rule, AdviceRule):
        for changed, lie in _without(rule, "barred_by"):
            yield Mutant(changed, lie)
