"""Signed urgent texts in the store, and the readings that can confirm that one may be sent."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, exists, insert, select, update

from engine.store import audit
from engine.store.instants import from_micros, to_micros
from engine.store.tables import ADVICE, MEASUREMENT, READING
from engine.store.tables_desk import ADVICE_SEEN, URGENT_TEXT
from engine.urgent_text import APART, FRESH, Seen, SignedText

_INSTANTS: Final = ("signed_at", "ended_at")


def sign(connection: Connection, text: SignedText, *, os_user: str) -> None:
    """Stores a signature; an earlier one of the same rule and town ends with it."""
    for old in listed(connection, [text.municipality_code]):
        if old.rule_id == text.rule_id and old.ended_at is None:
            end(connection, old.id, text.signed_by, text.signed_at, os_user=os_user)
    connection.execute(insert(URGENT_TEXT), _row(text))
    _audit(connection, text, "urgent-text-sign", text.signed_by, text.signed_at, os_user)


def end(connection: Connection, id: str, by: str, at: datetime, *, os_user: str) -> bool:  # noqa: A002
    """Ends a signature; False if it has ended already."""
    live = (URGENT_TEXT.c.id == id) & URGENT_TEXT.c.ended_at.is_(None)
    changed = {"ended_at": to_micros(at), "ended_by": by}
    if connection.execute(update(URGENT_TEXT).where(live).values(changed)).rowcount != 1:
        return False
    found = get(connection, id)
    if found is not None:
        _audit(connection, found, "urgent-text-end", by, at, os_user)
    return True


def get(connection: Connection, id: str) -> SignedText | None:  # noqa: A002
    """The signature of that id."""
    return next(iter(_found(connection, URGENT_TEXT.c.id == id)), None)


def listed(connection: Connection, towns: Collection[str] | None) -> list[SignedText]:
    """The signatures of these municipalities (None: of all), the newest first."""
    every = URGENT_TEXT.c.id.is_not(None)
    return _found(connection, every if towns is None else URGENT_TEXT.c.municipality_code.in_(sorted(towns)))


def live(connection: Connection, municipality: str, rule: str) -> SignedText | None:
    """The signature that holds for a rule in a municipality."""
    where = (URGENT_TEXT.c.municipality_code == municipality) & (URGENT_TEXT.c.rule_id == rule)
    return next(iter(_found(connection, where & URGENT_TEXT.c.ended_at.is_(None))), None)


def seen(connection: Connection, resident: str, now: datetime) -> list[Seen]:
    """The resident's readings of pressure and pulse that are new enough to confirm one another."""
    since = to_micros(now - FRESH - APART)
    where = (READING.c.resident_id == resident) & (READING.c.measured_at >= since)
    where &= READING.c.measured_at <= to_micros(now)
    rows = {row.id: row for row in connection.execute(select(READING).where(where))}
    told: dict[str, list[tuple[str, Decimal]]] = {}
    values = select(MEASUREMENT).join(READING, READING.c.id == MEASUREMENT.c.reading_id).where(where)
    for value in connection.execute(values):
        told.setdefault(value.reading_id, []).append((value.kind, Decimal(value.value)))
    return [_seen(row, tuple(told.get(name, ()))) for name, row in sorted(rows.items())]


def unopened(connection: Connection, first: datetime, last: datetime, limit: int = 500) -> list[tuple[str, str]]:
    """Urgent messages delivered between these instants that their resident has not opened, and nobody was reached.

    Each as (advice id, resident id), oldest first.
    """
    opened = exists().where(ADVICE_SEEN.c.advice_id == ADVICE.c.id, ADVICE_SEEN.c.by == ADVICE.c.resident_id)
    told = (ADVICE.c.state == "delivered") & ADVICE.c.needs_contact
    told &= (ADVICE.c.updated_at >= to_micros(first)) & (ADVICE.c.updated_at <= to_micros(last))
    query = select(ADVICE.c.id, ADVICE.c.resident_id).where(told, ~opened)
    rows = connection.execute(query.order_by(ADVICE.c.updated_at, ADVICE.c.id).limit(limit))
    return [(row.id, row.resident_id) for row in rows]


def _seen(row: Any, values: tuple[tuple[str, Decimal], ...]) -> Seen:
    return Seen(
        id=row.id, values=values, measured_at=from_micros(row.measured_at), certainty=row.certainty,
        provenance=row.provenance, time_quality=row.time_quality, experimental=bool(row.experimental),
        preliminary=row.quality is not None, accepted=row.outcome == "accepted", device=row.device_id,
        sequence=row.sequence,
    )  # fmt: skip


def _found(connection: Connection, where: Any) -> list[SignedText]:
    query = select(URGENT_TEXT).where(where).order_by(URGENT_TEXT.c.signed_at.desc(), URGENT_TEXT.c.id)
    return [_text(row) for row in connection.execute(query).mappings()]


def _text(row: Any) -> SignedText:
    fields = {name: row[name] for name in SignedText.__struct_fields__}
    return SignedText(**(fields | {name: None if row[name] is None else from_micros(row[name]) for name in _INSTANTS}))


def _row(text: SignedText) -> dict[str, Any]:
    fields = msgspec.structs.asdict(text)
    return fields | {name: None if fields[name] is None else to_micros(fields[name]) for name in _INSTANTS}


def _audit(connection: Connection, text: SignedText, action: str, by: str, at: datetime, os_user: str) -> None:
    entry = audit.Entry(
        at=to_micros(at), actor=by, os_user=os_user, action=action, subject=text.id,
        detail_hash=audit.detail_hash(_row(text)),
    )  # fmt: skip
    audit.append(connection, entry)
