"""Does a rule hold? With signals missing every completion is tried, and only agreement is an answer.

What is missing means something else to each kind of rule: a class tries every value, a referral needs a measured
number but fears an unasked answer, a veto holds as soon as it could.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise, product
from math import prod
from typing import Final

import msgspec

from engine.rules.model import Case, ClassCase, Condition, Rule, SpokenRule
from engine.vocabulary import ANSWERS

# Beyond this many completions nothing useful could be decided anyway; everything unknown is named instead.
MOST_COMPLETIONS: Final = 20_000
YES_NO: Final = (Decimal(0), Decimal(1))
Values = Mapping[str, Decimal | None]
# What a signal that is not known exactly may still be: the options of a derived value.
Options = Mapping[str, tuple[Decimal, ...]]
NO_OPTIONS: Final[Options] = {}


class Reason(msgspec.Struct, frozen=True):
    """One comparison that held: the signal, what it was, the threshold and the readings behind it."""

    signal: str
    value: Decimal | None
    op: str
    threshold: Decimal
    inputs: tuple[str, ...]

    @property
    def words(self) -> str:
        """The comparison as the golden cases spell it."""
        if self.op in {"known", "missing"}:
            return f"{self.signal} {self.op}"
        told = "not asked" if self.value is None else str(self.value)
        return f"{self.signal} = {told} {self.op} {self.threshold}"


class Firing(msgspec.Struct, frozen=True):
    """The rule applies in `case`, for these reasons; `ask` are the unanswered questions that decided."""

    rule: SpokenRule
    case: Case
    reasons: tuple[Reason, ...]
    ask: tuple[str, ...] = ()


class Silent(msgspec.Struct, frozen=True):
    """The rule does not apply, whatever the missing signals are."""

    rule: Rule


class Indeterminate(msgspec.Struct, frozen=True):
    """The missing signals in `missing` decide."""

    rule: Rule
    missing: tuple[str, ...]


Outcome = Firing | Silent | Indeterminate


class Answer(msgspec.Struct, frozen=True):
    """The cases that some completion reaches, in order (None: no case), and the unknown signals that decide."""

    cases: tuple[Case | None, ...]
    deciding: tuple[str, ...] = ()


def first_case(rule: Rule, values: Values) -> Case | None:
    """The first case that holds; what is absent from `values` satisfies no comparison."""
    return next((case for case in rule.cases if holds(case, values)), None)


def holds(case: Case, values: Values) -> bool:
    """Whether every `all`, one `any`, enough of `count` and no `none` hold."""
    if not all(c.holds(values.get(c.signal)) for c in case.all):
        return False
    if case.any and not any(c.holds(values.get(c.signal)) for c in case.any):
        return False
    if case.count is not None and _groups(case, values) < case.count.at_least:
        return False
    return not any(c.holds(values.get(c.signal)) for c in case.none)


def _groups(case: Case, values: Values) -> int:
    assert case.count is not None
    return sum(1 for group in case.count.of if any(c.holds(values.get(c.signal)) for c in group))


def answer(rule: Rule, values: Values, options: Options, unknown: Iterable[str]) -> Answer:
    """Every case of `rule` some completion of `unknown` reaches; other missing signals stay missing.

    Comparisons of presence are about what was measured: a completion never makes a value `known`.
    """
    names = [name for name in unknown if name in rule.signals and values.get(name) is None]
    if not names:
        return Answer((first_case(rule, values),))
    present = {name: values.get(name) is not None for name in rule.signals}
    possible = _possible(_without_presence(rule, present), values, set(names))
    open_names = {name for case in possible.values() for name in _open(case, values, set(names))}
    picks = {name: options.get(name) or representatives(rule, name) for name in names if name in open_names}
    if prod(len(pick) for pick in picks.values()) > MOST_COMPLETIONS:
        return Answer((*(rule.cases[at] for at in possible), None), tuple(sorted(picks)))
    reached = {
        completion: _first(possible, {**values, **dict(zip(picks, completion, strict=True))})
        for completion in product(*picks.values())
    }
    cases = tuple(None if at == NO_CASE else rule.cases[at] for at in sorted(set(reached.values())))
    return Answer(cases, _deciding(rule, list(picks), reached) if len(cases) > 1 else ())


# The place of "no case holds": after every other.
NO_CASE: Final = 1_000_000
Possible = Mapping[int, Case]


def _possible(cases: tuple[Case, ...], values: Values, unknown: set[str]) -> Possible:
    """The cases, by their place, that the known values do not exclude, up to the first that is sure to hold."""
    found: dict[int, Case] = {}
    for at, case in enumerate(cases):
        if _excluded(case, values, unknown):
            continue
        found[at] = case
        if not _open(case, values, unknown):
            break
    return found


def _open(case: Case, values: Values, unknown: set[str]) -> set[str]:
    """The unknown signals on which it still depends whether a case holds that is not excluded."""

    def sure(c: Condition) -> bool:
        return c.signal not in unknown and c.holds(values.get(c.signal))

    found = {c.signal for c in (*case.all, *case.none)}
    if not any(sure(c) for c in case.any):
        found |= {c.signal for c in case.any}
    if case.count is not None:
        undecided = [group for group in case.count.of if not any(sure(c) for c in group)]
        if len(case.count.of) - len(undecided) < case.count.at_least:
            found |= {c.signal for group in undecided for c in group}
    return found & unknown


@lru_cache(maxsize=4096)
def _resolved(rule: Rule, present: frozenset[str]) -> tuple[Case, ...]:
    """The cases with every comparison of presence answered: dropped where it holds, impossible where it does not."""
    return tuple(_settled(case, present) for case in rule.cases)


def _without_presence(rule: Rule, present: Mapping[str, bool]) -> tuple[Case, ...]:
    if not any(c.about_presence for case in rule.cases for c in case.conditions):
        return rule.cases
    return _resolved(rule, frozenset(name for name, there in present.items() if there))


def _settled(case: Case, present: frozenset[str]) -> Case:
    """`case` with each comparison of presence replaced by one that always or never holds."""

    def keep(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
        return tuple(_fixed(c, present) if c.about_presence else c for c in conditions)

    count = case.count
    if count is not None:
        count = msgspec.structs.replace(count, of=tuple(keep(group) for group in count.of))
    return msgspec.structs.replace(
        case, all=keep(case.all), any=keep(case.any), none=keep(case.none), count=count
    )  # fmt: skip


def _fixed(condition: Condition, present: frozenset[str]) -> Condition:
    there = condition.signal in present
    return _SETTLED_TRUE if there == (condition.op == "known") else _SETTLED_FALSE


# A signal of this name is never in any picture: `missing` always holds for it and `known` never does.
_NOWHERE: Final = "-"
_SETTLED_TRUE: Final = Condition(_NOWHERE, "missing")
_SETTLED_FALSE: Final = Condition(_NOWHERE, "known")


def _first(cases: Possible, values: Values) -> int:
    """The place of the first case that holds, NO_CASE without one."""
    return next((at for at, case in cases.items() if holds(case, values)), NO_CASE)


def _excluded(case: Case, values: Values, unknown: set[str]) -> bool:
    def fails(c: Condition) -> bool:
        return c.signal not in unknown and not c.holds(values.get(c.signal))

    barred = any(c.signal not in unknown and c.holds(values.get(c.signal)) for c in case.none)
    no_way = bool(case.any) and all(fails(c) for c in case.any)
    few = case.count is not None and (
        sum(1 for group in case.count.of if not all(fails(c) for c in group)) < case.count.at_least
    )
    return barred or no_way or few or any(fails(c) for c in case.all)


@lru_cache(maxsize=8192)
def cuts(rule: Rule, name: str) -> tuple[Decimal, ...]:
    """The thresholds of `rule` on a signal, ascending."""
    compared = (c for case in rule.cases for c in case.conditions if c.signal == name and not c.about_presence)
    return tuple(sorted({c.value for c in compared}))


@lru_cache(maxsize=8192)
def regions(rule: Rule, name: str) -> tuple[Decimal, ...]:
    """A value in every region the thresholds of `rule` cut a signal into: below, at and between them, and above."""
    found = cuts(rule, name)
    if not found:
        return (Decimal(0),)
    between = [(low + high) / 2 for low, high in pairwise(found)]
    return (found[0] - 1, *sorted([*found, *between]), found[-1] + 1)


def representatives(rule: Rule, name: str) -> tuple[Decimal, ...]:
    """Values that stand for everything an unknown signal may be; 0 and 1 for an answer."""
    return YES_NO if name in ANSWERS else regions(rule, name)


def _deciding(rule: Rule, names: list[str], reached: Mapping[tuple[Decimal, ...], int]) -> tuple[str, ...]:
    """The unknown signals whose value can change the answer, others being whatever they are."""
    said = {at: None if at == NO_CASE else _says(rule.cases[at]) for at in set(reached.values())}
    return tuple(sorted(name for place, name in enumerate(names) if _matters(said, reached, place)))


def _says(case: Case) -> object:
    """What a case comes to: two cases of a class that give the same are one answer."""
    return (case.number, case.either) if isinstance(case, ClassCase) else case.name


def _matters(said: Mapping[int, object], reached: Mapping[tuple[Decimal, ...], int], place: int) -> bool:
    """Whether two completions that differ only at `place` come to different things."""
    others: dict[tuple[Decimal, ...], object] = {}
    for completion, at in reached.items():
        rest = completion[:place] + completion[place + 1 :]
        if others.setdefault(rest, said[at]) != said[at]:
            return True
    return False


@lru_cache(maxsize=4096)
def alone(rule: Rule, at: int) -> Rule:
    """The rule with its case number `at` only."""
    return msgspec.structs.replace(rule, case=(rule.cases[at],))


def reasons(case: Case, values: Values, inputs: Callable[[str], tuple[str, ...]]) -> tuple[Reason, ...]:
    """The comparisons of `case` that hold on `values`; an unasked answer that was feared is told as such."""
    told: list[Reason] = []
    for condition in (*case.all, *case.any, *case.counted):
        value = values.get(condition.signal)
        feared = value is None and condition.signal in ANSWERS and condition.holds(Decimal(1))
        if condition.holds(value) or feared:
            told.append(Reason(condition.signal, value, condition.op, condition.value, inputs(condition.signal)))
    return tuple(told)
