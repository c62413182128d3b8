"""One table of everything that can be measured; codes from LOINC, IEEE 11073-10101, MEDIS, UCUM and FHIR R4.

Sources of the codes: HL7 FHIR R4 vital-signs profiles, HL7 PHD 2.0.0, JP Core 1.1.2, MEDIS 看護実践用語標準マスター.
Where no standard code exists the code is None and our own code system carries the kind's name.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

Category = Literal["vital-signs", "exam", "activity", "survey"]


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A measurable thing: `low`..`high` is the plausible range in `unit`, `decimals` the digits shown to people.

    `quantity` is the name a device profile uses for the same thing (see `firmware_profiles`), None for what no
    device sends. `panel` names the kind whose Observation this one is a component of (blood pressure). `observed`
    False keeps a kind out of FHIR (battery, room climate: nobody's body).
    """

    code: str
    ja: str
    en: str
    unit: str
    low: Decimal
    high: Decimal
    decimals: int
    category: Category = "exam"
    quantity: str | None = None
    loinc: str | None = None
    loinc_also: str | None = None
    mdc: int | None = None
    medis: str | None = None
    medis_system: Literal["medis_body", "medis_vital"] | None = None
    jp_category: str = "body-measurement"
    jp_category2: str | None = None
    hl7_profile: str | None = None
    panel: str | None = None
    derived: bool = False
    observed: bool = True


def _body(code: str, ja: str, en: str, unit: str, span: tuple[str, str], decimals: int, **more: object) -> Kind:
    low, high = span
    fields: dict[str, object] = {"code": code, "ja": ja, "en": en, "unit": unit, "decimals": decimals}
    fields |= {"low": Decimal(low), "high": Decimal(high)}
    return Kind(**(fields | more))  # type: ignore[arg-type]


def _vital(code: str, ja: str, en: str, unit: str, span: tuple[str, str], decimals: int, **more: object) -> Kind:
    defaults: dict[str, object] = {"category": "vital-signs", "jp_category": "vital-signs"}
    defaults |= {"medis_system": "medis_vital"} if "medis" in more else {}
    return _body(code, ja, en, unit, span, decimals, **(defaults | more))


def _activity(code: str, ja: str, en: str, unit: str, span: tuple[str, str], decimals: int, **more: object) -> Kind:
    defaults: dict[str, object] = {"category": "activity", "jp_category": "activity"}
    return _body(code, ja, en, unit, span, decimals, **(defaults | more))


def _room(code: str, ja: str, en: str, unit: str, span: tuple[str, str], decimals: int, **more: object) -> Kind:
    return _body(code, ja, en, unit, span, decimals, **({"observed": False, "category": "survey"} | more))


BODY = (
    _body("body-weight", "体重", "body weight", "kg", ("2", "300"), 2, category="vital-signs", quantity="weight",
          loinc="29463-7", mdc=188736, medis="31000296", medis_system="medis_body", jp_category2="weight",
          hl7_profile="bodyweight"),
    _body("body-height", "身長", "body height", "cm", ("40", "230"), 1, category="vital-signs", quantity="height",
          loinc="8302-2", mdc=188740, medis="31000298", medis_system="medis_body", jp_category2="height",
          hl7_profile="bodyheight"),
    _body("bmi", "BMI", "body mass index", "kg/m2", ("7", "100"), 1, category="vital-signs", quantity="bmi",
          loinc="39156-5", mdc=188752, medis="31003020", medis_system="medis_body", jp_category2="body-mass-index",
          hl7_profile="bmi", derived=True),
    _body("body-fat", "体脂肪率", "body fat percentage", "%", ("1", "75"), 1, quantity="body_fat_percentage",
          loinc="41982-0", mdc=188748, medis="31001697", medis_system="medis_body", jp_category2="body-fat-percentage"),
    _body("fat-mass", "体脂肪量", "fat mass", "kg", ("0.5", "200"), 2, loinc="73708-0"),
    _body("muscle-mass", "筋肉量", "muscle mass", "kg", ("2", "150"), 2, quantity="muscle_mass", loinc="73964-9",
          mdc=188776),
    _body("muscle-percentage", "筋肉率", "muscle percentage", "%", ("5", "95"), 1, quantity="muscle_percentage",
          loinc="73965-6", mdc=188772),
    _body("skeletal-muscle-percentage", "骨格筋率", "skeletal muscle percentage", "%", ("5", "70"), 1,
          quantity="skeletal_muscle_percentage"),
    _body("lean-mass", "除脂肪量", "fat-free mass", "kg", ("2", "200"), 2, quantity="fat_free_mass", loinc="91557-9",
          mdc=188756),
    _body("soft-lean-mass", "軟部除脂肪量", "soft lean mass", "kg", ("2", "200"), 2, quantity="soft_lean_mass",
          mdc=188760),
    _body("bone-mass", "推定骨量", "bone mass", "kg", ("0.3", "10"), 2, loinc="101685-6"),
    _body("bone-percentage", "推定骨量率", "bone percentage", "%", ("0.5", "15"), 1, loinc="101686-4"),
    _body("body-water-mass", "体水分量", "body water mass", "kg", ("1", "150"), 2, quantity="body_water_mass",
          loinc="101683-1", mdc=188764),
    _body("body-water-percentage", "体水分率", "body water percentage", "%", ("10", "90"), 1,
          quantity="body_water_percentage", loinc="101684-9", mdc=188764),
    _body("basal-metabolism", "基礎代謝量", "basal metabolism", "kcal/d", ("300", "6000"), 0,
          quantity="basal_metabolism", mdc=188768),
    _body("visceral-fat-level", "内臓脂肪レベル", "visceral fat level", "{level}", ("0", "60"), 1,
          quantity="visceral_fat_level"),
    _body("body-age", "体内年齢", "body age", "a", ("5", "120"), 0, quantity="body_age"),
    _body("impedance", "生体インピーダンス", "body impedance", "Ohm", ("50", "3000"), 1, quantity="impedance",
          mdc=188780),
    _body("impedance-50khz", "生体インピーダンス(50kHz)", "body impedance at 50 kHz", "Ohm", ("50", "3000"), 1,
          quantity="impedance_50khz"),
    _body("impedance-250khz", "生体インピーダンス(250kHz)", "body impedance at 250 kHz", "Ohm", ("50", "3000"), 1,
          quantity="impedance_250khz"),
    _body("waist", "腹囲", "waist circumference", "cm", ("30", "250"), 1, loinc="8280-0", medis="31000301",
          medis_system="medis_body", jp_category2="abdominal-circumference"),
)  # fmt: skip

ACTIVITY = (
    _activity("steps-day", "歩数(1日)", "steps per day", "{steps}/d", ("0", "100000"), 0, loinc="41950-7", mdc=8388711,
              derived=True),
    _activity("steps-interval", "歩数(区間)", "steps in an interval", "{steps}", ("0", "100000"), 0, loinc="55423-8",
              mdc=8388711),
    _activity("steps-total", "歩数計の累計", "running step total", "{steps}", ("0", "4294967295"), 0, quantity="steps",
              observed=False),
    _activity("distance", "移動距離", "distance", "m", ("0", "500000"), 1, quantity="distance", loinc="55430-3",
              mdc=8388711),
    _activity("total-distance", "累計距離", "running distance total", "m", ("0", "500000000"), 1,
              quantity="total_distance", observed=False),
    _activity("active-minutes", "活動時間", "active minutes", "min", ("0", "1440"), 0, loinc="55411-3", mdc=8388733),
    _activity("calories-day", "消費エネルギー(1日)", "calories burned per day", "kcal/(24.h)", ("0", "20000"), 0,
              loinc="41979-6", mdc=8388727),
    _activity("calories-interval", "消費エネルギー(区間)", "calories burned in an interval", "kcal", ("0", "20000"), 0,
              loinc="55424-6", mdc=8388727),
    _activity("energy-expended", "消費エネルギー", "energy expended", "kJ", ("0", "65535"), 0,
              quantity="energy_expended", mdc=8388727),
    _activity("cadence", "歩調", "cadence", "/min", ("0", "300"), 0, quantity="cadence"),
    _activity("speed", "速度", "speed", "m/s", ("0", "20"), 2, quantity="speed"),
    _activity("stride-length", "歩幅", "stride length", "m", ("0", "3"), 2, quantity="stride_length"),
    _activity("sleep-duration", "睡眠時間", "sleep duration", "min", ("0", "1440"), 0, loinc="93832-4"),
    _activity("sleep-light", "浅い睡眠の時間", "light sleep", "min", ("0", "1440"), 0, loinc="93830-8"),
    _activity("sleep-deep", "深い睡眠の時間", "deep sleep", "min", ("0", "1440"), 0, loinc="93831-6"),
    _activity("sleep-rem", "レム睡眠の時間", "REM sleep", "min", ("0", "1440"), 0, loinc="93829-0"),
)  # fmt: skip

VITAL = (
    _vital("heart-rate", "心拍数", "heart rate", "/min", ("20", "300"), 0, quantity="heart_rate", loinc="8867-4",
           mdc=147842, medis="31000595", jp_category2="cardiac-function", hl7_profile="heartrate"),
    _vital("pulse-rate", "脈拍数", "pulse rate", "/min", ("20", "300"), 0, quantity="pulse_rate", loinc="8867-4",
           mdc=149546, medis="31001390", jp_category2="cardiac-function", hl7_profile="heartrate"),
    _vital("resting-heart-rate", "安静時心拍数", "resting heart rate", "/min", ("20", "200"), 0, loinc="40443-4",
           jp_category2="cardiac-function", derived=True),
    _vital("spo2", "SpO2", "oxygen saturation", "%", ("50", "100"), 0, quantity="spo2", loinc="2708-6",
           loinc_also="59408-5", mdc=150456, medis="31000001", jp_category2="respiratory-function",
           hl7_profile="oxygensat"),
    _vital("pulse-amplitude-index", "脈波振幅指数", "pulse amplitude index", "%", ("0", "100"), 1,
           quantity="pulse_amplitude_index", mdc=150488),
    _vital("blood-pressure", "血圧", "blood pressure", "mm[Hg]", ("0", "400"), 0, loinc="85354-9", mdc=150020,
           medis="31002365", jp_category2="blood-pressure", hl7_profile="bp"),
    _vital("systolic", "収縮期血圧", "systolic blood pressure", "mm[Hg]", ("50", "300"), 0, quantity="systolic",
           loinc="8480-6", mdc=150021, medis="31001848", panel="blood-pressure"),
    _vital("diastolic", "拡張期血圧", "diastolic blood pressure", "mm[Hg]", ("20", "200"), 0, quantity="diastolic",
           loinc="8462-4", mdc=150022, medis="31001849", panel="blood-pressure"),
    _vital("mean-arterial-pressure", "平均血圧", "mean blood pressure", "mm[Hg]", ("30", "250"), 0,
           quantity="mean_arterial_pressure", loinc="8478-0", mdc=150023, medis="31003958", panel="blood-pressure"),
    _vital("body-temperature", "体温", "body temperature", "Cel", ("30", "44"), 1, quantity="temperature",
           loinc="8310-5", mdc=150364, medis="31001368", jp_category2="temperature", hl7_profile="bodytemp"),
    _vital("skin-temperature", "皮膚温(前額部)", "skin temperature", "Cel", ("15", "45"), 1,
           loinc="39106-0", mdc=150388,
           medis="31000620", jp_category2="body-surface-skin-temperature"),
    _vital("respiratory-rate", "呼吸数", "respiratory rate", "/min", ("3", "80"), 0, loinc="9279-1", mdc=151562,
           medis="31001369", jp_category2="respiratory-function", hl7_profile="resprate"),
)  # fmt: skip

ROOM = (
    _room("room-temperature", "室温", "room temperature", "Cel", ("-40", "85"), 1),
    _room("room-humidity", "湿度", "room humidity", "%", ("0", "100"), 0, quantity="humidity"),
    _room("air-pressure", "気圧", "air pressure", "mbar", ("300", "1200"), 1, quantity="pressure"),
    _room("co2", "二酸化炭素濃度", "carbon dioxide", "[ppm]", ("0", "20000"), 0, quantity="co2"),
    _room("battery", "電池残量", "battery level", "%", ("0", "100"), 0, quantity="battery"),
)

KINDS: dict[str, Kind] = {kind.code: kind for kind in (*BODY, *ACTIVITY, *VITAL, *ROOM)}
BY_QUANTITY: dict[str, Kind] = {kind.quantity: kind for kind in KINDS.values() if kind.quantity}
