"""Frames to measurements, and which of them are nobody's here: everything about a frame but keeping the result.

Reads what is known of a session from the journal (or a look into one) and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import msgspec

from engine.contract.reading import Sample, Value, values_of
from firmware_profiles.model import Advert, DecodeError, Profile, is_part, read_advert
from firmware_profiles.registry import for_firmware
from firmware_profiles.session import Assembler
from gateway.clock import Trusted, trust
from gateway.devices import Entry, key_of
from gateway.found import Found, is_complete, join
from gateway.journal_rows import Connection, Frame
from gateway.meaning import rename
from gateway.quarantine import CODE as BEFORE_PAIRING
from gateway.quarantine import Paired, is_foreign

# A device whose link broke between the halves of a record sends both again when it is next reached.
ALONE: Final = timedelta(minutes=2)
# Without its entry nobody knows whose it is, what of it may be kept, or since when the household has the device.
NOT_LISTED: Final = "not-listed"
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


class Sessions(Protocol):
    """Where the sessions of the frames are known."""

    def connection(self, session: str) -> Connection | None:
        """What is known of a session."""
        ...


class Batch(msgspec.Struct):
    """What one pass decided about its frames."""

    found: list[Found] = []
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
    ended: bool = False
    refused: bool = False
    frames: dict[int, Frame] = {}

    @property
    def lone(self) -> Frame | None:
        """The frame whose other half has not come."""
        part = self.assembler.lone
        return self.frames.get(part.frames[0]) if part else None


class Sorter:
    """Puts frames together to measurements; remembers the sessions that are still open between two passes."""

    def __init__(
        self,
        sessions: Sessions,
        profiles: Mapping[str, Profile],
        zone: ZoneInfo,
        listed: Callable[[str], Entry | None],
    ) -> None:
        self._sessions, self._profiles, self._zone, self._listed = sessions, profiles, zone, listed
        self._open: dict[str, _Open] = {}

    def forget(self) -> None:
        """Begin anew with every session, as if nothing had been read yet."""
        self._open.clear()

    def sort(self, frames: Sequence[Frame], now: datetime) -> Batch:
        """What `frames`, all that are new, make.

        The newest advert waits while a fuller one may still come, and half a record while the whole may.
        """
        batch = Batch()
        for session in dict.fromkeys([*self._open, *(frame.session for frame in frames if frame.session)]):
            self._connection(session, [frame for frame in frames if frame.session == session], batch)
        for session, work in tuple(self._open.items()):
            if work.ended and not self._waits(work, now, batch):
                self._end(work, batch)
                del self._open[session]
        heard = [frame for frame in frames if not frame.session]
        for device in dict.fromkeys(frame.device for frame in heard):
            self._adverts([frame for frame in heard if frame.device == device], now, batch)
        return batch

    # -- connections

    def _connection(self, session: str, frames: Sequence[Frame], batch: Batch) -> None:
        known = self._sessions.connection(session)
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
        work.ended = known.ended

    def _waits(self, work: _Open, now: datetime, batch: Batch) -> bool:
        """Whether a part without its other half may still be sent again as a whole."""
        # An empty half is refused (nobody measures fat through socks): then nothing is missing.
        lone = None if work.refused else work.lone
        until = lone.received_at + ALONE if lone else now
        if lone is None or self._came_again(lone, batch) or not lone.received_at <= now < until:
            return False
        batch.wake = min(until, batch.wake or until)
        return True

    def _end(self, work: _Open, batch: Batch) -> None:
        lone = work.lone
        again = lone is not None and self._came_again(lone, batch)
        for found in work.assembler.finish():
            made = _found(work, found.frames, found.raw, found.sample)
            if again and made.frames == (lone,):
                batch.previews += [frame.seq for frame in made.frames]
            else:
                batch.found.append(made)
        # Frames that others needed (a unit told at the start) have done their service.
        batch.previews += [frame.seq for frame in work.frames.values()]

    def _came_again(self, lone: Frame, batch: Batch) -> bool:
        """Whether the device sent the same part once more, with its other half or waiting for it."""
        later = [frame for found in batch.found for frame in found.frames]
        later += [other for work in self._open.values() if (other := work.lone)]
        said = lone.device, lone.carrier, lone.raw
        return any(one.seq > lone.seq and (one.device, one.carrier, one.raw) == said for one in later)

    @staticmethod
    def _feed(work: _Open, frame: Frame, batch: Batch) -> None:
        number = work.fed
        work.fed, work.last = number + 1, frame.seq
        work.frames[number] = frame
        try:
            done = work.assembler.feed(frame.carrier, frame.raw)
        except DecodeError as error:
            del work.frames[number]
            work.refused = True
            batch.refused.append((frame.seq, error.code))
            return
        for found in done:
            batch.found.append(_found(work, found.frames, found.raw, found.sample))

    # -- adverts

    def _adverts(self, frames: Sequence[Frame], now: datetime, batch: Batch) -> None:
        """Fold frames of one weighing together; the newest waits while a fuller frame may still come."""
        folded: list[Found] = []
        for frame in frames:
            found = self._read_advert(frame, batch)
            if found is None:
                continue
            joined = join(folded[-1], found) if folded else None
            if joined is None:
                folded.append(found)
            else:
                folded[-1] = joined
        for found in folded[:-1]:
            batch.found.append(found)
        for last in folded[-1:]:
            until = last.frames[0].received_at + timedelta(seconds=last.profile.join_seconds)
            if is_complete(last) or until <= now:
                batch.found.append(last)
            else:
                batch.wake = min(until, batch.wake or until)

    def _read_advert(self, frame: Frame, batch: Batch) -> Found | None:
        try:
            context = _decode_context(frame.context or b"")
            profile = self._profiles[context.profile]
            sample = read_advert(profile, context.advert, key_of(self._listed(frame.device)))
        except DecodeError as error:
            batch.refused.append((frame.seq, error.code))
        except (msgspec.MsgspecError, KeyError):
            batch.refused.append((frame.seq, "no-profile"))
        else:
            if sample is not None and is_part(profile, sample):
                return Found((frame,), frame.raw, sample, profile, None, True, "broadcast")
            batch.previews.append(frame.seq)
        return None

    # -- what it says, and whether it is anybody's here

    def unfit(self, found: Found) -> str | None:
        """Why it is no reading.

        preview, incomplete, no-values, not-listed (a pairing nobody finished, or forgotten since), before-pairing,
        unsendable (no form on the wire).
        """
        if not found.sample.final:
            # An advert gets here only when it waited for a fuller one that never came.
            return "incomplete" if found.provenance == "broadcast" else "preview"
        first, entry = found.frames[0], self._listed(found.frames[0].device)
        if entry is None:
            return NOT_LISTED
        values = self.values(found)
        if not values:
            return "no-values"
        paired = Paired(entry.paired_at, entry.proven_at, entry.disowned_until)
        if is_foreign(paired, self.trusted(found, first.received_at), first.received_at, live=found.live):
            return BEFORE_PAIRING
        try:
            msgspec.convert(msgspec.to_builtins(values), tuple[Value, ...])
        except msgspec.ValidationError:
            return "unsendable"
        return None

    def values(self, found: Found) -> tuple[Value, ...]:
        """What the household's list lets this device measure, under the names it has there."""
        entry, kinds = self._listed(found.frames[0].device), found.profile.kinds
        named = rename(found.sample.quantities, entry.reads if entry else {}, kinds)
        values = values_of(msgspec.structs.replace(found.sample, quantities=named), kinds)
        return tuple(item for item in values if item.kind in WEIGHT_ONLY) if entry and entry.weight_only else values

    def trusted(self, found: Found, received_at: datetime) -> Trusted:
        """When it was measured, as far as the device's clock can be believed."""
        sample = found.sample
        return trust(sample.time, sample.sequence, received_at, self._zone, live=found.live)


def _found(work: _Open, numbers: Sequence[int], raw: bytes, sample: Sample) -> Found:
    frames = tuple(work.frames.pop(number) for number in numbers)
    return Found(frames, raw, sample, work.profile, work.firmware, work.profile.live and not sample.stored, "bonded")
