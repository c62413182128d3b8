"""What a text may name of a person: the own numbers by short names, rounded as people say them, `-` when unknown."""

from __future__ import annotations

from collections.abc import Collection
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from engine.plans.person import Aims, Values

UNKNOWN: Final = "-"
_WHOLE: Final = Decimal(1)
_TENTH: Final = Decimal("0.1")
# name in a text -> signal, and what it is rounded to
_NUMBERS: Final[dict[str, tuple[str, Decimal]]] = {
    "age": ("age", _WHOLE), "bmi": ("bmi", _TENTH), "weight": ("weight.level", _TENTH),
    "weight_days": ("weight.days_28d", _WHOLE), "weight_age": ("weight.age_days", _WHOLE),
    "waist": ("waist", _TENTH), "grip": ("grip", _TENTH), "gait": ("gait", _TENTH), "wbgt": ("env.wbgt", _TENTH),
    "steps": ("steps.mean_7d", _WHOLE), "bp_days": ("bp.home.days_7d", _WHOLE),
    "systolic": ("bp.home.systolic_mean", _WHOLE), "diastolic": ("bp.home.diastolic_mean", _WHOLE),
    "office_systolic": ("bp.office.systolic", _WHOLE), "office_diastolic": ("bp.office.diastolic", _WHOLE),
}  # fmt: skip
# Whoever must not be shown a weight is shown none of these.
_BODY: Final = frozenset({"bmi", "weight", "waist", "target_low", "target_high"})


def numbers_of(values: Values, aims: Aims, must_not: Collection[str]) -> dict[str, Decimal | str]:
    """The numbers of the person in `values`; those of the body stay `-` where a weight must not be shown."""
    told: dict[str, Decimal | str] = {
        "target_low": UNKNOWN if aims.low is None else aims.low,
        "target_high": UNKNOWN if aims.high is None else aims.high,
    }
    for name, (signal, step) in _NUMBERS.items():
        value = values.get(signal)
        told[name] = UNKNOWN if value is None else value.quantize(step, ROUND_HALF_UP)
    return told | dict.fromkeys(_BODY, UNKNOWN) if "weight_display" in must_not else told
