"""Frames out of the journal to readings back into it, in one transaction; the same frames always give the same ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import msgspec

from engine.contract.reading import Reading, Value, reading_id
from engine.contract.wire import encode_reading
from firmware_profiles.model import Profile
from gateway.clock import Trusted, counting_since
from gateway.devices import Entry
from gateway.found import Found
from gateway.journal import Draft, Frame, Journal, JournalError
from gateway.sorting import Batch, Sorter, context_of

__all__ = ["Decoder", "Step", "context_of"]
ANCHOR: Final = "microseconds"
PAGE: Final = 2000
# Longer than anything waits for a fuller frame.
LATER: Final = timedelta(days=1)


class Step(msgspec.Struct, frozen=True):
    """What one pass did: ids of new readings, frames settled, and when there will be something to do again.

    `heard` tells, by device, when the first measurement among them was received.
    """

    ids: list[str]
    settled: int
    wake: datetime | None
    heard: Mapping[str, datetime] = {}


class Door(Protocol):
    """Who decides, at a public spot, whose a measurement is."""

    def admit(self, found: Found, trusted: Trusted, values: tuple[Value, ...]) -> str | None:
        """The resident it belongs to, None when nothing of it may stay."""
        ...


class Decoder:
    """Decodes what is new in the journal; `step` until nothing changes is also the recovery after a crash."""

    def __init__(
        self,
        journal: Journal,
        profiles: Mapping[str, Profile],
        zone: ZoneInfo,
        listed: Callable[[str], Entry | None],
        door: Door | None = None,
    ) -> None:
        self._journal, self._zone, self._listed, self._door = journal, zone, listed, door
        self._sorter = Sorter(journal, profiles, zone, listed)

    def step(self, now: datetime, *, closing: bool = False) -> Step:
        """Decode what is new, in one transaction; call again while anything was settled.

        `closing`: nobody will listen for a fuller frame any more; what waits for a person's yes waits all the same.
        """
        frames, held = self._fresh(now)
        batch = self._sorter.sort(frames, now + LATER if closing else now)
        moments = [moment for moment in (batch.wake, held) if moment is not None]
        good, ids = self._settle(batch)
        settled = sum(len(found.frames) for found in batch.found) + len(batch.refused) + len(batch.previews)
        heard: dict[str, datetime] = {}
        for found in good:
            heard.setdefault(found.frames[0].device, found.frames[0].received_at)
        return Step(ids, settled, min(moments, default=None), heard)

    def _fresh(self, now: datetime) -> tuple[list[Frame], datetime | None]:
        """New frames but those of devices whose pairing is not over, and when the first of these will be."""
        frames, free, moments = self._journal.fresh(PAGE), list[Frame](), set[datetime]()
        while frames:
            for frame in frames:
                until = entry.held_until if (entry := self._listed(frame.device)) else None
                if until is not None and until > now:
                    moments.add(until)
                else:
                    free.append(frame)
            # A page full of waiting frames must not hide what stands behind it.
            frames = self._journal.fresh(PAGE, frames[-1].seq) if len(frames) == PAGE and not free else []
        return free, min(moments, default=None)

    def _settle(self, batch: Batch) -> tuple[list[Found], list[str]]:
        drafts: dict[tuple[int, ...], Found] = {}
        people: dict[tuple[int, ...], str | None] = {}
        good: list[Draft] = []
        for found in batch.found:
            code = self._sorter.unfit(found)
            person = self._person(found) if code is None and self._door else None
            if code or (self._door and person is None):
                # A preview is over once its frames are gone; anything else unfit stays for the doctor to see.
                seqs = [frame.seq for frame in found.frames]
                kept = code not in {None, "preview"}
                batch.previews += [] if kept else seqs
                batch.refused += [(seq, code or "") for seq in seqs] if kept else []
                continue
            draft = self._draft(found)
            drafts[draft.frames], people[draft.frames] = found, person
            good.append(draft)
        if self._door:
            # At a public spot not even what cannot be read is kept: it may be anybody's.
            batch.previews += [seq for seq, _ in batch.refused]
            batch.refused = []
        if not (good or batch.refused or batch.previews):
            return [], []
        try:
            return list(drafts.values()), self._journal.settle(
                good,
                lambda draft, at: self._compose(draft, at, drafts[draft.frames], people[draft.frames]),
                batch.refused,
                batch.previews,
            )
        except JournalError:
            # What was fed is still new in the journal: read it again from the start.
            self._sorter.forget()
            raise

    def _person(self, found: Found) -> str | None:
        trusted = self._sorter.trusted(found, found.frames[0].received_at)
        return self._door.admit(found, trusted, self._sorter.values(found)) if self._door else None

    def _draft(self, found: Found) -> Draft:
        first, sample = found.frames[0], found.sample
        trusted = self._sorter.trusted(found, first.received_at)
        return Draft(
            frames=tuple(frame.seq for frame in found.frames),
            device=first.device,
            slot=sample.user_slot,
            key=first.raw,
            anchor=trusted.anchor,
            received_at=first.received_at,
            occurrence=first.occurrence,
            # Live values are never re-sent: the same pulse in the next session is another pulse.
            scope=first.session if found.live else "",
        )

    def _compose(self, draft: Draft, received_at: datetime, found: Found, person: str | None) -> tuple[str, bytes]:
        sample = found.sample
        trusted = self._sorter.trusted(found, received_at)
        anchor = draft.anchor or received_at.isoformat(timespec=ANCHOR)
        name = reading_id(draft.device, draft.slot, anchor, found.raw)
        reading = Reading(
            id=name,
            device=draft.device,
            profile=found.profile.id,
            firmware=found.firmware,
            provenance=found.provenance,
            user_slot=sample.user_slot,
            person_hint=person,
            sequence=sample.sequence,
            measured_at=trusted.measured_at.astimezone(self._zone),
            period_start=counting_since(found.profile, sample, trusted.measured_at, self._zone),
            time_quality=trusted.quality,
            received_at=received_at,
            values=self._sorter.values(found),
        )
        return name, encode_reading(reading)
