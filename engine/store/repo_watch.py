"""Whom somebody watches over: the residents whose consent names them, and nobody else."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from engine.consent import permits
from engine.store import repo_consents, repo_protection
from engine.store.instants import from_micros
from engine.store.repo_notes import Note
from engine.store.tables import CONSENT, RESIDENT
from engine.store.tables_desk import STAFF_NOTE

PURPOSE: Final = "watch-over"


def watched(connection: Connection, staff: str, now: datetime) -> frozenset[str]:
    """The residents who let this very person watch over them now.

    The newest word that names this person must be a yes that still holds: a yes to everybody after it brings nobody
    back who was sent away. Who hides by a measure of support is watched over by nobody: neighbours know neighbours;
    and nobody comes back by a measure that ran out, only by a word that was said after it.
    """
    named = select(CONSENT.c.resident_id).where(CONSENT.c.purpose == PURPOSE, CONSENT.c.recipient == staff).distinct()
    said = repo_consents.events_of(connection, connection.execute(named).scalars(), PURPOSE)
    found = set()
    for resident, events in said.items():
        own = [event for event in events if event.recipient == staff and event.at <= now]
        last = max(own, key=lambda event: (event.at, event.seq), default=None)
        holds = last is not None and last.granted and (last.until is None or now < last.until)
        if holds and permits(events, PURPOSE, staff, None, now).granted:
            counts = repo_protection.counting(connection, resident, own, now)
            found |= {resident} if last in counts else set()
    return frozenset(found)


def recent(connection: Connection, towns: Collection[str] | None, *, limit: int = 50) -> list[Note]:
    """The newest watch notes about residents of these towns (None: all), newest first."""
    query = select(STAFF_NOTE).join(RESIDENT, RESIDENT.c.id == STAFF_NOTE.c.resident_id)
    query = query.where(STAFF_NOTE.c.kind == "watch")
    if towns is not None:
        query = query.where(RESIDENT.c.municipality_code.in_(sorted(towns)))
    return [
        Note(
            id=row["id"], resident=row["resident_id"], author=row["author"], at=from_micros(row["at"]),
            text=row["text"], kind="watch",
        )
        for row in connection.execute(query.order_by(STAFF_NOTE.c.at.desc(), STAFF_NOTE.c.id).limit(limit)).mappings()
    ]  # fmt: skip
