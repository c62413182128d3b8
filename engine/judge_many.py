"""The same judgement for a whole town: people who look alike to a rule are judged once.

A rule only sees between which of its thresholds a number lies. Columns are cut there, each distinct pattern is given
to the very functions that judge one person, and the outcome goes back to everybody with that pattern.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Generic, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.judge import Bar, Look, Settled, class_order, settle
from engine.plans.needs import bmi_after, first_goal
from engine.plans.tables import energy
from engine.rules.evaluator import Firing, Indeterminate, _possible, cuts, regions
from engine.rules.model import SEVERITIES, AdviceRule, ClassRule, FlagCase, FlagRule, Rule, VetoCase, VetoRule
from engine.signals import Signals
from engine.vocabulary import ANSWERS

Column = NDArray[np.float64]
Columns = Mapping[str, Column]
Codes = NDArray[np.int64]
T = TypeVar("T")
# Beyond this the patterns are numbered anew, so that the code of a pattern always fits 64 bits.
_ROOM: Final = 1 << 40
# Up to so many numbers a table is made, whatever the number of people.
_TABLE: Final = 1 << 16
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
    return lambda values, settled: _look(values, settled).flag(rule)


def _veto(rule: VetoRule) -> Callable[[Values, Classes], tuple[Bar, ...]]:
    return lambda values, settled: tuple(_look(values, settled).bars(rule))


def _advice(rule: AdviceRule) -> Callable[[Values, Classes], Firing | Indeterminate | None]:
    return lambda values, settled: _look(values, settled).advice(rule)


def _shared(
    rule: Rule, columns: Columns, settled: Mapping[str, Shared[Settled]], judge_one: Callable[[Values, Classes], T]
) -> Shared[T]:
    """Each pattern of the rule's signals judged once: first by what classes are, then by what an open one lacks."""
    names = sorted(rule.signals | unasked_of(rule))
    whole = {name: _codes(rule, name, columns, settled) for name in names}
    coded = whole | {name: _by_value(settled[name])[whole[name]] for name in names if name in settled}
    patterns, first = _narrowed(rule, coded, settled, _people(columns))
    outcomes = [judge_one(*_person(rule, at, coded, settled)) for at in first]
    unsure = np.array([not _final(outcome) for outcome in outcomes], dtype=bool)[patterns]
    open_names = [name for name in names if name in settled and (whole[name] != coded[name])[unsure].any()]
    if not open_names:
        return Shared(patterns, tuple(outcomes))
    coded |= {name: np.where(unsure, whole[name], coded[name]) for name in open_names}
    finer, first = _numbered([patterns, *(coded[name] for name in open_names)], len(patterns))
    again = [
        judge_one(*_person(rule, at, coded, settled)) if unsure[at] else outcomes[patterns[at]] for at in first
    ]  # fmt: skip
    return Shared(finer, tuple(again))


def _narrowed(
    rule: Rule, coded: dict[str, Codes], settled: Mapping[str, Shared[Settled]], people: int
) -> tuple[Codes, list[int]]:
    """The patterns of `coded`; an answer that no case still open looks at is made an unasked one in it."""
    answers = [] if isinstance(rule, ClassRule) else [name for name in coded if name in ANSWERS]
    numbers = {name: codes for name, codes in coded.items() if name not in answers}
    patterns, first = _numbered(list(numbers.values()), people)
    if not answers:
        return patterns, first
    seen = [_looked_at(rule, *_person(rule, at, numbers, settled)) for at in first]
    for name in answers:
        coded[name] = np.where(np.array([name in one for one in seen])[patterns], coded[name], -1)
    return _numbered([patterns, *(coded[name] for name in answers)], people)


def _final(outcome: object) -> bool:
    """Whether an outcome names nothing that is missing, so that it cannot matter what an open class lacks."""
    if isinstance(outcome, Settled):
        return outcome.case is not None
    if isinstance(outcome, tuple):
        return all(bar.sure for bar in outcome)
    return not isinstance(outcome, Indeterminate)


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


def unasked_of(rule: Rule) -> frozenset[str]:
    """The answers a veto looks at only for whether they were given."""
    return frozenset(name for case in rule.case for name in case.unasked) if isinstance(rule, VetoRule) else frozenset()


def _codes(rule: Rule, name: str, columns: Columns, settled: Mapping[str, Shared[Settled]]) -> Codes:
    """Where each person's value lies among the rule's thresholds; -1 where it is missing."""
    if name in settled:
        return settled[name].codes
    column = columns.get(name)
    if column is None:
        return np.full(_people(columns), -1, np.int64)
    edges = np.array([float(cut) for cut in cuts(rule, name)])
    codes = np.searchsorted(edges, column, "left") + np.searchsorted(edges, column, "right")
    alike = _alike(rule, name)
    return alike[np.where(np.isnan(column), len(alike) - 1, codes)]


def _alike(rule: Rule, name: str) -> Codes:
    """For each region of a signal, and at last for a missing one, the first that satisfies the same comparisons.

    To flags and vetoes a missing number is the same as one that satisfies none; to others it may be anything.
    """
    compared = [c for case in rule.cases for c in case.conditions if c.signal == name]
    parts = [tuple(c.holds(value) for c in compared) for value in regions(rule, name)]
    first: dict[tuple[bool, ...], int] = {}
    if isinstance(rule, FlagRule | VetoRule) and name not in ANSWERS:
        first[tuple(c.holds(None) for c in compared)] = -1
    return np.array([*(first.setdefault(part, at) for at, part in enumerate(parts)), -1], dtype=np.int64)


def _numbered(coded: Sequence[Codes], people: int) -> tuple[Codes, list[int]]:
    """The pattern of each person as a small number, and one person of each pattern."""
    whole = np.zeros(people, np.int64)
    for codes in coded:
        room = int(codes.max(initial=0)) + 2
        if int(whole.max(initial=0)) > _ROOM // room:
            whole = _compact(whole)[0]
        whole = whole * room + codes + 1
    return _compact(whole)


def _compact(whole: Codes) -> tuple[Codes, list[int]]:
    """`whole` as numbers without gaps, and one place of each; by a table where sorting would take longer."""
    size = int(whole.max(initial=0)) + 1
    if size > max(_TABLE, 4 * len(whole)):
        _, first, patterns = np.unique(whole, return_index=True, return_inverse=True)
        return patterns.astype(np.int64), first.tolist()
    place = np.full(size, -1, np.int64)
    place[whole] = np.arange(len(whole))
    used = np.flatnonzero(place >= 0)
    first = place[used].tolist()
    place[used] = np.arange(len(used))
    return place[whole], first


def _ends(columns: Columns, settled: Mapping[str, Shared[Settled]]) -> dict[str, Column]:
    """How far each BMI, and the BMI after a first goal, is from the ends of its target range."""
    target = settled.get("bmi.target")
    if target is None or "bmi" not in columns:
        return {}
    low, high = (np.array([_end(one, end) for one in target.outcomes])[target.codes] for end in ("low", "high"))
    bmi = columns["bmi"]
    found = {"bmi.above_low": np.round(bmi - low, 1), "bmi.above_high": np.round(bmi - high, 1)}
    if "weight.level" in columns and "height" in columns:
        after = _after_goal(columns["weight.level"], bmi, columns["height"])
        found["bmi.goal_above_low"] = np.round(after - low, 1)
    return found


def _after_goal(weight: Column, bmi: Column, height: Column) -> Column:
    """`bmi_after` the first goal of everybody whose numbers are there; exact, as for one person.

    In whole numbers where weights and heights have at most two decimals, as they are measured; else in decimals.
    """
    after = np.full(len(bmi), np.nan)
    whole = np.isfinite(weight) & np.isfinite(bmi) & np.isfinite(height) & (np.nan_to_num(height) > 0)
    kg, cm = (np.rint(np.where(whole, column, 1.0) * 100) for column in (weight, height))
    plain = whole & (kg / 100 == weight) & (cm / 100 == height)
    goal = np.full(len(bmi), float(energy().waist.kg * 10))
    for row in sorted(energy().share, key=lambda row: row.bmi_from):
        goal = np.where(bmi >= float(row.bmi_from), (kg * float(row.percent) + 500) // 1000, goal)
    left = kg - 10 * goal
    square = cm * cm
    after[plain] = (np.sign(left) * ((2e7 * np.abs(left) + square) // (2 * square)) / 10)[plain]
    for at in np.flatnonzero(whole & ~plain):
        heavy, index, tall = (Decimal(repr(float(column[at]))) for column in (weight, bmi, height))
        after[at] = float(bmi_after(heavy, first_goal(heavy, index), tall))
    return after


def _end(one: Settled, end: str) -> float:
    return float("nan") if one.case is None or end not in one.case.parameters else float(one.case.parameters[end])


def _rank(outcome: Firing | None) -> int:
    if outcome is None:
        return -1
    assert isinstance(outcome.case, FlagCase)
    return SEVERITIES.index(outcome.case.severity)
