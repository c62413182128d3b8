"""What is to be written, from what stands now and what was written before; asked twice, nothing again. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Final

import msgspec

from engine.contract.ids import base32
from fhir_bridge.outbound.message import GONE, Said, Status, digest_of

_KEY: Final = 15


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the index: what file was written of what, and what it said; `purged` when the file was removed.

    `path` is below the tree, `sha` the hash of the bytes, `control` their MSH-10.
    """

    key: str
    identifier: str
    resident: str
    patient: str
    kind: str
    day: date
    measured_at: datetime
    status: Status
    digest: str
    control: str
    path: str
    sha: str
    at: datetime
    turn: int = 1
    purged: bool = False


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One observable value as it stands: to be told of whom, and whether it may be told for the first time."""

    said: Said
    resident: str
    open: bool


def key_of(identifier: str, patient: str) -> str:
    """The order number of 15 letters: one thing about one patient."""
    return base32(hashlib.sha256(f"{identifier}\n{patient}".encode()).digest(), _KEY)


def writings(standing: Iterable[Standing], known: Mapping[str, Remembered], taken_back: Iterable[Said]) -> list[Said]:
    """What has to be written, oldest first; `taken_back` are things written before that are not so any more.

    New values are final, changed ones and those that hold again are corrected; what was said to be gone is not said so
    twice.
    """
    found: list[Said] = []
    for one in standing:
        before = known.get(one.said.key)
        if before is None or before.purged:
            found += [_next(one.said, before)] if one.open else []
        elif before.status in GONE or before.digest != digest_of(one.said):
            found.append(msgspec.structs.replace(_next(one.said, before), status="C"))
    for said in taken_back:
        before = known.get(said.key)
        if before is not None and not before.purged and before.status not in GONE:
            found.append(_next(said, before))
    return sorted(found, key=lambda said: (said.value.measured_at, said.key))


def _next(said: Said, before: Remembered | None) -> Said:
    return msgspec.structs.replace(said, turn=1 if before is None else before.turn + 1)
