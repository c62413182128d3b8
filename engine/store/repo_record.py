"""What became of the advice one resident got: opened when, and what they said of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, select

from engine.store.instants import from_micros
from engine.store.tables import ADVICE
from engine.store.tables_desk import ADVICE_RESPONSE, ADVICE_SEEN

_NEWEST = ADVICE.c.updated_at.desc()


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of advice and its outcome; `read` when its resident opened it, `said` useful, not-for-me or None."""

    id: str
    topic: str
    severity: str
    state: str
    at: datetime
    decided_by: str | None
    text_ja: str
    text_en: str
    read: datetime | None = None
    said: str | None = None


def told(connection: Connection, resident: str, *, limit: int = 30) -> list[Told]:
    """The last pieces of advice of one resident in any state, newest first."""
    query = select(ADVICE).where(ADVICE.c.resident_id == resident).order_by(_NEWEST, ADVICE.c.id).limit(limit)
    rows = list(connection.execute(query).mappings())
    names = [row["id"] for row in rows]
    read, said = _read(connection, names, resident), _said(connection, names)
    return [
        Told(
            id=row["id"], topic=row["topic"], severity=row["severity"], state=row["state"],
            at=from_micros(row["updated_at"]), decided_by=row["decided_by"], text_ja=row["text_ja"],
            text_en=row["text_en"], read=read.get(row["id"]), said=said.get(row["id"]),
        )
        for row in rows
    ]  # fmt: skip


def _read(connection: Connection, names: Sequence[str], by: str) -> dict[str, datetime]:
    query = select(ADVICE_SEEN.c.advice_id, ADVICE_SEEN.c.at)
    found = connection.execute(query.where(ADVICE_SEEN.c.advice_id.in_(names), ADVICE_SEEN.c.by == by))
    return {row.advice_id: from_micros(row.at) for row in found}


def _said(connection: Connection, names: Sequence[str]) -> dict[str, str]:
    query = select(ADVICE_RESPONSE.c.advice_id, ADVICE_RESPONSE.c.said)
    return {row.advice_id: row.said for row in connection.execute(query.where(ADVICE_RESPONSE.c.advice_id.in_(names)))}
