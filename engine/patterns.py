"""What a rule sees of many people: small numbers, the same for all values that the rule cannot tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.rules.evaluator import cuts, regions
from engine.rules.model import FlagRule, Rule, VetoRule
from engine.vocabulary import ANSWERS, DERIVED, VOCABULARY

Column = NDArray[np.float64]
Codes = NDArray[np.int64]
# Beyond this the patterns are numbered anew, so that the code of a pattern always fits 64 bits.
_ROOM: Final = 1 << 40
# Up to so many numbers a table is made, whatever the number of people.
_TABLE: Final = 1 << 16


def unasked_of(rule: Rule) -> frozenset[str]:
    """The answers a veto looks at only for whether they were given."""
    return frozenset(name for case in rule.case for name in case.unasked) if isinstance(rule, VetoRule) else frozenset()


def codes_of(rule: Rule, name: str, column: Column) -> Codes:
    """Where each person's value lies among the thresholds of `rule`: a place in `regions`, -1 where it is missing."""
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


def join_alternatives(rule: Rule, coded: dict[str, Codes]) -> None:
    """Put into one signal what a rule sees of several that are in the same alternatives only and ask the same.

    One yes is a yes for all of them, and one that nobody asked leaves the same question.
    """
    for names in _alternatives(rule):
        holding = {name: _holding(rule, name) for name in names}
        yes = np.logical_or.reduce([np.isin(coded[name], holding[name][0]) for name in names])
        asked = np.logical_and.reduce([coded[name] >= 0 for name in names])
        for at, name in enumerate(names):
            held, failed = holding[name]
            none = failed[0] if name in ANSWERS else -1
            unknown = -1 if at == 0 and name in ANSWERS else none
            coded[name] = np.where(yes, held[0] if at == 0 else none, np.where(asked, none, unknown))


@lru_cache(maxsize=1024)
def _alternatives(rule: Rule) -> tuple[tuple[str, ...], ...]:
    """The names that stand in the same lists of alternatives of `rule`, by the question that settles them."""
    places: dict[str, set[tuple[int, str]]] = {}
    tests: dict[str, set[tuple[str, Decimal]]] = {}
    for at, case in enumerate(rule.cases):
        lists = [("any", case.any), ("none", case.none)]
        lists += [(f"count{number}", group) for number, group in enumerate(case.count.of if case.count else ())]
        lists += [(f"all-{condition.signal}", (condition,)) for condition in case.all]
        for place, conditions in lists:
            for condition in conditions:
                places.setdefault(condition.signal, set()).add((at, place))
                tests.setdefault(condition.signal, set()).add((condition.op, condition.value))
    groups: dict[tuple[frozenset[tuple[int, str]], str | None], list[str]] = {}
    for name in sorted(places.keys() - DERIVED - unasked_of(rule)):
        if len(tests[name]) == 1 and cuts(rule, name) and all(_holding(rule, name)):
            groups.setdefault((frozenset(places[name]), VOCABULARY[name].question), []).append(name)
    return tuple(tuple(names) for names in groups.values() if len(names) > 1)


def _holding(rule: Rule, name: str) -> tuple[list[int], list[int]]:
    """The regions of a signal with one comparison in which that holds, and those in which it does not."""
    test = next(c for case in rule.cases for c in case.conditions if c.signal == name)
    held = [at for at, value in enumerate(regions(rule, name)) if test.holds(value)]
    return held, [at for at in range(len(regions(rule, name))) if at not in held]


def numbered(coded: Sequence[Codes], people: int) -> tuple[Codes, list[int]]:
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
