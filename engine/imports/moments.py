"""Dates and times as files write them: ISO, slashes, month names, eras, epochs; naive ones are the household's."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.dates import parse_birth_date
from engine.refusal import Refusal

NOON: Final = time(12)
_DAY: Final = timedelta(days=1)
# Only to read a day at all: whether it lies in the future is for the intake to say.
_FAR: Final = date(2120, 1, 1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PARTS: Final = re.compile(r"(?P<day>\S+?日?)(?:[ T]+|(?<=日))(?P<time>(?:午前|午後|AM|PM|am|pm)?\s*\d{1,2}[:時].*)")
_CLOCK: Final = re.compile(
    r"(?P<before>午前|午後|AM|PM)?\s*(?P<h>\d{1,2})[:時](?P<m>\d{1,2})分?(?::?(?P<s>\d{1,2})(?:\.\d+)?秒?)?\s*(?P<after>AM|PM)?",
    re.IGNORECASE,
)
_HALF: Final = 12


def zone_named(name: str, otherwise: ZoneInfo) -> ZoneInfo:
    """The zone of that IANA name, or `otherwise` when there is no such zone."""
    try:
        return ZoneInfo(name.strip()) if name.strip() else otherwise
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return otherwise


def moment(text: str, formats: Iterable[str], zone: ZoneInfo, day_time: time = NOON) -> datetime | None:
    """The aware instant `text` names by the first of `formats` that fits; a date alone is that day at `day_time`.

    Formats: strptime patterns, `iso`, `era` (令和8年11月21日 7:05, 2026/11/21 午後3時5分), `epoch-s`, `epoch-ms`.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    for form in formats:
        found = _read(plain, form, day_time)
        if found is not None:
            return found if found.tzinfo is not None else found.replace(tzinfo=zone).astimezone(UTC)
    return None


def epoch(milliseconds: int) -> datetime | None:
    """The instant so many milliseconds after 1970 UTC, None outside the calendar."""
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None


def day_span(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The first and the last whole second of a civil day, as instants in UTC."""
    start = datetime.combine(day, time(), zone).astimezone(UTC)
    end = datetime.combine(day + _DAY, time(), zone).astimezone(UTC) - timedelta(seconds=1)
    return start, end


def _read(text: str, form: str, day_time: time) -> datetime | None:
    try:
        if form == "iso":
            found = datetime.fromisoformat(text)
            return datetime.combine(found.date(), day_time) if len(text) <= len("2026-11-21") else found
        if form == "era":
            return _written(text, day_time)
        if form in {"epoch-s", "epoch-ms"}:
            return epoch(int(text) * (1000 if form == "epoch-s" else 1))
        found = datetime.strptime(text, form)  # noqa: DTZ007 - the caller gives naive ones the household's zone
    except (ValueError, OverflowError):
        return None
    return found if "%H" in form or "%I" in form else datetime.combine(found.date(), day_time)


def _written(text: str, day_time: time) -> datetime | None:
    parts = _PARTS.fullmatch(text)
    day = parse_birth_date(parts["day"] if parts else text, _FAR)
    if isinstance(day, Refusal):
        return None
    if parts is None:
        return datetime.combine(day, day_time)
    told = clock(parts["time"])
    return None if told is None else datetime.combine(day, told)


def clock(text: str) -> time | None:
    """A time of day such as 7:05, 07:05:30, 午後3時5分 or 3:05 PM, in any width; None when it is none."""
    found = _CLOCK.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if found is None:
        return None
    hour, half = int(found["h"]), (found["before"] or found["after"] or "").upper()
    if half in {"午後", "PM"} and hour < _HALF:
        hour += _HALF
    elif half in {"午前", "AM"} and hour == _HALF:
        hour = 0
    try:
        return time(hour, int(found["m"]), int(found["s"] or 0))
    except ValueError:
        return None
