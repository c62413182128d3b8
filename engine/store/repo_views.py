"""Searches somebody gave a name: their own, at most as many as a menu can show."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, func, select, update

from engine.names import keep
from engine.refusal import Refusal
from engine.store.database import dialect_insert
from engine.store.instants import to_micros
from engine.store.tables_desk import SAVED_VIEW

MOST: Final = 20
MAX_NAME: Final = 30


def of(connection: Connection, staff: str) -> dict[str, str]:
    """The queries of one person's views by name, the oldest first."""
    query = select(SAVED_VIEW).where(SAVED_VIEW.c.staff_id == staff).order_by(SAVED_VIEW.c.at, SAVED_VIEW.c.name)
    return {row.name: row.query for row in connection.execute(query)}


def save(connection: Connection, staff: str, name: str, query: str, now: datetime) -> str | Refusal:
    """Keeps `query` under `name`, in the place of a view of that name; refused `view-name` or `too-many-views`."""
    good = name_of(name)
    if isinstance(good, Refusal):
        return good
    others = select(func.count()).where(SAVED_VIEW.c.staff_id == staff, SAVED_VIEW.c.name != good)
    if connection.execute(others).scalar_one() >= MOST:
        return Refusal("too-many-views", f"more than {MOST} views cannot be kept", "name")
    row = {"staff_id": staff, "name": good, "query": query, "at": to_micros(now)}
    statement = dialect_insert(connection, SAVED_VIEW)
    connection.execute(statement.on_conflict_do_update(index_elements=["staff_id", "name"], set_={"query": query}), row)
    return good


def rename(connection: Connection, staff: str, name: str, new: str) -> str | Refusal:
    """Calls a view something else; refused `view-name`, or `view-taken` when there is one of that name."""
    good = name_of(new)
    if isinstance(good, Refusal) or good == name:
        return good
    if good in of(connection, staff):
        return Refusal("view-taken", "there is a view of that name", "name")
    mine = (SAVED_VIEW.c.staff_id == staff) & (SAVED_VIEW.c.name == name)
    connection.execute(update(SAVED_VIEW).where(mine).values(name=good))
    return good


def remove(connection: Connection, staff: str, name: str) -> None:
    """Forgets a view."""
    connection.execute(delete(SAVED_VIEW).where(SAVED_VIEW.c.staff_id == staff, SAVED_VIEW.c.name == name))


def name_of(text: str) -> str | Refusal:
    """The name of a view as one line; refused `view-name` when empty, too long or not to be shown."""
    line = keep(" ".join(text.split()))
    if isinstance(line, Refusal) or not 0 < len(line) <= MAX_NAME:
        return Refusal("view-name", f"a view needs a name of at most {MAX_NAME} characters", "name")
    return line
