"""The moments of documents: FHIR dates and the digits of HL7, a day alone being its beginning in the zone given."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo

from engine.imports.moments import moment

_DIGITS: Final = re.compile(r"(\d{8})(?:(\d{2})(\d{2})?(\d{2})?(?:\.\d{1,6})?)?([+-]\d{4})?")
_YEARS: Final = range(1900, 2200)
_PART: Final = re.compile(r"([0-9]{4})(?:-?([0-9]{2}))?")
_JAPAN: Final = ZoneInfo("Asia/Tokyo")
_WHOLE: Final = re.compile(r"\d{4}-\d{2}-\d{2}(T.+)?")


def fhir_moment(text: str, zone: ZoneInfo) -> datetime | None:
    """The instant of a FHIR date or dateTime, None for one without a day."""
    if not _WHOLE.fullmatch(text):
        return None
    try:
        return _possible(moment(text, ("iso",), zone, time()))
    except OverflowError:
        return None


def beginning(text: str) -> datetime | None:
    """The first instant, in Japan, of a year or month written alone (2015, 2015-05, 201505); None for anything else."""
    found = _PART.fullmatch(text.strip())
    if found is None or int(found[1]) not in _YEARS:
        return None
    try:
        return datetime(int(found[1]), int(found[2] or 1), 1, tzinfo=_JAPAN).astimezone(UTC)
    except ValueError:
        return None


def hl7_moment(text: str, zone: ZoneInfo) -> datetime | None:
    """The instant of YYYYMMDD[HH[MM[SS[.S]]]][+ZZZZ], None for anything else."""
    found = _DIGITS.fullmatch(text.strip())
    if found is None:
        return None
    hour, minute, second = (int(found[part] or 0) for part in (2, 3, 4))
    try:
        naive = datetime.strptime(found[1], "%Y%m%d").replace(hour=hour, minute=minute, second=second)  # noqa: DTZ007
        return _possible(naive.replace(tzinfo=_offset(found[5]) if found[5] else zone))
    except (ValueError, OverflowError):
        return None


def _possible(at: datetime | None) -> datetime | None:
    """The instant in UTC; None outside of what anybody living can have been measured at."""
    return at.astimezone(UTC) if at is not None and at.year in _YEARS else None


def _offset(text: str) -> timezone:
    sign = -1 if text.startswith("-") else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[3:5])))
