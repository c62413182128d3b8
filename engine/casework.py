"""One written case - a person's profile, labs, pressures - as the picture the rules look at, and what they say of it.

A key of the profile that is absent was not asked; what the format cannot say is taken as answered with no.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import msgspec

from engine.casework_words import complaints
from engine.clinical_rules import imply, measured_loss
from engine.questionnaires import questionnaires
from engine.refusal import Refusal
from engine.signals import Signal, Signals, bmi
from engine.signals_columns import BP_NEEDED
from engine.vocabulary import DERIVED, VOCABULARY

# Fields that may be below 0, and those that may be 0; every other number is a measured size.
_SIGNED: Final = frozenset({"weight_change_7d_kg", "weight_change_180d_kg", "wbgt"})
_FROM_ZERO: Final = frozenset({"steps_7d_mean", "hours_since_meal"})
_LARGEST: Final = Decimal(1_000_000)
# Anything finer is no measurement, and its square would leave the range of exact arithmetic.
_SMALLEST: Final = Decimal("0.001")
Medicine = Literal[
    "antihypertensive", "lipid_lowering", "glucose_lowering", "insulin", "sulfonylurea", "glinide", "antiplatelet",
    "anticoagulant", "aspirin", "other",
]  # fmt: skip
Condition = Literal[
    "diabetes", "ckd", "cvd", "stroke", "atrial_fibrillation", "heart_failure", "eating_disorder", "cancer_active",
    "dialysis",
]  # fmt: skip
# A case has no date; where one is needed it is this one, in no season.
AS_OF: Final = datetime(2026, 4, 15, tzinfo=UTC)
FASTING: Final = Decimal(10)
URINE: Final = {"-": 0, "±": 1, "+-": 1, "1+": 2, "+": 2, "2+": 3, "3+": 4, "4+": 4}
_CONDITIONS: Final = (
    "diabetes", "ckd", "cvd", "stroke", "atrial-fibrillation", "heart-failure", "eating-disorder", "cancer-active",
    "dialysis",
)  # fmt: skip
_MEDICINES: Final = (
    "antihypertensive", "lipid-lowering", "glucose-lowering", "insulin", "sulfonylurea", "glinide",
)  # fmt: skip
# The ages by 31 March at which the specific guidance changes (R-TKHG-0, R-TKHG-4).
_FISCAL_CUTS: Final = frozenset({40, 65})
# What the format has no word for.
_UNSAID: Final = ("has.implant", "has.doctor-limit", "has.diet-treatment", "has.joint-pain")


class Frailty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The five items of J-CHS: kg, m/s and answers."""

    grip_kg: Decimal | None = None
    gait_m_s: Decimal | None = None
    fatigue: bool | None = None
    no_exercise_weekly: bool | None = None
    loss_2kg_6mo_unintended: bool | None = None


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who the person is; None where nobody asked or measured."""

    sex: Literal["male", "female"] | None = None
    age: Annotated[int, msgspec.Meta(ge=0, le=130)] | None = None
    age_fy_end: Annotated[int, msgspec.Meta(ge=0, le=131)] | None = None
    height_cm: Decimal | None = None
    weight_kg: Decimal | None = None
    waist_cm: Decimal | None = None
    smoker: bool | None = None
    pregnant: bool | None = None
    breastfeeding: bool | None = None
    meds: frozenset[Medicine] | None = None
    conditions: frozenset[Condition] | None = None
    activity_level: Literal["low", "normal", "high"] | None = None
    steps_7d_mean: Decimal | None = None
    frailty: Frailty = Frailty()


class Labs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The check-up's laboratory values in their usual units; None where not measured."""

    fpg: Decimal | None = None
    hba1c: Decimal | None = None
    casual_glucose: Decimal | None = None
    tg: Decimal | None = None
    hdl: Decimal | None = None
    ldl: Decimal | None = None
    non_hdl: Decimal | None = None
    egfr: Decimal | None = None
    ast: Decimal | None = None
    alt: Decimal | None = None
    ggt: Decimal | None = None
    hb: Decimal | None = None
    urine_protein: Literal["-", "±", "+-", "+", "1+", "2+", "3+", "4+"] | None = None
    urine_blood: Literal["-", "±", "+-", "+", "1+", "2+", "3+", "4+"] | None = None
    hours_since_meal: Decimal | None = None


class Pressure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Blood pressures in mmHg: of the check-up, and the home means over `home_days` days."""

    office_sbp: Decimal | None = None
    office_dbp: Decimal | None = None
    home_sbp_mean: Decimal | None = None
    home_dbp_mean: Decimal | None = None
    home_days: Annotated[int, msgspec.Meta(ge=0, le=400)] | None = None


class Trend(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the weight has moved, kg, negative for a loss."""

    weight_change_7d_kg: Decimal | None = None
    weight_change_180d_kg: Decimal | None = None
    intentional: bool | None = None


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Heat (°C) and snow where the person is."""

    wbgt: Decimal | None = None
    snow: bool | None = None


class Exercise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An activity to be reckoned."""

    mets: Decimal
    minutes: Decimal


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked for: an exercise to reckon, the goal the person chose."""

    exercise: Exercise | None = None
    goal: str | None = None


class WrittenCase(msgspec.Struct, frozen=True):
    """A whole case; keys beyond these (note, expected, rules) are for its reader."""

    id: str
    profile: Profile = Profile()
    labs: Labs = Labs()
    bp: Pressure = Pressure()
    trend: Trend = Trend()
    symptoms: tuple[str, ...] = ()
    resting_hr: Decimal | None = None
    env: Place = Place()
    ask: Wish = Wish()


def read_case(raw: Mapping[str, Any]) -> WrittenCase | Refusal:
    """The case in decoded JSON whose fractions are Decimals; a null where a whole part belongs is that part left out.

    Refused as `bad-case` with the place and the reason, or as `out-of-range` for a number no body has.
    """
    try:
        case = msgspec.convert(_without_null_parts(raw), WrittenCase, strict=True)
    except msgspec.ValidationError as error:
        return Refusal("bad-case", str(error))
    wrong = next(_impossible(case), None)
    return case if wrong is None else Refusal("out-of-range", f"{wrong} cannot be that", wrong)


def _without_null_parts(raw: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: part for name, part in raw.items() if part is not None}
    who = told.get("profile")
    if isinstance(who, Mapping) and "frailty" in who and who["frailty"] is None:
        told["profile"] = {name: value for name, value in who.items() if name != "frailty"}
    return told


def _impossible(part: msgspec.Struct) -> Iterator[str]:
    """The names of numbers that are not finite, too large, too fine, or not positive where they must be."""
    for name in part.__struct_fields__:
        value = getattr(part, name)
        if isinstance(value, msgspec.Struct):
            yield from _impossible(value)
        elif isinstance(value, Decimal) and not _possible(name, value):
            yield name


def _possible(name: str, value: Decimal) -> bool:
    least = {"mets": Decimal(1)}.get(name, Decimal(0))
    sized = value.is_finite() and (value == 0 or _SMALLEST <= abs(value) <= _LARGEST)
    return sized and (name in _SIGNED or (value >= least and (value > 0 or name in _FROM_ZERO)))


def picture_of_case(case: WrittenCase) -> Signals:
    """The signals of a case, every name of the vocabulary that is not derived; a stated weight is enough of a trend."""
    found = dict.fromkeys(VOCABULARY.keys() - DERIVED, _nothing())
    told = _body(case) | _answers(case) | _laboratory(case.labs) | _pressures(case.bp) | _course(case) | _around(case)
    picture = found | {name: _said(name, value) for name, value in told.items()}
    imply(picture)
    measured_loss(picture)
    return Signals(AS_OF, picture)


def _nothing() -> Signal:
    return Signal(value=None, unit="1", note="not-asked")


def _said(name: str, value: Decimal | None) -> Signal:
    note = None if value is not None else "not-asked"
    return Signal(value=value, unit=VOCABULARY[name].unit, count=int(value is not None), note=note)


Told = dict[str, Decimal | None]


def _body(case: WrittenCase) -> Told:
    who = case.profile
    index = None if who.height_cm is None or who.weight_kg is None else bmi(who.weight_kg, who.height_cm)
    days = None if who.weight_kg is None else Decimal(28)
    return {
        "age": _whole(who.age),
        "age.fiscal_year": _whole(_fiscal_year_age(who)),
        "sex.male": None if who.sex is None else Decimal(int(who.sex == "male")),
        "height": who.height_cm, "waist": who.waist_cm, "weight.level": who.weight_kg, "bmi": index,
        "weight.days_28d": days, "weight.age_days": None if days is None else Decimal(0),
        "steps.mean_7d": who.steps_7d_mean,
        "steps.valid_days_7d": None if who.steps_7d_mean is None else Decimal(7),
        "grip": who.frailty.grip_kg, "gait": who.frailty.gait_m_s,
        "heart.resting": case.resting_hr, "heart.resting_max": case.resting_hr, "heart.resting_min": case.resting_hr,
    }  # fmt: skip


def _fiscal_year_age(who: Profile) -> int | None:
    """The age by 31 March; where it was not told, today's stands for it unless a birthday until then could matter."""
    if who.age_fy_end is not None or who.age is None or who.age + 1 in _FISCAL_CUTS:
        return who.age_fy_end
    return who.age


def _answers(case: WrittenCase) -> Told:
    who = case.profile
    conditions = None if who.conditions is None else {name.replace("_", "-") for name in who.conditions}
    medicines = None if who.meds is None else {name.replace("_", "-") for name in who.meds}
    told: Told = {f"has.{name}": _among(name, conditions) for name in _CONDITIONS}
    told |= {f"med.{name}": _among(name, medicines) for name in _MEDICINES}
    told |= dict.fromkeys(_UNSAID, None if who.conditions is None else Decimal(0))
    told |= {
        "answer.smoker": _yes(who.smoker),
        "answer.pregnant": _if_possible(who, who.pregnant, "answer.pregnant"),
        "answer.breastfeeding": _if_possible(who, who.breastfeeding, "answer.breastfeeding"),
        "frailty.fatigue": _yes(who.frailty.fatigue),
        "frailty.no-exercise": _yes(who.frailty.no_exercise_weekly),
        "frailty.loss-2kg": _yes(who.frailty.loss_2kg_6mo_unintended),
    }
    return told | {name: Decimal(int(yes)) for name, yes in complaints(case.symptoms).items()}


def _if_possible(who: Profile, told: bool | None, code: str) -> Decimal | None:
    """A yes or no of a question that does not concern everybody; where it cannot apply it is a no."""
    item = next(item for item in questionnaires()["veto"].item if code in item.settles)
    other_sex = item.sex is not None and who.sex not in {None, item.sex}
    other_age = item.ages is not None and who.age is not None and not item.ages[0] <= who.age <= item.ages[1]
    return Decimal(0) if (other_sex or other_age) and not told else _yes(told)


def _laboratory(labs: Labs) -> Told:
    hours = FASTING if labs.hours_since_meal is None else labs.hours_since_meal
    numbers = {
        "fpg": labs.fpg, "hba1c": labs.hba1c, "casual-glucose": labs.casual_glucose, "tg": labs.tg, "hdl": labs.hdl,
        "ldl": labs.ldl, "non-hdl": labs.non_hdl, "egfr": labs.egfr, "ast": labs.ast, "alt": labs.alt,
        "ggt": labs.ggt, "hb": labs.hb, "urine-protein": _grade(labs.urine_protein),
        "urine-blood": _grade(labs.urine_blood), "hours-since-meal": hours,
    }  # fmt: skip
    return {f"lab.{name}": value for name, value in numbers.items()}


def _pressures(bp: Pressure) -> Told:
    """A mean of fewer than five days is no home pressure yet; its own value still was measured once.

    A mean whose days nobody told is one of a single day.
    """
    measured = bp.home_sbp_mean is not None or bp.home_dbp_mean is not None
    days = int(measured) if bp.home_days is None else bp.home_days
    enough = days >= BP_NEEDED
    return {
        "bp.office.systolic": bp.office_sbp, "bp.office.diastolic": bp.office_dbp,
        "bp.home.systolic_mean": bp.home_sbp_mean if enough else None,
        "bp.home.diastolic_mean": bp.home_dbp_mean if enough else None,
        "bp.home.systolic_max": bp.home_sbp_mean, "bp.home.diastolic_max": bp.home_dbp_mean,
        "bp.home.days_7d": None if bp.home_days is None and not measured else Decimal(days),
    }  # fmt: skip


def _course(case: WrittenCase) -> Told:
    moved, weight = case.trend.weight_change_180d_kg, case.profile.weight_kg
    percent = None
    if moved is not None and weight is not None:
        percent = max(-moved, Decimal(0)) * 100 / (weight - moved) if weight > moved else None
    lost = moved is not None and moved < 0
    unintended = _yes(None if case.trend.intentional is None else not case.trend.intentional)
    return {
        "weight.change_7d": case.trend.weight_change_7d_kg, "weight.change_180d": moved,
        "weight.loss_percent_180d": percent, "loss.unintended": unintended if lost else Decimal(0),
    }  # fmt: skip


def _around(case: WrittenCase) -> Told:
    return {"env.wbgt": case.env.wbgt, "env.snow": _yes(bool(case.env.snow)), "env.hot-season": Decimal(0)}


def _grade(word: str | None) -> Decimal | None:
    return None if word is None else Decimal(URINE[word])


def _whole(number: int | None) -> Decimal | None:
    return None if number is None else Decimal(number)


def _yes(told: bool | None) -> Decimal | None:
    return None if told is None else Decimal(int(told))


def _among(name: str, told: set[str] | None) -> Decimal | None:
    return None if told is None else Decimal(int(name in told))
