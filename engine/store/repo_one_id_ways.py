"""The ways to the city's identity provider that people are on, and the sessions of ours that came from there."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Final, Literal

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from engine.store.database import insert_new, upsert
from engine.store.instants import from_micros, to_micros
from engine.store.repo_sessions import REMEMBERED
from engine.store.tables_desk import WEB_SESSION
from engine.store.tables_rights import LOGOUT_TOKEN, ONE_ID_SESSION, SIGN_IN_FLOW

Purpose = Literal["sign-in", "link", "card"]
# More ways at once than a town opens in ten minutes; fewer than fill a disk.
MOST_FLOWS: Final = 5_000


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """A way to the provider that somebody is on; `hash` of its state, `browser` of a cookie, the rest sealed."""

    hash: str
    purpose: Purpose
    holder: str | None
    nonce: str
    verifier: str
    browser: str
    onward: str
    at: datetime
    until: datetime


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """Where a session of ours came from: the provider's subject and session, how it was proved, and when."""

    issuer: str
    subject: str
    sid: str | None
    acr: str | None
    at: datetime


def depart(connection: Connection, flow: Flow, now: datetime) -> bool:
    """Stores a way to the provider, what is outdated cleared away; False when too many are open at once."""
    connection.execute(delete(SIGN_IN_FLOW).where(SIGN_IN_FLOW.c.until <= to_micros(now)))
    if int(connection.execute(select(func.count()).select_from(SIGN_IN_FLOW)).scalar_one()) >= MOST_FLOWS:
        return False
    row = msgspec.structs.asdict(flow) | {"at": to_micros(flow.at), "until": to_micros(flow.until)}
    connection.execute(insert(SIGN_IN_FLOW), row)
    return True


def arrive(connection: Connection, hash: str, browser: str, now: datetime) -> Flow | None:  # noqa: A002
    """The way with that state that this browser is on, used up by this: of two who come back, one is let in."""
    mine = (SIGN_IN_FLOW.c.hash == hash) & (SIGN_IN_FLOW.c.browser == browser)
    row = connection.execute(select(SIGN_IN_FLOW).where(mine)).mappings().first()
    if row is None or not connection.execute(delete(SIGN_IN_FLOW).where(mine)).rowcount:
        return None
    flow = Flow(**(dict(row) | {"at": from_micros(row["at"]), "until": from_micros(row["until"])}))
    return flow if now < flow.until else None


def note_session(connection: Connection, session: str, came: Came) -> None:
    """Notes where the session of that hash came from."""
    row = msgspec.structs.asdict(came) | {"hash": session, "at": to_micros(came.at)}
    connection.execute(insert(ONE_ID_SESSION), row)


def forget_sessions(connection: Connection, now: datetime) -> None:
    """Clears away where sessions came from that are over so long that they are forgotten themselves."""
    over = select(WEB_SESSION.c.hash).where(WEB_SESSION.c.ends <= to_micros(now - REMEMBERED))
    connection.execute(delete(ONE_ID_SESSION).where(ONE_ID_SESSION.c.hash.in_(over)))


def came(connection: Connection, session: str) -> Came | None:
    """Where the session of that hash came from; None for one that a code or card began."""
    row = connection.execute(select(ONE_ID_SESSION).where(ONE_ID_SESSION.c.hash == session)).mappings().first()
    if row is None:
        return None
    return Came(issuer=row["issuer"], subject=row["subject"], sid=row["sid"], acr=row["acr"], at=from_micros(row["at"]))


def end_sessions(
    connection: Connection, issuer: str, now: datetime, *, subject: str | None = None, sid: str | None = None
) -> int:
    """Ends the living sessions that came from there, of this subject, of this session of theirs; how many."""
    mine = select(ONE_ID_SESSION.c.hash).where(ONE_ID_SESSION.c.issuer == issuer)
    if subject is not None:
        mine = mine.where(ONE_ID_SESSION.c.subject == subject)
    if sid is not None:
        mine = mine.where(ONE_ID_SESSION.c.sid == sid)
    if subject is None and sid is None:
        return 0
    going = WEB_SESSION.c.hash.in_(mine) & (WEB_SESSION.c.ends > to_micros(now))
    return connection.execute(update(WEB_SESSION).where(going).values(ends=to_micros(now))).rowcount


def obey_once(connection: Connection, issuer: str, jti: str, until: datetime, now: datetime) -> bool:
    """Whether a logout token is obeyed for the first time; it is remembered until it is refused for its age."""
    connection.execute(delete(LOGOUT_TOKEN).where(LOGOUT_TOKEN.c.until <= to_micros(now)))
    return insert_new(connection, LOGOUT_TOKEN, [{"hash": _hash(issuer, "jti", jti), "until": to_micros(until)}]) == 1


def note_left(
    connection: Connection, issuer: str, until: datetime, *, subject: str | None = None, sid: str | None = None
) -> None:
    """Notes that a subject, or one session of theirs, signed out at the provider; remembered until then."""
    who = _hash(issuer, "subject", subject or "") if sid is None else _hash(issuer, "sid", sid)
    upsert(connection, LOGOUT_TOKEN, [{"hash": who, "until": to_micros(until)}])


def left_until(connection: Connection, came: Came) -> datetime | None:
    """Until when it is remembered that whoever came from there has signed out at the provider since; None if not."""
    names = [_hash(came.issuer, "subject", came.subject), _hash(came.issuer, "sid", came.sid or "")]
    query = select(func.max(LOGOUT_TOKEN.c.until)).where(LOGOUT_TOKEN.c.hash.in_(names))
    found = connection.execute(query).scalar_one()
    return None if found is None else from_micros(found)


def _hash(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()
