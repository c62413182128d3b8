"""How much a referral hurries: never less for a worse number or an unasked question, and as the published tables say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.judge import Judgement, judge
from engine.rules import FlagRule, load_catalogue
from engine.rules.model import SEVERITIES
from engine.signals import Signal, Signals
from engine.vocabulary import ANSWERS, VOCABULARY
from tests.referral_tables import findings, only_asked

AS_OF: Final = datetime(2026, 6, 1, tzinfo=UTC)
FLAGS: Final = tuple(rule for rule in load_catalogue() if isinstance(rule, FlagRule))
LOOKED_AT: Final = frozenset[str]().union(*(rule.signals for rule in FLAGS))
MEASURED: Final = sorted(LOOKED_AT - ANSWERS)
ASKED: Final = sorted(LOOKED_AT & ANSWERS)
CUTS: Final = {
    name: sorted({c.value for r in FLAGS for case in r.cases for c in case.conditions if c.signal == name}) for name in MEASURED
}  # fmt: skip
# Worse is higher, or worse is lower.
UP: Final = (
    "bp.office.systolic", "bp.office.diastolic", "bp.home.systolic_mean", "bp.home.diastolic_mean", "bp.home.systolic_max",
    "bp.home.diastolic_max", "lab.fpg", "lab.hba1c", "lab.casual-glucose", "lab.tg", "lab.ldl", "lab.non-hdl", "lab.ast", "lab.alt",
    "lab.ggt", "lab.urine-protein", "lab.urine-blood", "weight.loss_percent_180d", "weight.change_7d", "heart.resting_max",
)  # fmt: skip
DOWN: Final = ("lab.egfr", "lab.hb", "lab.hdl", "weight.change_180d", "heart.resting_min")
# Both ends are bad: the range between them is where only one direction is.
BOTH: Final = {"bmi": (Decimal("20.1"), Decimal("24.9")), "heart.resting": (Decimal(41), Decimal(99))}
# Not a measured risk: who somebody is, when blood was drawn, and how often was measured.
NO_DIRECTION: Final = {"age", "sex.male", "lab.hours-since-meal", "bp.home.days_7d"}
# A low HbA1c is bad for older people on some medicines (R-GLU-3): the one documented exception.
LOWER_LIMIT: Final = "hba1c-low-older"
# Told or nothing: unasked, they are asked but not feared (rule `unasked = "ask"`, or only known answers count).
TOLD_ONLY: Final = {"symptom.red-flag", "symptom.irregular-pulse", "symptom.hypoglycemia", "frailty.loss-2kg"}
Values = dict[str, Decimal | None]


def told(values: Mapping[str, Decimal | None], rules: tuple[FlagRule, ...] = FLAGS) -> Judgement:
    picture = {name: Signal(value=value, unit=VOCABULARY[name].unit, count=1) for name, value in values.items()}
    return judge(Signals(AS_OF, picture), rules)


def hurry(values: Mapping[str, Decimal | None], rules: tuple[FlagRule, ...] = FLAGS) -> int:
    urgency = told(values, rules).urgency
    return -1 if urgency is None else SEVERITIES.index(urgency)


def near(name: str) -> st.SearchStrategy[Decimal]:
    steps = [Decimal(step) for step in ("-1", "-0.1", "0", "0.1", "1", "15")]
    return st.sampled_from([cut + step for cut in CUTS[name] for step in steps] or [Decimal(0), Decimal(1)])


@st.composite
def people(draw: st.DrawFn, unasked: int = 3) -> Values:
    """A few numbers around their thresholds, most answers no, a few yes or unasked, the age always known."""
    values: Values = {"age": draw(st.sampled_from([Decimal(n) for n in (17, 18, 30, 39, 40, 64, 65, 74, 75, 90)]))}
    values["sex.male"] = Decimal(draw(st.integers(0, 1)))
    for name in draw(st.lists(st.sampled_from([n for n in MEASURED if n not in values]), max_size=7, unique=True)):
        values[name] = draw(near(name))
    values |= dict.fromkeys(ASKED, Decimal(0))
    values |= dict.fromkeys(draw(st.lists(st.sampled_from(ASKED), max_size=3, unique=True)), Decimal(1))
    values |= dict.fromkeys(draw(st.lists(st.sampled_from(ASKED), max_size=unasked, unique=True)))
    return values


def in_order_of_harm(name: str, first: Decimal, second: Decimal) -> tuple[Decimal, Decimal]:
    """The two numbers with the better one first."""
    low, high = min(first, second), max(first, second)
    if name in BOTH:
        good_low, good_high = BOTH[name]
        if low < good_low:
            return min(high, good_high), low
        return low, high
    return (low, high) if name in UP else (high, low)


def test_every_measured_number_a_referral_looks_at_has_a_direction_or_a_reason_for_none() -> None:
    declared = [*UP, *DOWN, *BOTH, *NO_DIRECTION]
    assert sorted(declared) == MEASURED
    assert len(FLAGS) >= 25


@settings(max_examples=300)
@given(people(), st.sampled_from([*UP, *DOWN, *BOTH]), st.data())
def test_a_worse_number_never_hurries_less(values: Values, name: str, data: st.DataObject) -> None:
    better, worse = in_order_of_harm(name, data.draw(near(name)), data.draw(near(name)))
    rules = tuple(rule for rule in FLAGS if name != "lab.hba1c" or rule.id != LOWER_LIMIT)
    assert hurry({**values, name: better}, rules) <= hurry({**values, name: worse}, rules)


@settings(max_examples=200)
@given(people(), st.sampled_from(ASKED))
def test_an_unasked_question_hurries_as_the_worse_answer_and_is_asked(values: Values, name: str) -> None:
    rules = tuple(rule for rule in FLAGS if rule.unasked == "yes")
    unasked, *answered = (hurry({**values, name: answer}, rules) for answer in (None, Decimal(0), Decimal(1)))
    assert unasked == (answered[0] if name in TOLD_ONLY else max(answered))
    if answered[0] != answered[1] and name not in TOLD_ONLY:
        assert VOCABULARY[name].question in told({**values, name: None}, rules).ask


@settings(max_examples=200)
@given(people(), st.sampled_from(ASKED))
def test_asking_and_hearing_no_never_hurries_more(values: Values, name: str) -> None:
    assert hurry({**values, name: Decimal(0)}) <= hurry({**values, name: None})


@settings(max_examples=200)
@given(people(), st.sampled_from([name for name in MEASURED if name not in NO_DIRECTION]))
def test_a_number_nobody_measured_refers_nobody(values: Values, name: str) -> None:
    """But for glucose, where a missing better test lets the poorer one decide."""
    without = {**values, name: None}
    poorer = {"lab.fpg": ("lab.casual-glucose",), "lab.hba1c": ("lab.casual-glucose", "lab.fpg")}.get(name, ())
    assert hurry({**without, **dict.fromkeys(poorer)}) <= hurry(values)


@settings(max_examples=400)
@given(people(unasked=0))
def test_referrals_are_those_of_the_published_tables(values: Values) -> None:
    judgement, expected = told(values), findings(values)
    assert set(judgement.red_flags) == {code for code, _ in expected if code is not None}
    assert hurry(values) == max((SEVERITIES.index(severity) for _, severity in expected), default=-1)


@settings(max_examples=200)
@given(people(unasked=4))
def test_with_answers_missing_the_worst_completion_of_the_tables_decides(values: Values) -> None:
    unknown = [name for name in ASKED if values.get(name) is None]
    feared = [name for name in unknown if name not in TOLD_ONLY]
    reached = list(only_asked(values))
    for answers in product((Decimal(0), Decimal(1)), repeat=len(feared)):
        completed = {**values, **dict(zip(feared, answers, strict=True))}
        spared = Counter(only_asked(completed))
        reached += (Counter(findings(completed)) - spared).elements()
    assert hurry(values) == max((SEVERITIES.index(severity) for _, severity in reached), default=-1)
