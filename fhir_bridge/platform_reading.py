"""What a platform holds against what a release says: entity by entity, and as one hash. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from engine.refusal import Refusal
from fhir_bridge.platform_entities import LABELS, Entity, cell_entities
from fhir_bridge.platform_ld import plain_value
from fhir_bridge.platform_shapes import ReleaseShape

Plain = dict[str, Any]
# What brokers add by themselves, and words beside a code: neither is a number of the release.
_LEFT_OUT: Final = LABELS | {"@context", "id", "type", "dateCreated", "dateModified", "createdAt", "modifiedAt"}
_SOME: Final = 5


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How a platform's cells differ from a release: ids that are missing, too many or say something else."""

    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    @property
    def none(self) -> bool:
        """Whether they are the same."""
        return not (self.missing or self.extra or self.changed)

    @property
    def said(self) -> str:
        """The counts in words, with a few ids."""
        lists = (("missing", self.missing), ("extra", self.extra), ("changed", self.changed))
        return "; ".join(f"{len(ids)} {name}: {', '.join(ids[:_SOME])}" for name, ids in lists if ids)


def plain(entity: Mapping[str, Any]) -> Plain:
    """The attributes of an entity as values, whichever of the two interfaces told it."""
    told = {name: attribute for name, attribute in entity.items() if name not in _LEFT_OUT}
    is_linked = any(
        isinstance(one, dict) and ("object" in one or one.get("type") == "Property") for one in told.values()
    )
    said = {name: _number(plain_value(one) if is_linked else _value(one)) for name, one in told.items()}
    return said | {"personCount": said.get("personCount")} if is_linked and "tableId" in said else said


def cells_in(release: ReleaseShape, *, withdrawn: bool = False) -> dict[str, Plain]:
    """What a platform must hold of a release: each cell's values by its id."""
    return {one["id"]: plain(one) for one in cell_entities(release, withdrawn=withdrawn)}


def compare(expected: Mapping[str, Plain], found: Iterable[Entity]) -> Difference:
    """The difference between a release's cells and what a platform told."""
    there = [(str(one.get("id")), plain(one)) for one in found]
    known = dict(there)
    twice = [id_ for number, (id_, _) in enumerate(there) if known[id_] is not there[number][1]]
    return Difference(
        missing=tuple(sorted(expected.keys() - known.keys())),
        extra=tuple(sorted({*(known.keys() - expected.keys()), *twice})),
        changed=tuple(sorted(id_ for id_ in expected.keys() & known.keys() if expected[id_] != known[id_])),
    )


def digest(cells: Mapping[str, Plain]) -> str:
    """One hash of cells, equal exactly when every id and every value is."""
    return hashlib.sha256(msgspec.json.encode(sorted(cells.items()), order="sorted")).hexdigest()


def release_fault(entity: Mapping[str, Any] | None, release: ReleaseShape, sha256: str, status: str) -> Refusal | None:
    """Why a release's entity on the platform is not what it should be: `no-release` or `other-release`."""
    if entity is None:
        return Refusal("no-release", "the platform knows no such release")
    said, tables = plain(entity), release.tables
    wanted = {
        "contentSha256": sha256, "releaseStatus": status, "period": release.period, "method": release.method,
        "tables": [table.id for table in tables], "cellCount": sum(len(table.cells) for table in tables),
    }  # fmt: skip
    wrong = sorted(name for name, value in wanted.items() if said.get(name) != value)
    return Refusal("other-release", f"the platform says otherwise: {', '.join(wrong)}") if wrong else None


def _value(attribute: Any) -> Any:
    return attribute.get("value") if isinstance(attribute, dict) and "value" in attribute else attribute


def _number(value: Any) -> Any:
    """35 and 35.0 are the same count to a broker that keeps every number as a double."""
    if isinstance(value, Decimal | float) and value == int(value):
        return int(value)
    return value
