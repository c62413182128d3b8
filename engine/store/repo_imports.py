"""What the store already holds of one resident, for readings that come from a file or are typed in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, select

from engine.signals import step_days
from engine.store.instants import to_micros
from engine.store.parts import parts_of
from engine.store.repo_history import history
from engine.store.tables import MEASUREMENT, READING

MINUTE: Final = 60_000_000
# By hand, as in `readings`: one parameter for any number of moments, and the index of resident, kind and time is used.
_NEAR: Final = {
    "sqlite": """
        WITH w(kind, low) AS (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))
        SELECT m.kind, m.measured_at, m.value, m.reading_id, m.device_id FROM w CROSS JOIN measurement AS m
        ON m.resident_id = ? AND m.kind = w.kind AND m.measured_at >= w.low AND m.measured_at < w.low + 60000000""",
    "postgresql": """
        WITH w(kind, low) AS (SELECT value->>0, (value->>1)::bigint FROM json_array_elements(%s::json))
        SELECT m.kind, m.measured_at, m.value, m.reading_id, m.device_id FROM w JOIN measurement AS m
        ON m.resident_id = %s AND m.kind = w.kind AND m.measured_at >= w.low AND m.measured_at < w.low + 60000000""",
}


class Held(msgspec.Struct, frozen=True):
    """A reading that is stored under an id: whose it is, and its values by kind as (value, the device's words)."""

    resident: str | None
    values: dict[str, tuple[Decimal, str]]


class Near(msgspec.Struct, frozen=True):
    """A stored value of the resident, by its reading and device."""

    value: Decimal
    reading: str
    device: str


Minute = tuple[str, int]
Span = tuple[datetime, datetime]


def minute_of(kind: str, at: datetime) -> Minute:
    """The kind and the whole minute of a value: how the same measurement is known again in another program's file."""
    micros = to_micros(at)
    return kind, micros - micros % MINUTE


def held(connection: Connection, ids: Iterable[str]) -> dict[str, Held]:
    """The readings stored under these ids."""
    wanted = sorted(set(ids))
    found: dict[str, Held] = {}
    for part in parts_of(wanted):
        rows = connection.execute(
            select(READING.c.id, READING.c.resident_id, MEASUREMENT.c.kind, MEASUREMENT.c.value)
            .add_columns(MEASUREMENT.c.device_value)
            .join(MEASUREMENT, MEASUREMENT.c.reading_id == READING.c.id, isouter=True)
            .where(READING.c.id.in_(part))
        )
        for row in rows:
            one = found.setdefault(row.id, Held(row.resident_id, {}))
            if row.kind is not None:
                one.values[row.kind] = (Decimal(row.value), row.device_value)
    return found


def same_minutes(connection: Connection, resident: str, minutes: Iterable[Minute]) -> dict[Minute, list[Near]]:
    """What `resident` has of each kind in each of these minutes."""
    wanted = sorted(set(minutes))
    if not wanted:
        return {}
    words = msgspec.json.encode(wanted).decode()
    found: dict[Minute, list[Near]] = defaultdict(list)
    for row in connection.exec_driver_sql(_NEAR[connection.dialect.name], (words, resident)):
        near = Near(Decimal(row.value), row.reading_id, row.device_id)
        found[row.kind, row.measured_at - row.measured_at % MINUTE].append(near)
    return dict(found)


def counted_days(connection: Connection, resident: str, zone: ZoneInfo, span: Span) -> dict[date, Decimal]:
    """The steps of each civil day that follow from what is stored between two instants; the highest source counts."""
    points = history(connection, resident, ["steps-total", "steps-day"], to_micros(span[0]), to_micros(span[1]))
    return step_days(points, zone)
