"""What a person types about themselves: `weight 62.3`, 体重 ６２．３kg, `bp 128/76 pulse 70`, 歩数 5,400."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from engine.contract.kinds import KINDS
from engine.contract.reading import Value
from engine.imports.numbers import number, said, value_of
from engine.intake import store_form
from engine.refusal import Refusal

NAMES: Final[dict[str, str]] = {
    "weight": "body-weight", "体重": "body-weight", "waist": "waist", "腹囲": "waist", "ウエスト": "waist",
    "bp": "blood-pressure", "pressure": "blood-pressure", "血圧": "blood-pressure",
    "pulse": "pulse-rate", "脈拍": "pulse-rate", "脈": "pulse-rate",
    "steps": "steps-day", "歩数": "steps-day", "height": "body-height", "身長": "body-height",
    "fat": "body-fat", "体脂肪": "body-fat", "体脂肪率": "body-fat",
    "temperature": "body-temperature", "体温": "body-temperature",
}  # fmt: skip
_PAIR: Final = re.compile(r"(\d{1,3}(?:\.\d)?)\s*[/\-‐−・]\s*(\d{1,3}(?:\.\d)?)(?:\s*mmhg)?", re.IGNORECASE)
_SUFFIX: Final = re.compile(r"(?P<number>[-+0-9.,\s]+?)\s*(?P<unit>[^\d.,\s].*)?")
# A change of these within a year by more than that share is asked about before it is believed.
_UNUSUAL: Final = {"body-weight": Decimal("0.15"), "waist": Decimal("0.2"), "body-height": Decimal("0.03")}


class Doubt(msgspec.Struct, frozen=True):
    """A value that can be but surprises: what it was `before`."""

    kind: str
    before: Decimal
    now: Decimal


def parse(words: Sequence[str], unit: str | None = None) -> tuple[Value, ...] | Refusal:
    """The values of pairs of name and number; `unit` is the weight's (kg or lb) unless the number carries its own.

    Refused: missing-value, unknown-name, not-a-number, unknown-unit, not-a-pressure, implausible, crossed, twice.
    The message of the last-named three is a better guess for the question, or "".
    """
    plain = [unicodedata.normalize("NFKC", word).strip() for word in words]
    if len(plain) % 2:
        return Refusal("missing-value", "write a name and a number: weight 62.3 bp 128/76", plain[-1])
    values: list[Value] = []
    for name, text in zip(plain[::2], plain[1::2], strict=True):
        kind = NAMES.get(name.lower())
        if kind is None:
            return Refusal("unknown-name", f"names are {', '.join(sorted(n for n in NAMES if n.isascii()))}", name)
        found = _pressure(text) if kind == "blood-pressure" else _single(kind, text, unit)
        if isinstance(found, Refusal):
            return found
        values += found
    if len({value.kind for value in values}) < len(values):
        return Refusal("twice", "", "one value of each kind at a time")
    return tuple(values)


def unusual(values: Sequence[Value], before: dict[str, Decimal]) -> Doubt | None:
    """The first value that is far from the last one known of its kind."""
    for value in values:
        share, last, stored = _UNUSUAL.get(value.kind), before.get(value.kind), store_form(value)
        if share and last and not isinstance(stored, str) and abs(stored.value - last) > share * last:
            return Doubt(value.kind, last, stored.value)
    return None


def _single(kind: str, text: str, unit: str | None) -> list[Value] | Refusal:
    found = _SUFFIX.fullmatch(text)
    amount = None if found is None else number(found["number"])
    if found is None or amount is None:
        return Refusal("not-a-number", "", text)
    own = found["unit"] or (unit if kind == "body-weight" and unit else KINDS[kind].unit)
    value = value_of(kind, amount, {"才": "a", "c": "Cel"}.get(own.lower(), own))
    if value is None:
        return Refusal("unknown-unit", f"{KINDS[kind].en} cannot be in {own}", text)
    if isinstance(store_form(value), str):
        return Refusal("implausible", _guess(kind, amount, own), f"{kind} {said(amount)}")
    return [value]


def _guess(kind: str, amount: Decimal, unit: str) -> str:
    """The number with its decimal point elsewhere that is most likely meant, "" when none can be."""
    for power in (-1, 1, -2, 2):
        shifted = amount.scaleb(power)
        value = value_of(kind, shifted, unit)
        if value is not None and not isinstance(store_form(value), str):
            return said(shifted.normalize())
    return ""


def _pressure(text: str) -> list[Value] | Refusal:
    found = _PAIR.fullmatch(text)
    if found is None:
        return Refusal("not-a-pressure", "write both numbers: 128/76", text)
    upper, lower = Decimal(found[1]), Decimal(found[2])
    values = [Value("systolic", said(upper), "mm[Hg]"), Value("diastolic", said(lower), "mm[Hg]")]
    swapped = [Value("systolic", said(lower), "mm[Hg]"), Value("diastolic", said(upper), "mm[Hg]")]
    if lower >= upper:
        fits = lower > upper and not any(isinstance(store_form(value), str) for value in swapped)
        return Refusal("crossed", f"{said(lower)}/{said(upper)}" if fits else "", text)
    for value in values:
        if isinstance(store_form(value), str):
            return Refusal("implausible", "", f"{value.kind} {value.value}")
    return values
