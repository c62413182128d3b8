"""The evaluator against a brute force that knows nothing of its shortcuts: what missing data leaves possible."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from itertools import product
from typing import Final, get_args

from hypothesis import given
from hypothesis import strategies as st

from engine.rules import ClassRule, Condition, Rule, Source
from engine.rules.evaluator import NO_OPTIONS, answer, first_case, representatives
from engine.rules.model import COMPARE, Case, ClassCase, Count, Op
from engine.vocabulary import ANSWERS

NUMBERS: Final = ("age", "lab.tg", "bmi")
QUESTIONS: Final = ("answer.smoker", "has.ckd")
NAMES: Final = (*NUMBERS, *QUESTIONS)
CUTS: Final = (Decimal(10), Decimal(20), Decimal(30))
# Below, at and above every cut: enough for any rule made of these cuts.
NEAR: Final = tuple(map(Decimal, (5, 10, 15, 20, 25, 30, 35)))
OPS: Final[tuple[Op, ...]] = get_args(Op)
YES_NO: Final = (Decimal(0), Decimal(1))
SOURCE: Final = Source("made up", "for a test", "none", "by Hypothesis")
Known = Mapping[str, Decimal | None]


# --- rules made up at random ------------------------------------------------------------------------------------------


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    name = draw(st.sampled_from(NAMES))
    op = draw(st.sampled_from(OPS))
    if op in {"known", "missing"}:
        return Condition(name, op)
    return Condition(name, op, draw(st.sampled_from(YES_NO if name in QUESTIONS else CUTS)))


def lists(most: int) -> st.SearchStrategy[tuple[Condition, ...]]:
    return st.lists(conditions(), max_size=most).map(tuple)


@st.composite
def counts(draw: st.DrawFn) -> Count:
    groups = draw(st.lists(st.lists(conditions(), min_size=1, max_size=2).map(tuple), min_size=1, max_size=3))
    return Count(at_least=draw(st.integers(1, len(groups))), of=tuple(groups))


@st.composite
def rules(draw: st.DrawFn) -> ClassRule:
    """A rule of one to four cases; two of them may come to the same."""
    cases = tuple(
        ClassCase(
            name=f"case-{number}", boundary="made up", all=draw(lists(2)), any=draw(lists(2)), none=draw(lists(1)),
            count=draw(st.none() | counts()), gives=f"code{(kind := draw(st.integers(0, 2)))}", number=Decimal(kind),
        )
        for number in range(draw(st.integers(1, 4)))
    )  # fmt: skip
    return ClassRule(
        id="made-up", version=1, valid_from=date(2024, 4, 1), source=(SOURCE,), defines="mets", case=cases
    )  # fmt: skip


@st.composite
def situations(draw: st.DrawFn) -> tuple[ClassRule, dict[str, Decimal | None], list[str]]:
    """A rule, values some of which are missing, and the names of those a completion may fill."""
    values: dict[str, Decimal | None] = {}
    for name in NAMES:
        known = st.sampled_from(YES_NO if name in QUESTIONS else NEAR)
        values[name] = draw(st.none() | known)
    unknown = draw(st.lists(st.sampled_from(NAMES), unique=True))
    return draw(rules()), values, unknown


# --- the brute force --------------------------------------------------------------------------------------------------


def true(condition: Condition, values: Known, measured: Known) -> bool:
    """What was measured is asked of the measurements, what it is of the completion."""
    if condition.op in {"known", "missing"}:
        return (measured[condition.signal] is not None) == (condition.op == "known")
    value = values[condition.signal]
    return value is not None and COMPARE[condition.op](value, condition.value)


def reached(rule: Rule, values: Known, measured: Known) -> Case | None:
    for case in rule.cases:
        said = {part: [true(c, values, measured) for c in getattr(case, part)] for part in ("all", "any", "none")}
        groups = [] if case.count is None else [any(true(c, values, measured) for c in g) for g in case.count.of]
        enough = case.count is None or sum(groups) >= case.count.at_least
        if all(said["all"]) and (any(said["any"]) or not said["any"]) and enough and not any(said["none"]):
            return case
    return None


def comes_to(case: Case | None) -> object:
    return case.number if isinstance(case, ClassCase) else None


def completions(measured: Known, names: Iterable[str]) -> list[dict[str, Decimal | None]]:
    free = sorted(names)
    picks = [YES_NO if name in ANSWERS else NEAR for name in free]
    return [{**measured, **dict(zip(free, one, strict=True))} for one in product(*picks)]


@given(situations())
def test_the_cases_reached_are_exactly_those_some_completion_reaches(
    situation: tuple[ClassRule, dict[str, Decimal | None], list[str]],
) -> None:
    rule, measured, unknown = situation
    free = {name for name in unknown if name in rule.signals and measured[name] is None}
    table = [(values, reached(rule, values, measured)) for values in completions(measured, free)]
    found = answer(rule, measured, NO_OPTIONS, unknown)
    order: list[Case | None] = [*rule.cases, None]
    assert list(found.cases) == sorted({id(case): case for _, case in table}.values(), key=order.index)
    matter = {
        name
        for name in free
        for values, case in table
        for other, another in table
        if {**values, name: None} == {**other, name: None} and comes_to(case) != comes_to(another)
    }
    assert set(found.deciding) == (matter if len(found.cases) > 1 else set())


@given(situations())
def test_the_named_unknowns_decide_and_the_others_need_not_be_measured(
    situation: tuple[ClassRule, dict[str, Decimal | None], list[str]],
) -> None:
    """Whatever the values of the deciding signals are, the rest changes nothing any more."""
    rule, measured, unknown = situation
    found = answer(rule, measured, NO_OPTIONS, unknown)
    free = {name for name in unknown if name in rule.signals and measured[name] is None}
    rest = free - set(found.deciding)
    for values in completions(measured, found.deciding)[:20]:
        said = {comes_to(reached(rule, filled, measured)) for filled in completions(values, rest)}
        assert len(said) == 1


@given(situations())
def test_with_nothing_to_complete_the_first_case_that_holds_is_the_answer(
    situation: tuple[ClassRule, dict[str, Decimal | None], list[str]],
) -> None:
    rule, measured, _ = situation
    expected = reached(rule, measured, measured)
    assert first_case(rule, measured) == expected
    assert answer(rule, measured, NO_OPTIONS, ()).cases == (expected,)


@given(situations(), st.sampled_from(NUMBERS))
def test_a_derived_value_is_only_tried_with_what_it_may_still_be(
    situation: tuple[ClassRule, dict[str, Decimal | None], list[str]], derived: str
) -> None:
    rule, measured, _ = situation
    measured[derived] = None
    options = {derived: (Decimal(10), Decimal(25))}
    wanted = {id(reached(rule, {**measured, derived: value}, measured)) for value in options[derived]}
    assert {id(case) for case in answer(rule, measured, options, (derived,)).cases} == wanted


@given(rules(), st.sampled_from(NAMES), st.decimals(-100, 100, places=1))
def test_every_value_a_signal_could_have_has_a_representative_that_says_the_same(
    rule: ClassRule, name: str, value: Decimal
) -> None:
    """Only the regions between thresholds matter: no other value could bring an answer the engine did not try."""
    if name in QUESTIONS:
        value = Decimal(int(value > 0))
    compared = [c for case in rule.cases for c in case.conditions if c.signal == name]

    def pattern(one: Decimal) -> list[bool]:
        return [c.holds(one) for c in compared]

    assert any(pattern(one) == pattern(value) for one in representatives(rule, name))


@given(st.decimals(-1000, 1000, places=2), st.decimals(-1000, 1000, places=2))
def test_the_six_comparisons_are_three_pairs_of_opposites(value: Decimal, cut: Decimal) -> None:
    for one, other in (("<", ">="), (">", "<="), ("==", "!=")):
        assert Condition("x", one, cut).holds(value) != Condition("x", other, cut).holds(value)  # type: ignore[arg-type]
