"""Exact conversion between the UCUM units devices use and the unit of a kind; no binary floats."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

# 1 source unit = factor target units. Sources: UCUM 2.1 (lb_av, in_i exact by definition), kJ by kcal_th = 4.184 kJ,
# mm[Hg] = 0.133322 kPa, and Chinese market pound (catty) = 0.5 kg.
_FACTORS: Final[dict[tuple[str, str], Decimal]] = {
    ("[lb_av]", "kg"): Decimal("0.45359237"),
    ("g", "kg"): Decimal("0.001"),
    ("[in_i]", "cm"): Decimal("2.54"),
    ("m", "cm"): Decimal(100),
    ("kJ", "kcal/d"): Decimal(1) / Decimal("4.184"),
    ("kcal", "kcal/d"): Decimal(1),
    ("kPa", "mm[Hg]"): Decimal(1) / Decimal("0.133322"),
    ("1", "{level}"): Decimal(1),
    ("{steps}", "{steps}/d"): Decimal(1),
    ("km", "m"): Decimal(1000),
    ("h", "min"): Decimal(60),
}


class UnknownUnitError(ValueError):
    """The unit cannot be converted to the unit asked for."""


def convert(value: Decimal, unit: str, to: str, decimals: int) -> Decimal:
    """`value` in `to`; unchanged, digits included, when the units are equal, else rounded half-up to `decimals`.

    Raises UnknownUnitError for a pair that is not in the table.
    """
    if unit == to:
        return value
    step = Decimal(1).scaleb(-decimals)
    if (unit, to) == ("[degF]", "Cel"):
        return ((value - 32) * 5 / 9).quantize(step, ROUND_HALF_UP)
    factor = _FACTORS.get((unit, to))
    if factor is None:
        raise UnknownUnitError(f"no conversion from {unit!r} to {to!r}")
    return (value * factor).quantize(step, ROUND_HALF_UP)


def accepts(unit: str, to: str) -> bool:
    """Whether `convert` knows how to bring `unit` to `to`."""
    return unit == to or (unit, to) in _FACTORS or (unit, to) == ("[degF]", "Cel")
