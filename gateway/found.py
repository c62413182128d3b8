"""A measurement between the journal's frames and the reading they become (pure)."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from engine.contract.reading import Provenance, Sample, values_of
from firmware_profiles.model import Profile
from gateway.journal_rows import Frame


class Found(msgspec.Struct, frozen=True):
    """A measurement with the frames it came from, first to last."""

    frames: tuple[Frame, ...]
    raw: bytes
    sample: Sample
    profile: Profile
    firmware: str | None
    live: bool
    provenance: Provenance


def join(first: Found, second: Found) -> Found | None:
    """Two adverts of one weighing as one, under the bytes of the fuller."""
    merge, window = first.profile.join_adverts, timedelta(seconds=first.profile.join_seconds)
    late = second.frames[0].received_at - first.frames[0].received_at > window
    if merge is None or late or first.profile is not second.profile:
        return None
    sample = merge(first.sample, second.sample)
    if sample is None:
        return None
    raw = first.raw if sample == first.sample else second.raw
    return msgspec.structs.replace(first, frames=first.frames + second.frames, raw=raw, sample=sample)


def is_complete(found: Found) -> bool:
    """Whether no later frame could add anything."""
    profile = found.profile
    return profile.join_adverts is None or {v.kind for v in values_of(found.sample, profile.kinds)} >= profile.provides
