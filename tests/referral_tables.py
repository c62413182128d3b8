"""The published referral tables once more, in plain Python and apart from the rules: what a reader of the notes expects.

Written from notes/advice.md sections 1.3, 1.4 and 1.8 (rule ids R-...), not from the catalogue: it shares no line with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

Values = Mapping[str, Decimal | None]
Finding = tuple[str | None, str]
GLUCOSE_MEDICINE = ("med.glucose-lowering", "med.insulin", "med.sulfonylurea", "med.glinide")
HYPOGLYCAEMIC = ("med.insulin", "med.sulfonylurea", "med.glinide")
HIGH_RISK = (
    "has.cvd",
    "has.heart-failure",
    "has.stroke",
    "has.atrial-fibrillation",
    "has.ckd",
    "has.dialysis",
    "has.diabetes",
)


def findings(values: Values) -> list[Finding]:
    """Every (red-flag code, severity) the tables give; an answer that is missing is no here, a number that is missing is nothing."""
    parts: tuple[Callable[[Values], Iterator[Finding]], ...] = (
        office, pregnancy, home, glucose, treated, lipids, kidney, liver, blood, thin, loss, gain, pulse, told,
    )  # fmt: skip
    return [*(finding for part in parts for finding in part(values)), *only_asked(values)]


def only_asked(values: Values) -> list[Finding]:
    """What of it an unasked answer does not make true: it would alarm nearly everybody."""
    return [finding for part in (elevated, obstetric_glucose, too_low, sweat) for finding in part(values)]


def yes(values: Values, *names: str) -> bool:
    return any(values.get(name) == 1 for name in names)


def over(values: Values, name: str, cut: str) -> bool:
    value = values.get(name)
    return value is not None and value >= Decimal(cut)


def below(values: Values, name: str, cut: str) -> bool:
    value = values.get(name)
    return value is not None and value < Decimal(cut)


def pressure(values: Values, where: str, systolic: int, diastolic: int) -> bool:
    upper, lower = where.split("|")
    return over(values, upper, str(systolic)) or over(values, lower, str(diastolic))


OFFICE = "bp.office.systolic|bp.office.diastolic"
MEAN = "bp.home.systolic_mean|bp.home.diastolic_mean"
SINGLE = "bp.home.systolic_max|bp.home.diastolic_max"


def high_risk(v: Values) -> bool:
    lipid = (
        below(v, "lab.hdl", "40")
        or over(v, "lab.ldl", "140")
        or over(v, "lab.tg", "150")
        or over(v, "lab.non-hdl", "170")
    )
    factors = [over(v, "age", "65"), yes(v, "sex.male"), yes(v, "answer.smoker"), lipid, over(v, "bmi", "25")]
    return yes(v, *HIGH_RISK, *GLUCOSE_MEDICINE) or sum(factors) >= 3


def office(v: Values) -> Iterator[Finding]:
    """R-BP-1, R-BP-2, R-BP-4."""
    if pressure(v, OFFICE, 180, 110):
        yield "bp_grade3", "urgent"
    elif below(v, "age", "18"):
        return
    elif pressure(v, OFFICE, 160, 100):
        yield "bp_grade2", "prompt"
    elif pressure(v, OFFICE, 140, 90):
        yield "bp_grade1", "prompt" if high_risk(v) else "soon"


def elevated(v: Values) -> Iterator[Finding]:
    """130-139/80-89 at high risk, the stricter reading of section 1.8."""
    adult = not below(v, "age", "18")
    if adult and pressure(v, OFFICE, 130, 80) and not pressure(v, OFFICE, 140, 90) and high_risk(v):
        yield None, "soon"


def pregnancy(v: Values) -> Iterator[Finding]:
    """R-BP-5."""
    if not yes(v, "answer.pregnant"):
        return
    if any(pressure(v, where, 160, 110) for where in (OFFICE, MEAN, SINGLE)):
        yield "bp_pregnancy_severe", "urgent"
    elif pressure(v, OFFICE, 140, 90) or pressure(v, MEAN, 135, 85):
        yield "bp_pregnancy", "prompt"


def obstetric_glucose(v: Values) -> Iterator[Finding]:
    """Glucose in pregnancy of section 1.8."""
    if not yes(v, "answer.pregnant"):
        return
    if over(v, "lab.fpg", "126") or over(v, "lab.hba1c", "6.5"):
        yield "glucose_pregnancy", "prompt"
    elif over(v, "lab.fpg", "92"):
        yield "glucose_pregnancy", "soon"


def home(v: Values) -> Iterator[Finding]:
    """R-BP-3, R-BP-4."""
    if pressure(v, SINGLE, 180, 110) or pressure(v, MEAN, 180, 110):
        yield "home_bp_180_110", "urgent"
    if not below(v, "age", "18"):
        if pressure(v, MEAN, 160, 100):
            yield "home_bp_grade3", "prompt"
        if pressure(v, MEAN, 135, 85):
            yield "home_bp_high", "prompt" if pressure(v, MEAN, 145, 90) else "soon"
    if over(v, "bp.home.days_7d", "1") and below(v, "bp.home.days_7d", "5"):
        yield "home_bp_insufficient_days", "routine"


def glucose(v: Values) -> Iterator[Finding]:
    """R-GLU-1, R-GLU-2, R-GLU-4."""
    if yes(v, "symptom.hypoglycemia") and yes(v, *HYPOGLYCAEMIC):
        yield "hypoglycemia", "urgent"
    if yes(v, *GLUCOSE_MEDICINE):
        return
    only_casual = (
        v.get("lab.fpg") is None and v.get("lab.hba1c") is None and not below(v, "lab.hours-since-meal", "3.5")
    )
    casual = over(v, "lab.casual-glucose", "126" if only_casual else "200")
    if over(v, "lab.fpg", "126") or over(v, "lab.hba1c", "6.5") or casual:
        yield "glucose_diabetic_range", "prompt"
    elif over(v, "lab.fpg", "110") or over(v, "lab.hba1c", "6.0"):
        yield "glucose_borderline", "routine"


def treated(v: Values) -> Iterator[Finding]:
    """R-GLU-3 above the limit; from 250, where exercise is barred (R-CI-8), whatever HbA1c says."""
    if not yes(v, *GLUCOSE_MEDICINE):
        return
    limit, fasting = "7.0", "130"
    if over(v, "age", "65") and yes(v, *HYPOGLYCAEMIC):
        limit, fasting = ("8.0" if over(v, "age", "75") else "7.5"), "160"
    if over(v, "lab.fpg", "250") or over(v, "lab.casual-glucose", "250"):
        yield "diabetes_treated_above_7", "prompt"
    elif over(v, "lab.hba1c", limit) or (v.get("lab.hba1c") is None and over(v, "lab.fpg", fasting)):
        yield "diabetes_treated_above_7", "soon"


def too_low(v: Values) -> Iterator[Finding]:
    """R-GLU-3 below the lower limit."""
    limit = "7.0" if over(v, "age", "75") else "6.5"
    if yes(v, *HYPOGLYCAEMIC) and over(v, "age", "65") and below(v, "lab.hba1c", limit):
        yield "hba1c_low_older", "soon"


def lipids(v: Values) -> Iterator[Finding]:
    """R-LIP-1, R-LIP-2."""
    known = (
        "has.diabetes",
        "has.ckd",
        "has.cvd",
        "has.stroke",
        "med.antihypertensive",
        "answer.smoker",
        *GLUCOSE_MEDICINE,
    )
    early = "soon" if yes(v, *known) or pressure(v, OFFICE, 140, 90) else "routine"
    if over(v, "lab.ldl", "180"):
        yield "ldl_180", "prompt"
    elif over(v, "lab.ldl", "140"):
        yield "ldl_140", early
    if over(v, "lab.non-hdl", "170"):
        yield "non_hdl_170", early
    if over(v, "lab.tg", "500"):
        yield "tg_500", "prompt"
    elif over(v, "lab.tg", "300"):
        yield "tg_300", "routine"


def kidney(v: Values) -> Iterator[Finding]:
    """R-CKD-1."""
    if yes(v, "has.dialysis"):
        return
    if below(v, "lab.egfr", "45"):
        yield "egfr_lt45", "prompt"
    elif below(v, "lab.egfr", "60"):
        yield "egfr_45_59", "prompt" if below(v, "age", "40") else "routine"
    risk = yes(v, "med.antihypertensive", "med.lipid-lowering", "has.diabetes", *GLUCOSE_MEDICINE)
    risk = risk or pressure(v, OFFICE, 140, 90) or over(v, "lab.ldl", "140")
    if over(v, "lab.urine-protein", "2"):
        yield "proteinuria", "prompt"
    elif over(v, "lab.urine-protein", "1") and over(v, "lab.urine-blood", "2"):
        yield "protein_trace_with_blood", "prompt"
    elif over(v, "lab.urine-protein", "1"):
        yield None, "soon" if risk else "routine"


def liver(v: Values) -> Iterator[Finding]:
    """The check-up table and the liver line of section 1.8."""
    if over(v, "lab.ast", "51") or over(v, "lab.alt", "51") or over(v, "lab.ggt", "101"):
        yield "liver_enzymes", "soon"
    elif over(v, "lab.alt", "31"):
        yield None, "routine"


def blood(v: Values) -> Iterator[Finding]:
    """Haemoglobin of the check-up table, the exact value counting."""
    value = v.get("lab.hb")
    if value is not None and value <= (12 if yes(v, "sex.male") else 11):
        yield "hb_low", "soon"


def thin(v: Values) -> Iterator[Finding]:
    """R-BMI-1 and the low-nutrition tendency of section 1.4."""
    value = v.get("bmi")
    if below(v, "bmi", "18.5") and not below(v, "age", "18"):
        yield "underweight", "routine"
    if value is not None and value <= 20 and over(v, "age", "65"):
        yield "older_low_bmi", "routine"


def loss(v: Values) -> Iterator[Finding]:
    """R-FR-1, R-FR-2."""
    change = v.get("weight.change_180d")
    measured = change is not None and change <= -2 and yes(v, "loss.unintended")
    if over(v, "age", "65") and (measured or yes(v, "frailty.loss-2kg")):
        yield "frailty_weight_loss", "soon"
    if over(v, "weight.loss_percent_180d", "5") and yes(v, "loss.unintended"):
        yield "unintended_loss_5pct", "prompt"


def gain(v: Values) -> Iterator[Finding]:
    """R-HF-1, R-DQ-1."""
    if over(v, "weight.change_7d", "2"):
        heart = yes(v, "has.heart-failure")
        yield ("hf_rapid_gain", "urgent") if heart else ("recheck_measurement", "routine")


def pulse(v: Values) -> Iterator[Finding]:
    """R-HR-1."""
    slow = any(below(v, name, "40") or v.get(name) == 40 for name in ("heart.resting", "heart.resting_min"))
    if over(v, "heart.resting", "120") or over(v, "heart.resting_max", "120") or slow:
        yield "heart_rate_extreme", "urgent"
    elif over(v, "heart.resting", "100") and not below(v, "age", "18"):
        yield "heart_rate_high", "soon"


def sweat(v: Values) -> Iterator[Finding]:
    """The symptoms of R-GLU-4 without its medicines, by the product's policy."""
    if yes(v, "symptom.hypoglycemia") and not yes(v, *HYPOGLYCAEMIC):
        yield "cold_sweat", "prompt"


def told(v: Values) -> Iterator[Finding]:
    """R-RED-1, any symptom at 180/110 (R-BP-4), and the irregular pulse of R-HR-1."""
    very_high = any(pressure(v, where, 180, 110) for where in (OFFICE, MEAN, SINGLE))
    if yes(v, "symptom.red-flag") or (very_high and yes(v, "symptom.hypoglycemia", "symptom.irregular-pulse")):
        yield "symptom_emergency", "emergency"
    if yes(v, "symptom.irregular-pulse"):
        yield "irregular_pulse", "prompt"
