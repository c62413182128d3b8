"""What was measured at home, on one page for a doctor: means as the rules count them, and how much they rest on. Pure.

Nothing is judged here: means stand beside the limit that guidelines name for home blood pressure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from engine.activity import HABIT_CUT
from engine.charts_kinds import PRESSURE, WEIGHT
from engine.contract.kinds import KINDS
from engine.courses import COURSES, Course, said
from engine.people import Resident
from engine.signals import History, Point, trusted
from engine.signals_rows import MORNING_ENDS, day_of

# Home blood pressure from which JSH2025 speaks of hypertension, and the days a mean needs (rule home-bp-high).
LIMIT: Final = (Decimal(135), Decimal(85))
ENOUGH: Final = 5
SPANS: Final = (7, 30)
Half = Literal["morning", "evening", "day"]
HALVES: Final[tuple[Half, ...]] = ("morning", "evening", "day")
_TENTH: Final = Decimal("0.1")
# Kinds whose newest values and means stand beside the pressure and the weight.
_OTHERS: Final = ("pulse", "temperature", "oxygen", "waist", "fat", "sleep")


class Mean(msgspec.Struct, frozen=True, kw_only=True):
    """The mean of day means over some days, both numbers; `days` had a value, `readings` went into it."""

    span: int
    half: Half
    high: Decimal
    low: Decimal
    days: int
    readings: int

    @property
    def reaches(self) -> bool:
        """Whether either number is the limit or more."""
        return self.high >= LIMIT[0] or self.low >= LIMIT[1]

    @property
    def enough(self) -> bool:
        """Whether it rests on as many days as the guideline asks for."""
        return self.days >= ENOUGH


class Weight(msgspec.Struct, frozen=True, kw_only=True):
    """The newest weight, and by how much the medians of the last and the first days of the period differ, if at all."""

    newest: Decimal
    on: date
    days: int
    change: Decimal | None
    steady: bool


class Other(msgspec.Struct, frozen=True, kw_only=True):
    """The mean of something else over 30 days."""

    key: str
    mean: Decimal
    unit: str
    days: int


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A device, or None for what was written down, with how much of the period came from it and when last."""

    device: str | None
    kinds: tuple[str, ...]
    readings: int
    last: date


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many readings the period has, and on how many no mean rests, each counted under every reason it has.

    `by_hand` were written down, `received` have the gateway's time; left out are those that are perhaps another's
    (`assumed`), `estimated` by a camera, of an `unproven` device, or `undated`.
    """

    readings: int
    by_hand: int
    received: int
    assumed: int
    estimated: int
    unproven: int
    undated: int


class HomeSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The page: of whom, of which days, what was measured and by what; `history` is what charts are drawn of."""

    person: Resident
    as_of: datetime
    zone: str
    first: date
    last: date
    pressure: tuple[Mean, ...]
    weight: Weight | None
    steps: Other | None
    others: tuple[Other, ...]
    sources: tuple[Source, ...]
    counts: Counts
    history: History


def home_summary(
    person: Resident, history: History, zone: ZoneInfo, as_of: datetime, *, days: int, shown: Iterable[str]
) -> HomeSummary:
    """The summary of the `days` that end with the day of `as_of`; `history` holds some days more.

    `shown` names the courses that may be shown (engine.courses).
    """
    here = as_of.astimezone(zone)
    first = here.date() - timedelta(days=days - 1)
    allowed = [COURSES[key] for key in COURSES if key in set(shown)]
    kinds = {kind for course in allowed for kind in course.kinds}
    mine = {kind: list(points) for kind, points in history.items() if kind in kinds}
    period = {kind: [one for one in points if _within(one, first, here)] for kind, points in mine.items()}
    told = {course.key: said(course, mine, here, 30) for course in allowed}
    steps = told.get("steps")
    return HomeSummary(
        person=person, as_of=as_of, zone=zone.key, first=first, last=here.date(),
        pressure=pressure_means(mine, zone, as_of) if _has(allowed, PRESSURE) else (),
        weight=_weight(period.get(WEIGHT, ()), mine, here, days) if _has(allowed, WEIGHT) else None,
        steps=Other(key="steps", mean=steps.mean, unit="{steps}/d", days=steps.days)
        if steps and steps.mean is not None and steps.verdict == "mean" else None,
        others=tuple(
            Other(key=key, mean=one.mean, unit=KINDS[COURSES[key].kinds[0]].unit, days=one.days)
            for key in _OTHERS if (one := told.get(key)) and one.mean is not None and one.verdict == "mean"
        ),
        sources=_sources(period, zone), counts=_counts(period), history=mine,
    )  # fmt: skip


def pressure_means(history: History, zone: ZoneInfo, as_of: datetime) -> tuple[Mean, ...]:
    """Every mean that can be made, of 7 and of 30 days, of mornings, evenings and whole days.

    A day is cut at 04:00 and is the mean of its morning and its evening, as the rules count; the mean is that of days.
    """
    today = day_of(as_of, zone, HABIT_CUT)
    found = []
    for span in SPANS:
        first = today - timedelta(days=span - 1)
        high, low = (_halves(history.get(kind, ()), zone, first, today) for kind in ("systolic", "diastolic"))
        for half in HALVES:
            days = sorted(_days(high, half).keys() & _days(low, half).keys())
            if days:
                top, bottom = (_mean([_days(side, half)[day] for day in days]) for side in (high, low))
                count = sum(len(values) for day in days for values in _of(high, half, day))
                found.append(Mean(span=span, half=half, high=top, low=bottom, days=len(days), readings=count))
    return tuple(found)


_Halves = Mapping[date, Mapping[Half, list[Decimal]]]


def _halves(points: Iterable[Point], zone: ZoneInfo, first: date, last: date) -> _Halves:
    found: dict[date, dict[Half, list[Decimal]]] = {}
    for point in points:
        day = day_of(point.at, zone, HABIT_CUT)
        if trusted(point) and first <= day <= last:
            hour = timedelta(hours=point.at.astimezone(zone).hour)
            half: Half = "morning" if HABIT_CUT <= hour < timedelta(hours=MORNING_ENDS) else "evening"
            found.setdefault(day, {}).setdefault(half, []).append(point.value)
    return found


def _of(side: _Halves, half: Half, day: date) -> list[list[Decimal]]:
    """The readings of a day that a mean of that half rests on, by half."""
    return list(side[day].values()) if half == "day" else [side[day][half]]


def _days(side: _Halves, half: Half) -> dict[date, Decimal]:
    wanted = side if half == "day" else {day: halves for day, halves in side.items() if half in halves}
    return {day: _average([_average(values) for values in _of(side, half, day)]) for day in wanted}


def _average(values: Sequence[Decimal]) -> Decimal:
    return sum(values, Decimal(0)) / len(values)


def _mean(values: Sequence[Decimal]) -> Decimal:
    return _average(values).quantize(_TENTH, ROUND_HALF_UP)


def _weight(points: Sequence[Point], history: History, here: datetime, days: int) -> Weight | None:
    sound = [point for point in points if trusted(point)]
    if not sound:
        return None
    newest = max(sound, key=lambda point: point.at)
    found = said(COURSES["weight"], history, here, days)
    sign = {"fell": -1, "rose": 1}.get(found.verdict)
    change = found.change * sign if sign is not None and found.change is not None else None
    on = newest.at.astimezone(here.tzinfo).date()
    return Weight(newest=newest.value, on=on, days=found.days, change=change, steady=found.verdict == "steady")


def _sources(period: History, zone: ZoneInfo) -> tuple[Source, ...]:
    by_device: dict[str | None, dict[str, set[str]]] = {}
    last: dict[str | None, datetime] = {}
    for kind, points in period.items():
        for point in points:
            device = point.device_id if point.provenance in {"bonded", "broadcast"} else None
            by_device.setdefault(device, {}).setdefault(kind, set()).add(point.reading_id)
            last[device] = max(last.get(device, point.at), point.at)
    found = [
        Source(device=device, kinds=tuple(sorted(kinds)), readings=len(set().union(*kinds.values())),
               last=last[device].astimezone(zone).date())
        for device, kinds in by_device.items()
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda one: (one.device is None, -one.readings, one.device or "")))


def _counts(period: History) -> Counts:
    every = {point.reading_id: point for points in period.values() for point in points}.values()
    return Counts(
        readings=len(every), by_hand=sum(point.provenance == "self-reported" for point in every),
        received=sum(point.time_quality == "received" for point in every),
        assumed=sum(point.certainty != "sure" for point in every),
        estimated=sum(point.preliminary for point in every), unproven=sum(point.experimental for point in every),
        undated=sum(point.time_quality == "unknown" for point in every),
    )  # fmt: skip


def _within(point: Point, first: date, here: datetime) -> bool:
    return point.at <= here and point.at.astimezone(here.tzinfo).date() >= first


def _has(courses: Iterable[Course], kind: str) -> bool:
    return any(course.kind == kind for course in courses)
