"""Baths and exercise classes as they were said to be; what was measured around them is looked up in the history."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from engine.before_after import Rating, Session
from engine.store import audit
from engine.store.instants import from_micros, to_micros
from engine.store.repo_facts import By
from engine.store.tables_following import BEFORE_AFTER

_STANDING = BEFORE_AFTER.c.taken_back_at.is_(None)
_KEY = (BEFORE_AFTER.c.seq, BEFORE_AFTER.c.version)


def add(connection: Connection, session: Session, by: By, now: datetime) -> Session:
    """Stores a session with its audit entry; `session` with its number and version.

    One that was taken back and began at the same instant is this one, begun anew: its row and number are used again.
    """
    row = _row(session) | {"resident_id": session.resident, "by": by.actor, "at": to_micros(now)}
    number, version = _anew(connection, session, row) or _first(connection, row)
    audit.note(connection, "before-after-start", session.resident, by, now, [number])
    return msgspec.structs.replace(session, number=number, by=by.actor, version=version)


def change(connection: Connection, session: Session, by: By, now: datetime, action: str) -> bool:
    """Stores `session`, one version on, where it is as it was read, with the audit entry `action`."""
    row = _row(msgspec.structs.replace(session, version=session.version + 1))
    if not _update(connection, session, row):
        return False
    audit.note(connection, action, session.resident, by, now, [session.number, session.version])
    return True


def take_back(connection: Connection, session: Session, by: By, now: datetime) -> bool:
    """Makes a session one that never was; its row stays, so that the trail has something to speak of."""
    row = {"taken_back_at": to_micros(now), "version": session.version + 1}
    if not _update(connection, session, row):
        return False
    audit.note(connection, "before-after-back", session.resident, by, now, [session.number, session.version])
    return True


def get(connection: Connection, number: int) -> Session | None:
    """The session of that number, unless it was taken back."""
    row = connection.execute(select(BEFORE_AFTER).where(BEFORE_AFTER.c.seq == number, _STANDING)).mappings().first()
    return None if row is None else _session(row)


def of(connection: Connection, resident: str) -> list[Session]:
    """The sessions of one resident, oldest first."""
    query = select(BEFORE_AFTER).where(BEFORE_AFTER.c.resident_id == resident, _STANDING)
    return [_session(row) for row in connection.execute(query.order_by(BEFORE_AFTER.c.started_at)).mappings()]


def ended_since(connection: Connection, since: datetime) -> list[Session]:
    """The sessions that ended since then and of which nobody was asked to hear, oldest first."""
    late = BEFORE_AFTER.c.ended_at >= to_micros(since)
    query = select(BEFORE_AFTER).where(late, BEFORE_AFTER.c.asked.is_(None), _STANDING)
    return [_session(row) for row in connection.execute(query.order_by(BEFORE_AFTER.c.seq)).mappings()]


def _anew(connection: Connection, session: Session, row: Mapping[str, Any]) -> tuple[int, int] | None:
    """The number and version of the row that stood for a mistake and stands for this session now; None without one."""
    same = (BEFORE_AFTER.c.resident_id == session.resident) & (BEFORE_AFTER.c.started_at == row["started_at"])
    fresh = dict(row) | {"taken_back_at": None, "version": BEFORE_AFTER.c.version + 1}
    change = update(BEFORE_AFTER).where(same, ~_STANDING).values(fresh)
    found = connection.execute(change.returning(*_KEY)).first()
    return None if found is None else (found[0], found[1])


def _first(connection: Connection, row: Mapping[str, Any]) -> tuple[int, int]:
    made = connection.execute(insert(BEFORE_AFTER).values(dict(row)).returning(*_KEY)).one()
    return made[0], made[1]


def _update(connection: Connection, session: Session, row: Mapping[str, Any]) -> bool:
    # The turn before the row, as who looks at all sessions takes them: neither waits for the other for ever.
    audit.take_turn(connection)
    mine = (BEFORE_AFTER.c.seq == session.number) & (BEFORE_AFTER.c.version == session.version) & _STANDING
    return connection.execute(update(BEFORE_AFTER).where(mine).values(dict(row))).rowcount == 1


def _row(session: Session) -> dict[str, Any]:
    return {
        "sort": session.sort, "place": session.place, "started_at": to_micros(session.started_at),
        "ended_at": None if session.ended_at is None else to_micros(session.ended_at),
        "felt": msgspec.json.encode(session.felt).decode(), "asked": session.asked, "version": session.version,
    }  # fmt: skip


def _session(row: Any) -> Session:
    return Session(
        number=row["seq"], resident=row["resident_id"], sort=row["sort"], place=row["place"],
        started_at=from_micros(row["started_at"]),
        ended_at=None if row["ended_at"] is None else from_micros(row["ended_at"]),
        felt=msgspec.json.decode(row["felt"], type=dict[str, Rating]), by=row["by"], asked=row["asked"],
        version=row["version"],
    )  # fmt: skip
