"""The hot path: what is already known of a batch, and one bulk write of what became of it.

Statements are Core and executed in bulk; a batch costs a fixed number of round trips, not one per reading.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, select, tuple_

from engine.contract.reading import Reading
from engine.contract.wire import Malformed
from engine.intake import SAME_BROADCAST, Accepted, Duplicate, Outcome, Recent, Refused, Seen, Unassigned, digest
from engine.store import repo_outbox, tallies
from engine.store.database import insert_new, upsert
from engine.store.instants import from_micros, to_micros
from engine.store.tables import ALIAS, BAD_MESSAGE, MEASUREMENT, READING, REFUSAL

_CHUNK = 400
EVALUATE = "evaluate"


class Heard(msgspec.Struct, frozen=True):
    """What one gateway's reading became."""

    gateway: str
    household: str | None
    outcome: Outcome | Malformed


class Bad(msgspec.Struct, frozen=True):
    """A message that could not be answered by id."""

    gateway: str
    sha256: str
    code: str
    size: int


def recent_of(connection: Connection, readings: Sequence[Reading]) -> Recent:
    """What the store holds about these ids, and about the same devices at the same moments."""
    digests: dict[str, str] = {}
    near: dict[str, dict[str, Seen]] = defaultdict(dict)
    for part in _parts(readings):
        rows = connection.execute(select(READING.c.id, READING.c.digest).where(READING.c.id.in_([r.id for r in part])))
        digests.update((row.id, row.digest) for row in rows)
        moments = {(r.device, to_micros(r.measured_at)) for r in part if r.id not in digests}
        _gather(connection, tuple_(READING.c.device_id, READING.c.measured_at).in_(moments), near)
    for device, low, high in _broadcasts(readings):
        span = READING.c.measured_at.between(low, high)
        _gather(connection, (READING.c.device_id == device) & span & (READING.c.time_quality != "device"), near)
    return Recent(digests, {device: list(found.values()) for device, found in near.items()})


def _broadcasts(readings: Sequence[Reading]) -> Iterable[tuple[str, int, int]]:
    """Devices whose receive-timed readings may have been heard by another gateway too, with the span to look at."""
    spans: dict[str, tuple[int, int]] = {}
    for reading in readings:
        if reading.time_quality != "device":
            at = to_micros(reading.measured_at)
            low, high = spans.get(reading.device, (at, at))
            spans[reading.device] = (min(low, at), max(high, at))
    margin = SAME_BROADCAST.seconds * 1_000_000
    return [(device, low - margin, high + margin) for device, (low, high) in spans.items()]


def _gather(connection: Connection, where: Any, near: dict[str, dict[str, Seen]]) -> None:
    query = select(
        READING.c.id, READING.c.device_id, READING.c.gateway_id, READING.c.user_slot, READING.c.measured_at,
        MEASUREMENT.c.kind, MEASUREMENT.c.device_value,
    ).join(MEASUREMENT, MEASUREMENT.c.reading_id == READING.c.id)  # fmt: skip
    found: dict[str, tuple[Any, set[tuple[str, str]]]] = {}
    for row in connection.execute(query.where(where)):
        found.setdefault(row.id, (row, set()))[1].add((row.kind, row.device_value))
    for name, (row, values) in found.items():
        seen = Seen(name, row.gateway_id, row.user_slot, from_micros(row.measured_at), frozenset(values))
        near[row.device_id][name] = seen


def remember(recent: Recent, gateway: str, outcome: Outcome) -> None:
    """Note `outcome` in `recent` as if it were committed, so that one batch cannot hold the same reading twice."""
    if isinstance(outcome, Accepted | Unassigned):
        reading = outcome.reading
        values = frozenset((item.kind, item.device_value) for item in outcome.values)
        seen = Seen(reading.id, gateway, reading.user_slot, reading.measured_at, values)
        recent.digests[reading.id] = digest(reading)
        recent.near.setdefault(reading.device, []).append(seen)


def write_batch(connection: Connection, heard: Sequence[Heard], bads: Sequence[Bad], now: datetime) -> None:
    """Write every outcome, the tallies, and the outbox entries that make the touched residents be evaluated."""
    at = to_micros(now)
    rows: dict[Table, list[dict[str, Any]]] = defaultdict(list)
    tally: Counter[tuple[str, str]] = Counter()
    touched: dict[str, None] = {}
    for item in heard:
        _lay_out(item, at, rows, tally)
        if isinstance(item.outcome, Accepted):
            touched[item.outcome.resident] = None
    tally.update(("bad-message", bad.code) for bad in bads)
    bad_rows = [
        {"sha256": bad.sha256, "gateway_id": bad.gateway, "code": bad.code, "size": bad.size, "count": 1, "at": at}
        for bad in bads
    ]
    # A key that is already there was committed by a twin of this process between our look and our write.
    for table, items in rows.items():
        insert_new(connection, table, items)
    upsert(connection, BAD_MESSAGE, bad_rows, count=BAD_MESSAGE.c.count + 1)
    repo_outbox.put(connection, EVALUATE, touched, now)
    tallies.add(connection, tally)


def _lay_out(item: Heard, at: int, rows: dict[Table, list[dict[str, Any]]], tally: Counter[tuple[str, str]]) -> None:
    match item.outcome:
        case Accepted() | Unassigned() as kept:
            name = "accepted" if isinstance(kept, Accepted) else "unassigned"
            tally[name, ""] += 1
            rows[READING].append(_reading_row(item, kept, name, at))
            rows[MEASUREMENT] += _measurement_rows(item, kept)
            if kept.dropped:
                tally["dropped-values", ""] += len(kept.dropped)
                rest = tuple(value for value in kept.reading.values if value.kind in kept.dropped)
                rows[REFUSAL].append(_refusal(item, msgspec.structs.replace(kept.reading, values=rest), "dropped", at))
        case Duplicate(reading=reading, of=of):
            tally["duplicate", "" if of == reading.id else "other-id"] += 1
            if of != reading.id:
                rows[ALIAS].append({"reading_id": reading.id, "of": of, "at": at})
        case Refused(reading=reading, code=code, keep=keep):
            tally["refused", code] += 1
            rows[REFUSAL].append(_refusal(item, reading, code, at, keep=keep))
        case Malformed(id=name, code=code, content=content):
            tally["refused", code] += 1
            text = content.decode("utf-8", "replace")
            row = {"reading_id": name, "gateway_id": item.gateway, "code": code, "content": text, "at": at}
            rows[REFUSAL].append(row | {"digest": hashlib.sha256(content).hexdigest()})


def _reading_row(item: Heard, kept: Accepted | Unassigned, outcome: str, at: int) -> dict[str, Any]:
    reading = kept.reading
    owner = kept if isinstance(kept, Accepted) else None
    return {
        "id": reading.id, "household_id": item.household, "gateway_id": item.gateway, "device_id": reading.device,
        "resident_id": owner.resident if owner else None, "certainty": owner.certainty if owner else None,
        "outcome": outcome, "profile": reading.profile, "firmware": reading.firmware, "source": reading.source,
        "provenance": reading.provenance, "user_slot": reading.user_slot, "sequence": reading.sequence,
        "quality": reading.quality, "measured_at": to_micros(reading.measured_at),
        "time_quality": reading.time_quality,
        "period_start": to_micros(reading.period_start) if reading.period_start else None,
        "received_at": to_micros(reading.received_at), "stored_at": at, "digest": digest(reading),
        "experimental": kept.experimental,
    }  # fmt: skip


def _measurement_rows(item: Heard, kept: Accepted | Unassigned) -> list[dict[str, Any]]:
    shared = {
        "reading_id": kept.reading.id, "resident_id": kept.resident if isinstance(kept, Accepted) else None,
        "household_id": item.household, "device_id": kept.reading.device,
        "measured_at": to_micros(kept.reading.measured_at),
    }  # fmt: skip
    return [
        shared
        | {"kind": value.kind, "value": format(value.value, "f"), "unit": value.unit}
        | {"device_value": value.device_value, "device_unit": value.device_unit}
        for value in kept.values
    ]


def _refusal(item: Heard, reading: Reading, code: str, at: int, *, keep: bool = True) -> dict[str, Any]:
    content = msgspec.json.encode(reading).decode() if keep else None
    row = {"reading_id": reading.id, "gateway_id": item.gateway, "code": code, "content": content, "at": at}
    # Without consent not even a hash of the values is kept: a weight can be guessed from its hash.
    return row | {"digest": digest(reading) if keep else ""}


def _parts(readings: Sequence[Reading]) -> Iterable[Sequence[Reading]]:
    return (readings[start : start + _CHUNK] for start in range(0, len(readings), _CHUNK))
