"""Which programs may read whose data: grants by the hash of their token, when they were used, and their end."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from random import Random
from typing import Any

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from engine.contract.ids import new_id
from engine.grants import MOST, Grant, hash_of, new_token
from engine.refusal import Refusal
from engine.store import audit
from engine.store.filing import By
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.tables_bridge import API_GRANT


class Issued(msgspec.Struct, frozen=True):
    """A grant and its token, which nobody can read again."""

    grant: Grant
    token: str


def issue(connection: Connection, draft: Grant, by: By, rng: Random) -> Issued | Refusal:
    """Stores a grant with its audit entry; refused as too-many where its resident has as many as they may."""
    audit.take_turn(connection)
    living = select(func.count()).select_from(API_GRANT).where(
        API_GRANT.c.resident_id == draft.resident, API_GRANT.c.revoked_at.is_(None),
        API_GRANT.c.until > to_micros(draft.issued_at),
    )  # fmt: skip
    if connection.execute(living).scalar_one() >= MOST:
        return Refusal("too-many", f"at most {MOST} programs may read at a time", "name")
    token = new_token(rng)
    grant = msgspec.structs.replace(draft, id=new_id("x", rng))
    connection.execute(insert(API_GRANT), _row(grant) | {"hash": hash_of(token)})
    _note(connection, "api-grant", grant, by, grant.issued_at)
    return Issued(grant, token)


def by_token(connection: Connection, token: str) -> Grant | None:
    """The grant of a token, over or not."""
    return _first(connection, API_GRANT.c.hash == hash_of(token))


def get(connection: Connection, id: str) -> Grant | None:  # noqa: A002
    """The grant of that id, over or not."""
    return _first(connection, API_GRANT.c.id == id)


def of(connection: Connection, resident: str | None = None) -> list[Grant]:
    """Every grant of a resident (None: of everybody), newest first."""
    query = select(API_GRANT).order_by(API_GRANT.c.issued_at.desc(), API_GRANT.c.id)
    if resident is not None:
        query = query.where(API_GRANT.c.resident_id == resident)
    return [_grant(row) for row in connection.execute(query).mappings()]


def touch(connection: Connection, grant: Grant, now: datetime, os_user: str, detail: list[Any]) -> None:
    """Writes down that a program read now: on the grant, and in the audit trail of its resident."""
    connection.execute(update(API_GRANT).where(API_GRANT.c.id == grant.id).values(used_at=to_micros(now)))
    _append(connection, "export-api", By(grant.id, os_user), grant.resident, now, detail)


def revoke(connection: Connection, grant: Grant, by: By, now: datetime) -> bool:
    """Ends a grant at once; False when it had been revoked already."""
    living = (API_GRANT.c.id == grant.id) & API_GRANT.c.revoked_at.is_(None)
    done = connection.execute(update(API_GRANT).where(living).values(revoked_at=to_micros(now))).rowcount
    if done:
        _note(connection, "api-revoke", grant, by, now)
    return bool(done)


def names_of(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """The name of each of these ids that is a program's."""
    wanted, found = sorted(set(ids)), {}
    for some in parts_of(wanted):
        query = select(API_GRANT.c.id, API_GRANT.c.name).where(API_GRANT.c.id.in_(some))
        found.update({row.id: row.name for row in connection.execute(query)})
    return found


def _first(connection: Connection, which: Any) -> Grant | None:
    row = connection.execute(select(API_GRANT).where(which)).mappings().first()
    return None if row is None else _grant(row)


def _note(connection: Connection, action: str, grant: Grant, by: By, now: datetime) -> None:
    _append(connection, action, by, grant.resident, now, [grant.id, list(grant.scopes), to_micros(grant.until)])


def _append(connection: Connection, action: str, by: By, subject: str, now: datetime, detail: list[Any]) -> None:
    entry = audit.Entry(
        at=to_micros(now), actor=by.actor, os_user=by.os_user, action=action, subject=subject,
        detail_hash=audit.detail_hash(detail),
    )  # fmt: skip
    audit.append(connection, entry)


def _row(grant: Grant) -> dict[str, Any]:
    return {
        "id": grant.id, "resident_id": grant.resident, "name": grant.name, "scopes": " ".join(grant.scopes),
        "issued_by": grant.issued_by, "issued_at": to_micros(grant.issued_at), "until": to_micros(grant.until),
        "used_at": None, "revoked_at": None,
    }  # fmt: skip


def _grant(row: Any) -> Grant:
    used, revoked = row["used_at"], row["revoked_at"]
    return Grant(
        id=row["id"], resident=row["resident_id"], name=row["name"], scopes=tuple(row["scopes"].split()),
        issued_by=row["issued_by"], issued_at=from_micros(row["issued_at"]), until=from_micros(row["until"]),
        used_at=None if used is None else from_micros(used),
        revoked_at=None if revoked is None else from_micros(revoked),
    )  # fmt: skip
