"""The audit chain as its reader turns the pages: newest first, by who, about whom, what and when."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Connection, select

from engine.store.audit import Link
from engine.store.instants import to_micros
from engine.store.tables import AUDIT


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries are looked for; None is any. `since` is in, `before` is out."""

    actor: str | None = None
    subject: str | None = None
    action: str | None = None
    since: datetime | None = None
    before: datetime | None = None


def newest(connection: Connection, wanted: Wanted, *, below: int | None = None, limit: int = 50) -> list[Link]:
    """Up to `limit` entries with a sequence number under `below`, the newest first."""
    query = select(AUDIT).order_by(AUDIT.c.seq.desc()).limit(limit)
    if below is not None:
        query = query.where(AUDIT.c.seq < below)
    for field in ("actor", "subject", "action"):
        value = getattr(wanted, field)
        if value is not None:
            query = query.where(AUDIT.c[field] == value)
    if wanted.since is not None:
        query = query.where(AUDIT.c.at >= to_micros(wanted.since))
    if wanted.before is not None:
        query = query.where(AUDIT.c.at < to_micros(wanted.before))
    return [Link(**row) for row in connection.execute(query).mappings()]


def actions(connection: Connection) -> list[str]:
    """Every kind of act there is an entry of."""
    return sorted(action for (action,) in connection.execute(select(AUDIT.c.action).distinct()))
