"""Missing data: an answer is given only when every completion agrees with it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.rules import Case, Condition, Firing, Indeterminate, Silent, evaluate, load_catalogue
from engine.rules.evaluator import first_case
from engine.rules.model import SEVERITIES, Rule
from engine.signals import Signal, Signals

RULES = load_catalogue()
BP = next(rule for rule in RULES if rule.id == "home-bp-high")
AS_OF = datetime(2026, 11, 21, tzinfo=UTC)


def near(name: str, rule: Rule) -> st.SearchStrategy[Decimal]:
    cuts = [c.value for case in rule.case for c in case.conditions if c.signal == name]
    return st.one_of(
        st.sampled_from(
            [cut + step for cut in cuts for step in (Decimal(-1), Decimal("-0.1"), Decimal(0), Decimal(1))]
        ),
        st.integers(0, 300).map(Decimal),
    )


@st.composite
def situations(draw: st.DrawFn) -> tuple[Rule, dict[str, Decimal], set[str]]:
    rule = draw(st.sampled_from(RULES))
    names = sorted(rule.signals)
    values = {name: draw(near(name, rule)) for name in names}
    return rule, values, set(draw(st.lists(st.sampled_from(names), unique=True)))


def of(values: dict[str, Decimal]) -> Signals:
    return Signals(AS_OF, {name: Signal(value=value, unit="1") for name, value in values.items()})


@given(situations())
def test_no_completion_contradicts_an_answer(situation: tuple[Rule, dict[str, Decimal], set[str]]) -> None:
    rule, values, hidden = situation
    outcome = evaluate(rule, of({name: value for name, value in values.items() if name not in hidden}))
    truth = first_case(rule, values)
    if isinstance(outcome, Firing):
        assert truth == outcome.case
    elif isinstance(outcome, Silent):
        assert truth is None
    else:
        assert isinstance(outcome, Indeterminate)
        assert set(outcome.missing) <= hidden
        assert outcome.missing


@given(situations())
def test_with_everything_known_there_is_always_an_answer(situation: tuple[Rule, dict[str, Decimal], set[str]]) -> None:
    rule, values, _ = situation
    assert not isinstance(evaluate(rule, of(values)), Indeterminate)


@given(
    st.fixed_dictionaries({name: near(name, BP) for name in sorted(BP.signals)}),
    st.sampled_from(sorted(name for name in BP.signals if name.startswith("bp."))),
    st.integers(0, 80),
)
def test_a_higher_pressure_is_never_less_urgent(values: dict[str, Decimal], name: str, more: int) -> None:
    def urgency(case: Case | None) -> int:
        return -1 if case is None else SEVERITIES.index(case.severity)

    higher = values | {name: values[name] + more}
    assert urgency(first_case(BP, higher)) >= urgency(first_case(BP, values))


@given(st.decimals(-1000, 1000, places=2), st.decimals(-1000, 1000, places=2))
def test_the_six_comparisons_are_three_pairs_of_opposites(value: Decimal, cut: Decimal) -> None:
    for one, other in (("<", ">="), (">", "<="), ("==", "!=")):
        assert Condition("x", one, cut).holds(value) != Condition("x", other, cut).holds(value)  # type: ignore[arg-type]
