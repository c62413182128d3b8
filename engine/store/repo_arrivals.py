"""When a resident measured last."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from engine.store.instants import from_micros
from engine.store.tables import READING


def last_measured(connection: Connection, resident: str) -> datetime | None:
    """The instant of the resident's newest accepted reading, None without any."""
    mine = (READING.c.resident_id == resident) & (READING.c.outcome == "accepted")
    newest = connection.execute(select(func.max(READING.c.measured_at)).where(mine)).scalar()
    return None if newest is None else from_micros(int(newest))
