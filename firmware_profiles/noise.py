"""Bytes to try a profile with: noise of every length, real frames, and real frames changed, cut or lengthened.

`rng` is the caller's: the same seed gives the same campaign.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Final

import msgspec

from firmware_profiles.laws import (
    ADDRESS,
    Breach,
    judge_advert,
    judge_cipher,
    judge_frame,
    judge_join,
    judge_sealed,
    judge_session,
)
from firmware_profiles.model import Advert, DecodeError, Profile, read_advert

LONGEST: Final = 64
FRAMES_A_SESSION: Final = 8


class Known(msgspec.Struct, frozen=True):
    """Real bytes of one profile: frames by characteristic, and adverts."""

    frames: Mapping[str, Sequence[bytes]] = {}
    adverts: Sequence[Advert] = ()


def try_once(profile: Profile, known: Known, profiles: Mapping[str, Profile], rng: Random) -> Iterator[Breach]:
    """One round: every codec on one frame, one session, one advert in the clear and one sealed."""
    for uuid in profile.codecs:
        yield from judge_frame(profile, uuid, draw_frame(known.frames.get(uuid, ()), rng))
    if profile.codecs:
        yield from judge_session(profile, draw_session(profile, known, rng))
    if profile.advert is not None:
        yield from _try_adverts(profile, known, profiles, rng)


def draw_frame(real: Sequence[bytes], rng: Random) -> bytes:
    """Noise, or a real frame that may have been changed."""
    if not real or rng.random() < 0.3:  # noqa: PLR2004 - three in ten are pure noise
        return rng.randbytes(rng.randrange(LONGEST))
    return change(rng.choice(real), rng)


def change(frame: bytes, rng: Random) -> bytes:
    """`frame` as it is, with some bytes or bits changed, cut, or with more behind it."""
    edited = bytearray(frame)
    for _ in range(rng.choice((0, 0, 1, 1, 2, 5)) if edited else 0):
        at = rng.randrange(len(edited))
        edited[at] = rng.choice((rng.randrange(256), edited[at] ^ 1 << rng.randrange(8), 0, 0xFF))
    match rng.randrange(8):
        case 0:
            return bytes(edited[: rng.randrange(len(edited) + 1)])
        case 1:
            return bytes(edited) + rng.randbytes(rng.randrange(1, 8))
        case _:
            return bytes(edited)


def draw_session(profile: Profile, known: Known, rng: Random) -> list[tuple[str, bytes]]:
    """A few frames of a connection, in any order."""
    uuids = sorted(profile.codecs)
    chosen = [rng.choice(uuids) for _ in range(rng.randrange(FRAMES_A_SESSION))]
    return [(uuid, draw_frame(known.frames.get(uuid, ()), rng)) for uuid in chosen]


def draw_advert(profile: Profile, known: Known, rng: Random) -> Advert:
    """A real advert changed, or random data where the profile looks for its own."""
    if known.adverts and rng.random() < 0.6:  # noqa: PLR2004 - six in ten
        advert = rng.choice(known.adverts)
        return msgspec.structs.replace(
            advert,
            service_data={uuid: change(raw, rng) for uuid, raw in advert.service_data.items()},
            manufacturer_data={company: change(raw, rng) for company, raw in advert.manufacturer_data.items()},
        )
    match = rng.choice(profile.match)
    size = match.length if match.length is not None and rng.random() < 0.8 else rng.randrange(LONGEST)  # noqa: PLR2004
    data = bytearray(rng.randbytes(size))
    if len(data) >= match.at + len(match.holds):
        data[match.at : match.at + len(match.holds)] = match.holds
    return Advert(
        address=ADDRESS,
        service_data={} if match.service_data is None else {match.service_data: bytes(data)},
        manufacturer_data={}
        if match.company is None
        else {_company(match.company, match.company_mask, rng): bytes(data)},
    )


def _company(company: int, mask: int, rng: Random) -> int:
    return company & mask | rng.randrange(0x10000) & ~mask


def _try_adverts(profile: Profile, known: Known, profiles: Mapping[str, Profile], rng: Random) -> Iterator[Breach]:
    one, other = draw_advert(profile, known, rng), draw_advert(profile, known, rng)
    yield from judge_advert(profile, one, profiles)
    key = rng.randbytes(16)
    yield from judge_sealed(profile, one, rng.choice((key, None, key[:5], b"")))
    yield from judge_cipher(profile, one, key, rng.randrange(1 << 24))
    try:
        first, second = read_advert(profile, one, key), read_advert(profile, other, key)
    except DecodeError:
        return
    if first is not None and second is not None:
        yield from judge_join(profile, first, second)
