"""Residents with a check-up of this year who are in no guidance since: ids and days, nothing of what it found."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, exists, func, select

from engine.cases_book import GUIDANCE
from engine.clinical_values import day_of
from engine.store.instants import from_micros, to_micros
from engine.store.tables import RESIDENT
from engine.store.tables_clinical import FACT
from engine.store.tables_following import GUIDANCE_CASE

_ZONE = ZoneInfo("Asia/Tokyo")


def candidates(
    connection: Connection, towns: Collection[str] | None, first: date, *, after: str | None, limit: int
) -> list[str]:
    """The next `limit` active residents of these towns by id with a check-up since `first`, in no guidance since."""
    since = _start(first)
    checked = (FACT.c.resident_id == RESIDENT.c.id) & (FACT.c.source == "checkup") & (FACT.c.at >= since)
    mine = (GUIDANCE_CASE.c.resident_id == RESIDENT.c.id) & GUIDANCE_CASE.c.programme.in_(sorted(GUIDANCE))
    followed = mine & ((GUIDANCE_CASE.c.state == "open") | (GUIDANCE_CASE.c.opened_at >= since))
    query = select(RESIDENT.c.id).where(RESIDENT.c.status == "active", exists().where(checked))
    query = query.where(~exists().where(followed)).order_by(RESIDENT.c.id).limit(limit)
    if towns is not None:
        query = query.where(RESIDENT.c.municipality_code.in_(sorted(towns)))
    if after is not None:
        query = query.where(RESIDENT.c.id > after)
    return list(connection.execute(query).scalars())


def checkup_days(connection: Connection, residents: Sequence[str], first: date) -> dict[str, date]:
    """The day of the newest check-up of each of these residents since `first`; for a page of them, no more."""
    query = (
        select(FACT.c.resident_id, func.max(FACT.c.at).label("at"))
        .where(FACT.c.resident_id.in_(residents), FACT.c.source == "checkup", FACT.c.at >= _start(first))
        .group_by(FACT.c.resident_id)
    )
    return {row.resident_id: day_of(from_micros(row.at)) for row in connection.execute(query)}


def _start(day: date) -> int:
    return to_micros(datetime.combine(day, time(), _ZONE))
