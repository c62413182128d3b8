"""One weighing out of the stream of a live scale: previews, the settled weight repeated, what is measured after it.

Scales that keep nothing repeat their settled weight until somebody steps off, and send impedance or composition
seconds later, or never. Each weighing is told once: complete, or as far as it came when it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from engine.contract.reading import Sample
from firmware_profiles.model import Codec, DecodeError, Gathered
from firmware_profiles.sample import number

# A person standing still; more, and somebody else stands there or nobody.
SAME: Final = Decimal("0.5")
Decode = Callable[[bytes], Sample]


class Step(msgspec.Struct, frozen=True):
    """What one frame says: a sample, why it has no part in a weighing, or nothing yet.

    `raw` are the bytes that identify it, `frames` the ones it is made of; `whole` says that nothing will be measured
    after it.
    """

    said: Sample | DecodeError | None
    raw: bytes = b""
    frames: tuple[bytes, ...] = ()
    whole: bool = False


class _Scale(msgspec.Struct):
    """What happened so far: the weight still to be told, and the last one that was."""

    waiting: Gathered | None = None
    told: Sample | None = None


def gather_steps(steps: Sequence[Step]) -> Gathered | None:
    """What the last of `steps` completes: a whole weighing, one that somebody stepped off from, or a preview.

    None when a later frame may complete it and for a repetition; raises the last step's DecodeError.
    """
    scale = _Scale()
    for step in steps[:-1]:
        _take(scale, step)
    if isinstance(steps[-1].said, DecodeError):
        raise steps[-1].said
    return _take(scale, steps[-1])


def settle_steps(steps: Sequence[Step]) -> Gathered | None:
    """The settled weight that was never completed, at the end of the session."""
    scale = _Scale()
    for step in steps:
        _take(scale, step)
    return scale.waiting


def read_steps(decode: Decode, whole: frozenset[str], frames: Sequence[bytes]) -> tuple[Step, ...]:
    """Frames that can be read one by one; a weighing is complete with the quantities `whole`."""
    return tuple(_read(decode, whole, frame) for frame in frames)


def weighing_codec(decode: Decode, encode: Callable[[Sample], bytes], *whole: str) -> Codec:
    """The codec of a live scale whose weighing is complete with its weight and the quantities `whole`."""
    complete = frozenset(("weight", *whole))
    return Codec(
        decode=decode,
        encode=encode,
        gather=lambda earlier, frame: gather_steps(read_steps(decode, complete, (*earlier, frame))),
        settle=lambda frames: settle_steps(read_steps(decode, complete, frames)),
    )


def _read(decode: Decode, whole: frozenset[str], frame: bytes) -> Step:
    try:
        sample = decode(frame)
    except DecodeError as error:
        return Step(error)
    return Step(sample, frame, (frame,), whole <= sample.quantities.keys())


def _take(scale: _Scale, step: Step) -> Gathered | None:
    sample = step.said
    if not isinstance(sample, Sample):
        return None
    found, weight = Gathered(sample, step.raw, step.frames), number(sample, "weight")
    if not sample.final:
        return _step_off(scale, weight) or found
    return _add(scale, found) if weight is None else _settle(scale, found, weight, whole=step.whole)


def _settle(scale: _Scale, found: Gathered, weight: Decimal, *, whole: bool) -> Gathered | None:
    """A settled weight: told when it is whole, kept waiting when not; the one before it goes first."""
    if scale.told is not None and "weight" in scale.told.quantities and _is_same(scale.told, weight):
        return _again(found)
    left = None
    if scale.waiting is not None and not _is_same(scale.waiting.sample, weight):
        left, scale.waiting = scale.waiting, None
    if left is None and whole:
        before, scale.waiting, scale.told = scale.waiting, None, found.sample
        return msgspec.structs.replace(found, parts=found.parts + (before.parts if before else ()))
    scale.told = None
    if scale.waiting is not None and not whole:
        return _again(found)
    # The first of several repetitions names the weighing, and a fuller one stands for it.
    scale.waiting = found
    return None if left is None else msgspec.structs.replace(left, keeps=True)


def _step_off(scale: _Scale, weight: Decimal | None) -> Gathered | None:
    known = scale.waiting.sample if scale.waiting else scale.told
    if known is None or weight is None or _is_same(known, weight):
        return None
    left, scale.waiting, scale.told = scale.waiting, None, None
    return left


def _add(scale: _Scale, found: Gathered) -> Gathered | None:
    """What was measured after the weight, with it; alone when the session has no weight."""
    first, scale.waiting = scale.waiting, None
    if first is None:
        again, scale.told = scale.told is not None, scale.told or found.sample
        return _again(found) if again else found
    together = first.sample.quantities | found.sample.quantities
    scale.told = msgspec.structs.replace(first.sample, quantities=together)
    return Gathered(scale.told, first.raw + found.raw, first.parts + found.parts)


def _again(found: Gathered) -> Gathered:
    """A repetition: nobody needs it, and nobody must take it for a weighing when a session is read again."""
    return Gathered(msgspec.structs.replace(found.sample, final=False), found.raw)


def _is_same(known: Sample, weight: Decimal) -> bool:
    """Whether a scale that told `known` still shows the same person; a sample without weight says nothing else."""
    before = number(known, "weight")
    return before is None or abs(before - weight) <= SAME
