"""Counters of outcomes, kept in the transaction of what they count."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, select

from engine.store.database import dialect_insert
from engine.store.tables import TALLY


def add(connection: Connection, counts: Mapping[tuple[str, str], int]) -> None:
    """Adds each number to the counter of its (outcome, reason code)."""
    if not counts:
        return
    # In key order, so that two engines that count the same things cannot deadlock.
    rows = [{"outcome": outcome, "code": code, "count": counts[outcome, code]} for outcome, code in sorted(counts)]
    statement = dialect_insert(connection, TALLY)
    grown = {"count": TALLY.c.count + statement.excluded.count}
    connection.execute(statement.on_conflict_do_update(index_elements=["outcome", "code"], set_=grown), rows)


def counts(connection: Connection) -> dict[tuple[str, str], int]:
    """Every counter by (outcome, reason code)."""
    return {(outcome, code): count for outcome, code, count in connection.execute(select(TALLY))}


def note_people_changed(connection: Connection) -> None:
    """Tells every engine process, through a growing number, that residents, consents or devices are not as before."""
    add(connection, {("change", "people"): 1})
