"""A measure of support (支援措置): since when until when a person is hidden from household and family. Pure.

住民基本台帳事務処理要領 第5の10: residents threatened by violence (DV, stalking, abuse of children) have the town keep
their whereabouts from the other party, for a year at a time. Known, not re-read: check the text before citing it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.names import keep
from engine.refusal import Refusal

ZONE: Final = ZoneInfo("Asia/Tokyo")
LONGEST: Final = timedelta(days=366)
# So long before its end a measure stands in the desk's list: renewal is asked for in the month before.
WARNED: Final = timedelta(days=31)


class Protection(msgspec.Struct, frozen=True, kw_only=True):
    """One measure, from `since` until (excluding) `until`; `seen` names the paper, never what it tells."""

    id: str
    resident: str
    since: datetime
    until: datetime
    seen: str
    by: str
    at: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None
    version: int = 1


def end_of(measure: Protection) -> datetime:
    """When it ends or did end."""
    return measure.until if measure.ended_at is None else min(measure.until, measure.ended_at)


def last_day(measure: Protection) -> date:
    """The last civil day on which it holds."""
    return (end_of(measure) - timedelta(microseconds=1)).astimezone(ZONE).date()


def holds(measure: Protection, when: datetime) -> bool:
    """Whether the measure holds at `when`."""
    return measure.since <= when < end_of(measure)


def expiring(measure: Protection, when: datetime) -> bool:
    """Whether the desk has to ask about its renewal."""
    return holds(measure, when) and end_of(measure) - when <= WARNED


def heard_from(measures: Iterable[Protection], when: datetime) -> datetime | None:
    """The instant before which no word to family counts at `when`; None where there never was a measure.

    What was said before or during a measure opens nothing when the measure runs out: it may be forgotten, or forced.
    """
    begun = [measure for measure in measures if measure.since <= when]
    return max((min(end_of(measure), when) for measure in begun), default=None)


def year_from(day: date) -> date:
    """The last day of a measure that begins on `day`, where nobody says another."""
    try:
        return day.replace(year=day.year + 1) - timedelta(days=1)
    except ValueError:
        return date(day.year + 1, 2, 28)


def drafted(
    *, id: str, resident: str, seen: str, until: date | None, by: str, now: datetime  # noqa: A002
) -> Protection | Refusal:  # fmt: skip
    """A measure that holds at once; refused as needs-paper, until-past or too-long (over a year)."""
    end = _end(until, now)
    if isinstance(end, Refusal):
        return end
    paper = keep(seen)
    if isinstance(paper, Refusal):
        return Refusal("needs-paper", "name the paper that says so", "seen")
    return Protection(id=id, resident=resident, since=now, until=end, seen=paper, by=by, at=now)


def renewed(measure: Protection, seen: str, until: date | None, now: datetime) -> Protection | Refusal:
    """The same for longer, by a new paper; refused as `drafted` or as not-held once it is over.

    Without a day a year more: from its end where that is near, else from today.
    """
    if not holds(measure, now):
        return Refusal("not-held", f"{measure.id} is over; enter a new one")
    until = until or year_from((measure.until if expiring(measure, now) else now).astimezone(ZONE).date())
    end = _end(until, now, within=LONGEST + WARNED)
    if isinstance(end, Refusal):
        return end
    paper = keep(seen)
    if isinstance(paper, Refusal):
        return Refusal("needs-paper", "name the paper that says so", "seen")
    return msgspec.structs.replace(measure, until=end, seen=paper, version=measure.version + 1)


def ended(measure: Protection, by: str, now: datetime) -> Protection | Refusal:
    """The same, ended at `now`; refused as not-held once it is over."""
    if not holds(measure, now):
        return Refusal("not-held", f"{measure.id} is over")
    return msgspec.structs.replace(measure, ended_at=now, ended_by=by, version=measure.version + 1)


def _end(until: date | None, now: datetime, within: timedelta = LONGEST) -> datetime | Refusal:
    day = until or year_from(now.astimezone(ZONE).date())
    # Asked of the day itself: the day after the last one a calendar has is nothing to reckon with.
    if day >= now.astimezone(ZONE).date() + within:
        return Refusal("too-long", "at most a year; it is renewed then", "until")
    end = datetime.combine(day + timedelta(days=1), time(), ZONE)
    return Refusal("until-past", "the last day must not be over", "until") if end <= now else end
