"""What publishing has cost the privacy of each unit's residents, and the cap it never exceeds. Pure.

A charge is written before noise is drawn and is never given back: a release that was withdrawn has still been seen.
Somebody who moves between units is counted in one of them a period, and a period costs each unit at most half the cap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Final

from engine.refusal import Refusal
from fhir_bridge.privacy_units import Partition, Period, Unit

CAP: Final = Fraction(4)
# No release may cost more than this, or a person who moves could pay more than the cap in a year.
MOST_A_RELEASE: Final = CAP / 2


@dataclass(frozen=True, slots=True)
class Charge:
    """One release that was drawn: its unit and period, the tables in it, what it cost and the day it was drawn."""

    unit: str
    period: Period
    tables: tuple[str, ...]
    epsilon: Fraction
    drawn: date


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything ever drawn; the units and the first period stand fixed before the first charge."""

    partition: Partition
    first: Period
    charges: tuple[Charge, ...] = ()


def spent(ledger: Ledger, unit: str, day: date) -> Fraction:
    """What a unit has spent by drawing in the 12 months up to `day`.

    That the data of any 12 months pay no more than the cap follows: they are two periods, each drawn once.
    """
    since = _year_before(day)
    mine = (charge for charge in ledger.charges if charge.unit == unit and charge.drawn > since)
    return sum((charge.epsilon for charge in mine), Fraction())


def charged(ledger: Ledger, charge: Charge) -> Ledger | Refusal:
    """The ledger with one more release in it.

    Refused as `foreign-unit`, `before-first`, `period-open`, `already-drawn`, `period-order`, `clock-behind`,
    `bad-charge` or `budget-spent`.
    """
    refusal = _unfit(ledger, charge) or _unordered(ledger, charge)
    if refusal:
        return refusal
    if spent(ledger, charge.unit, charge.drawn) + charge.epsilon > CAP:
        return Refusal("budget-spent", f"no more than {CAP} may be spent in 12 months")
    return replace(ledger, charges=(*ledger.charges, charge))


def unit_of(ledger: Ledger, code: str) -> Unit | Refusal:
    """The unit with this code; refused as `foreign-unit`."""
    found = next((unit for unit in ledger.partition.units if unit.code == code), None)
    return found or Refusal("foreign-unit", "units are fixed before the first release and none is added later")


def _unfit(ledger: Ledger, charge: Charge) -> Refusal | None:
    unit = unit_of(ledger, charge.unit)
    if isinstance(unit, Refusal):
        return unit
    if charge.period < ledger.first:
        return Refusal("before-first", f"releases begin with {ledger.first}")
    if charge.drawn <= charge.period.end:
        return Refusal("period-open", f"the period ends on {charge.period.end}")
    if not 0 < charge.epsilon <= MOST_A_RELEASE or not charge.tables:
        return Refusal("bad-charge", f"a release costs more than nothing and at most {MOST_A_RELEASE}")
    return None


def _unordered(ledger: Ledger, charge: Charge) -> Refusal | None:
    periods = [known.period for known in ledger.charges if known.unit == charge.unit]
    if charge.period in periods:
        return Refusal("already-drawn", f"{charge.period} was drawn and is never drawn again")
    if any(charge.period < period for period in periods):
        return Refusal("period-order", "a later period was drawn already")
    if any(charge.drawn < known.drawn for known in ledger.charges):
        return Refusal("clock-behind", "the clock shows a day before the last release")
    return None


def _year_before(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:  # 29 February
        return day.replace(year=day.year - 1, day=28)
