"""Does a rule fire? Fires, stays silent, or names the measurements that would decide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import pairwise, product
from typing import Final

import msgspec

from engine.rules.model import Case, Condition, Rule
from engine.signals import Signals

# Beyond this many unknown signals nothing useful could be decided anyway; all of them are named instead.
_MOST_UNKNOWN: Final = 4
Known = Mapping[str, Decimal]


class Reason(msgspec.Struct, frozen=True):
    """One comparison that held: the signal, what it was, the threshold and the readings behind it."""

    signal: str
    value: Decimal
    op: str
    threshold: Decimal
    inputs: tuple[str, ...]

    @property
    def words(self) -> str:
        """The comparison as the golden cases spell it."""
        return f"{self.signal} = {self.value} {self.op} {self.threshold}"


class Firing(msgspec.Struct, frozen=True):
    """The rule applies in `case`, for these reasons."""

    rule: Rule
    case: Case
    reasons: tuple[Reason, ...]


class Silent(msgspec.Struct, frozen=True):
    """The rule does not apply, whatever the missing signals are."""

    rule: Rule


class Indeterminate(msgspec.Struct, frozen=True):
    """The missing signals in `missing` decide."""

    rule: Rule
    missing: tuple[str, ...]


Outcome = Firing | Silent | Indeterminate


def evaluate(rule: Rule, signals: Signals) -> Outcome:
    """What `rule` says; with signals missing, every completion is tried and only agreement is an answer."""
    looked_at = sorted(rule.signals)
    known = {name: value for name in looked_at if (value := signals.value(name)) is not None}
    unknown = [name for name in looked_at if name not in known]
    answers: dict[str | None, Case | None] = {}
    if len(unknown) > _MOST_UNKNOWN:
        return _many_unknown(rule, known, unknown)
    for completion in _completions(rule, unknown):
        case = first_case(rule, {**known, **completion})
        answers[case.name if case else None] = case
    if len(answers) > 1:
        return Indeterminate(rule, _deciding(rule, known, unknown))
    case = next(iter(answers.values()))
    return Silent(rule) if case is None else Firing(rule, case, _reasons(case, signals))


def first_case(rule: Rule, values: Known) -> Case | None:
    """The first case that holds when every signal is known."""
    return next((case for case in rule.case if _holds(case, values)), None)


def _holds(case: Case, values: Known) -> bool:
    if not all(c.holds(values[c.signal]) for c in case.all):
        return False
    if case.any and not any(c.holds(values[c.signal]) for c in case.any):
        return False
    return not any(c.holds(values[c.signal]) for c in case.none)


def _many_unknown(rule: Rule, known: Known, unknown: list[str]) -> Outcome:
    """Silent if known values alone exclude every case, else all unknown signals are named."""
    excluded = all(_excluded(case, known) for case in rule.case)
    return Silent(rule) if excluded else Indeterminate(rule, tuple(unknown))


def _excluded(case: Case, known: Known) -> bool:
    failed = any(c.signal in known and not c.holds(known[c.signal]) for c in case.all)
    barred = any(c.signal in known and c.holds(known[c.signal]) for c in case.none)
    no_way = bool(case.any) and all(c.signal in known and not c.holds(known[c.signal]) for c in case.any)
    return failed or barred or no_way


def _completions(rule: Rule, unknown: list[str]) -> Iterator[dict[str, Decimal]]:
    """Values of the unknown signals that reach every region the thresholds cut them into."""
    for values in product(*(_representatives(rule, name) for name in unknown)):
        yield dict(zip(unknown, values, strict=True))


def _representatives(rule: Rule, name: str) -> list[Decimal]:
    cuts = sorted({c.value for case in rule.case for c in case.conditions if c.signal == name})
    between = [(low + high) / 2 for low, high in pairwise(cuts)]
    return [cuts[0] - 1, *cuts, *between, cuts[-1] + 1]


def _deciding(rule: Rule, known: Known, unknown: list[str]) -> tuple[str, ...]:
    """The unknown signals whose value can change the answer, others being whatever they are."""
    found = []
    for name in unknown:
        others = [other for other in unknown if other != name]
        for rest in _completions(rule, others):
            cases = {
                case.name if (case := first_case(rule, {**known, **rest, name: value})) else None
                for value in _representatives(rule, name)
            }
            if len(cases) > 1:
                found.append(name)
                break
    return tuple(found)


def _reasons(case: Case, signals: Signals) -> tuple[Reason, ...]:
    told: list[Reason] = []
    for condition in (*case.all, *case.any):
        found = _reason(condition, signals)
        if found is not None:
            told.append(found)
    return tuple(told)


def _reason(condition: Condition, signals: Signals) -> Reason | None:
    """The comparison as a reason, None when it does not hold (one of several in `any`)."""
    signal = signals.values.get(condition.signal)
    if signal is None or signal.value is None or not condition.holds(signal.value):
        return None
    return Reason(condition.signal, signal.value, condition.op, condition.value, signal.inputs)
