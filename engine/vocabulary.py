"""The names of everything the rules may look at: what each number or answer means, its unit and who would settle it.

A `number` is measured, an `answer` is 1 (yes), 0 (no) or unknown (not asked, or asked too long ago), a `derived` value
is set by a class rule or computed from others.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

import msgspec

Sort = Literal["number", "answer", "derived"]


class Spec(msgspec.Struct, frozen=True):
    """What a signal means: UCUM unit, labels, and the change below which advice is not written anew.

    `question` is the veto question that would settle an answer, None for numbers.
    """

    unit: str
    ja: str
    en: str
    material: Decimal
    sort: Sort = "number"
    question: str | None = None


# Questions in the order in which they are put: what can forbid most comes first.
QUESTION_ORDER: Final = (
    "symptoms", "pregnancy", "breastfeeding", "glucose-medicine", "heart-disease", "diabetes", "kidney",
    "eating-disorder", "cancer", "unintended-loss", "doctor-limit", "diet-treatment", "joint-pain", "medicine",
    "stroke", "implant", "smoking", "fatigue", "exercise-habit", "meal-habit", "alcohol", "sleep",
)  # fmt: skip


def _number(unit: str, ja: str, en: str, material: str) -> Spec:
    return Spec(unit, ja, en, Decimal(material))


def _answer(question: str, ja: str, en: str) -> Spec:
    return Spec("1", ja, en, Decimal(1), "answer", question)


def _derived(unit: str, ja: str, en: str, material: str = "1") -> Spec:
    return Spec(unit, ja, en, Decimal(material), "derived")


_PERSON: Final = {
    "age": _number("a", "年齢", "age", "1"),
    "age.fiscal_year": _number("a", "年度末(3月31日まで)の年齢", "age reached by 31 March", "1"),
    "sex.male": _number("1", "男性(1)・女性(0)", "male (1), female (0)", "1"),
    "height": _number("cm", "身長", "height", "1"),
    "waist": _number("cm", "腹囲", "waist", "1"),
    "visceral-fat": _number("cm2", "内臓脂肪面積", "visceral fat area", "5"),
    "grip": _number("kg", "握力", "grip strength", "2"),
    "gait": _number("m/s", "歩く速さ", "gait speed", "0.1"),
}
_WEIGHT: Final = {
    "bmi": _number("kg/m2", "BMI", "body mass index", "0.3"),
    "weight.level": _number("kg", "体重(ならした値)", "body weight, smoothed", "0.7"),
    "weight.slope_kg_per_week": _number("kg/wk", "体重の変化(1週間あたり)", "weight change per week", "0.3"),
    "weight.days_28d": _number("d", "体重を測った日数(28日間)", "days with a weight in 28 days", "28"),
    "weight.age_days": _number("d", "最後の体重からの日数", "days since the last weight", "28"),
    "weight.change_7d": _number("kg", "体重の変化(7日間)", "weight change in 7 days", "0.5"),
    "weight.change_180d": _number("kg", "体重の変化(半年)", "weight change in 180 days", "0.5"),
    "weight.loss_percent_180d": _number("%", "半年で減った割合(減る前の体重から)", "180-day loss, % of before", "1"),
}
_MEASURED: Final = {
    "steps.mean_7d": _number("{steps}/d", "1日の歩数(7日間の平均)", "steps per day, mean of 7 days", "500"),
    "steps.valid_days_7d": _number("d", "歩数の有効な日数(7日間)", "valid step days in 7 days", "7"),
    "steps.season_percent": _number("%", "同じ季節の自分とくらべた歩数", "steps against the own same season", "10"),
    "bp.home.systolic_mean": _number("mm[Hg]", "家庭血圧(上)の平均", "mean home systolic pressure", "3"),
    "bp.home.diastolic_mean": _number("mm[Hg]", "家庭血圧(下)の平均", "mean home diastolic pressure", "3"),
    "bp.home.days_7d": _number("d", "家庭血圧を測った日数(7日間)", "days with home pressure in 7 days", "7"),
    "bp.home.systolic_max": _number("mm[Hg]", "家庭血圧(上)の最高(7日間)", "highest home systolic in 7 days", "5"),
    "bp.home.diastolic_max": _number("mm[Hg]", "家庭血圧(下)の最高(7日間)", "highest home diastolic in 7 days", "5"),
    "bp.home.systolic_morning": _number("mm[Hg]", "朝の血圧(上)の平均", "mean morning systolic", "3"),
    "bp.home.systolic_evening": _number("mm[Hg]", "夜の血圧(上)の平均", "mean evening systolic", "3"),
    "bp.home.diastolic_morning": _number("mm[Hg]", "朝の血圧(下)の平均", "mean morning diastolic", "3"),
    "bp.home.diastolic_evening": _number("mm[Hg]", "夜の血圧(下)の平均", "mean evening diastolic", "3"),
    "bp.office.systolic": _number("mm[Hg]", "健診の血圧(上)", "check-up systolic pressure", "3"),
    "bp.office.diastolic": _number("mm[Hg]", "健診の血圧(下)", "check-up diastolic pressure", "3"),
    "heart.resting": _number("/min", "安静時の脈拍", "resting heart rate", "5"),
    "heart.resting_max": _number("/min", "安静時の脈拍の最高(7日間)", "highest resting heart rate in 7 days", "5"),
    "heart.resting_min": _number("/min", "安静時の脈拍の最低(7日間)", "lowest resting heart rate in 7 days", "5"),
}
_LABS: Final = {
    "lab.fpg": _number("mg/dL", "空腹時血糖", "fasting glucose", "3"),
    "lab.casual-glucose": _number("mg/dL", "随時血糖", "casual glucose", "3"),
    "lab.hba1c": _number("%", "HbA1c(NGSP)", "HbA1c (NGSP)", "0.1"),
    "lab.tg": _number("mg/dL", "中性脂肪", "triglycerides", "10"),
    "lab.hdl": _number("mg/dL", "HDLコレステロール", "HDL cholesterol", "2"),
    "lab.ldl": _number("mg/dL", "LDLコレステロール", "LDL cholesterol", "5"),
    "lab.non-hdl": _number("mg/dL", "non-HDLコレステロール", "non-HDL cholesterol", "5"),
    "lab.egfr": _number("mL/min/{1.73_m2}", "eGFR", "eGFR", "3"),
    "lab.ast": _number("U/L", "AST(GOT)", "AST", "3"),
    "lab.alt": _number("U/L", "ALT(GPT)", "ALT", "3"),
    "lab.ggt": _number("U/L", "γ-GT", "gamma-GT", "5"),
    "lab.hb": _number("g/dL", "ヘモグロビン", "haemoglobin", "0.3"),
    # - is 0, ± is 1, 1+ is 2, 2+ is 3, 3+ is 4
    "lab.urine-protein": _number("1", "尿たんぱく(−0 ±1 1+2 2+3 3+4)", "urine protein, graded", "1"),
    "lab.urine-blood": _number("1", "尿潜血(−0 ±1 1+2 2+3 3+4)", "urine blood, graded", "1"),
    "lab.hours-since-meal": _number("h", "食後の時間", "hours since the last meal", "1"),
}
_ANSWERS: Final = {
    "answer.pregnant": _answer("pregnancy", "妊娠している", "pregnant"),
    "answer.breastfeeding": _answer("breastfeeding", "授乳している", "breastfeeding"),
    "answer.smoker": _answer("smoking", "いまたばこを吸う", "smokes now"),
    "med.insulin": _answer("glucose-medicine", "インスリン", "insulin"),
    "med.sulfonylurea": _answer("glucose-medicine", "SU薬", "sulfonylurea"),
    "med.glinide": _answer("glucose-medicine", "グリニド薬", "glinide"),
    "med.glucose-lowering": _answer("glucose-medicine", "血糖を下げる薬", "glucose-lowering medicine"),
    "med.antihypertensive": _answer("medicine", "血圧を下げる薬", "antihypertensive"),
    "med.lipid-lowering": _answer("medicine", "脂質を下げる薬", "lipid-lowering medicine"),
    "has.heart-failure": _answer("heart-disease", "心不全", "heart failure"),
    "has.cvd": _answer("heart-disease", "心臓や血管の病気", "cardiovascular disease"),
    "has.atrial-fibrillation": _answer("heart-disease", "心房細動", "atrial fibrillation"),
    "has.stroke": _answer("stroke", "脳卒中", "stroke"),
    "has.diabetes": _answer("diabetes", "糖尿病", "diabetes"),
    "has.ckd": _answer("kidney", "慢性腎臓病", "chronic kidney disease"),
    "has.dialysis": _answer("kidney", "透析", "dialysis"),
    "has.eating-disorder": _answer("eating-disorder", "摂食障害", "eating disorder"),
    "has.cancer-active": _answer("cancer", "治療中のがん", "active cancer"),
    "has.implant": _answer("implant", "ペースメーカーなどの植込み機器", "pacemaker or other implant"),
    "has.doctor-limit": _answer("doctor-limit", "医師から運動や食事の制限", "a doctor's limit on exercise or food"),
    "has.diet-treatment": _answer("diet-treatment", "食事療法中", "under dietary treatment"),
    "has.joint-pain": _answer("joint-pain", "ひざや腰などの痛み", "joint or back pain"),
    "symptom.red-flag": _answer(
        "symptoms", "胸の痛み・まひ・息切れ・失神・混乱", "chest pain, palsy, fainting, confusion"
    ),
    "symptom.hypoglycemia": _answer("symptoms", "冷や汗・ふるえ(低血糖の症状)", "hypoglycaemia symptoms"),
    "symptom.irregular-pulse": _answer("symptoms", "脈が乱れる", "irregular pulse"),
    "loss.unintended": _answer("unintended-loss", "減らすつもりはなかった", "the loss was not intended"),
    "frailty.loss-2kg": _answer("unintended-loss", "半年で2kg以上、意図せず減った", "lost 2 kg in 6 months unintended"),
    "frailty.fatigue": _answer("fatigue", "わけもなく疲れた感じ(2週間)", "exhaustion in the last 2 weeks"),
    "frailty.no-exercise": _answer("exercise-habit", "週1回の運動もしていない", "no exercise even once a week"),
    "habit.exercise": _answer("exercise-habit", "週2日・30分以上の運動", "exercise 30 min twice a week"),
    "habit.skips-breakfast": _answer("meal-habit", "朝食を週3回以上抜く", "skips breakfast 3 times a week"),
    "habit.late-dinner": _answer("meal-habit", "寝る前2時間以内の夕食が週3回以上", "late dinner 3 times a week"),
    "habit.snacks": _answer("meal-habit", "間食や甘い飲み物を毎日とる", "snacks or sweet drinks every day"),
    "habit.fast-eating": _answer("meal-habit", "食べるのが速い", "eats fast"),
    "habit.salty": _answer("meal-habit", "味の濃いものをよくとる", "often salty food"),
    "habit.few-vegetables": _answer("meal-habit", "野菜をあまりとらない", "few vegetables"),
    "habit.risky-drinking": _answer("alcohol", "多めの飲酒(純アルコール1日 男40g・女20g以上)", "risky drinking"),
    "habit.poor-sleep": _answer("sleep", "睡眠で休養がとれていない", "sleep gives no rest"),
}
_PLACE: Final = {
    "env.wbgt": _number("Cel", "暑さ指数(WBGT)", "wet-bulb globe temperature", "1"),
    "env.snow": _number("1", "雪がある(1)", "snow lies (1)", "1"),
    "env.hot-season": _number("1", "暑い季節(1)", "hot season (1)", "1"),
}
_DERIVED: Final = {
    "bmi.class": _derived("1", "BMIの区分", "BMI class"),
    "bmi.target": _derived("1", "目標とするBMIの年齢区分", "age group of the target BMI"),
    "bmi.above_low": _derived("kg/m2", "目標範囲の下限との差", "BMI above the low end of the target", "0.3"),
    "bmi.goal_above_low": _derived(
        "kg/m2", "最初の目標のあとのBMIと下限との差", "BMI after the first goal above the low end", "0.3"
    ),
    "bmi.above_high": _derived("kg/m2", "目標範囲の上限との差", "BMI above the high end of the target", "0.3"),
    "waist.over": _derived("1", "腹囲が基準以上(1)", "waist at or over the cut (1)"),
    "guidance.step1": _derived("1", "ステップ1(0 なし, 1 腹囲, 2 BMI)", "step 1 (0 none, 1 waist, 2 BMI)"),
    "risk.bp": _derived("1", "血圧のリスク", "blood-pressure risk"),
    "risk.lipid": _derived("1", "脂質のリスク", "lipid risk"),
    "risk.glucose": _derived("1", "血糖のリスク", "glucose risk"),
    "guidance.untreated": _derived("1", "服薬がないときの階層", "guidance level if untreated"),
    "guidance.level": _derived("1", "特定保健指導の階層", "guidance level"),
    "mets.bp": _derived("1", "メタボの血圧項目", "metabolic syndrome: pressure item"),
    "mets.lipid": _derived("1", "メタボの脂質項目", "metabolic syndrome: lipid item"),
    "mets.glucose": _derived("1", "メタボの血糖項目", "metabolic syndrome: glucose item"),
    "mets": _derived("1", "メタボ判定", "metabolic syndrome verdict"),
    "frailty": _derived("1", "フレイルの区分(J-CHS)", "frailty class (J-CHS)"),
    "steps.target": _derived("1", "歩数の目標の年齢区分", "age group of the steps target"),
    "glucose.treated": _derived("1", "血糖の治療中", "treated for glucose"),
    "glucose.hypo-risk": _derived("1", "低血糖を起こしうる薬", "on a medicine that can cause hypoglycaemia"),
}
VOCABULARY: Final[dict[str, Spec]] = {
    **_PERSON, **_WEIGHT, **_MEASURED, **_LABS, **_ANSWERS, **_PLACE, **_DERIVED,
}  # fmt: skip
ANSWERS: Final = frozenset(_ANSWERS)
DERIVED: Final = frozenset(_DERIVED)
