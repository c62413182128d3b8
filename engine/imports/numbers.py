"""Numbers and units as people and apps write them: full width, decimal comma, 「６２．３」, lb, 回/分."""

from __future__ import annotations

import json
import re
import unicodedata
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final

from engine.contract.kinds import KINDS
from engine.contract.reading import Value
from engine.contract.units import accepts

_PLAIN: Final = re.compile(r"[+-]?(\d{1,12}(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?")
_GROUPED: Final = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_DOTTED: Final = re.compile(r"[+-]?\d{1,3}(\.\d{3})+")
_DECIMALS: Final = 9
# No measurement is larger, and in another unit it still fits the wire.
_LARGEST: Final = Decimal(10) ** 8
# What stands in a cell where nothing was measured.
ABSENT: Final = frozenset({"", "-", "--", "---", "―", "ー", "−", "null", "none", "nan", "n/a"})
# Spoken unit -> UCUM unit and factor. Exact by definition: ft = 30.48 cm, mi = 1609.344 m, st = 14 lb, kcal = 4.184 kJ.
UNITS: Final[dict[str, tuple[str, str]]] = {
    "kg": ("kg", "1"), "キロ": ("kg", "1"), "g": ("g", "1"), "lb": ("[lb_av]", "1"), "lbs": ("[lb_av]", "1"),
    "ポンド": ("[lb_av]", "1"), "st": ("[lb_av]", "14"), "[lb_av]": ("[lb_av]", "1"),
    "cm": ("cm", "1"), "センチ": ("cm", "1"), "m": ("m", "1"), "mm": ("cm", "0.1"), "in": ("[in_i]", "1"),
    "[in_i]": ("[in_i]", "1"), "ft": ("cm", "30.48"), "km": ("km", "1"), "mi": ("m", "1609.344"),
    "%": ("%", "1"), "mmhg": ("mm[Hg]", "1"), "mm[hg]": ("mm[Hg]", "1"), "kpa": ("kPa", "1"),
    "count/min": ("/min", "1"), "/min": ("/min", "1"), "bpm": ("/min", "1"), "回/分": ("/min", "1"),
    "拍/分": ("/min", "1"), "{beats}/min": ("/min", "1"), "{breaths}/min": ("/min", "1"),
    "degc": ("Cel", "1"), "cel": ("Cel", "1"), "°c": ("Cel", "1"), "℃": ("Cel", "1"), "c": ("Cel", "1"),
    "degf": ("[degF]", "1"), "[degf]": ("[degF]", "1"), "°f": ("[degF]", "1"), "℉": ("[degF]", "1"),
    "kcal": ("kJ", "4.184"), "cal": ("kJ", "4.184"), "kj": ("kJ", "1"),
    "min": ("min", "1"), "分": ("min", "1"), "h": ("h", "1"), "hr": ("h", "1"), "時間": ("h", "1"),
    "count": ("1", "1"), "steps": ("{steps}", "1"), "歩": ("{steps}", "1"), "{steps}": ("{steps}", "1"),
}  # fmt: skip


def number(text: str, comma: bool = False) -> Decimal | None:
    """The number `text` says, in any width, None when it is none; `comma` True reads 62,3 as 62.3 and 2.000 as 2000."""
    plain = unicodedata.normalize("NFKC", text).strip().replace("−", "-").replace("\u00a0", "").replace(" ", "")
    if comma:
        plain = plain.replace(".", "").replace(",", ".") if "," in plain or _DOTTED.fullmatch(plain) else plain
    elif _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    if not _PLAIN.fullmatch(plain):
        return None
    try:
        found = Decimal(plain)
    except InvalidOperation:
        return None
    return found if abs(found) < _LARGEST else None


def exact_json(text: bytes) -> Any:
    """JSON with every number as it is written; ValueError for anything that is none, however it fails."""
    try:
        return json.loads(text, parse_float=Decimal, parse_int=Decimal)
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise ValueError(f"not whole JSON: {error}") from error


def is_absent(text: str) -> bool:
    """Whether a cell says that nothing was measured."""
    return unicodedata.normalize("NFKC", text).strip().lower() in ABSENT


def said(amount: Decimal) -> str:
    """The digits of `amount` as the wire takes them: no exponent, at most nine decimals."""
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -_DECIMALS:
        amount = amount.quantize(Decimal(1).scaleb(-_DECIMALS), ROUND_HALF_UP)
        amount = amount.normalize() if amount else Decimal(0)
    return format(amount or amount.copy_abs(), "f")


def value_of(kind: str, amount: Decimal, unit: str) -> Value | None:
    """`amount` in the spoken `unit` as a value of `kind`, in a unit intake can convert; None when there is no way."""
    wanted = KINDS[kind].unit
    if accepts(unit, wanted):
        return Value(kind, said(amount), unit)
    ucum, factor = UNITS.get(unicodedata.normalize("NFKC", unit).strip().lower(), (unit, "1"))
    if ucum == "kJ" and wanted.startswith("kcal") and factor != "1":
        return Value(kind, said(amount), wanted)
    if ucum == "1" and wanted in {"kg/m2", "{steps}/d", "{steps}", "/min", "{level}"}:
        return Value(kind, said(amount), wanted)
    if not accepts(ucum, wanted):
        return None
    return Value(kind, said(amount * Decimal(factor)), ucum)
