"""When the town hall works, and until when somebody should have looked: office hours, holidays, due times.

Pure. Weekdays 8:30 to 17:15 are the hours of the four town halls; national holidays come from the `holidays` library,
29 December to 3 January is the closing of public offices (行政機関の休日に関する法律, and the ordinances after it).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from engine.municipalities import HOME, REGION

ZONE: Final = ZoneInfo("Asia/Tokyo")
OPENS: Final = time(8, 30)
CLOSES: Final = time(17, 15)
# From when to when each town hall works; one that we do not know is taken to work as all others do.
HOURS: Final = dict.fromkeys(REGION, (OPENS, CLOSES))
DAY: Final = timedelta(hours=8, minutes=45)
_YEAR_END: Final = frozenset({(12, 29), (12, 30), (12, 31), (1, 1), (1, 2), (1, 3)})
_SATURDAY: Final = 5
# The time within which somebody should have looked; product policy. A working day is 8 h 45 min.
WITHIN: Final = {
    "emergency": timedelta(minutes=15), "urgent": timedelta(hours=2), "prompt": DAY, "soon": 3 * DAY,
    "routine": 7 * DAY,
}  # fmt: skip
# What cannot wait is measured by the wall clock. Nobody watches at night and no page promises it; but an urgent item
# that came at 20:00 must stand as long overdue at 8:30, above all that came since, and not as one with two hours left.
AROUND_THE_CLOCK: Final = frozenset({"emergency", "urgent"})
Kind = Literal["left", "over"]
Unit = Literal["minutes", "hours", "days"]


class Left(msgspec.Struct, frozen=True):
    """How much is left, or how much it is over: a whole number of minutes, hours or days."""

    kind: Kind
    number: int
    unit: Unit


def is_working_day(day: date) -> bool:
    """Whether town halls work that day; every municipality served keeps the national calendar."""
    return day.weekday() < _SATURDAY and not is_holiday(day)


def is_holiday(day: date) -> bool:
    """Whether it is a public holiday or one of the days on which public offices close for the year's end."""
    return (day.month, day.day) in _YEAR_END or day in _holidays(day.year)


def is_open(now: datetime, municipality: str = HOME) -> bool:
    """Whether somebody is at the desk at `now` (aware): from 8:30, until before 17:15."""
    local = now.astimezone(ZONE)
    opens, closes = _hours(local.date(), municipality)
    return is_working_day(local.date()) and opens <= local < closes


def due_at(created: datetime, severity: str, municipality: str = HOME) -> datetime:
    """Until when an item created then should have been looked at (UTC): in office hours, urgent ones by the clock.

    A severity this program does not know is treated as the most serious.
    """
    span = WITHIN.get(severity, WITHIN["emergency"])
    if severity in AROUND_THE_CLOCK or severity not in WITHIN:
        return created.astimezone(UTC) + span
    return after(created, span, municipality)


def after(start: datetime, span: timedelta, municipality: str = HOME) -> datetime:
    """The instant (UTC) at which `span` of office hours has passed since `start`; none for nothing to wait."""
    local, left = start.astimezone(ZONE), span
    day = local.date()
    begin = local
    while True:
        if is_working_day(day):
            opens, closes = _hours(day, municipality)
            at = min(max(begin, opens), closes)
            if closes - at >= left:
                return (at + left).astimezone(UTC)
            left -= closes - at
        day += timedelta(days=1)
        begin = _hours(day, municipality)[0]


def worked(start: datetime, end: datetime, municipality: str = HOME) -> timedelta:
    """The office hours between two instants; 0 where the second is not later."""
    begin, until = start.astimezone(ZONE), end.astimezone(ZONE)
    found, day = timedelta(0), begin.date()
    while day <= until.date():
        if is_working_day(day):
            opens, closes = _hours(day, municipality)
            found += max(min(until, closes) - max(begin, opens), timedelta(0))
        day += timedelta(days=1)
    return found


def after_days(at: datetime, days: int, municipality: str = HOME) -> datetime:
    """The end of the `days`-th working day after the day of `at` (UTC); of that day itself, or the next, for 0."""
    day = at.astimezone(ZONE).date()
    left = days
    while left > 0 or not is_working_day(day):
        day += timedelta(days=1)
        left -= is_working_day(day)
    return _hours(day, municipality)[1].astimezone(UTC)


def overdue(due: datetime, now: datetime) -> bool:
    """Whether it should have been looked at before `now`; at the very instant it is not late yet."""
    return now > due


def left_words(due: datetime, now: datetime, severity: str = "routine", municipality: str = HOME) -> Left:
    """What to say of the time until `due`: office hours for what follows them (days of 8 h 45 min), else the clock.

    Rounded down, so that nobody is told of more time than there is; what is over is over by a minute at least.
    """
    late = overdue(due, now)
    first, second = (due, now) if late else (now, due)
    by_clock = severity in AROUND_THE_CLOCK or severity not in WITHIN
    span = second - first if by_clock else worked(first, second, municipality)
    minutes = max(-(-span // timedelta(minutes=1)), 1) if late else span // timedelta(minutes=1)
    a_day = timedelta(days=1) if by_clock else DAY
    kind: Kind = "over" if late else "left"
    if span >= a_day:
        return Left(kind, span // a_day, "days")
    return Left(kind, minutes, "minutes") if minutes < 60 else Left(kind, minutes // 60, "hours")  # noqa: PLR2004


def _hours(day: date, municipality: str) -> tuple[datetime, datetime]:
    opens, closes = HOURS.get(municipality, (OPENS, CLOSES))
    return datetime.combine(day, opens, ZONE), datetime.combine(day, closes, ZONE)


@cache
def _holidays(year: int) -> frozenset[date]:
    """The national holidays of a year, substitute days (振替休日) and days between two (国民の休日) included."""
    from holidays import country_holidays

    return frozenset(country_holidays("JP", years=year))
