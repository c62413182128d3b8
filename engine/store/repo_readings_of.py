"""Single questions about the readings of one person: whether one is theirs, and when each device last measured them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from engine.store.instants import from_micros
from engine.store.tables import MEASUREMENT, READING


def is_theirs(connection: Connection, reading: str, resident: str) -> bool:
    """Whether the reading of that id is this resident's."""
    query = select(READING.c.id).where(READING.c.id == reading, READING.c.resident_id == resident)
    return connection.execute(query).first() is not None


def by_device(connection: Connection, resident: str) -> dict[str, dict[str, datetime]]:
    """When each device last measured which kind of this resident; what it measured of others does not count."""
    query = select(MEASUREMENT.c.device_id, MEASUREMENT.c.kind, func.max(MEASUREMENT.c.measured_at))
    query = query.where(MEASUREMENT.c.resident_id == resident).group_by(MEASUREMENT.c.device_id, MEASUREMENT.c.kind)
    found: dict[str, dict[str, datetime]] = {}
    for device, kind, at in connection.execute(query):
        found.setdefault(device, {})[kind] = from_micros(at)
    return found
