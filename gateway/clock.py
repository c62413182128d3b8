"""From a device's wall clock to an instant that can be trusted, with the quality of that trust (pure).

The judgement depends on nothing but the record and the hour it was heard: the same record re-sent later is judged the
same, also when the gateway has set the device's clock in between, so it keeps its id.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.contract.reading import Sample, TimeQuality
from firmware_profiles.model import Profile

# Reset clocks start at 1970, 2000, 2010, 2012 or, on some scales, 2016: no memory reaches back five years.
FIRST_YEAR: Final = 2013
MEMORY: Final = timedelta(days=5 * 365)
AHEAD: Final = timedelta(hours=24)
# A gateway whose own clock is older than this software has not been told the time yet.
SOFTWARE_YEAR: Final = 2026


class Trusted(msgspec.Struct, frozen=True):
    """When a measurement was made; `anchor` is the part of its id that time gives, None when it must be minted."""

    measured_at: datetime
    quality: TimeQuality
    anchor: str | None


def trust(time: datetime | None, sequence: int | None, received_at: datetime, zone: ZoneInfo, *, live: bool) -> Trusted:
    """The trusted instant of a record that says `time` (wall clock, no zone) and was heard at `received_at` (aware).

    Never fails and never drops: what cannot be believed becomes the receive time, `received` for live frames and
    `sequence` or `unknown` for stored ones.
    """
    if time is not None and is_plausible(time, received_at, zone):
        return Trusted(time.replace(tzinfo=zone, fold=0), "device", time.isoformat())
    if live:
        return Trusted(received_at, "received", None)
    if sequence is not None:
        return Trusted(received_at, "sequence", f"seq:{sequence}")
    return Trusted(received_at, "unknown", None)


def counting_since(profile: Profile, sample: Sample, measured_at: datetime, zone: ZoneInfo) -> datetime | None:
    """The local midnight since which a daily running total has counted; None for every other sample."""
    if not profile.counts_daily or "steps" not in sample.quantities:
        return None
    return measured_at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def is_plausible(time: datetime, received_at: datetime, zone: ZoneInfo) -> bool:
    """Whether a device clock in `zone` may have shown `time` for a record heard at `received_at`."""
    if time.year < FIRST_YEAR:
        return False
    if received_at.year < SOFTWARE_YEAR:
        return True
    here = received_at.astimezone(zone).replace(tzinfo=None)
    return here - MEMORY <= time <= here + AHEAD
