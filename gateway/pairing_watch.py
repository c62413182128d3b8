"""Watches a device's frames in the journal while they wait for a person's yes; reads only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from firmware_profiles.model import Profile
from gateway.devices import Entry
from gateway.found import Found
from gateway.journal_peek import Look
from gateway.pairing_model import Aside, Broke, Event, Sighted, Sighting
from gateway.quarantine import CODE as BEFORE_PAIRING
from gateway.sorting import Sorter

# A burst of records without a date is over when nothing came for this long: the newest may be the one just made.
QUIET: Final = timedelta(seconds=1.5)
_LATER: Final = timedelta(days=1)


class Moment(msgspec.Struct, frozen=True):
    """When the frames of a measurement were received, first and last.

    `woke_until`: the last frame before it of a measurement made before anybody was asked who uses the device.
    """

    first: datetime
    last: datetime
    woke_until: datetime | None = None


class _Pile(msgspec.Struct):
    """The measurements of one look, sorted by what a person must say to them."""

    dated: list[Found] = []
    undated: list[Found] = []
    woke: list[datetime] = []
    events: list[Event] = []


class Watch:
    """What waits for `device`; `old` tells the adverts it sent before it was chosen."""

    def __init__(
        self,
        home: Path,
        device: str,
        profiles: Mapping[str, Profile],
        zone: ZoneInfo,
        listed: Callable[[str], Entry | None],
        old: Callable[[], frozenset[bytes]],
    ) -> None:
        self._frames = Look(home / "journal.sqlite", device)
        self._profiles, self._zone, self._listed, self._old = profiles, zone, listed, old
        self._told: set[int] = set()
        self._aside: set[int] = set()
        self._moments: dict[int, Moment] = {}

    def moment(self, number: int) -> Moment:
        """When the measurement of that number was received."""
        return self._moments[number]

    def look(self, now: datetime) -> list[Event]:
        """What is new since the last look; raises JournalError."""
        frames = self._frames.fresh()
        if not frames or (frames[-1].seq in self._told and frames[-1].received_at < now - 2 * QUIET):
            return []
        sorter = Sorter(self._frames, self._profiles, self._zone, self._listed)
        # What might still grow is shown as it is: nobody wants to stand on a scale for half a minute.
        batch = sorter.sort(frames, now + _LATER)
        pile = _Pile()
        for found in sorted(batch.found, key=lambda found: found.frames[-1].seq):
            self._place(found, sorter, pile)
        events = [*pile.events, *self._asides()]
        if pile.dated:
            events += self._tell(pile.dated[-1], sorter, pile.woke, dated=True)
        elif pile.undated and pile.undated[-1].frames[-1].received_at <= now - QUIET:
            events += self._tell(pile.undated[-1], sorter, pile.woke, dated=False)
        return events

    def _place(self, found: Found, sorter: Sorter, pile: _Pile) -> None:
        """Onto the heap it belongs to: somebody's now, nobody knows when, before the pairing, of whoever woke it."""
        number, code = found.frames[-1].seq, sorter.unfit(found)
        if found.live and found.raw in self._old():
            pile.woke.append(found.frames[0].received_at)
        elif code is None:
            if pile.dated and self._is_early(sorter, pile.dated[-1]):
                pile.woke.append(pile.dated[-1].frames[0].received_at)
            pile.dated.append(found)
        elif code == BEFORE_PAIRING and found.live:
            pile.events += [Broke("device-clock")] if number not in self._told else []
            self._told.add(number)
        elif code == BEFORE_PAIRING and not self._is_sure(sorter, found):
            pile.undated.append(found)
        elif code == BEFORE_PAIRING:
            self._aside.add(number)

    def _is_early(self, sorter: Sorter, found: Found) -> bool:
        """Whether it was made before the person said yes: by whoever woke the device, perhaps somebody who helps."""
        first = found.frames[0]
        entry = self._listed(first.device)
        since = entry.paired_at if entry else None
        return since is not None and sorter.trusted(found, first.received_at).measured_at < since

    @staticmethod
    def _is_sure(sorter: Sorter, found: Found) -> bool:
        return sorter.trusted(found, found.frames[0].received_at).quality == "device"

    def _asides(self) -> list[Event]:
        fresh = self._aside - self._told
        self._told |= fresh
        return [Aside(len(self._aside))] if fresh else []

    def _tell(self, found: Found, sorter: Sorter, woke: list[datetime], *, dated: bool) -> list[Event]:
        number = found.frames[-1].seq
        if number in self._told:
            return []
        self._told.add(number)
        first = found.frames[0].received_at
        before = max((at for at in woke if at < first), default=None)
        self._moments[number] = Moment(first, found.frames[-1].received_at, before)
        values = sorter.values(found)
        return [Sighted(Sighting(number=number, values=values, slot=found.sample.user_slot, dated=dated))]
