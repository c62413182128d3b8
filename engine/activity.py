"""Steps per civil day out of running totals, and the 7-day activity: pure, exact, whole steps.

A counter may start again at midnight, after a battery change or at 2^16 or 2^32; it may be read late, twice or out of
order. What it counted before it was first read is unknown and is not invented. A total that says since when it counts
(a band whose family starts at 0 every midnight) is believed; for the others the readings have to tell.

Days are cut at local midnight for reports (`REPORT_CUT`) and at 04:00 for habits (`HABIT_CUT`): a walk home at 01:00
belongs to the evening before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
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
REPORT_CUT: Final = timedelta(0)
HABIT_CUT: Final = timedelta(hours=4)
# A day counts as worn with a signal in so many of its hours (the usual ten of accelerometer studies).
WORN_HOURS: Final = 10
_INSTANT: Final = timedelta(microseconds=1)
_MINUTE: Final = timedelta(minutes=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


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


def day_totals(points: Iterable[Total], zone: ZoneInfo, cut: timedelta = REPORT_CUT) -> dict[date, Decimal]:
    """Steps per local day from points of a running total; several devices count once, the highest.

    Order and repeated points do not matter. Days without a trace in the data are absent, not 0.
    """
    devices: dict[str, set[tuple[datetime, int]]] = {}
    dated: dict[str, dict[date, set[tuple[datetime, int]]]] = {}
    for point in points:
        total = point.at.astimezone(UTC), int(point.value)
        if point.since is None:
            devices.setdefault(point.device_id, set()).add(total)
        else:
            period = _period(total, point.since, zone)
            dated.setdefault(point.device_id, {}).setdefault(period, set()).add(total)
    found = [_one_device(sorted(readings), zone, cut) for readings in devices.values()]
    found += [_one_dated(periods, zone, cut) for periods in dated.values()]
    merged: dict[date, int] = {}
    for totals in found:
        for day, steps in totals.items():
            merged[day] = max(steps, merged.get(day, 0))
    return {day: Decimal(merged[day]) for day in sorted(merged)}


def seen_days(points: Iterable[Total], zone: ZoneInfo, cut: timedelta = REPORT_CUT) -> frozenset[date]:
    """The local days on which a point stands: a day filled only from later totals is not among them."""
    return frozenset(_day(point.at, zone, cut) for point in points)


def worn_days(
    intervals: Iterable[Total], signs: Iterable[Total], zone: ZoneInfo, cut: timedelta = REPORT_CUT
) -> frozenset[date] | None:
    """The local days with steps in an interval, or another sign of life, in at least 10 of their clock hours.

    None if these intervals cannot tell: a device that never reports an hour without steps only speaks while somebody
    walks, and its silence says nothing of being worn.
    """
    known = list(intervals)
    if all(point.value > 0 for point in known):
        return None
    hours: dict[date, set[int]] = {}
    for point in (*(point for point in known if point.value > 0), *signs):
        for at in _hours(point):
            hours.setdefault(_day(at, zone, cut), set()).add((at - _INSTANT).astimezone(zone).hour)
    return frozenset(day for day, found in hours.items() if len(found) >= WORN_HOURS)


def _hours(point: Total) -> Iterator[datetime]:
    """An instant in each clock hour that the point covers; an interval longer than a day says nothing of its hours."""
    at = point.at.astimezone(UTC)
    yield at
    if point.since is not None and timedelta(0) < at - point.since <= timedelta(days=1):
        edge = (at - _INSTANT).replace(minute=0, second=0, microsecond=0)
        while edge > point.since:
            yield edge
            edge -= timedelta(hours=1)


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


def _one_dated(periods: Mapping[date, set[tuple[datetime, int]]], zone: ZoneInfo, cut: timedelta) -> dict[date, int]:
    """Days of a total that began at 0 with each of its periods; what a restart within a period lost is kept."""
    totals: dict[date, int] = {}
    for period, readings in periods.items():
        ends = _midnight(period + timedelta(days=1), zone)
        start, old = _midnight(period, zone), None
        for at, count in sorted(readings):
            end = min(at, ends)
            since = _awake(start, end, cut) if old is None else start
            _share(totals, _spread(since, end, count if old is None or count < old else count - old, zone, cut))
            start, old = end, count
    return totals


def _share(totals: dict[date, int], shares: Iterable[tuple[date, int]]) -> None:
    for day, steps in shares:
        totals[day] = totals.get(day, 0) + steps


def _awake(start: datetime, end: datetime, cut: timedelta) -> datetime:
    """Since when the steps of a count that began at midnight were walked: not in the night before the cut."""
    return start + cut if end > start + cut else start


def _one_device(readings: Sequence[tuple[datetime, int]], zone: ZoneInfo, cut: timedelta) -> dict[date, int]:
    totals: dict[date, int] = {}
    if not readings:
        return totals
    daily = _starts_again_daily(readings, zone)
    first, count = readings[0]
    midnight = _midnight(_day(first, zone), zone)
    _share(totals, _spread(_awake(midnight, first, cut), first, count if daily else 0, zone, cut))
    for before, after in pairwise(readings):
        start, steps = _walked(before, after, zone, daily=daily)
        start = start if start == before[0] else _awake(start, after[0], cut)
        _share(totals, _spread(start, after[0], steps, zone, cut))
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


def _spread(start: datetime, end: datetime, steps: int, zone: ZoneInfo, cut: timedelta) -> Iterator[tuple[date, int]]:
    """`steps` over the local days of (start, end], by time, in whole steps that add up to `steps`."""
    whole = end - start
    given, at = 0, start
    last = _day(end, zone, cut)
    while at < end and (day := _day(at + _INSTANT, zone, cut)) < last:
        at = _midnight(day + timedelta(days=1), zone, cut)
        reached = steps * ((at - start) // _INSTANT) // (whole // _INSTANT)
        yield day, reached - given
        given = reached
    yield last, steps - given


def _day(at: datetime, zone: ZoneInfo, cut: timedelta = REPORT_CUT) -> date:
    """The local day a total belongs to; a total read exactly at the cut closes the day before."""
    return _day_of_minute((at - _EPOCH - _INSTANT) // _MINUTE, zone, cut)


@lru_cache(maxsize=1 << 16)
def _day_of_minute(minute: int, zone: ZoneInfo, cut: timedelta) -> date:
    """The local day of a minute since 1970; each total is looked at many times, and no day begins within a minute."""
    local = (_EPOCH + minute * _MINUTE).astimezone(zone)
    return (local.replace(tzinfo=None) - cut).date()


def _midnight(day: date, zone: ZoneInfo, cut: timedelta = REPORT_CUT) -> datetime:
    local = datetime(day.year, day.month, day.day, tzinfo=zone) + cut
    return local.astimezone(UTC)
