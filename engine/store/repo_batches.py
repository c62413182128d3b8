"""The requests owed to the data-linkage platform, byte for byte, and where a release is on its way there.

A row is pending until the platform has said that it took it, then taken until the whole release was read back, so that
what was lost over there can be sent again as the same bytes; parked rows were refused for good and hold the release.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from engine.store import repo_statistics
from engine.store.instants import from_micros, to_micros
from engine.store.repo_statistics import Kept
from engine.store.tables_statistics import RELEASE_BATCH, STATISTICS_RELEASE

# Room for a batch to be halved ten times between two neighbours.
STRIDE: Final = 1024
UNDER_WAY: Final = ("loading", "withdrawing")
SENDING: Final = "sending"


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """One request; `attempts` counts how often it left, `code` says why it came back the last time.

    `outcome` is the platform's own words about it, or `sending` while it is on its way.
    """

    seq: int
    release_id: str
    ordinal: int
    part: str
    body: bytes
    sha256: str
    state: str
    due_at: datetime
    attempts: int
    code: str | None
    outcome: str | None


def put(connection: Connection, release_id: str, batches: Sequence[tuple[str, bytes]], due: datetime) -> None:
    """Owes the platform these requests (part and body) in their order, after all that is owed of the release."""
    mine = RELEASE_BATCH.c.release_id == release_id
    last = connection.execute(select(func.max(RELEASE_BATCH.c.ordinal)).where(mine)).scalar()
    first = 0 if last is None else (last // STRIDE + 1) * STRIDE
    for number, (part, body) in enumerate(batches):
        _insert(connection, release_id, first + number * STRIDE, part, body, due)


def stored(connection: Connection, release_id: str) -> Kept | None:
    """A release by its id."""
    return next((one for one in repo_statistics.releases(connection) if one.id == release_id), None)


def of_period(connection: Connection, period: str, unit: str | None = None) -> list[Kept]:
    """The releases of a period, of one unit if named."""
    found = (one for one in repo_statistics.releases(connection) if one.period == period)
    return [one for one in found if unit is None or one.unit == unit]


def change(connection: Connection, release_id: str, **said: Any) -> None:
    """Sets columns of a release: its state, and when (datetime) or why it came to it."""
    values = {name: to_micros(value) if isinstance(value, datetime) else value for name, value in said.items()}
    table = STATISTICS_RELEASE
    connection.execute(
        update(table).where(table.c.id == release_id).values(**values, version=table.c.version + 1)
    )  # fmt: skip


def head(connection: Connection, now: datetime) -> Due | None:
    """The next request that may leave: the first of its release, when its time has come."""
    return next((one for one in _heads(connection) if one.state == "pending" and one.due_at <= now), None)


def next_due(connection: Connection) -> datetime | None:
    """When the next request may leave, None when nothing waits."""
    return min((one.due_at for one in _heads(connection) if one.state == "pending"), default=None)


def claim(connection: Connection, one: Due, now: datetime, lease: timedelta) -> Due | None:
    """Marks a request as on its way for `lease`; None when somebody else was quicker.

    Until the lease ends nothing of the release leaves by another hand: a bridge that is killed frees it by dying.
    """
    mine = (RELEASE_BATCH.c.seq == one.seq) & (RELEASE_BATCH.c.state == "pending")
    mine &= (RELEASE_BATCH.c.attempts == one.attempts) & (RELEASE_BATCH.c.due_at <= to_micros(now))
    until, attempts = now + lease, one.attempts + 1
    values = {"due_at": to_micros(until), "attempts": attempts, "outcome": SENDING}
    done = connection.execute(update(RELEASE_BATCH).where(mine).values(**values))
    return msgspec.structs.replace(one, due_at=until, attempts=attempts) if done.rowcount else None


def still_mine(connection: Connection, one: Due, now: datetime, lease: timedelta) -> bool:
    """Prolongs a claim; False when the request is somebody else's by now, or not owed any more."""
    mine = (RELEASE_BATCH.c.seq == one.seq) & (RELEASE_BATCH.c.state == "pending")
    mine &= RELEASE_BATCH.c.attempts == one.attempts
    done = connection.execute(update(RELEASE_BATCH).where(mine).values(due_at=to_micros(now + lease)))
    return bool(done.rowcount)


def settle(connection: Connection, one: Due, **said: Any) -> bool:
    """Sets columns of a claimed request; False when it is not ours any more and nothing was set."""
    values = {name: to_micros(value) if isinstance(value, datetime) else value for name, value in said.items()}
    mine = (RELEASE_BATCH.c.seq == one.seq) & (RELEASE_BATCH.c.attempts == one.attempts)
    return bool(connection.execute(update(RELEASE_BATCH).where(mine).values(**values)).rowcount)


def split(connection: Connection, one: Due, halves: tuple[bytes, bytes], due: datetime) -> bool:
    """Two requests in the place of one; False when it is not ours any more, or no place is left between neighbours."""
    mine = (RELEASE_BATCH.c.release_id == one.release_id) & (RELEASE_BATCH.c.ordinal > one.ordinal)
    after = connection.execute(select(func.min(RELEASE_BATCH.c.ordinal)).where(mine)).scalar()
    end = (one.ordinal // STRIDE + 1) * STRIDE
    middle = (one.ordinal + min(end, after if after is not None else end)) // 2
    gone = (RELEASE_BATCH.c.seq == one.seq) & (RELEASE_BATCH.c.attempts == one.attempts)
    if middle == one.ordinal or not connection.execute(delete(RELEASE_BATCH).where(gone)).rowcount:
        return False
    for ordinal, body in zip((one.ordinal, middle), halves, strict=True):
        _insert(connection, one.release_id, ordinal, one.part, body, due)
    return True


def waiting(connection: Connection, release_id: str) -> list[Due]:
    """All requests of a release that are still kept, in their order."""
    query = select(RELEASE_BATCH).where(RELEASE_BATCH.c.release_id == release_id).order_by(RELEASE_BATCH.c.ordinal)
    return [_due(row) for row in connection.execute(query)]


def refused(connection: Connection) -> dict[str, Due]:
    """Of each release that is held up: the request the platform refused for good, with its code and its words."""
    return {one.release_id: one for one in _heads(connection) if one.state == "parked"}


def again(
    connection: Connection, release_id: str, due: datetime, *, states: Sequence[str], parts: Sequence[str]
) -> int:
    """Lets requests in these states and parts leave once more as the same bytes; how many."""
    mine = (RELEASE_BATCH.c.release_id == release_id) & RELEASE_BATCH.c.state.in_(states)
    mine &= RELEASE_BATCH.c.part.in_(parts)
    values = {"state": "pending", "due_at": to_micros(due), "code": None, "outcome": None}
    return connection.execute(update(RELEASE_BATCH).where(mine).values(**values)).rowcount


def drop(connection: Connection, release_id: str) -> None:
    """Forgets all requests of a release: nothing of it is owed any more."""
    connection.execute(delete(RELEASE_BATCH).where(RELEASE_BATCH.c.release_id == release_id))


def _heads(connection: Connection) -> list[Due]:
    """The first request of every release under way that the platform has not taken, the longest due first."""
    table = RELEASE_BATCH
    first = (
        select(table.c.release_id, func.min(table.c.ordinal).label("first"))
        .where(table.c.state != "taken")
        .group_by(table.c.release_id)
        .subquery()
    )
    query = (
        select(table)
        .join(first, (first.c.release_id == table.c.release_id) & (first.c.first == table.c.ordinal))
        .join(STATISTICS_RELEASE, STATISTICS_RELEASE.c.id == table.c.release_id)
        .where(STATISTICS_RELEASE.c.state.in_(UNDER_WAY))
        .order_by(table.c.due_at, table.c.seq)
    )
    return [_due(row) for row in connection.execute(query)]


def _insert(connection: Connection, release_id: str, ordinal: int, part: str, body: bytes, due: datetime) -> None:
    row = {
        "release_id": release_id, "ordinal": ordinal, "part": part, "body": body.decode(),
        "sha256": hashlib.sha256(body).hexdigest(), "state": "pending", "due_at": to_micros(due), "attempts": 0,
        "created_at": to_micros(due),
    }  # fmt: skip
    connection.execute(insert(RELEASE_BATCH), row)


def _due(row: Any) -> Due:
    return Due(
        seq=row.seq, release_id=row.release_id, ordinal=row.ordinal, part=row.part, body=row.body.encode(),
        sha256=row.sha256, state=row.state, due_at=from_micros(row.due_at), attempts=row.attempts, code=row.code,
        outcome=row.outcome,
    )  # fmt: skip
