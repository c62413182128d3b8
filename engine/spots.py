"""Public measuring spots: a reading goes to the person who identified there just before, or nowhere (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from engine.contract.kinds import ROOM
from engine.contract.reading import Reading
from engine.people import Resident

NO_VISIT: Final = "no-visit"
# Ten wrong guesses within ten minutes, and a number opens nothing for ten more.
GUESSES: Final = 10
GUESS_SPAN: Final = timedelta(minutes=10)
PAUSE: Final = timedelta(minutes=10)
# A question that waited at the broker longer than this, or a clock that is that wrong, opens no visit.
CLOCKS_APART: Final = timedelta(minutes=5)
# A device's clock that runs ahead of what is being heard by more than this cannot say what came first.
AHEAD: Final = timedelta(seconds=30)
# Only such times say that the measurement was made in the visit; a record of unknown age may be anybody's.
_TIMED: Final = frozenset({"device", "received"})
_ROOM: Final = frozenset(kind.code for kind in ROOM)


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """Who may measure at a gateway from when to when; `name` is what its screen may show."""

    id: str
    gateway_id: str
    resident_id: str
    name: str
    opened_at: datetime
    closes_at: datetime


def covers(visit: Visit, gateway: str, reading: Reading) -> bool:
    """Whether `reading`, heard by `gateway`, was made in that visit by the person who opened it.

    A device's clock shows whole seconds, so that the first second of a visit counts from its beginning.
    """
    same = (visit.gateway_id, visit.resident_id) == (gateway, reading.person_hint)
    begin = visit.opened_at.replace(microsecond=0)
    timed = reading.time_quality in _TIMED and begin <= reading.measured_at <= reading.received_at + AHEAD
    heard = visit.opened_at <= reading.received_at <= visit.closes_at
    return same and timed and heard and any(value.kind not in _ROOM for value in reading.values)


def paused_until(wrong: Sequence[datetime], now: datetime) -> datetime | None:
    """Until when a spot answers no numbers, after the `wrong` guesses made there, oldest first; None when it does."""
    last = wrong[-GUESSES:]
    if len(last) < GUESSES or last[-1] - last[0] > GUESS_SPAN:
        return None
    end = last[-1] + PAUSE
    return end if now < end else None


def name_on_screen(resident: Resident, chosen: str | None) -> str:
    """What bystanders may read of a person: the name they chose, else the first kana of the given name."""
    return chosen or (resident.given_kana or resident.family_kana)[:1] or "-"
