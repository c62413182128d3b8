"""Signed-in browsers in the store, by the hash of their cookie."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from engine.access import Identity
from engine.locale import Language
from engine.store.instants import from_micros, to_micros
from engine.store.tables_desk import WEB_SESSION

# Somebody who was still typing when their session ended signs in again within the day.
REMEMBERED: Final = timedelta(days=1)


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
    return None if row is None else _kept(row)


def change(connection: Connection, hash: str, changes: Mapping[str, Any]) -> None:  # noqa: A002
    """Stores these fields of a session and leaves the others, which may be changed at the same time, alone."""
    row = {name: to_micros(value) if isinstance(value, datetime) else value for name, value in changes.items()}
    connection.execute(update(WEB_SESSION).where(WEB_SESSION.c.hash == hash).values(row))


def by_csrf(connection: Connection, csrf: str) -> Kept | None:
    """The session that made a form with that mark, ended or not, as long as it is kept."""
    row = connection.execute(select(WEB_SESSION).where(WEB_SESSION.c.csrf == csrf)).mappings().first()
    return None if row is None else _kept(row)


def end(connection: Connection, hash: str, now: datetime) -> None:  # noqa: A002
    """Ends one session; it is kept for a day, so that a form it made is still known."""
    living = (WEB_SESSION.c.hash == hash) & (WEB_SESSION.c.ends > to_micros(now))
    connection.execute(update(WEB_SESSION).where(living).values(ends=to_micros(now)))


def end_of(connection: Connection, subject: str, now: datetime, *, but: str | None = None) -> int:
    """Ends every session of one person, except the one with the hash `but`; how many there were."""
    living = (WEB_SESSION.c.subject == subject) & (WEB_SESSION.c.ends > to_micros(now))
    if but is not None:
        living &= WEB_SESSION.c.hash != but
    return connection.execute(update(WEB_SESSION).where(living).values(ends=to_micros(now))).rowcount


def rewrite(connection: Connection, who: Identity) -> None:
    """Tells every session of a person who they are now."""
    mine = WEB_SESSION.c.subject == who.id
    connection.execute(update(WEB_SESSION).where(mine).values(identity=msgspec.json.encode(who).decode()))


def speak(connection: Connection, subject: str, language: Language) -> None:
    """Tells every session of a person which language they want."""
    mine = WEB_SESSION.c.subject == subject
    connection.execute(update(WEB_SESSION).where(mine).values(language=language))


def count_of(connection: Connection, subject: str, now: datetime) -> int:
    """How many living sessions a person has."""
    query = select(func.count()).select_from(WEB_SESSION)
    query = query.where(WEB_SESSION.c.subject == subject, WEB_SESSION.c.ends > to_micros(now))
    return int(connection.execute(query).scalar_one())


def forget_ended(connection: Connection, now: datetime) -> None:
    """Removes what has been over for a day."""
    connection.execute(delete(WEB_SESSION).where(WEB_SESSION.c.ends <= to_micros(now - REMEMBERED)))


def _kept(row: Any) -> Kept:
    return Kept(
        hash=row["hash"], who=msgspec.json.decode(row["identity"], type=Identity), csrf=row["csrf"],
        language="en" if row["language"] == "en" else "ja", started=from_micros(row["started"]),
        seen=from_micros(row["seen"]), ends=from_micros(row["ends"]), locked=bool(row["locked"]),
    )  # fmt: skip


def _row(kept: Kept) -> dict[str, Any]:
    return {
        "hash": kept.hash, "subject": kept.who.id, "identity": msgspec.json.encode(kept.who).decode(),
        "csrf": kept.csrf, "language": kept.language, "started": to_micros(kept.started), "seen": to_micros(kept.seen),
        "ends": to_micros(kept.ends), "locked": kept.locked,
    }  # fmt: skip
