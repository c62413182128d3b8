"""One person's stored points as rows of days, in the form the columns of signals are computed from.

A row is an array 1 x days whose last column is the day of the question.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import fmean, median
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import numpy as np

from engine.activity import HABIT_CUT, REPORT_CUT, seen_days, worn_days
from engine.signals_columns import Floats

STEP_KINDS: Final = ("steps-total", "steps-day", "steps-interval")
MORNING_ENDS: Final = 12
# A heart-rate stream tells rest only if it is heard for long: else it may be the half hour of a run.
STREAM_POINTS: Final = 12
STREAM_HOURS: Final = 6
STREAM_QUANTILE: Final = 0.1


# Resting heart rates of each day, each with the reading it came from.
Rest = dict[date, list[tuple[float, str]]]


class Measured(Protocol):
    """The part of a stored point that rows are made of."""

    @property
    def at(self) -> datetime: ...  # noqa: D102
    @property
    def value(self) -> Decimal: ...  # noqa: D102
    @property
    def reading_id(self) -> str: ...  # noqa: D102
    @property
    def device_id(self) -> str: ...  # noqa: D102
    @property
    def since(self) -> datetime | None: ...  # noqa: D102


def day_of(at: datetime, zone: ZoneInfo, cut: timedelta = REPORT_CUT) -> date:
    """The local day of an instant, cut at midnight or later; the cut itself begins a day."""
    return (at.astimezone(zone).replace(tzinfo=None) - cut).date()


def row_of(days: Mapping[date, float], today: date, width: int) -> Floats:
    """The `width` days up to `today` as an array 1 x width."""
    row = np.full((1, width), np.nan)
    for day, value in days.items():
        column = width - 1 - (today - day).days
        if 0 <= column < width:
            row[0, column] = value
    return row


def weights_by_day(points: Iterable[Measured], zone: ZoneInfo) -> dict[date, float]:
    """The median of each civil day's weighings: a second try weighs nothing extra and can mend the first."""
    days: dict[date, list[float]] = {}
    for point in points:
        days.setdefault(day_of(point.at, zone), []).append(float(point.value))
    return {day: median(values) for day, values in days.items()}


def halves_by_day(
    points: Iterable[Measured], zone: ZoneInfo
) -> tuple[dict[date, float], dict[date, float], dict[date, float]]:
    """Means of each day's morning and evening, and its highest value; days are cut at 04:00.

    Who measures before bed at 00:30 has measured in the evening of the day before.
    """
    halves: tuple[dict[date, list[float]], dict[date, list[float]]] = {}, {}
    for point in points:
        early = HABIT_CUT <= timedelta(hours=point.at.astimezone(zone).hour) < timedelta(hours=MORNING_ENDS)
        halves[not early].setdefault(day_of(point.at, zone, HABIT_CUT), []).append(float(point.value))
    morning, evening = ({day: fmean(values) for day, values in half.items()} for half in halves)
    top = {day: max(max(half.get(day, [0.0])) for half in halves) for day in halves[0].keys() | halves[1].keys()}
    return morning, evening, top


def seen_step_days(history: Mapping[str, Sequence[Measured]], zone: ZoneInfo) -> frozenset[date]:
    """The civil days on which steps were really counted, at least 10 hours of them where the data can tell.

    A device that also reports hours without steps tells by these whether it was worn; its day summaries are then
    judged by them too. Of other devices, a reading of the day itself is asked for.
    """
    signs = [point for kind in ("heart-rate", "pulse-rate") for point in history.get(kind, ())]
    devices = {point.device_id for kind in STEP_KINDS for point in history.get(kind, ())}
    found: set[date] = set()
    for device in devices:
        mine = {kind: [p for p in history.get(kind, ()) if p.device_id == device] for kind in STEP_KINDS}
        worn = worn_days(mine["steps-interval"], signs, zone)
        if worn is not None:
            told = seen_days(mine["steps-interval"], zone)
            found |= worn
            found |= (seen_days(mine["steps-total"], zone) | seen_days(mine["steps-day"], zone)) - told
        else:
            found |= frozenset().union(*(seen_days(points, zone) for points in mine.values()))
    return frozenset(found)


def rest_by_day(history: Mapping[str, Sequence[Measured]], zone: ZoneInfo) -> Rest:
    """What is known of the heart at rest, by days cut at 04:00, the best source of each day only.

    First the pulse taken with a blood pressure, which is measured sitting; then a resting rate that a device or an
    export states; then the 10 % quantile of a stream of at least 12 heart rates in at least 6 clock hours.
    """
    sitting = {point.reading_id for point in history.get("systolic", ())}
    with_cuff = _singles((p for p in history.get("pulse-rate", ()) if p.reading_id in sitting), zone)
    stated = _singles(history.get("resting-heart-rate", ()), zone)
    return _quiet_streams(history.get("heart-rate", ()), zone) | stated | with_cuff


def _singles(points: Iterable[Measured], zone: ZoneInfo) -> Rest:
    found: Rest = {}
    for point in points:
        day = day_of(point.at, zone, HABIT_CUT)
        found.setdefault(day, []).append((float(point.value), point.reading_id))
    return found


def _quiet_streams(points: Iterable[Measured], zone: ZoneInfo) -> Rest:
    days: dict[date, list[Measured]] = {}
    for point in points:
        days.setdefault(day_of(point.at, zone, HABIT_CUT), []).append(point)
    found: Rest = {}
    for day, heard in days.items():
        hours = {point.at.astimezone(zone).hour for point in heard}
        if len(heard) >= STREAM_POINTS and len(hours) >= STREAM_HOURS:
            quiet = sorted(heard, key=lambda point: point.value)[int(STREAM_QUANTILE * len(heard))]
            found[day] = [(float(quiet.value), quiet.reading_id)]
    return found
