"""Which accounts are to be closed, were closed, and which user slots belonged to people who are erased."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, func, select, union_all

from engine.closing import Closing
from engine.consent import Event
from engine.refusal import Refusal
from engine.store.database import upsert
from engine.store.instants import from_micros, to_micros
from engine.store.tables import CONSENT, MEASUREMENT, RESIDENT
from engine.store.tables_desk import REQUEST, WEB_SESSION
from engine.store.tables_rights import CLOSURE


class _Counts(msgspec.Struct, frozen=True):
    tables: Mapping[str, int] = {}
    sent: Mapping[str, int] = {}
    slots: tuple[tuple[str, int], ...] = ()


_READ: Final = msgspec.json.Decoder(_Counts).decode
_INSTANTS: Final = ("asked_at", "due_at", "erased_at", "scrubbed_at")


def get(connection: Connection, resident: str) -> Closing | None:
    """The closing of one account, whatever became of it."""
    row = connection.execute(select(CLOSURE).where(CLOSURE.c.resident_id == resident)).mappings().first()
    return None if row is None else _closing(row)


def stands_against(connection: Connection, said: Event) -> Refusal | None:
    """`closing` for a yes while a closing waits or was carried out: who changes their mind takes it back first."""
    found = get(connection, said.resident) if said.granted else None
    if found is None or found.state == "taken-back":
        return None
    return Refusal("closing", "the account is being closed: take that back first")


def put(connection: Connection, closing: Closing) -> None:
    """Stores how a closing stands; the caller writes the audit entry."""
    counts = _Counts(closing.counts, closing.sent, closing.slots)
    row: dict[str, Any] = {
        "resident_id": closing.resident, "state": closing.state, "asked_by": closing.asked_by,
        "channel": closing.channel, "counts": msgspec.json.encode(counts).decode(),
    }  # fmt: skip
    for name in _INSTANTS:
        at = getattr(closing, name)
        row[name] = None if at is None else to_micros(at)
    upsert(connection, CLOSURE, [row])


def listed(connection: Connection) -> list[Closing]:
    """Every closing, the one due next first, then the done ones."""
    query = select(CLOSURE).order_by(CLOSURE.c.erased_at.is_not(None), CLOSURE.c.due_at, CLOSURE.c.resident_id)
    return [_closing(row) for row in connection.execute(query).mappings()]


def due(connection: Connection, now: datetime, limit: int = 20) -> list[Closing]:
    """The accounts whose time is over, the longest due first."""
    query = select(CLOSURE).where(CLOSURE.c.state == "asked", CLOSURE.c.due_at <= to_micros(now))
    rows = connection.execute(query.order_by(CLOSURE.c.due_at, CLOSURE.c.resident_id).limit(limit)).mappings()
    return [_closing(row) for row in rows]


def asked(connection: Connection, residents: Iterable[str]) -> frozenset[str]:
    """Whose accounts among these are to be closed."""
    wanted = CLOSURE.c.resident_id.in_(sorted(residents)) & (CLOSURE.c.state == "asked")
    return frozenset(connection.execute(select(CLOSURE.c.resident_id).where(wanted)).scalars())


def unscrubbed(connection: Connection) -> list[Closing]:
    """The erased accounts of which the database's files may still hold something."""
    query = select(CLOSURE).where(CLOSURE.c.state == "erased", CLOSURE.c.scrubbed_at.is_(None))
    return [_closing(row) for row in connection.execute(query.order_by(CLOSURE.c.resident_id)).mappings()]


def erased_slots(connection: Connection) -> dict[tuple[str, int], datetime]:
    """When each user slot (device, slot; -1 the whole device) of an erased person was erased."""
    query = (
        select(CLOSURE.c.erased_at, CLOSURE.c.counts).where(CLOSURE.c.state == "erased").order_by(CLOSURE.c.erased_at)
    )
    found = {}
    for row in connection.execute(query):
        for device, slot in _READ(row.counts or "{}").slots:
            found[device, slot] = from_micros(row.erased_at)
    return found


def erased(connection: Connection) -> frozenset[str]:
    """Everybody who was erased."""
    return frozenset(connection.execute(select(CLOSURE.c.resident_id).where(CLOSURE.c.state == "erased")).scalars())


def last_used(connection: Connection) -> dict[str, datetime]:
    """When each active resident was last heard of: registered, measured, said something, asked, or opened a page."""
    parts = [
        select(RESIDENT.c.id.label("id"), RESIDENT.c.created_at.label("at")),
        select(MEASUREMENT.c.resident_id, func.max(MEASUREMENT.c.measured_at)).where(
            MEASUREMENT.c.resident_id.is_not(None)).group_by(MEASUREMENT.c.resident_id),
        select(CONSENT.c.resident_id, func.max(CONSENT.c.at)).group_by(CONSENT.c.resident_id),
        select(REQUEST.c.resident_id, func.max(REQUEST.c.created_at)).group_by(REQUEST.c.resident_id),
        select(WEB_SESSION.c.subject, func.max(WEB_SESSION.c.seen)).group_by(WEB_SESSION.c.subject),
    ]  # fmt: skip
    used = union_all(*parts).subquery()
    newest = select(used.c.id, func.max(used.c.at).label("at")).join(RESIDENT, RESIDENT.c.id == used.c.id)
    rows = connection.execute(newest.where(RESIDENT.c.status == "active").group_by(used.c.id))
    return {row.id: from_micros(row.at) for row in rows}


def _closing(row: Any) -> Closing:
    counts = _READ(row["counts"] or "{}")
    return Closing(
        resident=row["resident_id"], state=row["state"], asked_at=from_micros(row["asked_at"]),
        asked_by=row["asked_by"], channel=row["channel"], due_at=from_micros(row["due_at"]),
        erased_at=None if row["erased_at"] is None else from_micros(row["erased_at"]),
        scrubbed_at=None if row["scrubbed_at"] is None else from_micros(row["scrubbed_at"]),
        counts=counts.tables, sent=counts.sent, slots=counts.slots,
    )  # fmt: skip
