"""Counts what a platform holds against the stored releases, told anew: without the code that wrote or compared it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import msgspec

from engine.store.repo_statistics import Kept

_CELL, _RELEASE = "PhrAggregateCell", "PhrAggregateRelease"


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """One release: the hash of all its numbers here and there, and how many cells are missing, extra or other there.

    `status` is what the platform says of it, "" when it knows nothing of it.
    """

    id: str
    cells: int
    ours: str
    theirs: str
    missing: int
    extra: int
    changed: int
    status: str
    sealed: bool

    @property
    def sound(self) -> bool:
        """Whether the platform holds exactly the stored release, and says that it is complete."""
        found = self.missing, self.extra, self.changed
        return self.ours == self.theirs and not any(found) and self.status == "complete" and self.sealed


def count(kept: Iterable[Kept], entities: list[dict[str, Any]]) -> list[Counted]:
    """Every stored release against all entities of a platform."""
    return [_counted(one, entities) for one in kept]


def strangers(kept: Iterable[Kept], entities: list[dict[str, Any]]) -> int:
    """How many entities belong to no stored release, or stand elsewhere than all others."""
    known = {f"{one.unit}:{one.period}" for one in kept}
    places = {(one["tenant"], one["path"]) for one in entities}
    foreign = sum(":".join(one["id"].split(":")[3:5]) not in known for one in entities)
    return foreign + max(0, len(places) - 1)


def _counted(kept: Kept, entities: list[dict[str, Any]]) -> Counted:
    said = json.loads(kept.content)
    ours = {
        ":".join((table["id"], *cell["at"])): (cell["count"], cell["status"])
        for table in said["tables"]
        for cell in _cells(table)
    }
    head = f"urn:ngsi-ld:{_RELEASE}:{kept.unit}:{kept.period}"
    theirs = {
        one["id"].split(":", 5)[5]: (one["attributes"]["personCount"], one["attributes"]["status"])
        for one in entities
        if one["type"] == _CELL and one["attributes"].get("refRelease") == head
    }
    release: dict[str, Any] = next((one["attributes"] for one in entities if one["id"] == head), {})
    return Counted(
        id=kept.id, cells=len(ours), ours=_digest(ours), theirs=_digest(theirs),
        missing=len(ours.keys() - theirs.keys()), extra=len(theirs.keys() - ours.keys()),
        changed=sum(ours[name] != theirs[name] for name in ours.keys() & theirs.keys()),
        status=str(release.get("releaseStatus", "")),
        sealed=release.get("contentSha256") == kept.sha256 and release.get("cellCount") == len(ours),
    )  # fmt: skip


def _cells(table: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """Cells are written as lists of at, count and status, or as objects of them."""
    for cell in table["cells"]:
        yield cell if isinstance(cell, dict) else dict(zip(("at", "count", "status"), cell, strict=True))


def _digest(cells: dict[str, tuple[int | None, str]]) -> str:
    return hashlib.sha256(json.dumps(sorted(cells.items())).encode()).hexdigest()
