"""A release as the entities of a data-linkage platform (FIWARE NGSIv2) and the batches they are sent in. Pure.

What is asked of a release here is its shape only, so that made-up tables can be sent the same way; whether it may be
published at all is the business of `privacy_release`. Rules of names, texts and sizes: Orion 4.1.0 as tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, Literal

import msgspec

from engine.refusal import Refusal
from fhir_bridge.platform_ld import linked
from fhir_bridge.platform_shapes import CellShape, ReleaseShape, TableShape

CELL: Final = "PhrAggregateCell"
RELEASE: Final = "PhrAggregateRelease"
MOST_ENTITIES: Final = 500
MOST_BYTES: Final = 512 * 1024
Part = Literal["open", "cells", "complete", "withdraw"]
Status = Literal["loading", "complete", "withdrawn"]
Entity = dict[str, Any]

# An axis of a table, its attribute on the platform, and the attribute of the word people read for its codes.
AXES: Final[dict[str, tuple[str, str | None]]] = {
    "age": ("ageBand", None), "bmi": ("bmiBand", None), "sex": ("sex", None),
    "interest": ("interest", "interestLabel"), "service": ("service", "serviceLabel"),
    "service-too": ("serviceToo", "serviceTooLabel"),
}  # fmt: skip
LABELS: Final = frozenset(label for _, label in AXES.values() if label)
_FORBIDDEN: Final = frozenset("<>\"'=;()")
_NAME: Final = re.compile(r"[!-~]{1,256}")
_NOT_IN_NAMES: Final = _FORBIDDEN | frozenset("&?/#")


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What the town says beside the numbers: when it was issued, how it was made, under which licence, where to ask.

    `labels` are words for public codes. With `context`, the address of our own JSON-LD context, NGSI-LD is written.
    """

    issued: datetime
    note: str
    licence: str = "CC-BY-4.0"
    dataset_url: str | None = None
    contact: str | None = None
    labels: Mapping[str, str] = {}
    context: str | None = None


class Batch(msgspec.Struct, frozen=True):
    """One request as it will leave, byte for byte, however often."""

    part: Part
    body: bytes


def release_id(release: ReleaseShape) -> str:
    """The id of a release's entity."""
    return f"urn:ngsi-ld:{RELEASE}:{release.unit.code}:{release.period}"


def cell_prefix(release: ReleaseShape) -> str:
    """How the ids of all cells of a release begin."""
    return f"urn:ngsi-ld:{CELL}:{release.unit.code}:{release.period}:"


def release_entity(release: ReleaseShape, sha256: str, about: About, status: Status) -> Entity:
    """The entity that tells of a release; readers use the cells of complete ones only."""
    said: dict[str, tuple[str, Any]] = {
        "period": ("Text", release.period), "periodStart": ("DateTime", instant(release.start)),
        "periodEnd": ("DateTime", instant(release.end)), "unit": ("Text", release.unit.code),
        "municipalities": ("StructuredValue", list(release.unit.municipalities)),
        "method": ("Text", release.method), "methodText": ("Text", about.note),
        "epsilon": ("Text", release.epsilon), "delta": ("Text", release.delta),
        "tables": ("StructuredValue", [table.id for table in release.tables]),
        "cellCount": ("Integer", sum(len(table.cells) for table in release.tables)),
        "contentSha256": ("Text", sha256), "releaseStatus": ("Text", status),
        "issued": ("DateTime", instant(about.issued)), "licence": ("Text", about.licence),
    }  # fmt: skip
    if about.dataset_url:
        said["datasetUrl"] = ("Text", about.dataset_url)
    if about.contact:
        said["contact"] = ("Text", about.contact)
    head: Entity = {"id": release_id(release), "type": RELEASE}
    return head | {name: {"type": kind, "value": value} for name, (kind, value) in said.items()}


def cell_entities(
    release: ReleaseShape, labels: Mapping[str, str] | None = None, *, withdrawn: bool = False
) -> list[Entity]:
    """The entities of all cells in their order; of a withdrawn release they hold no number any more."""
    return [
        _cell(release, table, cell, labels or {}, withdrawn=withdrawn)
        for table in release.tables
        for cell in table.cells
    ]


def batches_of(release: ReleaseShape, sha256: str, about: About) -> tuple[Batch, ...] | Refusal:
    """The requests that publish a release: opened, its cells, complete at last; at most 500 entities and 512 KiB each.

    Refused as `foreign-axis`, `bad-name`, `forbidden-character`, `same-cell`, `no-cells` or `too-large`.
    """
    if refusal := _unfit(release):
        return refusal
    cells = cell_entities(release, about.labels)
    opened, complete = (release_entity(release, sha256, about, status) for status in ("loading", "complete"))
    if refusal := next((found for one in (*cells, complete) if (found := forbidden(one))), None):
        return refusal
    return _packed(about, (("open", [opened]), ("cells", cells), ("complete", [complete])))


def withdrawal_of(release: ReleaseShape, sha256: str, about: About) -> tuple[Batch, ...] | Refusal:
    """The requests that withdraw a release whole: its entity says so first, then its cells lose their numbers.

    Refused as by `batches_of`.
    """
    if refusal := _unfit(release):
        return refusal
    head = release_entity(release, sha256, about, "withdrawn")
    cells = cell_entities(release, about.labels, withdrawn=True)
    if refusal := next((found for one in (head, *cells) if (found := forbidden(one))), None):
        return refusal
    return _packed(about, (("withdraw", [head]), ("withdraw", cells)))


def halved(body: bytes) -> tuple[bytes, bytes] | None:
    """A batch as two of its halves, each entity byte for byte as it was; None for one of a single entity."""
    strict, entities = _opened(body)
    if len(entities) < 2:  # noqa: PLR2004 - one cannot be halved
        return None
    middle = len(entities) // 2
    return _closed(strict, entities[:middle]), _closed(strict, entities[middle:])


def is_linked(body: bytes) -> bool:
    """Whether a batch is NGSI-LD: a list, where NGSIv2 writes an object."""
    return body.startswith(b"[")


def forbidden(entity: Entity) -> Refusal | None:
    """Why a platform would not take an entity: `bad-name` or `forbidden-character`, with where it stands."""
    names = [entity["id"], entity["type"], *(name for name in entity if name not in {"id", "type"})]
    for name in names:
        if not _NAME.fullmatch(name) or _NOT_IN_NAMES.intersection(name):
            return Refusal(
                "bad-name", "ids and names are printable ASCII without & ? / # < > = ; brackets or quotes", name
            )
    for name, attribute in entity.items():
        if name not in {"id", "type"} and _is_forbidden(attribute):
            return Refusal("forbidden-character", "no text may hold < > = ; round brackets or quotes", name)
    return None


def instant(when: date | datetime) -> str:
    """A day or an instant as platforms tell it: UTC to the thousandth; a day stands for its midnight there."""
    if not isinstance(when, datetime):
        return f"{when.isoformat()}T00:00:00.000Z"
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


def _cell(
    release: ReleaseShape, table: TableShape, cell: CellShape, labels: Mapping[str, str], *, withdrawn: bool
) -> Entity:  # fmt: skip
    entity: Entity = {
        "id": f"{cell_prefix(release)}{':'.join((table.id, *cell.at))}", "type": CELL,
        "refRelease": {"type": "Relationship", "value": release_id(release)},
        "tableId": {"type": "Text", "value": table.id},
        "periodStart": {"type": "DateTime", "value": instant(release.start)},
        "periodEnd": {"type": "DateTime", "value": instant(release.end)},
    }  # fmt: skip
    for axis, code in zip(table.axes, cell.at, strict=True):
        name, label = AXES[axis]
        entity[name] = {"type": "Text", "value": code}
        if label and code in labels:
            entity[label] = {"type": "Text", "value": labels[code]}
    count = {"type": "Integer", "value": None if withdrawn else cell.count}
    # IE is the count of persons among the unit codes of UNECE recommendation 20.
    entity["personCount"] = count | {"metadata": {"unitCode": {"type": "Text", "value": "IE"}}}
    entity["status"] = {"type": "Text", "value": "withdrawn" if withdrawn else cell.status}
    return entity


def _unfit(release: ReleaseShape) -> Refusal | None:
    axes = {axis for table in release.tables for axis in table.axes}
    if unknown := sorted(axes - AXES.keys()):
        return Refusal("foreign-axis", f"the platform has no attribute for {', '.join(unknown)}")
    places = [(table.id, cell.at) for table in release.tables for cell in table.cells]
    if not places:
        return Refusal("no-cells", "a release without cells is not sent")
    if len(set(places)) < len(places):
        return Refusal("same-cell", "a cell stands in a release once")
    if any(len(cell.at) != len(table.axes) for table in release.tables for cell in table.cells):
        return Refusal("foreign-axis", "a cell has one code for each axis")
    return None


def _packed(about: About, parts: Iterable[tuple[Part, list[Entity]]]) -> tuple[Batch, ...] | Refusal:
    made: list[Batch] = []
    for part, entities in parts:
        if about.context is not None and part == "open":
            # NGSI-LD has no way to write it that a late copy could not turn a complete release back by.
            continue
        if about.context is None:
            told = [msgspec.json.encode(one) for one in entities]
            strict: str | None = "appendStrict" if part == "open" else "append"
        else:
            told, strict = [msgspec.json.encode(linked(one, about.context)) for one in entities], None
        for some in _some(told):
            body = _closed(strict, some)
            if len(body) > MOST_BYTES:
                return Refusal("too-large", "one entity alone is more than a platform takes")
            made.append(Batch(part, body))
    return tuple(made)


def _some(told: Sequence[bytes]) -> Iterable[list[bytes]]:
    room = MOST_BYTES - 64
    part: list[bytes] = []
    size = 0
    for one in told:
        if part and (len(part) == MOST_ENTITIES or size + len(one) + 1 > room):
            yield part
            part, size = [], 0
        part.append(one)
        size += len(one) + 1
    yield part


class _Update(msgspec.Struct, frozen=True):
    actionType: str  # noqa: N815 - NGSIv2's own name
    entities: list[msgspec.Raw]


def _opened(body: bytes) -> tuple[str | None, list[bytes]]:
    if is_linked(body):
        return None, [bytes(one) for one in msgspec.json.decode(body, type=list[msgspec.Raw])]
    update = msgspec.json.decode(body, type=_Update)
    return update.actionType, [bytes(one) for one in update.entities]


def _closed(action: str | None, entities: Sequence[bytes]) -> bytes:
    joined = b",".join(entities)
    return (
        b"[" + joined + b"]" if action is None else b'{"actionType":"%s","entities":[%s]}' % (action.encode(), joined)
    )


def _is_forbidden(value: Any) -> bool:
    if isinstance(value, str):
        return bool(_FORBIDDEN.intersection(value))
    if isinstance(value, dict):
        return any(_is_forbidden(inner) for inner in value.values())
    return isinstance(value, list) and any(_is_forbidden(inner) for inner in value)
