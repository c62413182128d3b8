"""From which values on one reading alone is for a doctor, whoever was measured (R-BP-4, R-HR-1).

What may be said to a person is the business of the veto rules and of `engine.judge`, how it may be said of
`engine.wording`; what becomes of a red flag of `engine.urgent`.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from engine.wording import wording_faults

__all__ = ["LOW_RED_FLAGS", "RED_FLAGS", "SEATED", "red_flags", "wording_faults"]

# Kind of a reading -> the value from which on it is a red flag; 180/110 on the same day is product policy until signed.
RED_FLAGS: Final = {"systolic": Decimal(180), "diastolic": Decimal(110), "resting-heart-rate": Decimal(120)}
# The same downwards.
LOW_RED_FLAGS: Final = {"resting-heart-rate": Decimal(40)}
# A pulse counts as one at rest where it was taken with a blood pressure, for which one sits.
SEATED: Final = ("pulse-rate", "systolic", "resting-heart-rate")


def red_flags(values: Iterable[tuple[str, Decimal]]) -> tuple[str, ...]:
    """The kinds of one reading whose value, in the kind's own unit, is a red flag; sorted, empty for none."""
    found = dict(values)
    pulse, beside, as_kind = SEATED
    rated = {kind: value for kind, value in found.items() if kind != pulse}
    if beside in found and pulse in found:
        return tuple(sorted({*_flagged(rated), *(pulse for _ in _flagged({as_kind: found[pulse]}))}))
    return _flagged(rated)


def _flagged(values: dict[str, Decimal]) -> tuple[str, ...]:
    return tuple(sorted(kind for kind, value in values.items() if _is_high(kind, value) or _is_low(kind, value)))


def _is_high(kind: str, value: Decimal) -> bool:
    return kind in RED_FLAGS and value >= RED_FLAGS[kind]


def _is_low(kind: str, value: Decimal) -> bool:
    return kind in LOW_RED_FLAGS and value <= LOW_RED_FLAGS[kind]
