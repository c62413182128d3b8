"""Family members: who they are; whose record they see is said by the consents that name them, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from random import Random
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, insert, select, update

from engine.access import Identity
from engine.consent import Event, permits
from engine.contract.ids import is_id, new_id
from engine.locale import Language
from engine.store import repo_consents, repo_protection, repo_sessions
from engine.store.instants import from_micros, to_micros
from engine.store.tables import CONSENT
from engine.store.tables_desk import FAMILY_MEMBER

_LET_LOOK: Final = (CONSENT.c.purpose == "family-view") & CONSENT.c.granted.is_(True) & CONSENT.c.recipient.is_not(None)


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of the family: `relation` as the resident said it; `ended_at` when the account was closed."""

    id: str
    name: str
    relation: str
    language: Language
    created_at: datetime
    ended_at: datetime | None = None

    @property
    def identity(self) -> Identity:
        """Who they are once signed in."""
        return Identity(id=self.id, name=self.name, roles=frozenset({"family"}))


def add(connection: Connection, name: str, relation: str, language: Language, now: datetime, rng: Random) -> Member:
    """Stores a new family member, who may look at nobody yet; the caller writes the audit entry."""
    member = Member(id=new_id("m", rng), name=name, relation=relation, language=language, created_at=now)
    row = msgspec.structs.asdict(member) | {"created_at": to_micros(now), "ended_at": None}
    connection.execute(insert(FAMILY_MEMBER), row)
    return member


def get(connection: Connection, id: str) -> Member | None:  # noqa: A002
    """The family member of that id, ended or not."""
    return next(iter(_read(connection, [id])), None)


def names_of(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """The name of each of these ids that is a family member's."""
    return {one.id: one.name for one in _read(connection, ids)}


def end(connection: Connection, id: str, now: datetime) -> None:  # noqa: A002
    """Closes the account: they are signed out and cannot sign in again; the caller writes the audit entry."""
    mine = (FAMILY_MEMBER.c.id == id) & FAMILY_MEMBER.c.ended_at.is_(None)
    connection.execute(update(FAMILY_MEMBER).where(mine).values(ended_at=to_micros(now)))
    repo_sessions.end_of(connection, id, now)


def named_by(connection: Connection, resident: str) -> list[Member]:
    """Every family member this resident ever let look, whether that still holds or not; a no names nobody."""
    query = select(CONSENT.c.recipient).where(_LET_LOOK, CONSENT.c.resident_id == resident)
    return _read(connection, [name for (name,) in connection.execute(query.distinct()) if is_id(name, "m")])


def looking_at(connection: Connection, member: str) -> list[str]:
    """The residents who ever let this family member look, by id; `may_look` says what holds now."""
    query = select(CONSENT.c.resident_id).where(_LET_LOOK, CONSENT.c.recipient == member)
    return sorted(name for (name,) in connection.execute(query.distinct()))


def may_look(connection: Connection, member: str, resident: str, kind: str | None, now: datetime) -> bool:
    """Whether this family member may see this kind (None: every kind) of this resident now.

    Only who is named may look: a yes to all recipients names nobody, and never revives somebody who was told no.
    """
    known = get(connection, member)
    if known is None or known.ended_at is not None:
        return False
    said = said_of(connection, resident, now)
    named = [event for event in said if event.recipient == member]
    both = (permits(events, "family-view", member, kind, now) for events in (said, named))
    return all(verdict.granted for verdict in both)


def said_of(connection: Connection, resident: str, now: datetime) -> list[Event]:
    """What the resident said of family that counts now: nothing while a measure of support hides them."""
    said = repo_consents.events_of(connection, [resident], "family-view").get(resident, [])
    return repo_protection.counting(connection, resident, said, now)


def _read(connection: Connection, ids: Iterable[str]) -> list[Member]:
    wanted = FAMILY_MEMBER.c.id.in_(sorted(set(ids)))
    query = select(FAMILY_MEMBER).where(wanted).order_by(FAMILY_MEMBER.c.created_at, FAMILY_MEMBER.c.id)
    return [_member(row) for row in connection.execute(query).mappings()]


def _member(row: Any) -> Member:
    ended = row["ended_at"]
    return Member(
        id=row["id"], name=row["name"], relation=row["relation"], language="en" if row["language"] == "en" else "ja",
        created_at=from_micros(row["created_at"]), ended_at=None if ended is None else from_micros(ended),
    )  # fmt: skip
