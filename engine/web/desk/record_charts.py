"""The courses of a record as charts: what is drawn, over how many days, and the same as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.charts import Chart, Dot, Mark
from engine.contract.kinds import KINDS
from engine.locale import Language, text
from engine.people import Resident
from engine.picture import zone_of
from engine.signals import Point, step_days
from engine.signals_rows import STEP_KINDS
from engine.store import repo_history
from engine.store.database import Connection
from engine.store.instants import to_micros

SPANS: Final = (30, 90, 365)
# The courses that are shown, with the kinds each is made of; the second kind is the lower number of a pair.
COURSES: Final[Mapping[str, tuple[str, ...]]] = {
    "weight": ("body-weight",),
    "pressure": ("systolic", "diastolic"),
    "pulse": ("pulse-rate",),
    "steps": STEP_KINDS,
    "waist": ("waist",),
}
_MOST: Final = 400


class Course(msgspec.Struct, frozen=True):
    """One course: its name, its chart, and how many values there are in all (a chart holds at most 400)."""

    name: str
    chart: Chart
    total: int


def courses(connection: Connection, person: Resident, lang: Language, now: datetime, days: int) -> list[Course]:
    """Every course of the last `days` days that has a value."""
    kinds = [kind for needed in COURSES.values() for kind in needed]
    since = to_micros(now - timedelta(days=days))
    found = repo_history.history(connection, person.id, kinds, since, to_micros(now) + 1)
    zone = zone_of(connection, person)
    made = [_course(name, found, lang, zone, now, days) for name in COURSES]
    return [course for course in made if course.total]


def course(
    connection: Connection, person: Resident, name: str, lang: Language, now: datetime, days: int
) -> Course | None:
    """One course by its name; None where there is none of that name or nothing was measured."""
    return next((one for one in courses(connection, person, lang, now, days) if one.name == name), None)


def _course(
    name: str, found: Mapping[str, Sequence[Point]], lang: Language, zone: ZoneInfo, now: datetime, days: int
) -> Course:
    dots = _steps(found, zone) if name == "steps" else _dots(COURSES[name], found, zone)
    kind = KINDS["steps-day" if name == "steps" else COURSES[name][0]]
    title = text(lang, "nurse", f"desk.course.{name}")
    told = text(lang, "nurse", "desk.course.told", what=title, days=days, n=len(dots))
    local, shown = now.astimezone(zone).date(), text(lang, "nurse", f"desk.course.unit.{name}")
    chart = Chart(
        title=title, description=told, unit=kind.unit, shown=shown, dots=tuple(dots[-_MOST:]), language=lang,
        first=local - timedelta(days=days - 1), last=local,
    )  # fmt: skip
    return Course(name, chart, len(dots))


def _dots(kinds: Sequence[str], found: Mapping[str, Sequence[Point]], zone: ZoneInfo) -> list[Dot]:
    lows = {point.reading_id: point.value for point in found[kinds[1]]} if len(kinds) > 1 else {}
    return [
        Dot(at=point.at.astimezone(zone), value=point.value, mark=_mark(point), low=lows.get(point.reading_id))
        for point in found[kinds[0]]
        if not point.experimental
    ]


def _steps(found: Mapping[str, Sequence[Point]], zone: ZoneInfo) -> list[Dot]:
    """One dot a day, at noon."""
    days = step_days({kind: found[kind] for kind in STEP_KINDS}, zone)
    return [Dot(at=datetime(day.year, day.month, day.day, 12, tzinfo=zone), value=value) for day, value in days.items()]


def _mark(point: Point) -> Mark:
    if point.certainty != "sure" or point.preliminary:
        return "assumed"
    return "manual" if point.provenance == "self-reported" else "plain"
