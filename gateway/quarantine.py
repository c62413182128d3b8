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
    """Since when the household has the device, and the receive time of the measurement that proved it; None: not told.

    What was received up to `disowned_until` is nobody's: while pairing, a person said that it was not theirs.
    """

    paired_at: datetime | None = None
    proven_at: datetime | None = None
    disowned_until: datetime | None = None


def is_foreign(paired: Paired, trusted: Trusted, received_at: datetime, *, live: bool) -> bool:
    """Whether a record with `trusted` time, heard at `received_at`, must not be filed under anybody here.

    Until the proof an undated record, or one dated outside of the pairing, is foreign: its clock was not ours. From
    the proof on only a date before the pairing makes it so.
    """
    since, measured_at = paired.paired_at, trusted.measured_at
    if since is None:
        return False
    if paired.disowned_until is not None and received_at <= paired.disowned_until:
        return True
    dated = trusted.quality == "device"
    unproven = paired.proven_at is None or received_at < paired.proven_at
    if live:
        return dated and unproven and measured_at < since - LIVE_LEEWAY
    if dated and measured_at < since - LEEWAY:
        return True
    return unproven and (not dated or measured_at > received_at + LEEWAY)
