"""The outbox: what a committed transaction still owes to another part, paid at least once and never forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import Connection, case, delete, select

from engine.store.database import dialect_insert
from engine.store.instants import to_micros
from engine.store.tables import OUTBOX


class Debt(msgspec.Struct, frozen=True):
    """Something owed: `stamp` changes whenever it is owed anew."""

    seq: int
    topic: str
    key: str
    stamp: int


def put(connection: Connection, topic: str, keys: Iterable[str], now: datetime) -> None:
    """Owes `topic` for each key once, however often it is put.

    A debt that is being paid meanwhile is owed anew, so that what changed after the payer looked is not missed.
    """
    rows = [{"topic": topic, "key": key, "at": to_micros(now)} for key in sorted(set(keys))]
    if not rows:
        return
    statement = dialect_insert(connection, OUTBOX)
    later = case((statement.excluded.at > OUTBOX.c.at, statement.excluded.at), else_=OUTBOX.c.at + 1)
    connection.execute(statement.on_conflict_do_update(index_elements=["topic", "key"], set_={"at": later}), rows)


def owes(connection: Connection, topic: str) -> bool:
    """Whether there is any debt of `topic`; holds nothing."""
    return connection.execute(select(OUTBOX.c.seq).where(OUTBOX.c.topic == topic).limit(1)).first() is not None


def take(connection: Connection, topic: str, limit: int = 1) -> list[Debt]:
    """The oldest debts of `topic`; on PostgreSQL those that no other transaction holds, held until this one ends."""
    query = select(OUTBOX).where(OUTBOX.c.topic == topic).order_by(OUTBOX.c.seq).limit(limit)
    if connection.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True)
    return [Debt(row.seq, row.topic, row.key, row.at) for row in connection.execute(query)]


def done(connection: Connection, debts: Iterable[Debt]) -> int:
    """Forgets what was paid, unless it was owed anew since it was taken; how many were forgotten."""
    paid = ((OUTBOX.c.seq == debt.seq) & (OUTBOX.c.at == debt.stamp) for debt in debts)
    return sum(connection.execute(delete(OUTBOX).where(where)).rowcount for where in paid)
