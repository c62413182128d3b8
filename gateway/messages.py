"""Messages of the home's broker: into the journal before they are acknowledged, and out of it as readings.

A message is kept with the map it was heard by, so that decoding it again, after a crash or a change of the maps, gives
the same readings with the same ids.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from engine.contract.reading import Reading, reading_id
from engine.contract.wire import encode_reading
from gateway.clock import Trusted, trust
from gateway.journal import MESSAGE, Draft, Frame, Journal
from gateway.mirror import PROFILE, MirrorMap, Portion, Told, Untold, read_message


class Context(msgspec.Struct, frozen=True):
    """What decoding a message needs besides its bytes; `late` when it may have waited at the broker."""

    map: MirrorMap
    topic: str
    late: bool = False


_encode_context = msgspec.json.Encoder().encode
_decode_context = msgspec.json.Decoder(Context).decode


def keep(journal: Journal, device: str, context: Context, payload: bytes, now: datetime) -> None:
    """Write a message down; it is on disk when this returns."""
    journal.append_advert(device, payload, _encode_context(context), now, carrier=MESSAGE)


class _Found(msgspec.Struct, frozen=True):
    """A part of a message on its way to a reading."""

    draft: Draft
    portion: Portion
    context: Context
    told: Told


class MessageDecoder:
    """Decodes what messages the journal holds; `step` until it settles nothing is also the recovery after a crash."""

    def __init__(self, journal: Journal, zone: ZoneInfo) -> None:
        self._journal, self._zone = journal, zone

    def step(self) -> tuple[list[str], int]:
        """Ids of new readings and how many frames were settled, in one transaction."""
        readings: dict[tuple[int, bytes], _Found] = {}
        refused: list[tuple[int, str]] = []
        frames = self._journal.fresh(messages=True)
        for frame in frames:
            read = self._read(frame)
            if isinstance(read, str):
                refused.append((frame.seq, read))
                continue
            context, told = read
            for portion in told.portions:
                draft = self._draft(frame, context, told, portion)
                readings[frame.seq, draft.key] = _Found(draft, portion, context, told)
        if not frames:
            return [], 0
        drafts = [found.draft for found in readings.values()]
        ids = self._journal.settle(
            drafts, lambda draft, at: self._compose(draft, at, readings[draft.frames[0], draft.key]), refused
        )
        return ids, len(frames)

    @staticmethod
    def _read(frame: Frame) -> tuple[Context, Told] | str:
        """The message with its map, or the code why it is no reading."""
        try:
            context = _decode_context(frame.context or b"")
        except msgspec.MsgspecError:
            return "no-map"
        told = read_message(context.map, frame.raw)
        return told.code if isinstance(told, Untold) else (context, told)

    def _draft(self, frame: Frame, context: Context, told: Told, portion: Portion) -> Draft:
        trusted = self._trusted(told, frame.received_at, late=context.late)
        return Draft(
            frames=(frame.seq,),
            device=frame.device,
            slot=None,
            # Several maps may read one message, and one map may find a person's values and the room's in it.
            key=b"\0".join((context.map.name.encode(), context.topic.encode(), portion.part.encode(), frame.raw)),
            anchor=trusted.anchor,
            received_at=frame.received_at,
        )

    def _trusted(self, told: Told, received_at: datetime, *, late: bool) -> Trusted:
        time = told.time
        if time is not None and time.tzinfo is not None:
            time = time.astimezone(self._zone).replace(tzinfo=None)
        return trust(time, None, received_at, self._zone, live=not late)

    def _compose(self, draft: Draft, received_at: datetime, found: _Found) -> tuple[str, bytes]:
        portion, told = found.portion, found.told
        trusted = self._trusted(told, received_at, late=found.context.late)
        anchor = draft.anchor or received_at.isoformat(timespec="microseconds")
        name = reading_id(draft.device, None, anchor, draft.key)
        reading = Reading(
            id=name,
            device=draft.device,
            profile=PROFILE,
            source="mqtt",
            provenance="broadcast",
            person_hint=None if portion.part == "room" else told.person,
            quality=portion.quality,
            measured_at=trusted.measured_at.astimezone(self._zone),
            time_quality=trusted.quality,
            received_at=received_at,
            values=portion.values,
        )
        return name, encode_reading(reading)
