"""Out of what devices told: the signs of the person, and the days whose steps were really counted. Pure.

A device that is heard is not yet a person: a band on a table tells the same total again and again, and a hundred steps
may be a lorry that drives past.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from engine.activity import VALID_HIGH, VALID_LOW, Total, worn_days
from engine.signals import Point, step_days, trusted
from engine.signals_rows import STEP_KINDS, seen_step_days
from engine.watching_rules import Rules, rules

# What is worn or lies beside somebody without their doing.
_WORN: Final = ("heart-rate", "pulse-rate")
_LATELY: Final = 10
History = Mapping[str, Sequence[Point]]


def signs(history: Mapping[str, Sequence[Total]], zone: ZoneInfo) -> list[datetime]:
    """When the person gave a sign by one device, in order: a value taken, or steps that grew beyond 100 in a day."""
    found: set[datetime] = set()
    for kind, points in history.items():
        ordered = sorted(points, key=lambda point: (point.at, point.value))
        if kind == "steps-interval":
            found |= _walked(ordered, zone)
        elif kind in STEP_KINDS:
            found |= _grown(ordered, zone, daily=kind == "steps-day")
        else:
            found |= {point.at for point in ordered}
    return sorted(found)


def _walked(points: Iterable[Total], zone: ZoneInfo) -> set[datetime]:
    days: dict[date, int] = defaultdict(int)
    found = set()
    for point in points:
        day = point.at.astimezone(zone).date()
        days[day] += int(point.value)
        if point.value > 0 and days[day] >= VALID_LOW:
            found.add(point.at)
    return found


def _grown(points: Iterable[Total], zone: ZoneInfo, *, daily: bool) -> set[datetime]:
    """Totals that are more than the one before, and 100 more than at the beginning of their day.

    A `daily` total, and one that says since when it counts, begins each day at 0.
    """
    found = set()
    day: date | None = None
    begun = last = 0
    for point in points:
        count, today = int(point.value), (point.since or point.at).astimezone(zone).date()
        fresh = daily or point.since is not None
        if day is None:
            # What a counter held before it was first read is nobody's walk of today.
            begun, last = (0, 0) if fresh else (count, count)
        elif count < last or (today != day and fresh):
            begun, last = 0, 0
        elif today != day:
            begun = last
        if count > last and count - begun >= VALID_LOW:
            found.add(point.at)
        day, last = today, count
    return found


def steps_of(history: History, zone: ZoneInfo, today: date) -> dict[date, int]:
    """The steps of each day before `today` that were really counted, by the one device that counts now.

    Two devices count differently: who has a new one is judged by it alone, once enough of its days are known. A band
    that was surely worn counts with few steps, too; a pedometer with few was left at home.
    """
    sound = {kind: [point for point in points if trusted(point)] for kind, points in history.items()}
    devices = sorted({point.device_id for kind in STEP_KINDS for point in sound.get(kind, ())})
    counted = [_counted(sound, device, zone, today) for device in devices]
    lately = today - timedelta(days=_LATELY)
    return max(counted, key=lambda days: (sum(day >= lately for day in days), len(days)), default={})


def unbroken(words: Sequence[datetime], numbers: Rules | None = None) -> datetime | None:
    """From when the words of a device, in order, come without a gap of a day, up to the last; None without any."""
    gap = (numbers or rules()).witness.alive
    found = words[-1] if words else None
    for before, after in pairwise(reversed(words)):
        if before - after > gap:
            break
        found = after
    return found


def midnight(now: datetime, zone: ZoneInfo) -> datetime:
    """The beginning of the local day: until then rhythms are looked at, so that they stay the same all day."""
    return datetime.combine(now.astimezone(zone).date(), time(), zone)


def _counted(sound: History, device: str, zone: ZoneInfo, today: date) -> dict[date, int]:
    mine: dict[str, Sequence[Point]] = {
        kind: [point for point in sound.get(kind, ()) if point.device_id == device] for kind in STEP_KINDS
    }
    beside = {kind: sound.get(kind, ()) for kind in _WORN}
    seen = seen_step_days(mine | beside, zone)
    worn = worn_days(mine["steps-interval"], [point for points in beside.values() for point in points], zone)
    return {
        day: int(steps)
        for day, steps in step_days(mine, zone).items()
        if day < today and day in seen and steps <= VALID_HIGH and (steps >= VALID_LOW or day in (worn or ()))
    }
