"""DateTime as the broker reads and tells it: many ISO 8601 spellings in, one out.

Facts: Orion's NGSIv2 implementation notes, "Datetime support": no zone means UTC, told as YYYY-MM-DDThh:mm:ss.sssZ.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_WRITTEN = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})"
    r"(?:T(\d{2})(?:(?P<colon>:?)(\d{2})(?:(?P=colon)(\d{2})(?:\.(\d{1,9}))?)?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII,
)


def told_instant(written: str) -> str | None:
    """The instant as the broker tells it, None when it is not written as one (an interval `a/b` is not)."""
    found = _WRITTEN.fullmatch(written)
    if not found:
        return None
    year, month, day, hour, _, minute, second, fraction, zone = found.groups()
    thousandths = int((fraction or "").ljust(3, "0")[:3])
    try:
        local = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), thousandths * 1000,
            tzinfo=_zone(zone),
        )  # fmt: skip
        return local.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{thousandths:03d}Z"
    except (ValueError, OverflowError):
        return None


def _zone(said: str | None) -> timezone:
    if said in {None, "Z"}:
        return UTC
    digits = str(said)[1:].replace(":", "").ljust(4, "0")
    away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-away if str(said).startswith("-") else away)
