"""Who was at home when something was measured there: the moment of measuring decides, whenever it arrives. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from engine.situation import GONE, MOVES, STAYS, TRIPS, LifeEvent, Situation

# From an instant (None: ever since) until before another (None: for ever).
Span = tuple[datetime | None, datetime | None]


class Former(msgspec.Struct, frozen=True):
    """That a slot was `resident`'s from `since` (None: always) until before `until`."""

    resident: str
    slot: int
    since: datetime | None
    until: datetime


class Presence(msgspec.Struct, frozen=True):
    """When somebody of a household does not live there (`absent`), or sleeps elsewhere for a while (`stays`).

    `former` are, by device, the slots whose holders lost them by dying or going away; `trips` are the stays to which
    somebody took devices along.
    """

    absent: Mapping[str, tuple[Span, ...]] = {}
    stays: Mapping[str, tuple[Span, ...]] = {}
    former: Mapping[str, tuple[Former, ...]] = {}
    trips: Mapping[str, tuple[Span, ...]] = {}

    def here(self, resident: str, when: datetime) -> bool:
        """Whether this member lived there at `when`."""
        return not _within(self.absent.get(resident, ()), when)

    def away(self, resident: str, when: datetime) -> bool:
        """Whether this member slept elsewhere at `when`: of what is heard at home somebody is asked whose it is."""
        return _within(self.stays.get(resident, ()), when)

    def brought(self, resident: str, measured: datetime, received: datetime) -> bool:
        """Whether what was measured on a trip was heard at home only when this member was back."""
        return _within(self.trips.get(resident, ()), measured) and not self.away(resident, received)

    def holders(self, device: str, when: datetime) -> dict[int, str]:
        """The former holders of the device's slots at `when`."""
        return {
            one.slot: one.resident
            for one in self.former.get(device, ())
            if when < one.until and (one.since is None or one.since <= when)
        }

    def slots(
        self, device: str, bindings: Mapping[int, str], taken_over: Mapping[int, datetime], when: datetime
    ) -> dict[str, Mapping[int, Any]]:
        """`bindings` and `taken_over` of the device as they were at `when`: a slot that was somebody's is theirs."""
        before = self.holders(device, when)
        since = {slot: at for slot, at in taken_over.items() if slot not in before}
        return {"bindings": {**bindings, **before}, "taken_over": since}


ALWAYS: Final = Presence()


def absences(situation: Situation, household: str) -> tuple[Span, ...]:
    """When this resident did not live in `household`: before and after their time there, and from their death on."""
    lived = _homes(situation)
    ends = [*(start for start, _ in lived[1:]), None]
    spans: list[Span] = [
        (start, end) for (start, home), end in zip(lived, ends, strict=True) if home != household
    ]  # fmt: skip
    return (*spans, *_spans(situation.standing, GONE))


def stays(situation: Situation) -> tuple[Span, ...]:
    """When this resident slept elsewhere and came back."""
    return _spans(situation.standing, STAYS)


def trips(situation: Situation) -> tuple[Span, ...]:
    """When this resident was away with whatever they measure themselves with."""
    return _spans(situation.standing, TRIPS)


def _homes(situation: Situation) -> list[tuple[datetime | None, str | None]]:
    """Where this resident lived from when on; the first entry is from ever since."""
    moves = [event for event in situation.standing if event.sort in MOVES]
    first = next((move.detail.before for move in moves if move.detail.before), None)
    lived: list[tuple[datetime | None, str | None]] = [(None, first.household if first else situation.household)]
    lived += [(move.since, move.detail.household) for move in moves]
    done = sum(move.detail.begun for move in moves)
    # Where they are registered now is where the last move that was carried out led, whatever was corrected since.
    lived[done] = (lived[done][0], situation.household)
    return lived


def _spans(events: Iterable[LifeEvent], sorts: Iterable[str]) -> tuple[Span, ...]:
    wanted = frozenset(sorts)
    return tuple((event.since, event.until) for event in events if event.sort in wanted)


def _within(spans: Iterable[Span], when: datetime) -> bool:
    return any((start is None or start <= when) and (end is None or when < end) for start, end in spans)
