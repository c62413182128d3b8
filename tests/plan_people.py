"""Two people for the tests of plans, as the rules see them: classes are judged, what a test sets by hand stays."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from engine.judge import Judgement, judge
from engine.plan import aims_of
from engine.plans.compose import build
from engine.plans.model import Declined, Goal, Kind
from engine.plans.person import Person, person_of
from engine.rules import ClassRule, load_catalogue
from engine.signals import Signal, Signals
from engine.vocabulary import ANSWERS

AS_OF: Final = datetime(2026, 10, 20, 3, 0, tzinfo=UTC)
RULES: Final = load_catalogue()
CLASSES: Final = tuple(rule for rule in RULES if isinstance(rule, ClassRule))
TARO: Final = {
    "age": "50", "sex.male": "1", "height": "173", "weight.level": "88.0", "bmi": "29.4", "steps.mean_7d": "5000",
    "has.joint-pain": "0", "habit.exercise": "0", "has.diet-treatment": "0", "glucose.treated": "0",
    "answer.pregnant": "0",
}  # fmt: skip
UME: Final = {
    "age": "78", "sex.male": "0", "height": "148", "weight.level": "45.0", "bmi": "20.5", "steps.mean_7d": "2600",
    "has.joint-pain": "1", "frailty.fatigue": "1", "answer.pregnant": "0",
}  # fmt: skip
ALL_NO: Final = dict.fromkeys(sorted(ANSWERS), "0")


def picture(values: dict[str, str], at: datetime = AS_OF) -> Signals:
    """The signals of somebody of whom nothing else is known."""
    return Signals(at, {name: Signal(value=Decimal(value), unit="1") for name, value in values.items()})


def judged(values: dict[str, str]) -> Judgement:
    """What the shipped rules say of them."""
    return judge(picture(values), RULES)


def person(values: dict[str, str], at: datetime = AS_OF) -> Person:
    """Whom a plan is made for."""
    found = judge(picture(values, at), CLASSES)
    given = {name: Decimal(value) for name, value in values.items()}
    whom = person_of(found.values | given, at, aims_of(found))
    assert whom is not None
    return whom


def goal(
    kind: Kind, values: dict[str, str], *must_not: str, at: datetime = AS_OF, moved: Decimal = Decimal(0)
) -> Goal:  # fmt: skip
    """The goal of this kind they are given; fails where it is declined."""
    found = build(kind, person(values, at), must_not, moved)
    assert isinstance(found, Goal), found
    return found


def declined(kind: Kind, values: dict[str, str], *must_not: str) -> Declined:
    """Why they are given none of this kind; fails where they are given one."""
    found = build(kind, person(values), must_not)
    assert isinstance(found, Declined), found
    return found
