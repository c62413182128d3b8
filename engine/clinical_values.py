"""Reading one value as a fact takes it: the unit converted, the impossible refused with a reason, nothing guessed."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from zoneinfo import ZoneInfo

from engine.clinical_codes import ANSWER_WORDS, GRADE_WORDS, Code, catalogue
from engine.imports.numbers import number, said
from engine.refusal import Refusal

_JAPAN: Final = ZoneInfo("Asia/Tokyo")
# Until then Japan wrote HbA1c in JDS, about 0.4 lower; check-ups changed to NGSP with the fiscal year 2013.
NGSP_SINCE: Final = date(2013, 4, 1)
# NGSP from IFCC mmol/mol, the master equation of the two reference systems.
_IFCC: Final = (Decimal("0.09148"), Decimal("2.152"))
_UNITS: Final = {
    "mg/dl": "mg/dL", "mmol/l": "mmol/L", "umol/l": "umol/L", "μmol/l": "umol/L", "g/dl": "g/dL", "g/l": "g/L",
    "u/l": "U/L", "iu/l": "U/L", "mmhg": "mm[Hg]", "mm[hg]": "mm[Hg]", "in": "[in_i]", "lb": "[lb_av]",
    "kg/m2": "kg/m2", "cm2": "cm2", "m/s": "m/s", "ml/min/1.73m2": "mL/min/{1.73_m2}",
    "ml/min/{1.73_m2}": "mL/min/{1.73_m2}", "%(ngsp)": "%", "ngsp": "%", "%(jds)": "jds", "jds": "jds", "時間": "h",
}  # fmt: skip
_ENDED: Final = re.compile(r"[<>≦≧≤≥]|以上|以下|未満|超")


def read_value(code: str, text: str, unit: str | None, on: date) -> tuple[str, str | None] | Refusal:
    """The value and unit as they are stored, of what was written for `code` on that day.

    Refused as unknown-code, not-a-number, censored, unknown-unit, implausible, jds, ambiguous-grade or not-a-choice.
    """
    spec = catalogue().get(code)
    if spec is None:
        return Refusal("unknown-code", f"{code} is nothing that can be recorded", "code")
    plain = _folded(text)
    if spec.sort == "number":
        return _number(spec, plain, unit, on)
    if spec.sort == "grade":
        return _grade(spec, plain)
    words = ANSWER_WORDS if spec.sort == "answer" else {_folded(word): kept for word, kept in spec.words.items()}
    kept = words.get(plain)
    if kept is None:
        allowed = "yes, no, unknown" if spec.sort == "answer" else ", ".join(dict.fromkeys(spec.words.values()))
        return Refusal("not-a-choice", f"{code} is one of {allowed}", "value")
    return kept, None


def day_of(at: datetime) -> date:
    """The civil day in Japan of an instant, by which check-ups are dated."""
    return at.astimezone(_JAPAN).date()


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).replace("−", "-").replace("－", "-").replace("ー", "-").strip().lower()
    return "".join(plain.split())


def _number(spec: Code, plain: str, unit: str | None, on: date) -> tuple[str, str] | Refusal:
    if _ENDED.search(plain):
        return Refusal("censored", f"{spec.code}: {plain} is a limit, not a value", "value")
    amount = number(plain)
    if amount is None:
        return Refusal("not-a-number", f"{spec.code}: {plain} is not a number", "value")
    named = _named(unit, spec)
    if spec.code == "lab.hba1c" and (named == "jds" or (named == "" and on < NGSP_SINCE)):
        return Refusal(
            "jds", "HbA1c in JDS, or from before April 2013 without NGSP written: find the NGSP value", "unit"
        )
    value = _converted(spec, amount, named or spec.unit)
    if value is None:
        return Refusal("unknown-unit", f"{spec.code} is not measured in {unit}; write it in {spec.unit}", "unit")
    if not spec.low <= value <= spec.high:
        hint = f"; {spec.unit} is meant" if spec.unit else ""
        return Refusal(
            "implausible", f"{spec.code}: {said(value)} is not between {spec.low} and {spec.high}{hint}", "value"
        )
    return said(value), spec.unit


def _named(unit: str | None, spec: Code) -> str:
    """The UCUM name of a unit as people write it; "" where nobody wrote one."""
    folded = _folded(unit or "")
    return _UNITS.get(folded, spec.unit if folded == spec.unit.lower() else folded)


def _converted(spec: Code, amount: Decimal, unit: str) -> Decimal | None:
    if unit == spec.unit:
        return amount
    if spec.code == "lab.hba1c" and unit == "mmol/mol":
        amount = amount * _IFCC[0] + _IFCC[1]
    elif unit in spec.other:
        amount = amount * spec.other[unit]
    else:
        return None
    return amount.quantize(Decimal(1).scaleb(-spec.decimals), ROUND_HALF_UP)


def _grade(spec: Code, plain: str) -> tuple[str, str] | Refusal:
    found = GRADE_WORDS.get(plain)
    if found is not None:
        return found, spec.unit
    if plain.isdigit():
        return Refusal("ambiguous-grade", f"{spec.code}: write -, ±, 1+, 2+ or 3+ instead of a bare {plain}", "value")
    return Refusal("not-a-choice", f"{spec.code} is one of -, ±, 1+, 2+, 3+", "value")


def is_unit(code: str, text: str) -> bool:
    """Whether `text` names a unit in which `code` can be written."""
    spec = catalogue().get(code)
    if spec is None or spec.sort != "number":
        return False
    named = _named(text, spec)
    return named == spec.unit or named in spec.other or (code == "lab.hba1c" and named in {"jds", "mmol/mol"})
