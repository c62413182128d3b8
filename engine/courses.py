"""What can honestly be said of one kind of measurement over some days, in one sentence. Pure.

A change is spoken of weight alone, and only when the interval of its slope misses 0 and the weights at either end say
the same; of everything else the average is told. Nothing is said from what is only probably this person's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from statistics import median
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from engine.activity import VALID_HIGH, VALID_LOW
from engine.charts_kinds import PRESSURE, STEPS, WEIGHT, kinds_of, unit_words
from engine.contract.kinds import KINDS
from engine.locale import Language, text
from engine.series.sen import theil_sen
from engine.signals import History, Point, step_days, trusted
from engine.trends import CLAIM_DAYS

SPANS: Final = (30, 90, 365)
# A change over a span is only spoken of readings that span this share of it.
_COVERED: Final = 2 / 3
# Days at either end whose median stands for the end.
_END: Final = 7
Verdict = Literal["fell", "rose", "steady", "few", "mean"]


class Course(msgspec.Struct, frozen=True):
    """What residents look at under one name: `key` stands in addresses, `kind` is the kind of its chart."""

    key: str
    kind: str

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of the contract it is made of."""
        return kinds_of(self.kind)


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What may be said over `span` days: fell, rose or steady (by `change`, never negative), or the mean.

    `few` means that there is too little to say anything; `days` counts the days with a trusted value.
    """

    verdict: Verdict
    span: int
    days: int
    change: Decimal | None = None
    mean: Decimal | None = None
    mean_low: Decimal | None = None


# In the order of the page.
COURSES: Final[Mapping[str, Course]] = {
    key: Course(key, kind)
    for key, kind in {
        "weight": WEIGHT, "steps": STEPS, "pressure": PRESSURE, "pulse": "pulse-rate", "waist": "waist",
        "fat": "body-fat", "temperature": "body-temperature", "oxygen": "spo2", "sleep": "sleep-duration",
    }.items()
}  # fmt: skip


def said(course: Course, history: History, now: datetime, span: int) -> Said:
    """What can be said of the `span` days that end with the day of `now`, whose zone cuts them."""
    first = now.date() - timedelta(days=span - 1)
    known = {
        kind: [point for point in history.get(kind, ()) if point.at <= now and trusted(point)] for kind in course.kinds
    }
    days = {day: value for day, value in _days(course, known, now).items() if day >= first}
    if course.kind == WEIGHT:
        return _changed({day: value for day, (value, _) in days.items()}, first, span)
    return _averaged(course, list(days.values()), span)


def sentence(course: Course, found: Said, language: Language) -> str:
    """The same in words a resident reads."""
    values: dict[str, object] = {"span": text(language, "resident", f"me.span.{found.span}")}
    if found.verdict == "mean":
        key = course.key if course.key in {"steps", "pressure"} else "other"
        unit = unit_words(KINDS[course.kinds[0]].unit, language) if key == "other" else ""
        values |= {"mean": f"{found.mean:,}", "low": f"{found.mean_low or ''}", "unit": unit}
        return text(language, "resident", f"me.said.mean.{key}", **values)
    return text(language, "resident", f"me.said.{found.verdict}", **values, change=found.change or "")


def _days(course: Course, known: History, now: datetime) -> dict[date, tuple[Decimal, Decimal | None]]:
    """One value a civil day: the steps of the day, or the median of its readings; of a pair both or none."""
    zone = now.tzinfo
    if not isinstance(zone, ZoneInfo):
        raise TypeError("days are cut in a time zone of the tz database")
    if course.kind == STEPS:
        days = step_days(known, zone).items()
        return {day: (steps, None) for day, steps in days if VALID_LOW <= steps <= VALID_HIGH and day < now.date()}
    high, *rest = [_medians(known[kind], zone) for kind in course.kinds]
    if not rest:
        return {day: (value, None) for day, value in high.items()}
    return {day: (value, rest[0][day]) for day, value in high.items() if day in rest[0]}


def _medians(points: Iterable[Point], zone: ZoneInfo) -> dict[date, Decimal]:
    found: dict[date, list[Decimal]] = {}
    for point in points:
        found.setdefault(point.at.astimezone(zone).date(), []).append(point.value)
    return {day: median(values) for day, values in sorted(found.items())}


def _changed(days: Mapping[date, Decimal], first: date, span: int) -> Said:
    """Whether the weight moved over the span, and by how much."""
    few = Said(verdict="few", span=span, days=len(days))
    if len(days) < CLAIM_DAYS or (max(days) - min(days)).days < span * _COVERED:
        return few
    row = np.full((1, span), np.nan)
    for day, value in days.items():
        row[0, (day - first).days] = float(value)
    found = theil_sen(row)
    change = _rounded(_end(sorted(days.items(), reverse=True)) - _end(sorted(days.items())), 1)
    # The slope is sure and the two ends agree with it: else there is nothing clear to say.
    if not found.firm[0] or change == 0 or (found.slope[0] < 0) != (change < 0):
        return msgspec.structs.replace(few, verdict="steady")
    return msgspec.structs.replace(few, verdict="fell" if change < 0 else "rose", change=abs(change))


def _end(days: Sequence[tuple[date, Decimal]]) -> Decimal:
    """The median of the days at the end where `days` begin."""
    return median(value for day, value in days if abs((day - days[0][0]).days) < _END)


def _averaged(course: Course, days: Sequence[tuple[Decimal, Decimal | None]], span: int) -> Said:
    if len(days) < 2:  # noqa: PLR2004 - one value is no average
        return Said(verdict="few", span=span, days=len(days))
    decimals = min(KINDS[course.kinds[0]].decimals, 1)
    lows = [low for _, low in days if low is not None]
    return Said(
        verdict="mean", span=span, days=len(days), mean=_rounded(_mean([value for value, _ in days]), decimals),
        mean_low=_rounded(_mean(lows), decimals) if lows else None,
    )  # fmt: skip


def _mean(values: Sequence[Decimal]) -> Decimal:
    return sum(values, Decimal(0)) / len(values)


def _rounded(value: Decimal, decimals: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
