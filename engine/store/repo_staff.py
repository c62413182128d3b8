"""Who works here: accounts by id and login, their secrets apart from them; every change audited."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from engine.access import Identity, Role
from engine.locale import Language
from engine.refusal import Refusal
from engine.store import audit, repo_sessions
from engine.store.filing import By
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.tables_desk import FAMILY_MEMBER, STAFF


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who works here; `enrolled` once they have a password and a second factor; `version` counts changes."""

    id: str
    login: str
    name: str
    roles: frozenset[Role]
    municipalities: frozenset[str]
    created_at: datetime
    team: str | None = None
    active: bool = True
    enrolled: bool = False
    single_keys: bool = True
    language: Language = "ja"
    version: int = 1

    @property
    def identity(self) -> Identity:
        """Who they are once signed in."""
        return Identity(
            id=self.id, name=self.name, roles=self.roles, municipalities=self.municipalities,
            single_keys=self.single_keys,
        )  # fmt: skip


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """What proves a member: hash and sealed secret, the last time step used, and the wrong tries since."""

    password_hash: str | None = None
    totp_secret: str | None = None
    totp_step: int = 0
    failed: int = 0
    locked_until: datetime | None = None


def add(connection: Connection, member: Member, by: By) -> Member | Refusal:
    """Stores a new account without password, with its audit entry; refused `login-taken`."""
    row = _row(member) | {"created_at": to_micros(member.created_at), "totp_step": 0, "failed": 0}
    try:
        with connection.begin_nested():
            connection.execute(insert(STAFF), row)
    except IntegrityError:
        return Refusal("login-taken", f"the login {member.login} is taken", "login")
    _record(connection, "staff-add", member, member.created_at, by)
    return member


def get(connection: Connection, id: str) -> Member | None:  # noqa: A002
    """The account of that id."""
    return next(iter(_read(connection, STAFF.c.id == id)), None)


def by_login(connection: Connection, login: str) -> Member | None:
    """The account that signs in as `login`."""
    return next(iter(_read(connection, STAFF.c.login == login)), None)


def listed(connection: Connection, *, towns: frozenset[str] | None = None) -> list[Member]:
    """Every account by login; `towns` keeps those who work for these and no others."""
    found = _read(connection, STAFF.c.id.is_not(None))
    return [one for one in found if towns is None or one.municipalities <= towns]


def names_of(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """The name of each of these staff and family ids; whatever else was asked for maps to itself."""
    wanted = sorted(set(ids))
    found = {one: one for one in wanted}
    for table, role in ((STAFF, "s"), (FAMILY_MEMBER, "m")):
        ids = [one for one in wanted if one.startswith(f"{role}-")]
        for some in parts_of(ids):
            query = select(table.c.id, table.c.name).where(table.c.id.in_(some))
            found |= {row.id: row.name for row in connection.execute(query)}
    return found


def change(connection: Connection, changed: Member, now: datetime, by: By) -> Member | Refusal:
    """Stores `changed` if its version follows the stored one directly (`conflict`), with its audit entry.

    Who lost a role, a town or the account is signed out everywhere; a new name or key setting reaches open sessions.
    """
    before = get(connection, changed.id)
    if before is None or before.version != changed.version - 1:
        return Refusal("conflict", "somebody else changed this account; look at it again")
    mine = (STAFF.c.id == changed.id) & (STAFF.c.version == before.version)
    if connection.execute(update(STAFF).where(mine).values(_row(changed))).rowcount != 1:
        return Refusal("conflict", "somebody else changed this account; look at it again")
    rights = ("roles", "municipalities", "active")
    if any(getattr(before, field) != getattr(changed, field) for field in rights):
        repo_sessions.end_of(connection, changed.id, now)
    else:
        repo_sessions.rewrite(connection, changed.identity)
    _record(connection, "staff-change", changed, now, by)
    return changed


def keys_of(connection: Connection, id: str, *, lock: bool = False) -> Keys | None:  # noqa: A002
    """The secrets of an account; `lock` keeps others from changing them until the transaction ends."""
    columns = (
        STAFF.c.password_hash, STAFF.c.totp_secret, STAFF.c.totp_step, STAFF.c.failed, STAFF.c.locked_until
    )  # fmt: skip
    query = select(*columns).where(STAFF.c.id == id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        return None
    until = row["locked_until"]
    return Keys(
        password_hash=row["password_hash"], totp_secret=row["totp_secret"], totp_step=row["totp_step"],
        failed=row["failed"], locked_until=None if until is None else from_micros(until),
    )  # fmt: skip


def keep_keys(connection: Connection, id: str, keys: Keys) -> None:  # noqa: A002
    """Stores the secrets of an account; who asked for it writes the audit entry."""
    row = msgspec.structs.asdict(keys)
    row["locked_until"] = None if keys.locked_until is None else to_micros(keys.locked_until)
    connection.execute(update(STAFF).where(STAFF.c.id == id).values(row))


def _read(connection: Connection, where: Any) -> list[Member]:
    query = select(STAFF).where(where).order_by(STAFF.c.login)
    return [_member(row) for row in connection.execute(query).mappings()]


def _record(connection: Connection, action: str, member: Member, now: datetime, by: By) -> None:
    kept = [sorted(member.roles), sorted(member.municipalities), member.team, member.active, member.version]
    entry = audit.Entry(
        at=to_micros(now), actor=by.actor, os_user=by.os_user, action=action, subject=member.id,
        detail_hash=audit.detail_hash(kept),
    )  # fmt: skip
    audit.append(connection, entry)


def _row(member: Member) -> dict[str, Any]:
    return {
        "id": member.id, "login": member.login, "name": member.name,
        "roles": msgspec.json.encode(sorted(member.roles)).decode(),
        "municipalities": msgspec.json.encode(sorted(member.municipalities)).decode(), "team_id": member.team,
        "active": member.active, "single_keys": member.single_keys, "language": member.language,
        "version": member.version,
    }  # fmt: skip


def _member(row: Any) -> Member:
    return Member(
        id=row["id"], login=row["login"], name=row["name"],
        roles=msgspec.json.decode(row["roles"], type=frozenset[Role]),
        municipalities=msgspec.json.decode(row["municipalities"], type=frozenset[str]), team=row["team_id"],
        active=bool(row["active"]), enrolled=row["password_hash"] is not None, single_keys=bool(row["single_keys"]),
        language="en" if row["language"] == "en" else "ja", created_at=from_micros(row["created_at"]),
        version=row["version"],
    )  # fmt: skip
