"""Which of our codes a JLAC10 code means: by analyte and identification, of the right material and kind of result.

17 digits: analyte 5, identification 4, material 3, method 3, result 2. Methods differ between laboratories and do not
count; urine creatinine, a daily amount or a finding in words is not the blood value of the same analyte.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from engine.clinical_codes import Code, catalogue, code_of_jlac10

_WHOLE: Final = re.compile(r"[0-9A-Z]{17}")
_NAMES: Final = ("1.2.392.200119.6.1005", "1.2.392.200119.4.504", "JLAC10", "JC10", "JLABRESULT", "CORELABO")
_LOINC: Final = ("loinc.org", "2.16.840.1.113883.6.1")
# The names JP-CLINS fixes for its shared items (JP_Observation_LabResult_eCS 1.5), whatever the code is.
_CORE: Final = "CORELABO"
_CORE_NAMES: Final = {
    "HbA1c-NGSP": "lab.hba1c", "LDL-C": "lab.ldl", "HDL-C": "lab.hdl", "TG": "lab.tg", "AST": "lab.ast",
    "ALT": "lab.alt", "GGT": "lab.ggt", "Cre": "lab.creatinine", "UA": "lab.uric-acid", "Hb": "lab.hb",
    "FBS": "lab.fpg",
}  # fmt: skip
# Material codes of JLAC10: urine 001 to 011, blood and what is made of it 017 to 033.
_URINE: Final = range(1, 12)
_BLOOD: Final = range(17, 34)
_HOURS: Final = "lab.hours-since-meal"
# Blood pressure is measured twice, then 「その他」 stands for the mean; a waist is measured, or told by the person.
PREFERRED: Final = ("9A755", "9A765", "9A752", "9A762", "9A751", "9A761", "9N0161601", "9N0161602", "9N0161603")
# By name fasting only in check-ups; elsewhere they are of any hour unless the name says otherwise.
FASTING_IN_CHECKUPS: Final = ("3D0100000", "3F0150000", "3F0151300")
FASTING: Final = ("3F0151300",)


def plain(code: str) -> str:
    """A JLAC10 code in half width, upper case and without hyphens."""
    return unicodedata.normalize("NFKC", code).strip().upper().replace("-", "")


def is_jlac10(system: str, code: str) -> bool:
    """Whether a coding is JLAC10: by its system, or by its form where no system is named."""
    named = any(name in system.upper() for name in _NAMES)
    return bool(_WHOLE.fullmatch(plain(code))) and (named or not system)


def match(code: str) -> Code | None:
    """What a whole JLAC10 code means for us, None for what we keep no fact of."""
    whole = plain(code)
    if not _WHOLE.fullmatch(whole):
        return None
    found = code_of_jlac10(whole)
    return found if found is not None and _fits(found, whole) else None


def match_core(system: str, name: str) -> Code | None:
    """What a shared item of JP-CLINS means for us, by the name that is fixed for it."""
    return catalogue().get(_CORE_NAMES.get(name, "")) if _CORE in system.upper() else None


def match_loinc(system: str, code: str) -> Code | None:
    """What a LOINC code means for us."""
    if not any(name in system for name in _LOINC):
        return None
    return next((one for one in catalogue().values() if one.loinc and one.loinc == code), None)


def _fits(code: Code, whole: str) -> bool:
    """The material and the kind of result that belong to the code."""
    material, result = whole[9:12], whole[15:17]
    if not material.isdigit():
        return False
    if code.code == _HOURS or code.sort == "choice":
        return result == "11"
    if code.code.startswith("lab.urine"):
        return int(material) in _URINE and result == "11"
    if code.code.startswith("lab."):
        return int(material) in _BLOOD and result in {"01", "02"}
    return material == "000" and result in {"01", "02"}
