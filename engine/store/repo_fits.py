"""Fitted trend parameters of residents, and who is due for a new fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, func, or_, select

from engine.store.database import upsert
from engine.store.instants import from_micros, to_micros
from engine.store.tables import MEASUREMENT, RESIDENT
from engine.store.tables_clinical import TREND_FIT


class Fit(msgspec.Struct, frozen=True):
    """The parameters of one resident's trend of one kind, when they were fitted, and to how many readings."""

    resident: str
    kind: str
    parameters: str
    fitted_at: datetime
    readings: int


class Due(msgspec.Struct, frozen=True):
    """A resident whose readings of a kind are others than those last fitted, and how many there are now."""

    resident: str
    readings: int


def stored(connection: Connection, residents: Iterable[str], kind: str = "body-weight") -> dict[str, Fit]:
    """The fits of these residents; who has none is not in it."""
    wanted = TREND_FIT.c.resident_id.in_(list(residents))
    rows = connection.execute(select(TREND_FIT).where(wanted, TREND_FIT.c.kind == kind))
    return {
        row.resident_id: Fit(row.resident_id, row.kind, row.parameters, from_micros(row.fitted_at), row.readings)
        for row in rows
    }


def due(connection: Connection, kind: str, limit: int) -> list[Due]:
    """Active residents with readings since their last fit: never fitted first, then the oldest fit; at most `limit`."""
    count = func.count().label("readings")
    counted = (
        select(MEASUREMENT.c.resident_id, count)
        .where(MEASUREMENT.c.kind == kind, MEASUREMENT.c.resident_id.is_not(None))
        .group_by(MEASUREMENT.c.resident_id)
        .subquery()
    )
    fitted = (TREND_FIT.c.resident_id == counted.c.resident_id) & (TREND_FIT.c.kind == kind)
    query = (
        select(counted.c.resident_id, counted.c.readings)
        .join(RESIDENT, RESIDENT.c.id == counted.c.resident_id)
        .outerjoin(TREND_FIT, fitted)
        .where(RESIDENT.c.status == "active")
        .where(or_(TREND_FIT.c.readings.is_(None), TREND_FIT.c.readings != counted.c.readings))
        .order_by(func.coalesce(TREND_FIT.c.fitted_at, 0), counted.c.resident_id)
        .limit(limit)
    )
    return [Due(row.resident_id, row.readings) for row in connection.execute(query)]


def keep(connection: Connection, fits: Sequence[Fit]) -> None:
    """Stores these fits in the place of earlier ones."""
    rows = [
        {
            "resident_id": fit.resident,
            "kind": fit.kind,
            "parameters": fit.parameters,
            "fitted_at": to_micros(fit.fitted_at),
            "readings": fit.readings,
        }
        for fit in fits
    ]
    upsert(connection, TREND_FIT, rows)
