"""Who is known to the city's identity provider as whom; what ended stays, ended.

Of the provider's person only the pairwise subject is kept: no name, no token, nothing they told it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, delete, select, update

from engine.refusal import Refusal
from engine.seen import VISITOR
from engine.store import audit
from engine.store.database import insert_new
from engine.store.filing import By
from engine.store.instants import from_micros, to_micros
from engine.store.repo_log import Wanted, newest
from engine.store.repo_one_id_ways import end_sessions
from engine.store.tables_rights import ONE_ID, ONE_ID_SESSION, SIGN_IN_FLOW

How = Literal["code", "operator"]
LINKED, UNLINKED, REFUSED = "one-id-link", "one-id-unlink", "sign-in-one-id-refused"


class Subject(msgspec.Struct, frozen=True):
    """Somebody as one provider knows them towards one client of it."""

    issuer: str
    client_id: str
    subject: str


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """That `holder` (r-… or m-…) is a subject of the provider: since when, how and by whom; `reason` why it ended."""

    seq: int
    who: Subject
    holder: str
    how: str
    by: str
    at: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None
    reason: str | None = None


def holder_of(connection: Connection, who: Subject) -> str | None:
    """Whose subject this is now."""
    query = select(ONE_ID.c.holder).where(_is(who), ONE_ID.c.ended_at.is_(None))
    return connection.execute(query).scalar_one_or_none()


def links_of(connection: Connection, holder: str) -> list[Link]:
    """Every link somebody ever had, newest first."""
    query = select(ONE_ID).where(ONE_ID.c.holder == holder).order_by(ONE_ID.c.seq.desc())
    return [_link(row) for row in connection.execute(query).mappings()]


def is_linked(connection: Connection, holder: str, issuer: str, client_id: str) -> bool:
    """Whether somebody has a living link at that provider."""
    return any(_at(one, issuer, client_id) for one in links_of(connection, holder) if one.ended_at is None)


def link(connection: Connection, who: Subject, holder: str, how: How, now: datetime, by: By) -> Link | Refusal:
    """Links a subject to its holder, with its audit entry; the same again changes nothing.

    Refused `another-holder` where the subject is somebody else's and `another-subject` where the holder has another:
    two never become one by themselves, and what was tried stands in the audit of whoever it concerns.
    """
    owner = holder_of(connection, who)
    held = [one for one in links_of(connection, holder) if one.ended_at is None]
    mine = [one for one in held if _at(one, who.issuer, who.client_id)]
    if owner == holder:
        return next(one for one in mine if one.who == who)
    row = {
        "issuer": who.issuer, "client_id": who.client_id, "subject": who.subject, "holder": holder, "how": how,
        "by": by.actor, "at": to_micros(now),
    }  # fmt: skip
    # The two unique indexes decide between two who link at the same moment.
    if owner is None and not mine and insert_new(connection, ONE_ID, [row]) == 1:
        _record(connection, LINKED, holder, now, by.actor, by.os_user)
        return links_of(connection, holder)[0]
    owner = holder_of(connection, who)
    for concerned in dict.fromkeys((holder, owner or holder)):
        note_refused(connection, concerned, now, by.os_user)
    if owner is not None:
        return Refusal("another-holder", "this ID is linked to somebody else")
    return Refusal("another-subject", "another ID is linked to this record")


def unlink(connection: Connection, seq: int, holder: str, reason: str, now: datetime, by: By) -> Link | None:
    """Ends a living link of this holder, and every session that came by it; None when there is no such one."""
    found = next((one for one in links_of(connection, holder) if one.seq == seq and one.ended_at is None), None)
    if found is not None:
        ended = {"ended_at": to_micros(now), "ended_by": by.actor, "reason": reason}
        connection.execute(update(ONE_ID).where(ONE_ID.c.seq == seq).values(ended))
        end_sessions(connection, found.who.issuer, now, subject=found.who.subject)
        _record(connection, UNLINKED, holder, now, by.actor, by.os_user)
    return found


def refused_of(connection: Connection, holder: str, *, limit: int = 5) -> list[datetime]:
    """When somebody tried last to link another ID to this holder, or this holder's ID to another, newest first."""
    return [from_micros(one.at) for one in newest(connection, Wanted(subject=holder, action=REFUSED), limit=limit)]


def note_refused(connection: Connection, holder: str, now: datetime, os_user: str) -> None:
    """The audit entry of a try to link that was refused, at whoever it concerns."""
    _record(connection, REFUSED, holder, now, VISITOR, os_user)


def living(connection: Connection) -> list[Link]:
    """Every link that holds, oldest first."""
    query = select(ONE_ID).where(ONE_ID.c.ended_at.is_(None)).order_by(ONE_ID.c.seq)
    return [_link(row) for row in connection.execute(query).mappings()]


def forget(connection: Connection, holder: str) -> int:
    """Erases every link somebody ever had and where their sessions came from; how many links there were."""
    mine = select(ONE_ID.c.subject).where(ONE_ID.c.holder == holder)
    connection.execute(delete(ONE_ID_SESSION).where(ONE_ID_SESSION.c.subject.in_(mine)))
    connection.execute(delete(SIGN_IN_FLOW).where(SIGN_IN_FLOW.c.holder == holder))
    return connection.execute(delete(ONE_ID).where(ONE_ID.c.holder == holder)).rowcount


def _is(who: Subject) -> Any:
    return (ONE_ID.c.issuer == who.issuer) & (ONE_ID.c.client_id == who.client_id) & (ONE_ID.c.subject == who.subject)


def _at(one: Link, issuer: str, client_id: str) -> bool:
    return (one.who.issuer, one.who.client_id) == (issuer, client_id)


def _link(row: Any) -> Link:
    return Link(
        seq=row["seq"], who=Subject(row["issuer"], row["client_id"], row["subject"]), holder=row["holder"],
        how=row["how"], by=row["by"], at=from_micros(row["at"]),
        ended_at=None if row["ended_at"] is None else from_micros(row["ended_at"]), ended_by=row["ended_by"],
        reason=row["reason"],
    )  # fmt: skip


def _record(connection: Connection, action: str, holder: str, now: datetime, actor: str, os_user: str) -> None:
    audit.append(
        connection,
        audit.Entry(at=to_micros(now), actor=actor, os_user=os_user, action=action, subject=holder),
    )
