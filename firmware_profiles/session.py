"""The frames of one connection put together to measurements; pure, so that a journal can be read again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from engine.contract.reading import Sample
from firmware_profiles.model import Codec, DecodeError, Gathered, Profile

# How many earlier frames of a session a codec may look back on.
REMEMBERED: Final = 256


class Assembled(msgspec.Struct, frozen=True):
    """A measurement, the bytes it came from, and the numbers (from 0, in order of feeding) of its frames."""

    sample: Sample
    raw: bytes
    frames: tuple[int, ...]


class _Part(msgspec.Struct, frozen=True):
    characteristic: str
    codec: Codec
    whole: Assembled


class Assembler:
    """Turns the frames of one session into measurements; the same frames always give the same ones.

    Nothing is kept beyond the session: a person's composition never reaches the next one.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._count = 0
        self._waiting: _Part | None = None
        self._earlier: dict[str, deque[bytes]] = {}
        self._needed: dict[str, dict[int, bytes]] = {}

    def feed(self, characteristic: str, data: bytes) -> tuple[Assembled, ...]:
        """What `data` completes: nothing for a part or a frame that later ones need, else its measurement.

        Raises DecodeError (`no-codec`, or the codec's own); the frame is counted all the same.
        """
        number = self._count
        self._count += 1
        codec = self._profile.codecs.get(characteristic)
        if codec is None:
            raise DecodeError("no-codec", f"{self._profile.id} does not read {characteristic}")
        if codec.gather is not None:
            return self._gather(codec.gather, characteristic, data, number)
        found = Assembled(codec.decode(data), data, (number,))
        if codec.is_part is None or codec.join is None or not codec.is_part(data):
            return (found,)
        part, first = _Part(characteristic, codec, found), self._waiting
        if first is None:
            self._waiting = part
            return ()
        if not _belong_together(first, part):
            self._waiting = part
            return (first.whole,)
        self._waiting = None
        return (_join(codec.join(first.whole.sample, found.sample), first.whole, found),)

    def _gather(
        self,
        gather: Callable[[tuple[bytes, ...], bytes], Gathered | None],
        characteristic: str,
        data: bytes,
        number: int,
    ) -> tuple[Assembled, ...]:
        earlier = self._earlier.setdefault(characteristic, deque(maxlen=REMEMBERED))
        done = gather(tuple(earlier), data)
        earlier.append(data)
        needed = self._needed.setdefault(characteristic, {})
        if done is None:
            needed[number] = data
            return ()
        used = _take(needed, done)
        if done.keeps and used:
            needed[number] = data
            return (Assembled(done.sample, done.raw, used),)
        return (Assembled(done.sample, done.raw, (*used, number)),)

    @property
    def lone(self) -> Assembled | None:
        """The part whose other half has not come."""
        return self._waiting.whole if self._waiting else None

    def finish(self) -> tuple[Assembled, ...]:
        """What stayed incomplete at the end of the session; a disconnect is a normal end."""
        part, self._waiting = self._waiting, None
        return (*(() if part is None else (part.whole,)), *self._settle())

    def _settle(self) -> tuple[Assembled, ...]:
        found = []
        for characteristic, needed in self._needed.items():
            settle = self._profile.codecs[characteristic].settle
            done = settle(tuple(self._earlier[characteristic])) if settle else None
            if done is not None and (used := _take(needed, done)):
                found.append(Assembled(done.sample, done.raw, used))
        self._needed.clear()
        return tuple(found)


def _take(needed: dict[int, bytes], done: Gathered) -> tuple[int, ...]:
    """The numbers of the frames that went into a measurement, which nobody needs any more."""
    used = tuple(number for number, data in needed.items() if data in done.parts)
    for number in used:
        del needed[number]
    return used


def _join(sample: Sample, first: Assembled, second: Assembled) -> Assembled:
    return Assembled(sample, first.raw + second.raw, first.frames + second.frames)


def _belong_together(first: _Part, second: _Part) -> bool:
    one, other = first.whole.sample, second.whole.sample
    same_time = None in {one.time, other.time} or one.time == other.time
    same_user = None in {one.user_slot, other.user_slot} or one.user_slot == other.user_slot
    return first.characteristic == second.characteristic and same_time and same_user
