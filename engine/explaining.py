"""Why a rule said what it said of one person: every comparison with its value, what is missing, what stopped it.

What came of a rule is read from the judgement itself, so an explanation cannot tell another story than the engine; the
state of each comparison is reckoned with three values, as unknown things make a case neither hold nor fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Literal

import msgspec

from engine.judge import Judgement
from engine.rules.evaluator import Firing
from engine.rules.model import AdviceRule, Case, ClassRule, Condition, FlagRule, Rule, VetoCase, VetoRule
from engine.vocabulary import ANSWERS, VOCABULARY

State = Literal["holds", "fails", "unknown"]
Part = Literal["all", "any", "count", "none", "unasked"]
Came = Literal["fires", "stopped", "silent", "open", "gives", "bars"]


class Comparison(msgspec.Struct, frozen=True):
    """One comparison of a case: `group` numbers the groups of a count from 1, `value` None where nothing is known."""

    part: Part
    group: int | None
    signal: str
    value: Decimal | None
    op: str
    threshold: Decimal
    state: State

    @property
    def words(self) -> str:
        """The comparison as people read it, with the value it looked at."""
        told = _unknown_word(self.signal) if self.value is None else str(self.value)
        if self.part == "unasked":
            return f"{self.signal} ({told}) must not have been asked"
        if self.op in {"known", "missing"}:
            return f"{self.signal} ({told}) is {self.op}"
        return f"{self.signal} ({told}) {self.op} {self.threshold}"


class CaseStory(msgspec.Struct, frozen=True):
    """One case of a rule: whether it holds by itself, and each comparison; `at_least` groups of the count must hold."""

    name: str
    state: State
    boundary: str
    at_least: int | None
    comparisons: tuple[Comparison, ...]


class Stop(msgspec.Struct, frozen=True):
    """What stands against a proposal: the code barred, by which rule and case, or the questions that would tell."""

    code: str
    tier: str
    rule: str
    case: str
    sure: bool
    ask: tuple[str, ...]


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule said of one person, and why.

    `came` is fires, stopped (fires, but something bars it), silent, open (what is missing decides), gives (a class)
    or bars (a veto); `case` is the case reached, `said` what it comes to: a class, codes, or what is forbidden.
    """

    rule: str
    version: int
    kind: str
    came: Came
    case: str | None
    said: tuple[str, ...]
    missing: tuple[str, ...]
    ask: tuple[str, ...]
    stops: tuple[Stop, ...]
    cases: tuple[CaseStory, ...]


def explain(rules: Iterable[Rule], found: Judgement) -> Iterator[Story]:
    """The story of each of `rules`, in their order; `found` must be a judgement of rules these are among."""
    for rule in rules:
        match rule:
            case ClassRule():
                yield _of_class(rule, found)
            case FlagRule():
                yield _of_flag(rule, found)
            case VetoRule():
                yield _of_veto(rule, found)
            case AdviceRule():
                yield _of_advice(rule, found)


def _of_class(rule: ClassRule, found: Judgement) -> Story:
    one = found.settled[rule.defines]
    said = tuple(str(number) for number in one.options) if one.case is None else (one.case.gives,)
    return _story(
        rule, found, "open" if one.case is None else "gives", said=said, missing=one.missing,
        case=None if one.case is None else one.case.name,
    )  # fmt: skip


def _of_flag(rule: FlagRule, found: Judgement) -> Story:
    flag = _mine(rule, found.flags)
    # A rule that only asks tells no question with its firing; those still open are what it could not compare.
    asked = tuple(question for question in found.ask if question in _questions(rule, found))
    if flag is None:
        return _story(rule, found, "silent", ask=asked if rule.unasked == "ask" else ())
    case = next(case for case in rule.case if case.name == flag.case.name)
    return _story(
        rule, found, "fires", case=case.name, said=(case.severity, *case.flags),
        ask=asked if rule.unasked == "ask" else flag.ask,
    )  # fmt: skip


def _of_veto(rule: VetoRule, found: Judgement) -> Story:
    bars = [bar for bar in (*found.bars, *found.musts) if bar.rule == rule.id]
    stops = tuple(Stop(bar.code, bar.tier, bar.rule, bar.case, bar.sure, bar.ask) for bar in bars)
    ask = tuple(question for question in found.ask if any(question in bar.ask for bar in bars))
    said = tuple(sorted({bar.code for bar in bars}))
    return _story(rule, found, "bars" if bars else "silent", said=said, ask=ask, stops=stops)


def _of_advice(rule: AdviceRule, found: Judgement) -> Story:
    lacking = next((one for one in found.indeterminate if one.rule.id == rule.id), None)
    if lacking is not None:
        return _story(rule, found, "open", missing=lacking.missing)
    proposal = next((one for one in found.proposals if one.firing.rule.id == rule.id), None)
    if proposal is None:
        return _story(rule, found, "silent")
    stops = tuple(Stop(bar.code, bar.tier, bar.rule, bar.case, bar.sure, bar.ask) for bar in proposal.bars)
    came: Came = "fires" if proposal.allowed else "stopped"
    return _story(rule, found, came, case=proposal.firing.case.name, ask=proposal.ask, stops=stops)


def _mine(rule: Rule, firings: Iterable[Firing]) -> Firing | None:
    return next((one for one in firings if one.rule.id == rule.id), None)


def _story(
    rule: Rule, found: Judgement, came: Came, *, case: str | None = None, said: tuple[str, ...] = (),
    missing: tuple[str, ...] = (), ask: tuple[str, ...] = (), stops: tuple[Stop, ...] = (),
) -> Story:  # fmt: skip
    cases = tuple(_case(rule, one, found) for one in rule.cases)
    kind = str(rule.__struct_config__.tag)
    return Story(
        rule=rule.id, version=rule.version, kind=kind, came=came, case=case, said=said, missing=missing, ask=ask,
        stops=stops, cases=cases,
    )  # fmt: skip


def _questions(rule: Rule, found: Judgement) -> frozenset[str]:
    unasked = (VOCABULARY[name].question for name in rule.signals & ANSWERS if found.values.get(name) is None)
    return frozenset(question for question in unasked if question)


def _unknown_word(signal: str) -> str:
    sort = VOCABULARY[signal].sort
    return {"answer": "not asked", "derived": "open"}.get(sort, "not measured")


# --- comparisons and cases, with three values -------------------------------------------------------------------------


def _case(rule: Rule, case: Case, found: Judgement) -> CaseStory:
    parts: list[Comparison] = [_compared(rule, "all", c, found) for c in case.all]
    parts += [_compared(rule, "any", c, found) for c in case.any]
    groups: list[list[Comparison]] = []
    for number, group in enumerate(() if case.count is None else case.count.of, start=1):
        groups.append([_compared(rule, "count", c, found, number) for c in group])
        parts += groups[-1]
    parts += [_compared(rule, "none", c, found) for c in case.none]
    at_least = None if case.count is None else case.count.at_least
    state = _whole(parts, groups, at_least)
    if isinstance(case, VetoCase) and case.unasked:
        waiting = [_unasked(name, found) for name in case.unasked]
        parts += waiting
        state = _both([state, _either(one.state for one in waiting)])
    return CaseStory(case.name, state, case.boundary, at_least, tuple(parts))


def _compared(rule: Rule, part: Part, c: Condition, found: Judgement, group: int | None = None) -> Comparison:
    value = found.values.get(c.signal)
    return Comparison(part, group, c.signal, value, c.op, c.value, _state(rule, c, value, found))


def _unasked(name: str, found: Judgement) -> Comparison:
    value = found.values.get(name)
    return Comparison("unasked", None, name, value, "missing", Decimal(0), "holds" if value is None else "fails")


def _state(rule: Rule, c: Condition, value: Decimal | None, found: Judgement) -> State:
    """What is known of one comparison; to a flag or a veto a number that was not measured never holds."""
    if value is not None or c.about_presence:
        return "holds" if c.holds(value) else "fails"
    one = found.settled.get(c.signal)
    if isinstance(rule, FlagRule):
        return "unknown" if c.signal in ANSWERS else "fails"
    if one is not None:
        said = {c.holds(option) for option in one.options}
        return "unknown" if len(said) > 1 else "holds" if True in said else "fails"
    return "fails" if isinstance(rule, VetoRule) and c.signal not in ANSWERS else "unknown"


def _whole(parts: Sequence[Comparison], groups: Sequence[Sequence[Comparison]], at_least: int | None) -> State:
    """Every `all`, one `any`, enough groups, no `none`."""
    demands = [one.state for one in parts if one.part == "all"]
    demands += [_not(one.state) for one in parts if one.part == "none"]
    any_of = [one.state for one in parts if one.part == "any"]
    if any_of:
        demands.append(_either(any_of))
    if at_least is not None:
        states = [_either(one.state for one in group) for group in groups]
        sure, possible = states.count("holds"), len(states) - states.count("fails")
        demands.append("holds" if sure >= at_least else "unknown" if possible >= at_least else "fails")
    return _both(demands)


def _not(state: State) -> State:
    turned: dict[State, State] = {"holds": "fails", "fails": "holds", "unknown": "unknown"}
    return turned[state]


def _both(states: Iterable[State]) -> State:
    said = set(states)
    return "fails" if "fails" in said else "unknown" if "unknown" in said else "holds"


def _either(states: Iterable[State]) -> State:
    said = set(states)
    return "holds" if "holds" in said else "unknown" if "unknown" in said else "fails"
