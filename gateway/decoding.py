"""Frames out of the journal to readings back into it, in one transaction; the same frames always give the same ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.contract.reading import Provenance, Reading, Sample, Value, reading_id, values_of
from engine.contract.wire import encode_reading
from firmware_profiles.model import Advert, DecodeError, Profile, read_advert
from firmware_profiles.registry import for_firmware
from firmware_profiles.session import Assembler
from gateway.clock import Trusted, counting_since, trust
from gateway.devices import Entry, key_of
from gateway.journal import Draft, Frame, Journal, JournalError
from gateway.quarantine import CODE as BEFORE_PAIRING
from gateway.quarantine import Paired, is_foreign

ANCHOR: Final = "microseconds"
# What a scale may tell of somebody who must not be measured by a current through the body.
WEIGHT_ONLY: Final = frozenset({"body-weight", "body-height", "battery"})


class Context(msgspec.Struct, frozen=True):
    """What decoding an advert needs besides its bytes."""

    profile: str
    advert: Advert


_encode_context = msgspec.json.Encoder().encode
_decode_context = msgspec.json.Decoder(Context).decode


def context_of(profile: Profile, advert: Advert) -> bytes:
    """The journal's note beside an advert's raw bytes; the signal strength is nobody's measurement."""
    return _encode_context(Context(profile.id, msgspec.structs.replace(advert, rssi=None)))


class _Found(msgspec.Struct, frozen=True):
    """A measurement with the frames it came from, first to last."""

    frames: tuple[Frame, ...]
    raw: bytes
    sample: Sample
    profile: Profile
    firmware: str | None
    live: bool
    provenance: Provenance


class _Batch(msgspec.Struct):
    """What one pass decided about its frames."""

    found: list[_Found] = []
    refused: list[tuple[int, str]] = []
    previews: list[int] = []
    wake: datetime | None = None


class _Open(msgspec.Struct):
    """A session being put together; `frames` are those fed and not yet part of anything, by the assembler's number."""

    assembler: Assembler
    profile: Profile
    firmware: str | None
    fed: int = 0
    last: int = 0
    frames: dict[int, Frame] = {}


class Step(msgspec.Struct, frozen=True):
    """What one pass did: ids of new readings, frames settled, when an advert that may still grow is to be settled."""

    ids: list[str]
    settled: int
    wake: datetime | None


class Decoder:
    """Decodes what is new in the journal; `step` until nothing changes is also the recovery after a crash."""

    def __init__(
        self,
        journal: Journal,
        profiles: Mapping[str, Profile],
        zone: ZoneInfo,
        listed: Callable[[str], Entry | None] = lambda _: None,
    ) -> None:
        self._journal, self._profiles, self._zone, self._listed = journal, profiles, zone, listed
        self._open: dict[str, _Open] = {}

    def step(self, now: datetime) -> Step:
        """Decode what is new, in one transaction; call again while anything was settled."""
        batch = _Batch()
        frames = self._journal.fresh()
        for session in dict.fromkeys([*self._open, *(frame.session for frame in frames if frame.session)]):
            self._connection(session, [frame for frame in frames if frame.session == session], batch)
        heard = [frame for frame in frames if not frame.session]
        for device in dict.fromkeys(frame.device for frame in heard):
            self._adverts([frame for frame in heard if frame.device == device], now, batch)
        ids = self._settle(batch)
        settled = sum(len(found.frames) for found in batch.found) + len(batch.refused) + len(batch.previews)
        return Step(ids, settled, batch.wake)

    def _settle(self, batch: _Batch) -> list[str]:
        drafts: dict[tuple[int, ...], _Found] = {}
        good: list[Draft] = []
        for found in batch.found:
            code = self._unfit(found)
            if code:
                # A preview is over once its frames are gone; anything else unfit stays for the doctor to see.
                seqs = [frame.seq for frame in found.frames]
                batch.previews += seqs if code == "preview" else []
                batch.refused += [] if code == "preview" else [(seq, code) for seq in seqs]
                continue
            draft = self._draft(found)
            drafts[draft.frames] = found
            good.append(draft)
        if not (good or batch.refused or batch.previews):
            return []
        try:
            return self._journal.settle(
                good, lambda draft, at: self._compose(draft, at, drafts[draft.frames]), batch.refused, batch.previews
            )
        except JournalError:
            # What was fed is still new in the journal: read it again from the start.
            self._open.clear()
            raise

    # -- connections

    def _connection(self, session: str, frames: Sequence[Frame], batch: _Batch) -> None:
        known = self._journal.connection(session)
        if known is None or known.profile not in self._profiles:
            batch.refused += [(frame.seq, "no-profile") for frame in frames]
            return
        work = self._open.get(session)
        if work is None:
            profile = for_firmware(self._profiles[known.profile], known.firmware)
            work = self._open[session] = _Open(Assembler(profile), profile, known.firmware)
        for frame in frames:
            if frame.seq > work.last:
                self._feed(work, frame, batch)
        if known.ended:
            for found in work.assembler.finish():
                batch.found.append(_found(work, found.frames, found.raw, found.sample))
            # Frames that others needed (a unit told at the start) have done their service.
            batch.previews += [frame.seq for frame in work.frames.values()]
            del self._open[session]

    @staticmethod
    def _feed(work: _Open, frame: Frame, batch: _Batch) -> None:
        number = work.fed
        work.fed, work.last = number + 1, frame.seq
        work.frames[number] = frame
        try:
            done = work.assembler.feed(frame.carrier, frame.raw)
        except DecodeError as error:
            del work.frames[number]
            batch.refused.append((frame.seq, error.code))
            return
        for found in done:
            batch.found.append(_found(work, found.frames, found.raw, found.sample))

    # -- adverts

    def _adverts(self, frames: Sequence[Frame], now: datetime, batch: _Batch) -> None:
        """Fold frames of one weighing together; the newest waits while a fuller frame may still come."""
        folded: list[_Found] = []
        for frame in frames:
            found = self._read_advert(frame, batch)
            if found is None:
                continue
            joined = _join(folded[-1], found) if folded else None
            if joined is None:
                folded.append(found)
            else:
                folded[-1] = joined
        for found in folded[:-1]:
            batch.found.append(found)
        for last in folded[-1:]:
            until = last.frames[0].received_at + timedelta(seconds=last.profile.join_seconds)
            if _is_complete(last) or until <= now:
                batch.found.append(last)
            else:
                batch.wake = min(until, batch.wake or until)

    def _read_advert(self, frame: Frame, batch: _Batch) -> _Found | None:
        try:
            context = _decode_context(frame.context or b"")
            profile = self._profiles[context.profile]
            sample = read_advert(profile, context.advert, key_of(self._listed(frame.device)))
        except DecodeError as error:
            batch.refused.append((frame.seq, error.code))
        except (msgspec.MsgspecError, KeyError):
            batch.refused.append((frame.seq, "no-profile"))
        else:
            if sample is not None and sample.final:
                return _Found((frame,), frame.raw, sample, profile, None, True, "broadcast")
            batch.previews.append(frame.seq)
        return None

    # -- identity

    def _unfit(self, found: _Found) -> str | None:
        """Why it is no reading: preview, no-values, before-pairing, unsendable (a value the wire has no form for)."""
        if not found.sample.final:
            return "preview"
        values = self._values(found)
        if not values:
            return "no-values"
        first, entry = found.frames[0], self._listed(found.frames[0].device)
        paired = Paired(entry.paired_at, entry.proven_at) if entry else Paired()
        if is_foreign(paired, self._trusted(found, first.received_at), first.received_at, live=found.live):
            return BEFORE_PAIRING
        try:
            msgspec.convert(msgspec.to_builtins(values), tuple[Value, ...])
        except msgspec.ValidationError:
            return "unsendable"
        return None

    def _values(self, found: _Found) -> tuple[Value, ...]:
        """What the household's list lets this device measure, under the names it has there."""
        entry, quantities = self._listed(found.frames[0].device), found.sample.quantities
        if entry and entry.reads:
            quantities = {entry.reads.get(name, name): value for name, value in quantities.items()}
        values = values_of(msgspec.structs.replace(found.sample, quantities=quantities), found.profile.kinds)
        return tuple(item for item in values if item.kind in WEIGHT_ONLY) if entry and entry.weight_only else values

    def _trusted(self, found: _Found, received_at: datetime) -> Trusted:
        sample = found.sample
        return trust(sample.time, sample.sequence, received_at, self._zone, live=found.live)

    def _draft(self, found: _Found) -> Draft:
        first, sample = found.frames[0], found.sample
        trusted = self._trusted(found, first.received_at)
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

    def _compose(self, draft: Draft, received_at: datetime, found: _Found) -> tuple[str, bytes]:
        sample = found.sample
        trusted = self._trusted(found, received_at)
        anchor = draft.anchor or received_at.isoformat(timespec=ANCHOR)
        name = reading_id(draft.device, draft.slot, anchor, found.raw)
        reading = Reading(
            id=name,
            device=draft.device,
            profile=found.profile.id,
            firmware=found.firmware,
            provenance=found.provenance,
            user_slot=sample.user_slot,
            sequence=sample.sequence,
            measured_at=trusted.measured_at.astimezone(self._zone),
            period_start=counting_since(found.profile, sample, trusted.measured_at, self._zone),
            time_quality=trusted.quality,
            received_at=received_at,
            values=self._values(found),
        )
        return name, encode_reading(reading)


def _found(work: _Open, numbers: Sequence[int], raw: bytes, sample: Sample) -> _Found:
    frames = tuple(work.frames.pop(number) for number in numbers)
    return _Found(frames, raw, sample, work.profile, work.firmware, work.profile.live, "bonded")


def _join(first: _Found, second: _Found) -> _Found | None:
    """Two adverts of one weighing as one, under the bytes of the fuller."""
    join, window = first.profile.join_adverts, timedelta(seconds=first.profile.join_seconds)
    late = second.frames[0].received_at - first.frames[0].received_at > window
    if join is None or late or first.profile is not second.profile:
        return None
    sample = join(first.sample, second.sample)
    if sample is None:
        return None
    raw = first.raw if sample == first.sample else second.raw
    return msgspec.structs.replace(first, frames=first.frames + second.frames, raw=raw, sample=sample)


def _is_complete(found: _Found) -> bool:
    """Whether no later frame could add anything."""
    profile = found.profile
    return profile.join_adverts is None or {v.kind for v in values_of(found.sample, profile.kinds)} >= profile.provides
