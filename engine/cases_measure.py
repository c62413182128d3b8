"""Weight and waist before and now, for an evaluation: medians of what is surely this resident's, or the check-up's.

Never one reading alone: somebody else may have stood on the scale. What is missing the nurse measures and types in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from statistics import median
from typing import Final

from engine.cases import Case, Change
from engine.cases_book import Book
from engine.clinical import Fact, standing
from engine.clinical_values import day_of
from engine.people import Resident
from engine.picture import zone_of
from engine.signals import Point, trusted
from engine.store import repo_facts, repo_history
from engine.store.database import Connection
from engine.store.instants import to_micros

KG, CM = "body-weight", "waist"
_TENTH: Final = Decimal((0, (1,), -1))
# As old a check-up is the one before the first interview.
_YEAR: Final = 366
_MEASURERS: Final = frozenset({"checkup", "hospital", "lab", "nurse"})


def median_of(points: Iterable[Point], first: date, last: date, least: int) -> tuple[Decimal, int] | None:
    """The median of the days' medians from `first` to `last`, and of how many days; None of fewer than `least`.

    Only of points that are surely this person's. A tenth, half-up.
    """
    by_day: dict[date, list[Decimal]] = {}
    for point in points:
        if trusted(point) and first <= day_of(point.at) <= last:
            by_day.setdefault(day_of(point.at), []).append(point.value)
    if len(by_day) < least:
        return None
    middle = median(median(values) for values in by_day.values())
    return middle.quantize(_TENTH, ROUND_HALF_UP), len(by_day)


def checkup_of(connection: Connection, resident: str, now: datetime, until: date | None = None) -> date | None:
    """The day of the newest check-up on which weight or waist stand, up to the day `until`."""
    known = standing(repo_facts.of_one(connection, resident), now)
    days = [day_of(fact.at) for code in ("checkup.weight", "waist") for fact in known.get(code, []) if _checked(fact)]
    return max((day for day in days if until is None or day <= until), default=None)


def change_of(connection: Connection, person: Resident, case: Case, now: datetime, book: Book) -> Change:
    """What the store knows of weight and waist before the first interview and now; None where it knows too little."""
    if case.interviewed_on is None:
        return Change()
    today = now.astimezone(zone_of(connection, person)).date()
    known = standing(repo_facts.of_one(connection, person.id), now)
    first = min(case.interviewed_on, today) - timedelta(days=book.policy.waist_window)
    points = _points(connection, person.id, first, now)
    sources: dict[str, str] = {}
    found: dict[str, Decimal | None] = {}
    spans = {"kg": book.policy.window, "cm": book.policy.waist_window}
    least = {"kg": book.policy.weight_days, "cm": book.policy.waist_days}
    facts = {"kg": known.get("checkup.weight", []), "cm": known.get("waist", [])}
    kinds = {"kg": points[KG], "cm": points[CM]}
    for unit, span in spans.items():
        for when, day in (("before", case.interviewed_on), ("now", today)):
            value, source = _one(kinds[unit], facts[unit], day, span, least[unit], before=when == "before")
            found[f"{unit}_{when}"] = value
            if value is not None:
                sources[f"{unit}_{when}"] = source
    return Change(sources=sources, **found)


def _one(
    points: Sequence[Point], facts: Sequence[Fact], day: date, span: int, least: int, *, before: bool
) -> tuple[Decimal | None, str]:
    """A value and where it comes from: before, the check-up's; else the median; else what staff measured lately."""
    first = day - timedelta(days=_YEAR if before else span)
    told = [fact for fact in facts if first <= day_of(fact.at) <= day and fact.source in _MEASURERS]
    checked = [fact for fact in told if _checked(fact)] if before else []
    if checked:
        return Decimal(checked[-1].value), f"checkup {day_of(checked[-1].at).isoformat()}"
    middle = median_of(points, day - timedelta(days=span - 1), day, least)
    if middle is not None:
        return middle[0], f"median {middle[1]}"
    staff = [fact for fact in told if (day - day_of(fact.at)).days <= span]
    return (Decimal(staff[-1].value), f"staff {day_of(staff[-1].at).isoformat()}") if staff else (None, "")


def _checked(fact: Fact) -> bool:
    return fact.source == "checkup"


def _points(connection: Connection, resident: str, first: date, now: datetime) -> dict[str, list[Point]]:
    # A day in Japan begins the evening before.
    since = datetime.combine(first - timedelta(days=1), time(), UTC)
    return repo_history.history(connection, resident, (KG, CM), to_micros(since), to_micros(now) + 1)
