"""Who opened which version of an item when: staff, so that nothing unread is approved in bulk, and residents alike.

The last time only; who looked how often is in the audit chain.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from engine.store.database import upsert
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.tables_desk import ADVICE_SEEN


def mark(connection: Connection, advice: str, by: str, version: int, now: datetime) -> None:
    """Notes that `by` has this version of the item before them."""
    row = {"advice_id": advice, "by": by, "version": version, "at": to_micros(now)}
    upsert(connection, ADVICE_SEEN, [row])


def at(connection: Connection, advice: Iterable[str], by: str) -> dict[str, datetime]:
    """When `by` last opened each of these items; those never opened are missing."""
    return {row.advice_id: from_micros(row.at) for row in _rows(connection, advice, by)}


def versions(connection: Connection, advice: Iterable[str], by: str) -> dict[str, int]:
    """Which version of each of these items `by` saw last; those never opened are missing."""
    return {row.advice_id: row.version for row in _rows(connection, advice, by)}


def readers(connection: Connection, advice: str) -> dict[str, datetime]:
    """Everybody who opened one item, and when they last did."""
    query = select(ADVICE_SEEN.c.by, ADVICE_SEEN.c.at).where(ADVICE_SEEN.c.advice_id == advice)
    return {row.by: from_micros(row.at) for row in connection.execute(query.order_by(ADVICE_SEEN.c.at))}


def _rows(connection: Connection, advice: Iterable[str], by: str) -> list[Any]:
    wanted = sorted(set(advice))
    found: list[Any] = []
    for some in parts_of(wanted):
        part = ADVICE_SEEN.c.advice_id.in_(some)
        found += connection.execute(select(ADVICE_SEEN).where(part, ADVICE_SEEN.c.by == by))
    return found
