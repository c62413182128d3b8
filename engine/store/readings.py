"""The hot path: what is already known of a batch, and one bulk write of what became of it.

Statements are Core and executed in bulk; a batch costs a fixed number of round trips, not one per reading.
"""

from __future__ import annotations

import hashlib
from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from engine.assignment import Owner
from engine.contract.reading import Reading
from engine.contract.wire import Malformed
from engine.intake import (
    SAME_BROADCAST,
    Accepted,
    Duplicate,
    OfRoom,
    Outcome,
    Recent,
    Refused,
    Seen,
    Unassigned,
    digest,
    moment_of,
)
from engine.store import repo_outbox, tallies
from engine.store.database import insert_new, insert_rows, upsert
from engine.store.instants import from_micros, to_micros
from engine.store.repo_owing import owe_readings
from engine.store.tables import ALIAS, BAD_MESSAGE, MEASUREMENT, READING, REFUSAL

EVALUATE = "evaluate"
_COLUMNS = """r.id, r.device_id, r.gateway_id, r.user_slot, r.measured_at, r.resident_id, r.certainty, r.posterior,
    m.kind, m.device_value"""
_KEPT = "w.exact OR r.time_quality <> 'device'"
# By hand, because the order of the joins must be: a row-value IN makes SQLite read the whole table for every batch.
_KNOWN = {
    "sqlite": "SELECT id, digest, resident_id FROM reading WHERE id IN (SELECT value FROM json_each(?))",
    "postgresql": "SELECT id, digest, resident_id FROM reading WHERE id IN (SELECT json_array_elements_text(%s::json))",
}
_NEAR = {
    "sqlite": f"""
        WITH w(device, low, high, exact) AS (
            SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
                json_extract(value, '$[3]') FROM json_each(?))
        SELECT {_COLUMNS} FROM w
        CROSS JOIN reading AS r ON r.device_id = w.device AND r.measured_at BETWEEN w.low AND w.high
        CROSS JOIN measurement AS m ON m.reading_id = r.id WHERE {_KEPT}""",  # noqa: S608
    "postgresql": f"""
        WITH w(device, low, high, exact) AS (
            SELECT value->>0, (value->>1)::bigint, (value->>2)::bigint, (value->>3)::boolean
            FROM json_array_elements(%s::json))
        SELECT {_COLUMNS} FROM w
        JOIN reading AS r ON r.device_id = w.device AND r.measured_at BETWEEN w.low AND w.high
        JOIN measurement AS m ON m.reading_id = r.id WHERE {_KEPT}""",  # noqa: S608
}


class Heard(msgspec.Struct, frozen=True, gc=False):
    """What one gateway's reading became; `digest` when it is known already, to spare computing it again."""

    gateway: str
    household: str | None
    outcome: Outcome | Malformed
    digest: str | None = None


class Bad(msgspec.Struct, frozen=True):
    """A message that could not be answered by id."""

    gateway: str
    sha256: str
    code: str
    size: int


def recent_of(connection: Connection, readings: Sequence[Reading]) -> Recent:
    """What the store holds about these ids, and about the same devices at the same moments."""
    if not readings:
        return Recent({}, {}, {})
    dialect = connection.dialect.name
    names = _words([reading.id for reading in readings])
    known = connection.exec_driver_sql(_KNOWN[dialect], names).all()
    digests: dict[str, str] = {row.id: row.digest for row in known}
    owners: dict[str, str] = {row.id: row.resident_id for row in known if row.resident_id is not None}
    moments = {(r.device, to_micros(r.measured_at)) for r in readings if r.id not in digests}
    windows = [(device, at, at, True) for device, at in moments] + list(_broadcasts(readings))
    found: dict[str, dict[str, tuple[Any, set[tuple[str, str]]]]] = defaultdict(dict)
    for row in connection.exec_driver_sql(_NEAR[dialect], _words(windows)):
        found[row.device_id].setdefault(row.id, (row, set()))[1].add((row.kind, row.device_value))
    seen = {device: [_seen(row, values) for row, values in rows.values()] for device, rows in found.items()}
    return Recent(digests, {device: sorted(items, key=moment_of) for device, items in seen.items()}, owners)


def _words(items: Sequence[Any]) -> tuple[str]:
    """One parameter for any number of them: the statement stays the same, so that nothing is compiled anew."""
    return (msgspec.json.encode(items).decode(),)


def _broadcasts(readings: Sequence[Reading]) -> Iterable[tuple[str, int, int, bool]]:
    """Devices whose receive-timed readings may have been heard by another gateway too, with the span to look at."""
    spans: dict[str, tuple[int, int]] = {}
    for reading in readings:
        if reading.time_quality != "device":
            at = to_micros(reading.measured_at)
            low, high = spans.get(reading.device, (at, at))
            spans[reading.device] = (min(low, at), max(high, at))
    margin = SAME_BROADCAST.seconds * 1_000_000
    return [(device, low - margin, high + margin, False) for device, (low, high) in spans.items()]


def _seen(row: Any, values: set[tuple[str, str]]) -> Seen:
    owner = None if row.resident_id is None else Owner(row.resident_id, row.certainty, row.posterior)
    return Seen(row.id, row.gateway_id, row.user_slot, from_micros(row.measured_at), frozenset(values), owner)


def remember(recent: Recent, gateway: str, outcome: Outcome) -> None:
    """Note `outcome` in `recent` as if it were committed, so that one batch cannot hold the same reading twice."""
    if isinstance(outcome, Accepted | Unassigned):
        reading = outcome.reading
        values = frozenset((item.kind, item.device_value) for item in outcome.values)
        owner = None
        if isinstance(outcome, Accepted):
            owner = Owner(outcome.resident, outcome.certainty, outcome.posterior)
            recent.owners[reading.id] = outcome.resident
        seen = Seen(reading.id, gateway, reading.user_slot, reading.measured_at, values, owner)
        recent.digests[reading.id] = digest(reading)
        insort(recent.near.setdefault(reading.device, []), seen, key=moment_of)


class _Sheet(msgspec.Struct):
    """The rows of one batch: tuples in the order of the table for the many, columns by name for the rare."""

    readings: list[tuple[Any, ...]] = []
    measurements: list[tuple[Any, ...]] = []
    aliases: list[dict[str, Any]] = []
    refusals: list[dict[str, Any]] = []
    tally: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    touched: set[str] = msgspec.field(default_factory=set)
    owned: dict[str, str] = msgspec.field(default_factory=dict)


def write_batch(connection: Connection, heard: Sequence[Heard], bads: Sequence[Bad], now: datetime) -> None:
    """Write every outcome, the tallies, and the outbox entries that make the touched residents be evaluated."""
    at = to_micros(now)
    sheet = _Sheet()
    for item in heard:
        _lay_out(item, at, sheet)
    sheet.tally.update(("bad-message", bad.code) for bad in bads)
    bad_rows = [
        {"sha256": bad.sha256, "gateway_id": bad.gateway, "code": bad.code, "size": bad.size, "count": 1, "at": at}
        for bad in bads
    ]
    # A key that is already there was committed by a twin of this process between our look and our write.
    insert_rows(connection, READING, sheet.readings)
    insert_rows(connection, MEASUREMENT, sheet.measurements)
    insert_new(connection, REFUSAL, sheet.refusals)
    insert_new(connection, ALIAS, sheet.aliases)
    upsert(connection, BAD_MESSAGE, bad_rows, count=BAD_MESSAGE.c.count + 1)
    repo_outbox.put(connection, EVALUATE, sheet.touched, now)
    owe_readings(connection, sheet.owned, now)
    tallies.add(connection, sheet.tally)


def _lay_out(item: Heard, at: int, sheet: _Sheet) -> None:
    match item.outcome:
        case Accepted() | Unassigned() as kept:
            _lay_out_kept(item, kept, at, sheet)
        case Duplicate(reading=reading, of=of):
            sheet.tally["duplicate", "" if of == reading.id else "other-id"] += 1
            if of != reading.id:
                sheet.aliases.append({"reading_id": reading.id, "of": of, "at": at})
        case Refused(reading=reading, code=code, keep=keep):
            sheet.tally["refused", code] += 1
            sheet.refusals.append(_refusal(item, reading, code, at, keep=keep))
        case Malformed(id=name, code=code, content=content):
            sheet.tally["refused", code] += 1
            text = content.decode("utf-8", "replace")
            row = {"reading_id": name, "gateway_id": item.gateway, "code": code, "content": text, "at": at}
            sheet.refusals.append(row | {"digest": hashlib.sha256(content).hexdigest()})


def _lay_out_kept(item: Heard, kept: Accepted | Unassigned, at: int, sheet: _Sheet) -> None:
    reading, resident, certainty, posterior = kept.reading, None, None, None
    name = "room" if isinstance(kept, OfRoom) else "unassigned"
    if isinstance(kept, Accepted):
        resident, certainty, name, posterior = kept.resident, kept.certainty, "accepted", kept.posterior
        sheet.touched.add(resident)
        sheet.owned[reading.id] = resident
    sheet.tally[name, ""] += 1
    measured_at = to_micros(reading.measured_at)
    sheet.readings.append((
        reading.id, item.household, item.gateway, reading.device, resident, certainty, name, reading.profile,
        reading.firmware, reading.source, reading.provenance, reading.user_slot, reading.sequence, reading.quality,
        measured_at, reading.time_quality, to_micros(reading.period_start) if reading.period_start else None,
        to_micros(reading.received_at), at, item.digest or digest(reading), kept.experimental, posterior,
    ))  # fmt: skip
    sheet.measurements += [
        (reading.id, value.kind, resident, item.household, reading.device, measured_at, format(value.value, "f"),
         value.unit, value.device_value, value.device_unit)
        for value in kept.values
    ]  # fmt: skip
    if kept.dropped:
        sheet.tally["dropped-values", ""] += len(kept.dropped)
        rest = tuple(value for value in reading.values if value.kind in kept.dropped)
        sheet.refusals.append(_refusal(item, msgspec.structs.replace(reading, values=rest), "dropped", at))


def _refusal(item: Heard, reading: Reading, code: str, at: int, *, keep: bool = True) -> dict[str, Any]:
    content = msgspec.json.encode(reading).decode() if keep else None
    row = {"reading_id": reading.id, "gateway_id": item.gateway, "code": code, "content": content, "at": at}
    # Without consent not even a hash of the values is kept: a weight can be guessed from its hash.
    return row | {"digest": digest(reading) if keep else ""}
