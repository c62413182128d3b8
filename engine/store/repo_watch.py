"""Whom somebody watches over: the residents whose consent names them, and nobody else."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from engine.consent import Event, permits
from engine.contract.ids import is_id
from engine.store import repo_consents, repo_family, repo_protection, repo_staff
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
    return frozenset(resident for resident, events in said.items() if _holds(connection, events, resident, staff, now))


def overseers(
    connection: Connection, now: datetime, residents: Collection[str] | None = None
) -> dict[str, tuple[str, ...]]:  # fmt: skip
    """Who watches over each of these residents (None: of all) now, of family and staff who still have an account.

    Residents whom nobody watches over are not in it.
    """
    query = select(CONSENT.c.resident_id).where(CONSENT.c.purpose == PURPOSE, CONSENT.c.recipient.is_not(None))
    names = list(connection.execute(query.distinct()).scalars()) if residents is None else list(residents)
    said = repo_consents.events_of(connection, names, PURPOSE)
    asked = {event.recipient for events in said.values() for event in events if event.recipient is not None}
    alive = _with_account(connection, asked)
    found: dict[str, tuple[str, ...]] = {}
    for resident, events in sorted(said.items()):
        recipients = sorted({event.recipient for event in events if event.recipient is not None} & alive)
        held = tuple(one for one in recipients if _holds(connection, events, resident, one, now))
        found |= {resident: held} if held else {}
    return found


def _holds(connection: Connection, events: list[Event], resident: str, recipient: str, now: datetime) -> bool:
    own = [event for event in events if event.recipient == recipient and event.at <= now]
    last = max(own, key=lambda event: (event.at, event.seq), default=None)
    if last is None or not last.granted or (last.until is not None and now >= last.until):
        return False
    if not permits(events, PURPOSE, recipient, None, now).granted:
        return False
    return last in repo_protection.counting(connection, resident, own, now)


def _with_account(connection: Connection, names: Collection[str]) -> frozenset[str]:
    """Those of these who can still sign in: family members, and staff who may see whom they watch over."""
    found = set()
    for name in names:
        if is_id(name, "m"):
            family = repo_family.get(connection, name)
            found |= {name} if family is not None and family.ended_at is None else set()
        elif is_id(name, "s"):
            staff = repo_staff.get(connection, name)
            found |= {name} if staff is not None and staff.active and staff.identity.may("watch.see") else set()
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
