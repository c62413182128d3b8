"""The same judgement for a whole town: people who look alike to a rule are judged once.

A rule only sees between which of its thresholds a number lies. Columns are cut there, each distinct pattern is given
to the very functions that judge one person, and the outcome goes back to everybody with that pattern. Reasons are left
out, since a pattern has no values of its own: who needs them has that person judged alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Generic, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.goal_columns import end_columns
from engine.judge import Bar, Look, Settled, class_order, settle
from engine.patterns import Codes, Column, codes_of, join_alternatives, numbered, unasked_of
from engine.rules.evaluator import Firing, Indeterminate, _possible, regions
from engine.rules.model import SEVERITIES, AdviceRule, ClassRule, FlagCase, FlagRule, Rule, VetoCase, VetoRule
from engine.signals import Signals
from engine.vocabulary import ANSWERS

Columns = Mapping[str, Column]
T = TypeVar("T")
_NOBODY: Final = Signals(datetime(1970, 1, 1, tzinfo=UTC), {})


class Shared(msgspec.Struct, Generic[T], frozen=True):
    """One outcome a pattern: `codes[person]` is the place of the person's outcome in `outcomes`."""

    codes: Codes
    outcomes: tuple[T, ...]

    def where(self, wanted: Callable[[T], bool]) -> NDArray[np.bool_]:
        """The people whose outcome is `wanted`."""
        return np.array([wanted(one) for one in self.outcomes], dtype=bool)[self.codes]


class Town(msgspec.Struct, frozen=True, kw_only=True):
    """The judgement of everybody, by rule id (classes by the signal they define)."""

    people: int
    settled: dict[str, Shared[Settled]]
    flags: dict[str, Shared[Firing | None]]
    bars: dict[str, Shared[tuple[Bar, ...]]]
    advice: dict[str, Shared[Firing | Indeterminate | None]]

    def urgency(self) -> NDArray[np.int8]:
        """How serious the most serious reason to refer is: the place in SEVERITIES, -1 without one."""
        worst = np.full(self.people, -1, np.int8)
        for shared in self.flags.values():
            ranks = np.array([_rank(one) for one in shared.outcomes], np.int8)
            np.maximum(worst, ranks[shared.codes], out=worst)
        return worst

    def must_not(self, code: str, *, sure: bool = False) -> NDArray[np.bool_]:
        """Who must not be told `code`; with `sure`, only where no unanswered question decides."""
        barred = np.zeros(self.people, bool)
        for shared in self.bars.values():
            barred |= shared.where(lambda bars: any(bar.code == code and (bar.sure or not sure) for bar in bars))
        return barred


def judge_many(columns: Columns, rules: Sequence[Rule]) -> Town:
    """What `rules` say of everybody: `columns` are signals of the vocabulary, one value a person, NaN where missing."""
    settled: dict[str, Shared[Settled]] = {}
    for rule in class_order(rules):
        found = _shared(rule, columns, settled, lambda v, s, rule=rule: settle(rule, v, s))  # type: ignore[misc]
        settled[rule.defines] = _merged(found)
    known = {**columns, **_ends(columns, settled)}
    return Town(
        people=_people(columns), settled=settled,
        flags={r.id: _shared(r, known, settled, _flag(r)) for r in rules if isinstance(r, FlagRule)},
        bars={r.id: _shared(r, known, settled, _veto(r)) for r in rules if isinstance(r, VetoRule)},
        advice={r.id: _shared(r, known, settled, _advice(r)) for r in rules if isinstance(r, AdviceRule)},
    )  # fmt: skip


Values = dict[str, Decimal | None]
Classes = dict[str, Settled]


def _people(columns: Columns) -> int:
    return len(next(iter(columns.values())))


def _merged(shared: Shared[Settled]) -> Shared[Settled]:
    """The same with one code per class: what rests on it need not know which pattern it came from."""
    places: dict[tuple[str | None, tuple[Decimal, ...], tuple[str, ...]], int] = {}
    outcomes: list[Settled] = []
    codes = np.zeros(len(shared.outcomes), np.int64)
    for at, one in enumerate(shared.outcomes):
        key = (None if one.case is None else one.case.name, one.options, one.missing)
        if key not in places:
            places[key] = len(outcomes)
            outcomes.append(one)
        codes[at] = places[key]
    return Shared(codes[shared.codes], tuple(outcomes))


def _look(values: Values, settled: Classes) -> Look:
    options = {name: one.options for name, one in settled.items() if one.case is None}
    return Look(values, options, settled, _NOBODY, [])


def _flag(rule: FlagRule) -> Callable[[Values, Classes], Firing | None]:
    return lambda values, settled: _told(_look(values, settled).flag(rule))


def _veto(rule: VetoRule) -> Callable[[Values, Classes], tuple[Bar, ...]]:
    return lambda values, settled: tuple(
        msgspec.structs.replace(bar, reasons=()) for bar in _look(values, settled).bars(rule)
    )  # fmt: skip


def _advice(rule: AdviceRule) -> Callable[[Values, Classes], Firing | Indeterminate | None]:
    return lambda values, settled: _told(_look(values, settled).advice(rule))


def _told(outcome: T) -> T:
    """Without reasons: those of a pattern are not those of a person."""
    return msgspec.structs.replace(outcome, reasons=()) if isinstance(outcome, Firing) else outcome


def _shared(
    rule: Rule, columns: Columns, settled: Mapping[str, Shared[Settled]], judge_one: Callable[[Values, Classes], T]
) -> Shared[T]:
    """Each pattern of the rule's signals judged once: first by what classes are, then by what an open one lacks."""
    names = sorted(rule.signals | unasked_of(rule))
    whole = {name: _seen(rule, name, columns, settled) for name in names}
    if isinstance(rule, FlagRule | VetoRule):
        join_alternatives(rule, whole)
    coded = whole | {name: _by_value(settled[name])[whole[name]] for name in names if name in settled}
    patterns, first = _narrowed(rule, coded, settled, _people(columns))
    seen = {name: _marked(name, settled[name]) for name in names if name in settled}
    if isinstance(rule, VetoRule):
        seen = {name: settled[name] for name in seen}  # questions are made of what is missing: no marks
    outcomes = [judge_one(*_person(rule, at, coded, seen)) for at in first]
    for name in seen:
        lacked = np.array([_may_lack(name, one) for one in outcomes], dtype=bool)[patterns]
        coded[name] = np.where(lacked, whole[name], coded[name])
    finer, first = numbered([patterns, *(coded[name] for name in seen)], len(patterns))
    return Shared(
        finer, tuple(_filled(outcomes[patterns[at]], *_person(rule, at, coded, settled), judge_one) for at in first)
    )  # fmt: skip


_MARK: Final = "@"


def _marked(name: str, shared: Shared[Settled]) -> Shared[Settled]:
    """A class that lacks a mark of its own name where it is open: so it is seen where it matters what it lacks."""
    mark = (_MARK + name,)
    outcomes = (
        one if one.case is not None else msgspec.structs.replace(one, missing=mark) for one in shared.outcomes
    )  # fmt: skip
    return Shared(shared.codes, tuple(outcomes))


def _may_lack(name: str, outcome: object) -> bool:
    """Whether an outcome names what the class `name` lacks."""
    if isinstance(outcome, Settled | Indeterminate):
        return _MARK + name in outcome.missing
    return isinstance(outcome, tuple) and not all(bar.sure for bar in outcome)


def _filled(outcome: T, values: Values, classes: Classes, judge_one: Callable[[Values, Classes], T]) -> T:
    """The outcome with what these classes lack in place of their marks, or judged by them where it has none."""
    if isinstance(outcome, tuple) and not all(bar.sure for bar in outcome):
        return judge_one(values, classes)
    if not isinstance(outcome, Settled | Indeterminate) or not any(name[0] == _MARK for name in outcome.missing):
        return outcome
    names = {
        lacked
        for name in outcome.missing
        for lacked in (classes[name[1:]].missing if name[0] == _MARK else (name,))
    }  # fmt: skip
    # A class may be open and lack nothing; what is told then is found by looking at all of the rule.
    return msgspec.structs.replace(outcome, missing=tuple(sorted(names))) if names else judge_one(values, classes)


def _seen(rule: Rule, name: str, columns: Columns, settled: Mapping[str, Shared[Settled]]) -> Codes:
    """What `rule` sees of a signal of everybody: the place of a class's outcome, else of the region of a number."""
    if name in settled:
        return settled[name].codes
    column = columns.get(name)
    return np.full(_people(columns), -1, np.int64) if column is None else codes_of(rule, name, column)


def _narrowed(
    rule: Rule, coded: dict[str, Codes], settled: Mapping[str, Shared[Settled]], people: int
) -> tuple[Codes, list[int]]:
    """The patterns of `coded`; an answer that no case still open looks at is made an unasked one in it."""
    answers = [] if isinstance(rule, ClassRule) else [name for name in coded if name in ANSWERS]
    numbers = {name: codes for name, codes in coded.items() if name not in answers}
    patterns, first = numbered(list(numbers.values()), people)
    if not answers:
        return patterns, first
    seen = [_looked_at(rule, *_person(rule, at, numbers, settled)) for at in first]
    for name in answers:
        coded[name] = np.where(np.array([name in one for one in seen])[patterns], coded[name], -1)
    return numbered([patterns, *(coded[name] for name in answers)], people)


def _by_value(shared: Shared[Settled]) -> Codes:
    """For each outcome of a class the first one that is the same number, or may be the same numbers."""
    first: dict[tuple[Decimal | None, tuple[Decimal, ...]], int] = {}
    keys = [(None if one.case is None else one.case.number, one.options) for one in shared.outcomes]
    return np.array([first.setdefault(key, at) for at, key in enumerate(keys)], dtype=np.int64)


def _person(
    rule: Rule, at: int, coded: Mapping[str, Codes], settled: Mapping[str, Shared[Settled]]
) -> tuple[Values, Classes]:
    """What `rule` sees of the person in row `at`: a value that stands for each number, and the classes."""
    values: Values = {}
    classes: Classes = {}
    for name, codes in coded.items():
        code = int(codes[at])
        if name in settled:
            classes[name] = one = settled[name].outcomes[code]
            values[name] = None if one.case is None else one.case.number
        else:
            values[name] = None if code < 0 else regions(rule, name)[code]
    return values, classes


def _looked_at(rule: Rule, values: Values, classes: Classes) -> frozenset[str]:
    """The signals of the cases that these numbers and classes leave possible, whatever the answers are."""
    missing = {name for name in rule.signals if values.get(name) is None}
    if not isinstance(rule, AdviceRule):
        # No number that is missing makes a referral or a veto possible; an open class may.
        missing = {name for name in missing if name in ANSWERS or name in classes}
    tried = [(case,) for case in rule.cases] if isinstance(rule, VetoRule) else [rule.cases]
    left = [case for cases in tried for case in _possible(cases, values, missing).values()]
    looked = {condition.signal for case in left for condition in case.conditions}
    return frozenset(looked | {name for case in left if isinstance(case, VetoCase) for name in case.unasked})


def _ends(columns: Columns, settled: Mapping[str, Shared[Settled]]) -> dict[str, Column]:
    target = settled.get("bmi.target")
    if target is None or "bmi" not in columns:
        return {}
    low, high = (np.array([_end(one, end) for one in target.outcomes])[target.codes] for end in ("low", "high"))
    return end_columns(columns, low, high)


def _end(one: Settled, end: str) -> float:
    return float("nan") if one.case is None or end not in one.case.parameters else float(one.case.parameters[end])


def _rank(outcome: Firing | None) -> int:
    if outcome is None:
        return -1
    assert isinstance(outcome.case, FlagCase)
    return SEVERITIES.index(outcome.case.severity)
