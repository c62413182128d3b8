"""Small questions the desk's pages ask of many rows at once: names for rows, what happened since, how much waits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, func, select

from engine.store.tables import ADVICE, ADVICE_EVENT, HOUSEHOLD, RESIDENT


def people(connection: Connection, ids: Iterable[str]) -> dict[str, Any]:
    """Name and birth date of these residents by id, as rows, which is all that a line of the queue shows of them."""
    columns = (RESIDENT.c.id, RESIDENT.c.family_name, RESIDENT.c.given_name, RESIDENT.c.birth_date)
    query = select(*columns).where(RESIDENT.c.id.in_(sorted(ids)))
    return {row.id: row for row in connection.execute(query)}


def homes_in(connection: Connection, homes: Iterable[str], towns: frozenset[str]) -> frozenset[str]:
    """Those of these households that lie in one of the towns."""
    query = select(HOUSEHOLD.c.id).where(HOUSEHOLD.c.municipality_code.in_(sorted(towns)))
    return frozenset(connection.execute(query.where(HOUSEHOLD.c.id.in_(sorted(homes)))).scalars())


def last_event(connection: Connection) -> int:
    """The number of the newest event of any item, 0 before the first."""
    return int(connection.execute(select(func.max(ADVICE_EVENT.c.seq))).scalar() or 0)


def events_after(connection: Connection, seq: int, most: int) -> list[Any]:
    """Up to `most` events behind `seq`, oldest first: command, item, resident, municipality and severity."""
    item = ADVICE.c
    query = (
        select(ADVICE_EVENT.c.command, item.id, item.resident_id, item.municipality_code, item.severity)
        .join(ADVICE, item.id == ADVICE_EVENT.c.advice_id)
        .where(ADVICE_EVENT.c.seq > seq)
        .order_by(ADVICE_EVENT.c.seq)
        .limit(most)
    )
    return list(connection.execute(query))


def open_by_tier(connection: Connection) -> list[tuple[str, int, int]]:
    """How many items are open, as (municipality, tier, number)."""
    query = select(ADVICE.c.municipality_code, ADVICE.c.tier, func.count()).where(ADVICE.c.shelf == "open")
    found = connection.execute(query.group_by(ADVICE.c.municipality_code, ADVICE.c.tier))
    return [(str(town), int(tier), int(number)) for town, tier, number in found]
