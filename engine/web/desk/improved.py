"""Who improved among the residents of a page: looked up in portions, so that a page never reads a whole town."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Final

import msgspec

from engine.caseload import Better, Slope, pressure_better, slopes, weight_better
from engine.dates import age_on
from engine.decisions import open_to_nurses
from engine.judge import settle
from engine.people import Resident
from engine.rules.catalogue_files import load_catalogue
from engine.rules.model import ClassRule
from engine.store import repo_caseload, repo_residents
from engine.store.database import Connection
from engine.store.repo_caseload import Want
from engine.trends import SLOPE_DAYS
from engine.web.desk.fact_rows import ZONE

# People whose readings are looked at in one portion, and at most for one page: then the page says that it goes on.
PORTION: Final = 250
MOST: Final = 1_000
_SPAN: Final = timedelta(days=SLOPE_DAYS)


class Improved(msgspec.Struct, frozen=True):
    """What got better, and the trend that says so."""

    better: Better
    slope: Slope


def improved(
    connection: Connection, want: Want, now: datetime, *, after: str | None, most: int
) -> tuple[list[Resident], Mapping[str, Sequence[Improved]], str]:
    """Up to `most` residents who improved, what of each, and after whom the next page goes on ("" for the end)."""
    people: list[Resident] = []
    gains: dict[str, list[Improved]] = {}
    asked = msgspec.structs.replace(want, measured_since=now - _SPAN, kinds=("body-weight", "systolic"))
    looked, last = 0, after
    while looked < MOST and len(people) < most:
        names = repo_caseload.ids(connection, asked, after=last, limit=PORTION)
        looked, found = looked + len(names), _of(connection, names, now)
        for person in repo_residents.get_many(connection, found):
            gains[person.id] = found[person.id]
            people.append(person)
        if len(names) < PORTION:
            return people, gains, ""
        last = names[-1]
    return people, gains, last or ""


def _of(connection: Connection, names: Sequence[str], now: datetime) -> dict[str, list[Improved]]:
    """What improved of each of these people who let nurses look."""
    agreed = sorted(open_to_nurses(connection, names, now))
    people = {person.id: person for person in repo_residents.get_many(connection, agreed)}
    found: dict[str, list[Improved]] = {}
    for kind in ("body-weight", "systolic"):
        points = repo_caseload.values_of(connection, agreed, kind, now - _SPAN, now)
        for name, slope in slopes({who: said for who, said in points.items() if said}, now, ZONE).items():
            better = pressure_better(slope) if kind == "systolic" else _weight(people[name], slope, now)
            if better is not None:
                found.setdefault(name, []).append(Improved(better, slope))
    return found


def _weight(person: Resident, slope: Slope, now: datetime) -> Better | None:
    age = age_on(person.birth_date, now.astimezone(ZONE).date())
    tall = None if person.height_cm is None else float(person.height_cm)
    return weight_better(slope, tall, target_of(age), age)


@cache
def target_of(age: int) -> tuple[float, float] | None:
    """The target range of the BMI at that age, as the rule has it; None where nobody has one."""
    rule = next(one for one in load_catalogue() if isinstance(one, ClassRule) and one.defines == "bmi.target")
    case = settle(rule, {"age": Decimal(age)}, {}).case
    ends = {} if case is None else case.parameters
    return (float(ends["low"]), float(ends["high"])) if "low" in ends and "high" in ends else None
