"""Steps per civil day out of running totals, and the 7-day activity: pure, exact, whole steps.

A counter may start again at midnight, after a battery change or at 2^16 or 2^32; it may be read late, twice or out of
order. What it counted before it was first read is unknown and is not invented. A total that says since when it counts
(a band whose family starts at 0 every midnight) is believed; for the others the readings have to tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import msgspec

# The national health and nutrition survey drops days outside this range.
VALID_LOW: Final = 100
VALID_HIGH: Final = 49_999
NEEDED_DAYS: Final = 4
WINDOW: Final = 7
# Nobody walks or runs faster than this for long; it tells a wrap or a late total from a new count.
STEPS_PER_MINUTE: Final = 250
WRAPS: Final = (2**16, 2**32)
_INSTANT: Final = timedelta(microseconds=1)


class Total(Protocol):
    """The part of a point this module needs."""

    @property
    def at(self) -> datetime: ...  # noqa: D102
    @property
    def value(self) -> Decimal: ...  # noqa: D102
    @property
    def device_id(self) -> str: ...  # noqa: D102
    @property
    def since(self) -> datetime | None: ...  # noqa: D102


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """Seven civil days of steps: the mean over valid days, their lowest and highest; None without enough of them."""

    mean: Decimal | None
    low: Decimal | None
    high: Decimal | None
    valid_days: int
    days: tuple[date, ...]


def day_totals(points: Iterable[Total], zone: ZoneInfo) -> dict[date, Decimal]:
    """Steps per local civil day from points of a running total; several devices count once, the highest.

    Order and repeated points do not matter. Days without a trace in the data are absent, not 0.
    """
    devices: dict[str, set[tuple[datetime, int]]] = {}
    dated: dict[tuple[str, date], set[tuple[datetime, int]]] = {}
    for point in points:
        total = point.at.astimezone(UTC), int(point.value)
        if point.since is None:
            devices.setdefault(point.device_id, set()).add(total)
        else:
            dated.setdefault((point.device_id, _period(total, point.since, zone)), set()).add(total)
    found = [_one_device(sorted(readings), zone) for readings in devices.values()]
    found += [{day: _counted(sorted(readings))} for (_, day), readings in dated.items()]
    merged: dict[date, int] = {}
    for totals in found:
        for day, steps in totals.items():
            merged[day] = max(steps, merged.get(day, 0))
    return {day: Decimal(merged[day]) for day in sorted(merged)}


def seen_days(points: Iterable[Total], zone: ZoneInfo) -> frozenset[date]:
    """The civil days on which a point stands: a day filled only from later totals is not among them."""
    return frozenset(_day(point.at, zone) for point in points)


def activity(totals: Mapping[date, Decimal], today: date, seen: frozenset[date] | None = None) -> Activity:
    """The 7 civil days before `today` (which is still running); the mean needs 4 valid days.

    A day is valid with 100 to 49,999 steps and, when `seen` is given, a reading of its own.
    """
    window = [today - timedelta(days=back) for back in range(WINDOW, 0, -1)]
    valid = [day for day in window if VALID_LOW <= totals.get(day, 0) <= VALID_HIGH and (seen is None or day in seen)]
    values = [totals[day] for day in valid]
    if len(valid) < NEEDED_DAYS:
        return Activity(mean=None, low=None, high=None, valid_days=len(valid), days=tuple(valid))
    mean = sum(values, Decimal(0)) / len(values)
    return Activity(mean=mean, low=min(values), high=max(values), valid_days=len(valid), days=tuple(valid))


def _period(total: tuple[datetime, int], since: datetime, zone: ZoneInfo) -> date:
    """The civil day of a total that counts since `since`; more than can be walked by then is still yesterday's."""
    at, steps = total
    day = since.astimezone(zone).date()
    return day if _plausible(steps, since, at) else day - timedelta(days=1)


def _counted(readings: Sequence[tuple[datetime, int]]) -> int:
    """The steps of one period that began at 0: the last total, and what was lost to a restart within the period."""
    counts = [count for _, count in readings]
    return counts[-1] + sum(old for old, new in pairwise(counts) if new < old)


def _one_device(readings: Sequence[tuple[datetime, int]], zone: ZoneInfo) -> dict[date, int]:
    totals: dict[date, int] = {}
    if not readings:
        return totals
    daily = _starts_again_daily(readings, zone)
    first, count = readings[0]
    totals[_day(first, zone)] = count if daily else 0
    for before, after in pairwise(readings):
        start, steps = _walked(before, after, zone, daily=daily)
        for day, share in _spread(start, after[0], steps, zone):
            totals[day] = totals.get(day, 0) + share
    return totals


def _starts_again_daily(readings: Sequence[tuple[datetime, int]], zone: ZoneInfo) -> bool:
    """Whether this counter is one that starts at 0 every midnight: most nights it is lower in the morning."""
    nights = [(a, b) for a, b in pairwise(readings) if _day(a[0], zone) != _day(b[0], zone)]
    fallen = sum(1 for a, b in nights if b[1] < a[1] and _wrap(a, b) is None)
    return bool(nights) and 2 * fallen >= len(nights)


def _walked(
    before: tuple[datetime, int], after: tuple[datetime, int], zone: ZoneInfo, *, daily: bool
) -> tuple[datetime, int]:
    """The steps between two totals, and since when they were walked."""
    (start, old), (end, new) = before, after
    crossed = _day(start, zone) != _day(end, zone)
    midnight = max(start, _midnight(_day(end, zone), zone))
    if new < old:
        wrapped = _wrap(before, after)
        if wrapped is not None:
            return start, wrapped
        return (midnight if daily and crossed else start), new
    if daily and crossed and _plausible(new, midnight, end):
        return midnight, new
    return start, new - old


def _wrap(before: tuple[datetime, int], after: tuple[datetime, int]) -> int | None:
    """The steps over a counter's end, None when it rather started again."""
    (start, old), (end, new) = before, after
    for size in WRAPS:
        steps = size - old + new
        if new < old < size and size - old <= VALID_HIGH and _plausible(steps, start, end):
            return steps
    return None


def _plausible(steps: int, start: datetime, end: datetime) -> bool:
    return steps <= STEPS_PER_MINUTE * max((end - start) / timedelta(minutes=1), 1.0)


def _spread(start: datetime, end: datetime, steps: int, zone: ZoneInfo) -> Iterator[tuple[date, int]]:
    """`steps` over the civil days of (start, end], by time, in whole steps that add up to `steps`."""
    whole = end - start
    given, at = 0, start
    last = _day(end, zone)
    while at < end and (day := _day(at + _INSTANT, zone)) < last:
        at = _midnight(day + timedelta(days=1), zone)
        reached = steps * ((at - start) // _INSTANT) // (whole // _INSTANT)
        yield day, reached - given
        given = reached
    yield last, steps - given


def _day(at: datetime, zone: ZoneInfo) -> date:
    """The civil day a total belongs to; a total read exactly at midnight closes the day before."""
    return (at.astimezone(UTC) - _INSTANT).astimezone(zone).date()


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
