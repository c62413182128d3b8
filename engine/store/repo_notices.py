"""That somebody should be told there is something to see: owed with the change itself, sent later, once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, func, select, update

from engine.store.database import insert_new
from engine.store.instants import from_micros, to_micros
from engine.store.tables_desk import NOTICE

WAITING: Final = "waiting"


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One notice: to a resident (`r-…`) or family member (`m-…`), of a `kind`, about an id; never what it says."""

    seq: int
    recipient: str
    kind: str
    about: str
    channel: str
    urgent: bool
    state: str
    due_at: datetime
    attempts: int
    sent_at: datetime | None
    error: str | None
    created_at: datetime


def owe(connection: Connection, recipient: str, kind: str, about: str, now: datetime, *, urgent: bool = False) -> bool:
    """Owes a notice in the caller's transaction; whether it is new: the same matter is told a person only once."""
    at = to_micros(now)
    row = {
        "recipient": recipient, "kind": kind, "about": about, "channel": "", "urgent": urgent, "state": WAITING,
        "due_at": at, "attempts": 0, "sent_at": None, "error": None, "created_at": at,
    }  # fmt: skip
    return insert_new(connection, NOTICE, [row]) == 1


def waits(connection: Connection, now: datetime) -> bool:
    """Whether anything is due; holds nothing."""
    query = select(NOTICE.c.seq).where(NOTICE.c.state == WAITING, NOTICE.c.due_at <= to_micros(now)).limit(1)
    return connection.execute(query).first() is not None


def due(connection: Connection, now: datetime, limit: int = 50) -> list[Notice]:
    """What waits and is due, the urgent first; on PostgreSQL what no other sender holds."""
    query = select(NOTICE).where(NOTICE.c.state == WAITING, NOTICE.c.due_at <= to_micros(now))
    query = query.order_by(NOTICE.c.urgent.desc(), NOTICE.c.due_at, NOTICE.c.seq).limit(limit)
    if connection.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True)
    return [_notice(row) for row in connection.execute(query).mappings()]


def take(connection: Connection, notice: Notice, until: datetime) -> bool:
    """Keeps other senders away from a notice until `until`; whether it was still there to be taken."""
    mine = (NOTICE.c.seq == notice.seq) & (NOTICE.c.state == WAITING) & (NOTICE.c.attempts == notice.attempts)
    changed = {"due_at": to_micros(until), "attempts": notice.attempts + 1}
    return connection.execute(update(NOTICE).where(mine).values(changed)).rowcount == 1


def settle(connection: Connection, seq: int, state: str, now: datetime, channel: str, error: str | None = None) -> None:
    """The end of a notice: sent, needless (nothing to send to), withdrawn or failed, with the reason code."""
    sent = to_micros(now) if state == "sent" else None
    values = {"state": state, "sent_at": sent, "channel": channel, "error": error}
    connection.execute(update(NOTICE).where(NOTICE.c.seq == seq).values(values))


def put_off(connection: Connection, seq: int, until: datetime, error: str | None = None) -> None:
    """Waits until `until` for another try."""
    connection.execute(update(NOTICE).where(NOTICE.c.seq == seq).values(due_at=to_micros(until), error=error))


def of(connection: Connection, recipient: str, limit: int = 50) -> list[Notice]:
    """The notices of one person, newest first."""
    query = select(NOTICE).where(NOTICE.c.recipient == recipient).order_by(NOTICE.c.seq.desc()).limit(limit)
    return [_notice(row) for row in connection.execute(query).mappings()]


def counts(connection: Connection, now: datetime, span: timedelta) -> dict[str, int]:
    """How many notices of the last `span` are in which state, and `late`: an hour over due."""
    fresh = NOTICE.c.created_at >= to_micros(now - span)
    rows = connection.execute(select(NOTICE.c.state, func.count()).where(fresh).group_by(NOTICE.c.state))
    found = {state: int(count) for state, count in rows}
    stuck = (NOTICE.c.state == WAITING) & (NOTICE.c.due_at <= to_micros(now - timedelta(hours=1)))
    found["late"] = int(connection.execute(select(func.count()).select_from(NOTICE).where(stuck)).scalar_one())
    return found


def _notice(row: Any) -> Notice:
    fields = {name: row[name] for name in Notice.__struct_fields__} | {"urgent": bool(row["urgent"])}
    for name in ("due_at", "sent_at", "created_at"):
        fields[name] = None if row[name] is None else from_micros(row[name])
    return Notice(**fields)
