"""What the classes of a judgement come to for the specific guidance: risks, their number, the level if untreated."""

from __future__ import annotations

from decimal import Decimal
from itertools import product
from typing import Final

from engine.judge import Judgement

# The three risks of step 2 in the order of the programme.
RISKS: Final = ("bp", "lipid", "glucose")
_SMOKER: Final = "answer.smoker"
_YES_NO: Final = (Decimal(0), Decimal(1))


def risks(judgement: Judgement) -> tuple[str, ...] | None:
    """The risks that are present, in the order of `RISKS`; None while what is missing could change them."""
    found = [judgement.gives(f"risk.{name}") for name in RISKS]
    if None in found:
        return None
    return tuple(name for name, code in zip(RISKS, found, strict=True) if code == "yes")


def risk_count(judgement: Judgement) -> int | None:
    """How many risks count: those of `RISKS`, and smoking only where there is another (R-TKHG-2).

    None while what is missing could change the number.
    """
    smoking = judgement.values.get(_SMOKER)
    picks = [*(_options(judgement, name) for name in RISKS), _YES_NO if smoking is None else (smoking,)]
    counts = {_count(combination) for combination in product(*picks)}
    return counts.pop() if len(counts) == 1 else None


def level_if_untreated(judgement: Judgement) -> str | None:
    """The guidance level that a person excluded for a medicine would have without it.

    None for anybody else, and while what is missing could change it.
    """
    if judgement.gives("guidance.level") != "excluded_medication":
        return None
    return judgement.gives("guidance.untreated")


def _options(judgement: Judgement, risk: str) -> tuple[Decimal, ...]:
    settled = judgement.settled.get(f"risk.{risk}")
    return _YES_NO if settled is None else settled.options


def _count(combination: tuple[Decimal, ...]) -> int:
    *present, smoking = (int(value) for value in combination)
    return sum(present) + (smoking if any(present) else 0)
