"""The numbers a referral shows: the pressure or the value that decided, as it was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from engine.rules.evaluator import Firing, Reason
from engine.vocabulary import VOCABULARY

UNKNOWN: Final = "-"
# Who the person is decides with what was measured, and is not what the text is about.
_ABOUT_THE_PERSON: Final = frozenset({"age", "age.fiscal_year", "sex.male", "height", "lab.hours-since-meal"})
_GRADES: Final = {"lab.urine-protein": ("−", "±", "1+", "2+", "3+"), "lab.urine-blood": ("−", "±", "1+", "2+", "3+")}
# Told with their tenth wherever people read them.
_TENTHS: Final = frozenset({"bmi", "lab.hba1c", "lab.hb"})
_SIDES: Final = ("systolic", "diastolic")
Values = Mapping[str, Decimal | None]


def flag_figures(firing: Firing, values: Values) -> dict[str, str]:
    """`value`, its `unit` and signal (`test`), `systolic`, `diastolic`, the highest at home, `days`, all as text.

    `-` stands for what is unknown.
    """
    told = next((reason for reason in firing.reasons if _is_value(reason)), None)
    place = _place(firing.reasons)
    pressures = {side: _whole(values.get(f"bp.{place[0]}.{side}{place[1]}")) for side in _SIDES}
    days = values.get("bp.home.days_7d")
    return {
        "value": UNKNOWN if told is None else _shown(told),
        "test": UNKNOWN if told is None else told.signal,
        "unit": UNKNOWN if told is None else VOCABULARY[told.signal].unit,
        "days": UNKNOWN if days is None else f"{days:f}",
        **pressures,
        **{f"{side}_max": _whole(values.get(f"bp.home.{side}_max")) for side in _SIDES},
    }


def _is_value(reason: Reason) -> bool:
    measured = VOCABULARY[reason.signal].sort == "number" and reason.value is not None
    return measured and reason.signal not in _ABOUT_THE_PERSON and not reason.signal.startswith("bp.")


def _place(reasons: Iterable[Reason]) -> tuple[str, str]:
    """Which pressures decided: those of the check-up, else the highest at home, else the means at home."""
    names = [reason.signal for reason in reasons]
    if any(name.startswith("bp.office.") for name in names):
        return "office", ""
    single = any(name.startswith("bp.home.") and name.endswith("_max") for name in names)
    return "home", "_max" if single else "_mean"


def _shown(reason: Reason) -> str:
    assert reason.value is not None
    if reason.signal in _GRADES:
        grades = _GRADES[reason.signal]
        return grades[min(int(reason.value), len(grades) - 1)]
    # A loss is told as so many kilograms less.
    tenths = abs(reason.value).quantize(Decimal("0.1"), ROUND_HALF_UP)
    if reason.signal in _TENTHS:
        return f"{tenths:f}"
    return f"{tenths.to_integral_value():,f}" if tenths == tenths.to_integral_value() else f"{tenths:,f}"


def _whole(value: Decimal | None) -> str:
    return UNKNOWN if value is None else f"{value.quantize(Decimal(1), ROUND_HALF_UP):f}"
