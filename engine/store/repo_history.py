"""A resident's measurements over time, as the signals read them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from engine.signals import Point
from engine.store.instants import from_micros
from engine.store.tables import MEASUREMENT, READING


def history(
    connection: Connection, resident: str, kinds: Iterable[str], since_us: int, until_us: int
) -> dict[str, list[Point]]:
    """Points of each kind measured from `since_us` up to, but not at, `until_us` (UTC microseconds), oldest first.

    Every kind asked for is there, empty if nothing was measured.
    """
    wanted = list(dict.fromkeys(kinds))
    query = (
        select(
            MEASUREMENT.c.kind, MEASUREMENT.c.value, MEASUREMENT.c.unit, MEASUREMENT.c.measured_at,
            MEASUREMENT.c.reading_id, MEASUREMENT.c.device_id, READING.c.time_quality, READING.c.provenance,
            READING.c.certainty, READING.c.experimental, READING.c.quality, READING.c.period_start,
        )
        .join(READING, READING.c.id == MEASUREMENT.c.reading_id)
        .where(MEASUREMENT.c.resident_id == resident, MEASUREMENT.c.kind.in_(wanted))
        .where(MEASUREMENT.c.measured_at >= since_us, MEASUREMENT.c.measured_at < until_us)
        .order_by(MEASUREMENT.c.measured_at, MEASUREMENT.c.reading_id)
    )  # fmt: skip
    found: dict[str, list[Point]] = {kind: [] for kind in wanted}
    for row in connection.execute(query):
        found[row.kind].append(_point(row))
    return found


def _point(row: Any) -> Point:
    return Point(
        at=from_micros(row.measured_at),
        value=Decimal(row.value),
        unit=row.unit,
        since=None if row.period_start is None else from_micros(row.period_start),
        reading_id=row.reading_id,
        device_id=row.device_id,
        time_quality=row.time_quality,
        provenance=row.provenance,
        certainty=row.certainty,
        experimental=bool(row.experimental),
        # Only a camera grades its own values, and a camera's values are preliminary.
        preliminary=row.quality is not None,
    )
