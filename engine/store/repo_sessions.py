"""Signed-in browsers in the store, by the hash of their cookie."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from engine.access import Identity
from engine.locale import Language
from engine.store.instants import from_micros, to_micros
from engine.store.tables_desk import WEB_SESSION


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A session as it is stored; instants are aware."""

    hash: str
    who: Identity
    csrf: str
    language: Language
    started: datetime
    seen: datetime
    ends: datetime
    locked: bool


def add(connection: Connection, kept: Kept) -> None:
    """Stores a new session."""
    connection.execute(insert(WEB_SESSION), _row(kept))


def get(connection: Connection, hash: str) -> Kept | None:  # noqa: A002
    """The session with that hash, ended or not."""
    row = connection.execute(select(WEB_SESSION).where(WEB_SESSION.c.hash == hash)).mappings().first()
    if row is None:
        return None
    return Kept(
        hash=row["hash"], who=msgspec.json.decode(row["identity"], type=Identity), csrf=row["csrf"],
        language="en" if row["language"] == "en" else "ja", started=from_micros(row["started"]),
        seen=from_micros(row["seen"]), ends=from_micros(row["ends"]), locked=bool(row["locked"]),
    )  # fmt: skip


def change(connection: Connection, kept: Kept) -> None:
    """Stores what changed about a session; one that is gone stays gone."""
    connection.execute(update(WEB_SESSION).where(WEB_SESSION.c.hash == kept.hash).values(_row(kept)))


def forget(connection: Connection, hash: str) -> None:  # noqa: A002
    """Removes one session."""
    connection.execute(delete(WEB_SESSION).where(WEB_SESSION.c.hash == hash))


def forget_of(connection: Connection, subject: str) -> int:
    """Removes every session of one person; how many there were."""
    return connection.execute(delete(WEB_SESSION).where(WEB_SESSION.c.subject == subject)).rowcount


def forget_ended(connection: Connection, now: datetime) -> None:
    """Removes what is over."""
    connection.execute(delete(WEB_SESSION).where(WEB_SESSION.c.ends <= to_micros(now)))


def _row(kept: Kept) -> dict[str, Any]:
    return {
        "hash": kept.hash, "subject": kept.who.id, "identity": msgspec.json.encode(kept.who).decode(),
        "csrf": kept.csrf, "language": kept.language, "started": to_micros(kept.started), "seen": to_micros(kept.seen),
        "ends": to_micros(kept.ends), "locked": kept.locked,
    }  # fmt: skip
