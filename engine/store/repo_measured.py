"""A resident's accepted values as the projections (FHIR, exports) want them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, select

from engine.observation_values import Measured
from engine.store.instants import from_micros, to_micros
from engine.store.tables import HOUSEHOLD, MEASUREMENT, MUNICIPALITY, READING, RESIDENT

# What no gateway of ours heard from a device claims neither.
_ONLY_HEARSAY: Final = frozenset({"imported", "self-reported"})


def measured_of(
    connection: Connection, resident: str, *, readings: Collection[str] | None = None, since: datetime | None = None
) -> list[Measured]:
    """Every accepted value of `resident`, oldest first, the values of one reading together.

    Of these `readings` only, where they are named, and none measured before `since`. Assumed to be theirs, or with a
    quality figure (a camera's estimate), makes a value preliminary.
    """
    where = (READING.c.resident_id == resident) & (READING.c.outcome == "accepted")
    if readings is not None:
        where &= READING.c.id.in_(sorted(set(readings)))
    if since is not None:
        where &= READING.c.measured_at >= to_micros(since)
    query = select(
        READING.c.id, READING.c.device_id, READING.c.gateway_id, READING.c.measured_at, READING.c.period_start,
        READING.c.time_quality, READING.c.experimental, READING.c.certainty, READING.c.quality, READING.c.provenance,
        MEASUREMENT.c.kind, MEASUREMENT.c.value, MEASUREMENT.c.unit,
    ).join(MEASUREMENT, MEASUREMENT.c.reading_id == READING.c.id)  # fmt: skip
    ordered = query.where(where).order_by(READING.c.measured_at, READING.c.id, MEASUREMENT.c.kind)
    return [_measured(row, resident) for row in connection.execute(ordered)]


def zone_of(connection: Connection, resident: str) -> str | None:
    """The IANA zone of the resident's household, else of the municipality; None for an unknown resident."""
    query = select(HOUSEHOLD.c.zone.label("home"), MUNICIPALITY.c.zone.label("town")).select_from(
        RESIDENT.join(MUNICIPALITY, MUNICIPALITY.c.code == RESIDENT.c.municipality_code).join(
            HOUSEHOLD, HOUSEHOLD.c.id == RESIDENT.c.household_id, isouter=True
        )
    )
    row = connection.execute(query.where(RESIDENT.c.id == resident)).first()
    return None if row is None else row.home or row.town


def _measured(row: Any, resident: str) -> Measured:
    heard = row.provenance not in _ONLY_HEARSAY
    return Measured(
        reading_id=row.id, resident_id=resident, device_id=row.device_id if heard else None,
        gateway_id=row.gateway_id if heard else None, kind=row.kind, value=Decimal(row.value), unit=row.unit,
        measured_at=from_micros(row.measured_at),
        period_start=None if row.period_start is None else from_micros(row.period_start),
        time_quality=row.time_quality, experimental=bool(row.experimental),
        preliminary=row.certainty == "assumed" or row.quality is not None,
    )  # fmt: skip
