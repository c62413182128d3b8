"""What other houses told of a resident, each edition stored once, and what facts were made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from random import Random
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from engine.care_entries import Coding, Entry
from engine.contract.ids import new_id
from engine.store import audit
from engine.store.database import insert_new
from engine.store.instants import from_micros, to_micros
from engine.store.repo_facts import By
from engine.store.tables_bridge import CARE_ENTRY, FACT_ORIGIN

_CODES = msgspec.json.Decoder(tuple[Coding, ...])


def append(connection: Connection, entries: Sequence[Entry], by: By, now: datetime, rng: Random) -> list[Entry]:
    """Stores the editions that are not there yet, one audit entry a resident; returns them with their ids."""
    drafts = [msgspec.structs.replace(entry, id=new_id("e", rng)) for entry in entries]
    if not drafts:
        return []
    insert_new(connection, CARE_ENTRY, [_row(draft) for draft in drafts])
    there = select(CARE_ENTRY.c.id).where(CARE_ENTRY.c.id.in_([draft.id for draft in drafts]))
    kept = set(connection.execute(there).scalars())
    stored = [draft for draft in drafts if draft.id in kept]
    people: dict[str, list[str]] = {}
    for entry in stored:
        people.setdefault(entry.resident, []).append(entry.id)
    for resident, ids in people.items():
        link = audit.Entry(
            at=to_micros(now), actor=by.actor, os_user=by.os_user, action="import-entry", subject=resident,
            detail_hash=audit.detail_hash(ids),
        )  # fmt: skip
        audit.append(connection, link)
    return stored


def of(connection: Connection, resident: str) -> list[Entry]:
    """Every edition of everything told of one resident, oldest first."""
    query = select(CARE_ENTRY).where(CARE_ENTRY.c.resident_id == resident)
    rows = connection.execute(query.order_by(CARE_ENTRY.c.recorded_at, CARE_ENTRY.c.id)).mappings()
    return [_entry(row) for row in rows]


def get(connection: Connection, name: str) -> Entry | None:
    """One edition by its id."""
    row = connection.execute(select(CARE_ENTRY).where(CARE_ENTRY.c.id == name)).mappings().first()
    return None if row is None else _entry(row)


def tie(connection: Connection, facts: Iterable[str], origin: str, remote: str, version: str) -> None:
    """Remembers of which edition of what these facts were made."""
    rows = [{"fact_id": fact, "origin": origin, "remote": remote, "version": version} for fact in facts]
    insert_new(connection, FACT_ORIGIN, rows)


def made_of(connection: Connection, origin: str, remote: str) -> list[str]:
    """The ids of the facts that were made of any edition of one thing."""
    query = select(FACT_ORIGIN.c.fact_id).where(FACT_ORIGIN.c.origin == origin, FACT_ORIGIN.c.remote == remote)
    return sorted(connection.execute(query).scalars())


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id, "resident_id": entry.resident, "sort": entry.sort, "name": entry.name,
        "codes": msgspec.json.encode(entry.codes).decode(), "status": entry.status, "detail": entry.detail,
        "at": _micros(entry.at), "until": _micros(entry.until), "source": entry.source, "actor": entry.actor,
        "origin": entry.origin, "remote": entry.remote, "version": entry.version,
        "recorded_at": to_micros(entry.recorded_at),
    }  # fmt: skip


def _entry(row: Any) -> Entry:
    return Entry(
        id=row["id"], resident=row["resident_id"], sort=row["sort"], name=row["name"],
        codes=_CODES.decode(row["codes"]), status=row["status"], detail=row["detail"], at=_instant(row["at"]),
        until=_instant(row["until"]), source=row["source"], actor=row["actor"], origin=row["origin"],
        remote=row["remote"], version=row["version"], recorded_at=from_micros(row["recorded_at"]),
    )  # fmt: skip


def _micros(at: datetime | None) -> int | None:
    return None if at is None else to_micros(at)


def _instant(at: int | None) -> datetime | None:
    return None if at is None else from_micros(at)
