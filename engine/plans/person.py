"""What a plan looks at in a person: numbers and answers of the picture, an answer nobody asked for staying None."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Final

import msgspec

from engine.plans.exercise import Able

OLDER: Final = Decimal(65)
SNOW_MONTHS: Final = frozenset({12, 1, 2, 3})
HEAT_MONTHS: Final = frozenset({6, 7, 8, 9})
HOT_WBGT: Final = Decimal(28)
LOST_TOO_MUCH: Final = Decimal(5)
EGFR: Final = Decimal(60)
# What is high in the picture means less salt: home 135/85, office 140/90 (JSH).
HIGH_PRESSURE: Final = (
    ("bp.home.systolic_mean", Decimal(135)), ("bp.home.diastolic_mean", Decimal(85)),
    ("bp.office.systolic", Decimal(140)), ("bp.office.diastolic", Decimal(90)),
)  # fmt: skip
_FRAIL_ITEMS: Final = ("frailty.loss-2kg", "frailty.fatigue", "frailty.no-exercise")
_JAPAN: Final = timezone(timedelta(hours=9))

Values = Mapping[str, Decimal | None]


class Aims(msgspec.Struct, frozen=True, kw_only=True):
    """What the classes aim at for this person: ends of the BMI, steps a day; None while a class is open or has none."""

    low: Decimal | None = None
    high: Decimal | None = None
    steps: Decimal | None = None


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a plan is for; None is unknown or not asked."""

    age: Decimal
    aims: Aims
    sex: str
    month: int
    weight: Decimal | None
    height: Decimal | None
    bmi: Decimal | None
    waist_over: bool | None
    steps: Decimal | None
    frail: bool
    thin: bool
    strict_salt: bool
    pregnant: bool | None
    breastfeeding: bool | None
    trained: bool | None
    sore: bool | None
    indoors: bool
    diet_treated: bool
    glucose_treated: bool
    snacks: bool

    @property
    def male(self) -> bool | None:
        """True, False, or None for a sex that is not told."""
        return {"male": True, "female": False}.get(self.sex)

    @property
    def able(self) -> Able:
        """What decides which activity suits."""
        return Able(age=self.age, trained=self.trained, frail=self.frail, sore=self.sore, indoors=self.indoors)


def person_of(values: Values, as_of: datetime, aims: Aims) -> Person | None:
    """The person in `values` (signals and classes by name); None when the age is unknown."""
    age, bmi = values.get("age"), values.get("bmi")
    if age is None:
        return None
    return Person(
        age=age, aims=aims, sex=_sex(values), month=as_of.astimezone(_JAPAN).month, bmi=bmi,
        weight=_positive(values.get("weight.level")), height=_height(values), waist_over=_said(values, "waist.over"),
        steps=values.get("steps.mean_7d"), frail=_frail(values, age), thin=_thin(bmi, aims),
        strict_salt=_strict(values), pregnant=_said(values, "answer.pregnant"),
        breastfeeding=_said(values, "answer.breastfeeding"), trained=_said(values, "habit.exercise"),
        sore=_said(values, "has.joint-pain"), indoors=_indoors(values),
        diet_treated=values.get("has.diet-treatment") == 1, glucose_treated=values.get("glucose.treated") == 1,
        snacks=values.get("habit.snacks") == 1,
    )  # fmt: skip


def _said(values: Values, name: str) -> bool | None:
    found = values.get(name)
    return None if found is None else found == 1


def _positive(value: Decimal | None) -> Decimal | None:
    return value if value is not None and value > 0 else None


def _height(values: Values) -> Decimal | None:
    """The height, or the one that weight and BMI were computed with."""
    weight, bmi = _positive(values.get("weight.level")), _positive(values.get("bmi"))
    implied = None if weight is None or bmi is None else (weight * 10_000 / bmi).sqrt()
    return _positive(values.get("height")) or implied


def _sex(values: Values) -> str:
    male = values.get("sex.male")
    return "unknown" if male is None else "male" if male == 1 else "female"


def _frail(values: Values, age: Decimal) -> bool:
    """From 65 by the class or any item answered yes, prefrail included; a heavy unintended loss at any age."""
    lost = values.get("weight.loss_percent_180d")
    if lost is not None and lost >= LOST_TOO_MUCH and values.get("loss.unintended") == 1:
        return True
    signs = (values.get("frailty") or 0) >= 1 or any(values.get(name) == 1 for name in _FRAIL_ITEMS)
    return age >= OLDER and signs


def _thin(bmi: Decimal | None, aims: Aims) -> bool:
    return bmi is not None and aims.low is not None and bmi < aims.low


def _strict(values: Values) -> bool:
    egfr = values.get("lab.egfr")
    high = any((value := values.get(name)) is not None and value >= cut for name, cut in HIGH_PRESSURE)
    kidney = values.get("has.ckd") == 1 or (egfr is not None and egfr < EGFR)
    return high or kidney or values.get("med.antihypertensive") == 1


def _indoors(values: Values) -> bool:
    wbgt = values.get("env.wbgt")
    return (values.get("env.snow") or 0) >= 1 or (wbgt is not None and wbgt >= HOT_WBGT)
