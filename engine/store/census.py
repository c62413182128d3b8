"""What the store holds, counted as every report of ours counts (DESIGN section 2, "Counts")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal

import msgspec
from sqlalchemy import Connection, func, select

from engine.store.instants import from_micros
from engine.store.tables import ALIAS, MEASUREMENT, READING, REFUSAL

Key = tuple[str, datetime, str, Decimal]


class Census(msgspec.Struct, frozen=True):
    """`stored`: ids with a committed row of any outcome; `duplicated`: the same device, moment and kind taken twice.

    `measurements` counts stored values by (device name, instant, kind, value in the device's digits).
    """

    stored: int
    accepted: int
    unassigned: int
    refused: int
    duplicated: int
    reasons: dict[str, int]
    measurements: Counter[Key]


def census(connection: Connection, names: Mapping[str, str] | None = None, kinds: Collection[str] = ()) -> Census:
    """Count everything; `names` maps device ids to the names used in `measurements`, which holds only `kinds`."""
    outcomes = Counter[str]()
    for row in connection.execute(select(READING.c.outcome, func.count().label("n")).group_by(READING.c.outcome)):
        outcomes[row.outcome] = row.n
    refusals = select(REFUSAL.c.code, func.count(REFUSAL.c.reading_id.distinct()).label("n"))
    reasons = {row.code: row.n for row in connection.execute(refusals.group_by(REFUSAL.c.code))}
    ids = select(READING.c.id).union(select(REFUSAL.c.reading_id), select(ALIAS.c.reading_id)).subquery()
    dropped = reasons.get("dropped", 0)
    return Census(
        stored=int(connection.execute(select(func.count()).select_from(ids)).scalar_one()),
        accepted=outcomes["accepted"],
        unassigned=outcomes["unassigned"],
        refused=sum(reasons.values()) - dropped,
        duplicated=_duplicated(connection),
        reasons=reasons,
        measurements=_measurements(connection, names or {}, kinds),
    )


def _duplicated(connection: Connection) -> int:
    shared = (MEASUREMENT.c.device_id, MEASUREMENT.c.measured_at, MEASUREMENT.c.kind)
    groups = select((func.count() - 1).label("more")).select_from(MEASUREMENT)
    groups = groups.where(MEASUREMENT.c.resident_id.is_not(None)).group_by(*shared)
    total = connection.execute(select(func.sum(groups.subquery().c.more))).scalar()
    return int(total or 0)


def _measurements(connection: Connection, names: Mapping[str, str], kinds: Collection[str]) -> Counter[Key]:
    query = select(MEASUREMENT.c.device_id, MEASUREMENT.c.measured_at, MEASUREMENT.c.kind, MEASUREMENT.c.device_value)
    found: Counter[Key] = Counter()
    for row in connection.execute(query.where(MEASUREMENT.c.kind.in_(kinds))) if kinds else ():
        at = from_micros(row.measured_at).replace(microsecond=0)
        found[names.get(row.device_id, row.device_id), at, row.kind, Decimal(row.device_value).normalize()] += 1
    return found
