"""The audit trail: a hash chain of who did what to which id; ids and hashes only, never values or names."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final, Protocol

import msgspec
from sqlalchemy import Connection, insert, select, text

from engine.store.instants import to_micros
from engine.store.tables import AUDIT

GENESIS: Final = "0" * 64
# Any fixed number: writers of one PostgreSQL database queue for it, so that the chain never forks.
_CHAIN_LOCK: Final = 0x70687202
_BATCH: Final = 5_000


class Whose(Protocol):
    """Who is answerable, and the user of the operating system who did it."""

    @property
    def actor(self) -> str:
        """As they call themselves, or an id."""

    @property
    def os_user(self) -> str:
        """As the operating system knows them."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One act: `at` in UTC microseconds, `subject` an opaque id, `detail_hash` the sha256 of what was decided on."""

    at: int
    actor: str
    os_user: str
    action: str
    subject: str
    detail_hash: str = ""


class Link(Entry, frozen=True, kw_only=True):
    """An entry in its place in the chain."""

    seq: int
    prev: str
    hash: str


def link_hash(prev: str, entry: Entry) -> str:
    """The sha256 that ties `entry` to everything before it, over an unambiguous JSON array of its fields."""
    fields = [prev, entry.at, entry.actor, entry.os_user, entry.action, entry.subject, entry.detail_hash]
    return hashlib.sha256(msgspec.json.encode(fields)).hexdigest()


def detail_hash(detail: object) -> str:
    """The sha256 of `detail` as JSON with sorted keys: what an entry may keep of something it must not contain."""
    return hashlib.sha256(msgspec.json.encode(detail, order="sorted")).hexdigest()


def take_turn(connection: Connection) -> None:
    """Waits until no other writer of the chain is at work; the turn ends with the caller's transaction.

    Whoever looks, decides and writes takes it before looking: of two at once the second sees what the first did, and
    neither waits for a row while the other waits for the chain. SQLite gives the turn with the transaction.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CHAIN_LOCK})


def append(connection: Connection, entry: Entry) -> str:
    """Adds `entry` to the chain in the caller's transaction and returns its hash; writers take turns."""
    take_turn(connection)
    last = connection.execute(select(AUDIT.c.hash).order_by(AUDIT.c.seq.desc()).limit(1)).scalar()
    prev = GENESIS if last is None else str(last)
    made = link_hash(prev, entry)
    connection.execute(insert(AUDIT), {**msgspec.structs.asdict(entry), "prev": prev, "hash": made})
    return made


def note(
    connection: Connection, action: str, subject: str, by: Whose, now: datetime, detail: object = None
) -> None:  # fmt: skip
    """Appends who did what to which id; of `detail` only a hash, and none where it is None."""
    append(connection, Entry(
        at=to_micros(now), actor=by.actor, os_user=by.os_user, action=action, subject=subject,
        detail_hash="" if detail is None else detail_hash(detail),
    ))  # fmt: skip


def verify(connection: Connection) -> int | None:
    """The sequence number of the first link that does not follow from those before it, None when all do.

    Entries cut off at the end leave no trace here: compare `head` with a copy kept elsewhere.
    """
    prev, after = GENESIS, -1
    while links := entries(connection, after=after, limit=_BATCH):
        for link in links:
            if link.prev != prev or link.hash != link_hash(prev, link):
                return link.seq
            prev, after = link.hash, link.seq
    return None


def head(connection: Connection) -> str:
    """The hash of the newest link, to be kept where this database's owner cannot change it."""
    last = connection.execute(select(AUDIT.c.hash).order_by(AUDIT.c.seq.desc()).limit(1)).scalar()
    return GENESIS if last is None else str(last)


def entries(connection: Connection, *, after: int = -1, limit: int = 100, subject: str | None = None) -> list[Link]:
    """Up to `limit` links with a sequence number above `after`, oldest first; `subject` keeps those about one id."""
    statement = select(AUDIT).where(AUDIT.c.seq > after).order_by(AUDIT.c.seq).limit(limit)
    if subject is not None:
        statement = statement.where(AUDIT.c.subject == subject)
    return [Link(**row) for row in connection.execute(statement).mappings()]
