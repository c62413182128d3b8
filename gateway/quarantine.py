"""Records from before the household had the device are somebody else's: a second-hand scale holds them (pure)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from gateway.clock import Trusted

# Between the moment a person says "this one" and the moment the device's clock is set.
LEEWAY: Final = timedelta(minutes=2)
# A broadcast clock nobody can set may stand in its maker's zone.
LIVE_LEEWAY: Final = timedelta(hours=3)
CODE: Final = "before-pairing"


class Paired(msgspec.Struct, frozen=True):
    """Since when the household has the device, and since when a real measurement proved it; None: not told."""

    paired_at: datetime | None = None
    proven_at: datetime | None = None


def is_foreign(paired: Paired, trusted: Trusted, received_at: datetime, *, live: bool) -> bool:
    """Whether a record with `trusted` time, heard at `received_at`, must not be filed under anybody here.

    Until the proof an undated record, or one dated outside of the pairing, is foreign: its clock was not ours. After
    the proof only a date before the pairing makes it so.
    """
    since, measured_at = paired.paired_at, trusted.measured_at
    if since is None:
        return False
    dated = trusted.quality == "device"
    if live:
        return dated and paired.proven_at is None and measured_at < since - LIVE_LEEWAY
    if dated and measured_at < since - LEEWAY:
        return True
    return paired.proven_at is None and (not dated or measured_at > received_at + LEEWAY)
