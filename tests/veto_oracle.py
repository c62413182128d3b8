"""People in numbers, and what must not be said to them, by an oracle that knows nothing of the catalogue.

It is written anew from section 1.7 and 1.8 of the product's clinical rules, in plain comparisons.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Final

from engine.signals import Signal, Signals
from engine.vocabulary import ANSWERS, VOCABULARY

AS_OF: Final = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
Values = Mapping[str, Decimal | None]
# What a value may be, around the thresholds, beside being unknown.
NUMBERS: Final[dict[str, tuple[str, ...]]] = {
    "age": ("16", "17", "18", "40", "50", "64", "65", "70", "74", "75", "82"),
    "sex.male": ("0", "1"), "height": ("150", "160", "175"), "weight.level": ("45", "56", "64", "70", "90"),
    "waist": ("80", "84.9", "85", "89.9", "90", "100"), "weight.change_180d": ("-4", "-2.0", "-1.9", "0", "3"),
    "weight.loss_percent_180d": ("0", "4.9", "5", "7"), "weight.change_7d": ("0", "1.9", "2.0", "3"),
    "bp.office.systolic": ("120", "139", "140", "179", "180"), "bp.office.diastolic": ("70", "89", "90", "109", "110"),
    "bp.home.systolic_max": ("120", "140", "179", "180", "190"), "bp.home.diastolic_max": ("70", "90", "109", "110"),
    "bp.home.systolic_mean": ("120", "134", "135", "180"), "bp.home.diastolic_mean": ("70", "84", "85", "110"),
    "heart.resting": ("39", "40", "41", "70", "119", "120"), "heart.resting_max": ("80", "119", "120"),
    "heart.resting_min": ("40", "41", "60"), "lab.fpg": ("90", "249", "250"), "lab.casual-glucose": ("100", "249", "250"),
    "lab.egfr": ("25", "44", "45", "70"), "env.wbgt": ("20", "27", "28", "30", "31", "34"), "env.snow": ("0", "1"),
    "env.hot-season": ("0", "1"), "steps.mean_7d": ("1500", "4000", "7999"), "grip": ("17", "30"), "gait": ("0.9", "1.2"),
}  # fmt: skip
# What is dangerous only together.
PAIRS: Final = (
    ("has.heart-failure", "weight.change_7d"), ("answer.pregnant", "bp.office.systolic"), ("age", "env.wbgt"),
    ("answer.pregnant", "bp.home.diastolic_mean"), ("age", "env.snow"), ("age", "env.hot-season"), ("weight.level", "height"),
    ("weight.level", "waist"), ("age", "weight.level", "waist"), ("lab.egfr", "has.ckd"), ("env.wbgt", "weight.level"),
    ("age", "grip", "gait", "frailty.fatigue", "frailty.no-exercise"), ("weight.level", "has.eating-disorder"),
)  # fmt: skip
LOSS: Final = frozenset({"weight_loss", "calorie_deficit"})
NO_MEAL: Final = frozenset({"skip_meal", "fasted_exercise"})
MORE_ON_THE_PLATE: Final = frozenset({"protein_increase", "potassium_increase"})
LOW_END: Final = ((65, Decimal("21.5")), (50, Decimal("20.0")), (18, Decimal("18.5")))


def profile(rng: Random, known: float = 0.75) -> dict[str, Decimal | None]:
    """A person of whom about a quarter is unknown; the answers nobody gave are None."""
    found: dict[str, Decimal | None] = {
        name: Decimal(rng.choice(options)) if rng.random() < known else None for name, options in NUMBERS.items()
    }
    for name in sorted(ANSWERS):
        found[name] = Decimal(rng.choice("00001")) if rng.random() < known else None
    height, weight = found["height"], found["weight.level"]
    found["bmi"] = None if height is None or weight is None else _bmi(weight, height)
    return found


def nearly_well(rng: Random) -> dict[str, Decimal | None]:
    """A person with nothing against anything but one to three things, unknown or out of the ordinary."""
    found: dict[str, Decimal | None] = well(rng)
    for name in rng.sample(sorted({*NUMBERS, *ANSWERS} - {"height", "weight.level"}), rng.randint(1, 3)):
        options = NUMBERS.get(name, ("0", "1", "1"))
        found[name] = None if rng.random() < 0.4 else Decimal(rng.choice(options))
    return found


def _bmi(weight: Decimal, height: Decimal) -> Decimal:
    tenths = weight * 100_000 / (height * height)
    return Decimal(int(tenths + Decimal("0.5"))) / 10


def picture(values: Values) -> Signals:
    return Signals(AS_OF, {name: Signal(value=value, unit=VOCABULARY[name].unit) for name, value in values.items()})


class Oracle:
    """What must not be said of one person, for sure (`sure`) or until somebody asked (`feared`)."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self.sure: set[str] = set()
        self.feared: set[str] = set()
        self._loss()
        self._conditions()
        self._medicine()
        self._kidneys()
        self._acute()
        self._weather()
        self._unasked_heart()
        self._frailty()

    def _at_least(self, name: str, cut: str) -> bool:
        value = self._values.get(name)
        return value is not None and value >= Decimal(cut)

    def _below(self, name: str, cut: str) -> bool:
        value = self._values.get(name)
        return value is not None and value < Decimal(cut)

    def _bar(self, answer: str, codes: frozenset[str] | set[str]) -> None:
        if self._values.get(answer) is None:
            self.feared |= codes
        elif self._values[answer] == 1:
            self.sure |= codes

    def _unasked(self, *answers: str) -> bool:
        return any(self._values.get(answer) is None for answer in answers)

    def _loss(self) -> None:
        v, bmi, age = self._values, self._values["bmi"], self._values["age"]
        if age is None or age < 18:
            self.sure |= LOSS | NO_MEAL | {"exercise_increase", "steps_target", "auto_weight_loss"}
        if age is not None and age >= 75:
            self.sure.add("auto_weight_loss")
        cut = {Decimal(1): "85", Decimal(0): "90", None: "90"}[v["sex.male"]]
        large = self._at_least("waist", cut)
        if bmi is not None and bmi < 25:
            (self.sure if not large and v["waist"] is not None and v["sex.male"] is not None else self.feared).update(
                set() if large else LOSS
            )
            low = next((end for start, end in LOW_END if age is not None and age >= start), None)
            height, weight = v["height"], v["weight.level"]
            if low is not None and height is not None and weight is not None and _bmi(weight - 2, height) < low:
                self.sure |= LOSS
            if bmi < Decimal("18.5") or (low is not None and bmi < low):
                self.sure |= NO_MEAL
        if bmi is not None and bmi < Decimal("18.5"):
            self.sure |= NO_MEAL
        lost = v["weight.change_180d"] is None or v["weight.change_180d"] <= -2
        if v["loss.unintended"] == 1 or v["frailty.loss-2kg"] == 1:
            self.sure |= LOSS
        elif v["loss.unintended"] is None and (lost or self._at_least("weight.loss_percent_180d", "5")):
            self.feared |= LOSS

    def _conditions(self) -> None:
        self._bar("answer.pregnant", LOSS | {"steps_target"})
        self._bar("answer.breastfeeding", LOSS)
        high = (
            self._at_least("bp.office.systolic", "140") or self._at_least("bp.office.diastolic", "90")
            or self._at_least("bp.home.systolic_mean", "135") or self._at_least("bp.home.diastolic_mean", "85")
        )  # fmt: skip
        if self._values["answer.pregnant"] is None:
            self.feared.add("exercise_increase")
        elif self._values["answer.pregnant"] == 1 and high:
            self.sure.add("exercise_increase")
        self._bar("has.eating-disorder", LOSS | {"weight_display"})
        if self._values["has.eating-disorder"] == 1:
            self.sure |= {"exercise_increase", "steps_target"}
        if self._values["answer.smoker"] == 1:
            self.sure.add("smoking_cessation")
        self._bar("has.cancer-active", LOSS | {"weight_display"})
        self._bar("has.heart-failure", {"fluid_increase", "snow_shovelling"})
        gain = self._values["weight.change_7d"]
        if self._values["has.heart-failure"] is None:
            self.feared.add("exercise_increase")
        elif self._values["has.heart-failure"] == 1 and (gain is None or gain >= 2):
            self.sure.add("exercise_increase")
        for disease in ("has.cvd", "has.stroke", "has.atrial-fibrillation"):
            self._bar(disease, {"vigorous_exercise", "snow_shovelling"})
        self._bar(
            "has.doctor-limit", LOSS | NO_MEAL | MORE_ON_THE_PLATE | {"exercise_increase", "fluid_increase", "servings"}
        )
        self._bar("has.diet-treatment", {"servings", "calorie_deficit"})
        self._bar("has.joint-pain", {"vigorous_exercise"})
        self._bar("has.implant", {"body_composition"})

    def _medicine(self) -> None:
        risky = ("med.insulin", "med.sulfonylurea", "med.glinide")
        for medicine in risky:
            self._bar(medicine, NO_MEAL | {"unsupervised_calorie_deficit", "hypoglycemia_precaution"})
        known = any(self._values[medicine] == 1 for medicine in risky)
        if not known and self._unasked(*risky, "med.glucose-lowering"):
            self.feared |= {"exercise_increase", "calorie_deficit"}

    def _kidneys(self) -> None:
        if self._below("lab.egfr", "45"):
            self.sure |= MORE_ON_THE_PLATE
        if self._values["lab.egfr"] is None:
            self._bar("has.ckd", MORE_ON_THE_PLATE)
        if self._values["has.ckd"] == 1:
            self.sure.add("protein_increase")
        if self._values["has.dialysis"] == 1:
            self.sure |= MORE_ON_THE_PLATE | {"fluid_increase"}
        if self._values["has.dialysis"] is None and not self._at_least("lab.egfr", "45"):
            self.feared |= MORE_ON_THE_PLATE | {"fluid_increase"}

    def _acute(self) -> None:
        pressure = (("bp.office.systolic", "180"), ("bp.home.systolic_max", "180"), ("bp.home.systolic_mean", "180"),
                    ("bp.office.diastolic", "110"), ("bp.home.diastolic_max", "110"), ("bp.home.diastolic_mean", "110"))  # fmt: skip
        sugar, rate = (("lab.fpg", "250"), ("lab.casual-glucose", "250")), (("heart.resting", "120"),)
        slow = self._values["heart.resting"]
        if any(self._at_least(*one) for one in (*pressure, *sugar, *rate)) or (slow is not None and slow <= 40):
            self.sure |= {"exercise_increase", "vigorous_exercise"}
        if self._at_least("heart.resting_max", "120") or not self._at_least_or_unknown("heart.resting_min", "41"):
            self.sure.add("exercise_increase")
        for symptom in ("symptom.red-flag", "symptom.hypoglycemia", "symptom.irregular-pulse"):
            self._bar(symptom, {"exercise_increase", "fasted_exercise"})

    def _at_least_or_unknown(self, name: str, cut: str) -> bool:
        return self._values.get(name) is None or self._at_least(name, cut)

    def _weather(self) -> None:
        age, wbgt = self._values["age"], self._values["env.wbgt"]
        older = age is None or age >= 65
        hot = self._at_least("env.wbgt", "28") or (wbgt is None and self._values["env.hot-season"] == 1)
        if hot:
            self.sure |= {"vigorous_exercise"} | ({"outdoor_exercise"} if older else set())
        if hot and self._at_least("bmi", "25"):
            self.sure.add("outdoor_exercise")
        if self._at_least("env.wbgt", "31"):
            self.sure |= {"outdoor_exercise"} | ({"exercise_increase"} if older else set())
        if older:
            self.sure |= {"snow_shovelling"} | ({"outdoor_exercise"} if self._values["env.snow"] == 1 else set())

    def _unasked_heart(self) -> None:
        if self._unasked("has.cvd", "has.atrial-fibrillation"):
            self.feared.add("exercise_increase")

    def _frailty(self) -> None:
        v = self._values
        grip = {Decimal(1): Decimal(28), Decimal(0): Decimal(18)}.get(
            v["sex.male"] if v["sex.male"] is not None else Decimal(-1)
        )
        items = [
            v["frailty.loss-2kg"],
            v["frailty.fatigue"],
            v["frailty.no-exercise"],
            v["grip"],
            v["gait"],
            grip,
            v["age"],
        ]
        if any(item is None for item in items):
            return
        signs = sum(v[name] == 1 for name in ("frailty.loss-2kg", "frailty.fatigue", "frailty.no-exercise"))
        signs += (v["grip"] or 0) < (grip or 0)
        signs += self._below("gait", "1.0")
        if self._at_least("age", "65") and signs >= 3:
            self.sure |= LOSS | {"vigorous_exercise"}
        if self._at_least("age", "65") and signs >= 1:
            self.sure |= {"auto_weight_loss", "skip_meal"}


def anybody(rng: Random) -> dict[str, Decimal | None]:
    """One of three: little against anything, a dangerous pair, or anything at all."""
    kind = rng.randrange(3)
    if kind == 2:
        return profile(rng, rng.choice((0.5, 0.75, 0.95, 1.0)))
    values = nearly_well(rng)
    for name in rng.choice(PAIRS) if kind else ():
        values[name] = Decimal(rng.choice(NUMBERS.get(name, ("1", "1", "0"))))
    height, weight = values["height"], values["weight.level"]
    values["bmi"] = None if height is None or weight is None else _bmi(weight, height)
    return values


def well(rng: Random) -> dict[str, Decimal | None]:
    """Somebody heavy and inactive for whom every push would be in place, with every question answered by no."""
    weight, height = Decimal(rng.randint(75, 110)), Decimal(rng.randint(150, 165))
    measured = {"age": rng.choice(("35", "52", "60", "68")), "sex.male": rng.choice("01"), "waist": "102"}
    found: dict[str, Decimal | None] = {name: Decimal(value) for name, value in measured.items()}
    found |= {"height": height, "weight.level": weight, "bmi": _bmi(weight, height), "steps.mean_7d": Decimal(3000)}
    found |= {"bp.office.systolic": Decimal(118), "bp.office.diastolic": Decimal(72), "lab.egfr": Decimal(80)}
    found |= {"weight.change_180d": Decimal(0), "weight.loss_percent_180d": Decimal(0), "env.snow": Decimal(0)}
    found |= {"env.hot-season": Decimal(0), "grip": Decimal(35), "gait": Decimal("1.2"), "heart.resting": Decimal(65)}
    found |= {"env.wbgt": None, **dict.fromkeys(NUMBERS.keys() - found.keys())}
    found |= {"weight.days_28d": Decimal(20), "steps.valid_days_7d": Decimal(7), "weight.change_7d": Decimal(0)}
    return {**found, **dict.fromkeys(ANSWERS, Decimal(0))}
