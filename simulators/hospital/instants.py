"""Dates and instants of FHIR as the ranges of time they mean, and the search prefixes that compare ranges."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec

from simulators.hospital.outcomes import RefusedError

_FORM = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?"
)  # fmt: skip
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)
_DECEMBER = 12


class Span(msgspec.Struct, frozen=True):
    """From `low` until just before `high`."""

    low: datetime
    high: datetime


def span_of(text: str, zone: int) -> Span:
    """The range a date or instant means, in `zone` (minutes east of UTC) where it names none; raises RefusedError."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise RefusedError(400, f"not a date or instant: {text!r}")
    try:
        return _span(found, timezone(timedelta(minutes=zone)))
    except (ValueError, OverflowError) as error:
        raise RefusedError(400, f"not a date or instant: {text!r} ({error})") from None


def _span(found: re.Match[str], zone: timezone) -> Span:
    year, month, day, hour, minute, second, part, offset = found.groups()
    if offset:
        sign = -1 if offset[0] == "-" else 1
        away = timedelta() if offset == "Z" else sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
        zone = timezone(away)
    low = datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0),
                   int(float(part or 0) * 1_000_000), tzinfo=zone)  # fmt: skip
    if part:
        return Span(low, low + timedelta(milliseconds=1 if len(part) <= len(".123") else 0.001))
    if hour:
        return Span(low, low + (timedelta(seconds=1) if second else timedelta(minutes=1)))
    if day:
        return Span(low, low + timedelta(days=1))
    if month:
        ends = low.replace(year=low.year + 1, month=1) if low.month == _DECEMBER else low.replace(month=low.month + 1)
        return Span(low, ends)
    return Span(low, low.replace(year=low.year + 1))


def span_in(value: Any, zone: int) -> Span | None:
    """The range of a date, instant or Period in a resource; an end that is not there is open."""
    if isinstance(value, str):
        return span_of(value, zone)
    if not isinstance(value, dict):
        return None
    start, end = value.get("start"), value.get("end")
    return Span(span_of(start, zone).low if start else _FIRST, span_of(end, zone).high if end else _LAST)


def split_prefix(text: str) -> tuple[str, str]:
    """The prefix of a search value (`eq` where there is none) and the rest."""
    found = re.match(r"[a-z]{2}", text)
    prefix, rest = (found[0], text[2:]) if found else ("eq", text)
    if prefix not in {"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"}:
        raise RefusedError(400, f"prefix {prefix!r} is not known")
    return prefix, rest


def compare(prefix: str, has: Span, wanted: Span) -> bool:
    """Whether the range a resource `has` stands as `prefix` says to the `wanted` one (R4 search, 3.1.1.4.7)."""
    inside = wanted.low <= has.low and has.high <= wanted.high
    answers = {
        "eq": inside, "ne": not inside, "gt": has.high > wanted.high, "lt": has.low < wanted.low,
        "ge": inside or has.high > wanted.high, "le": inside or has.low < wanted.low,
        "sa": has.low >= wanted.high, "eb": has.high <= wanted.low,
    }  # fmt: skip
    return answers[prefix]
