"""Dates and instants of FHIR as the stretches of time they stand for, and what a search prefix asks of two. Pure.

A year is a whole year and a minute a whole minute; where no zone is said, it is Japan's.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import msgspec

PREFIXES: Final = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
JAPAN: Final = timezone(timedelta(hours=9))
_WRITTEN: Final = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"(T(?P<hour>\d\d):(?P<minute>\d\d)(:(?P<second>\d\d)(\.(?P<part>\d{1,9}))?)?(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
_END: Final = datetime.max.replace(tzinfo=UTC)
_MICROS: Final = 6
_DECEMBER: Final = 12
# About a tenth of the way from now to the date asked for, as R4 proposes for `ap`.
_NEARLY: Final = 10


class Span(msgspec.Struct, frozen=True):
    """From `start` until just before `end`, both aware."""

    start: datetime
    end: datetime


def span_of(text: str) -> Span | None:
    """The stretch a date, an instant or a part of one stands for; None for what is none."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return None
    try:
        start = _start(found)
        return Span(start, _after(start, found))
    except (ValueError, OverflowError):
        return None


def moment(at: datetime) -> Span:
    """The microsecond of an instant."""
    return Span(at, at + timedelta(microseconds=1))


def spans_in(value: Any) -> Span | None:
    """The stretch of a value in a resource: a date, an instant or a Period whose open end is open."""
    if isinstance(value, str):
        return span_of(value)
    if not isinstance(value, dict) or not {"start", "end"} & value.keys():
        return None
    start, end = span_of(value.get("start", "")), span_of(value.get("end", ""))
    return Span(start.start if start else _BEGINNING, end.end if end else _END)


def asked_of(text: str) -> tuple[str, Span] | None:
    """The prefix (`eq` where none is written) and the stretch of a search value; None for what is none."""
    # The plus of +09:00 is a space in an address that was not quoted, and no date has a space.
    text = text.replace(" ", "+")
    prefix, rest = (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)
    span = span_of(rest)
    return None if span is None else (prefix, span)


def answers(prefix: str, has: Span, wanted: Span, now: datetime) -> bool:
    """Whether what a resource `has` stands to `wanted` as the prefix asks (FHIR R4 search, ordered types)."""
    inside = wanted.start <= has.start and has.end <= wanted.end
    if prefix == "ap":
        slack = abs(now - wanted.start) / _NEARLY
        return has.end > _moved(wanted.start, -slack) and has.start < _moved(wanted.end, slack)
    return {
        "eq": inside,
        "ne": not inside,
        "gt": has.end > wanted.end,
        "lt": has.start < wanted.start,
        "ge": inside or has.end > wanted.end,
        "le": inside or has.start < wanted.start,
        "sa": has.start >= wanted.end,
        "eb": has.end <= wanted.start,
    }[prefix]


def _moved(at: datetime, by: timedelta) -> datetime:
    try:
        return at + by
    except OverflowError:
        return _END if by > timedelta() else _BEGINNING


def _start(found: re.Match[str]) -> datetime:
    part = (found["part"] or "").ljust(_MICROS, "0")[:_MICROS]
    return datetime(
        int(found["year"]), int(found["month"] or 1), int(found["day"] or 1), int(found["hour"] or 0),
        int(found["minute"] or 0), int(found["second"] or 0), int(part), tzinfo=_zone(found["zone"]),
    ).astimezone(UTC)  # fmt: skip


def _zone(text: str | None) -> timezone:
    if text is None:
        return JAPAN
    if text == "Z":
        return timezone.utc  # noqa: UP017 - the type is timezone, which datetime.UTC hides
    away = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return timezone(-away if text[0] == "-" else away)


def _after(start: datetime, found: re.Match[str]) -> datetime:
    """Where the stretch ends: one unit of what was written last after its start."""
    if found["part"]:
        return start + timedelta(microseconds=10 ** max(0, _MICROS - len(found["part"])))
    if found["hour"]:
        return start + (timedelta(seconds=1) if found["second"] else timedelta(minutes=1))
    if found["day"]:
        return start + timedelta(days=1)
    local = start.astimezone(JAPAN)
    if found["month"] and local.month < _DECEMBER:
        return local.replace(month=local.month + 1).astimezone(UTC)
    # People write 9999 for a time that never comes.
    return _END if local.year == _END.year else local.replace(year=local.year + 1, month=1).astimezone(UTC)
