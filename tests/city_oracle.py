"""Who must be counted in a made-up city and in which cells, told anew without the product's own rules."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from engine.dates import age_on
from engine.interests import OWN, codes
from fhir_bridge.privacy_units import Period
from simulators.city.people import ZONE, Inhabitant, Town, holds, inhabitants

AGES = (30, 40, 50, 60, 70, 80)
BMIS = (18.5, 25, 30)


def counted(one: Inhabitant, period: Period) -> tuple[int, float] | None:
    """Age and BMI with which somebody must be counted; nothing here is the product's but the age."""
    cutoff = period.cutoff(ZONE)
    days = [w for w in one.weighings if w.doubt is None and period.start <= w.at.date() <= period.end]
    agrees = holds(one, "open-statistics", None, cutoff)
    if not agrees or not days or one.height_cm is None or (one.died is not None and one.died <= cutoff):
        return None
    last = max(days, key=lambda weighing: weighing.at)
    return age_on(one.born, period.end), round(float(last.kg) / (float(one.height_cm) / 100) ** 2 + 1e-9, 1)


def liked(one: Inhabitant, period: Period, now: datetime) -> tuple[str, ...]:
    """What somebody's own choice adds: it was never taken back nor ended, and the link was agreed to at the cut-off."""
    own = [said for said in one.said if said.recipient == OWN and said.at <= now]
    held = bool(own) and all(said.granted and (said.until is None or now < said.until) for said in own)
    return one.person.interests[:3] if held and holds(one, "interest-link", OWN, period.cutoff(ZONE)) else ()


def coarse(age: int, bmi: float) -> tuple[int, bool]:
    """The cell of coarse T2 without the interest."""
    return (age >= 40) + (age >= 65), bmi >= 25


def expected(town: Town, period: Period, now: datetime) -> list[int]:
    """The true counts of T1 and coarse T2, cell by cell."""
    first, second = Counter[tuple[int, int]](), Counter[tuple[int, bool, str]]()
    for one in inhabitants(town):
        if (found := counted(one, period)) is None:
            continue
        age, bmi = found
        first[sum(age >= edge for edge in AGES), sum(bmi >= edge for edge in BMIS)] += 1
        second.update((*coarse(age, bmi), code) for code in liked(one, period, now))
    return [first[age, bmi] for age in range(7) for bmi in range(4)] + in_order(second)


def in_order(second: Counter[tuple[int, bool, str]]) -> list[int]:
    """The counts of coarse T2 in the order of its cells."""
    return [second[age, heavy, code] for age in range(3) for heavy in (False, True) for code in codes()]
