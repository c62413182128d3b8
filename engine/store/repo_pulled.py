"""What a network sent, byte for byte, how far it was read, and which codes in it nobody here knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, func, select

from engine.store import audit, repo_entries, repo_facts
from engine.store.database import insert_new, upsert
from engine.store.instants import from_micros, to_micros
from engine.store.repo_facts import By
from engine.store.tables_bridge import FACT_ORIGIN, PULL_CURSOR, PULLED, UNKNOWN_CODE
from engine.store.tables_clinical import FACT

# The attachment of a document, kept under the name of the document that points to it.
ATTACHMENT: Final = "Attachment"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One edition of one resource as it came; `state` is None where it is used, else the code why it is not."""

    network: str
    type: str
    id: str
    version: str
    resident: str
    last_updated: datetime | None
    raw: str
    received_at: datetime
    state: str | None = None

    @property
    def remote(self) -> str:
        """Its name there."""
        return f"{self.type}/{self.id}"

    @property
    def age(self) -> tuple[Any, ...]:
        """What orders the editions of one resource: the network's clock, its count, and when it came.

        Nothing was changed there after it came here: a clock that ran ahead would outlive every correction.
        """
        updated = -1 if self.last_updated is None else to_micros(min(self.last_updated, self.received_at))
        return updated, int(self.version) if self.version.isdecimal() else -1, self.received_at, self.version


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """How far one type of one resident was read, when it was tried last, and what stopped it."""

    network: str
    resident: str
    type: str
    reached: datetime | None
    at: datetime
    error: str | None = None


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """A code nobody here knows, and in how many resources it came."""

    origin: str
    system: str
    code: str
    reason: str
    display: str
    count: int
    first_at: datetime
    last_at: datetime


def keep(connection: Connection, kept: Sequence[Kept]) -> list[Kept]:
    """Stores the editions that are not there yet, or stand under somebody else's name; returns those."""
    fresh: list[Kept] = []
    for one in kept:
        owner = connection.execute(select(PULLED.c.resident_id).where(_key(one))).scalar()
        if owner != one.resident:
            fresh.append(one)
            _put(connection, one)
    return fresh


def restate(connection: Connection, one: Kept, state: str | None) -> None:
    """Says anew of a stored edition whether it is used; what came stays as it came."""
    _put(connection, msgspec.structs.replace(one, state=state))


def newest(connection: Connection, network: str, resident: str, *, usable: bool = True) -> list[Kept]:
    """The newest edition of everything a network sent of a resident, by name; `usable` passes over what is not used."""
    where = (PULLED.c.network == network) & (PULLED.c.resident_id == resident)
    found: dict[str, Kept] = {}
    for row in connection.execute(select(PULLED).where(where)).mappings():
        one = _kept(row)
        if usable and (one.state is not None or one.type == ATTACHMENT):
            continue
        before = found.get(one.remote)
        if before is None or before.age < one.age:
            found[one.remote] = one
    return [found[name] for name in sorted(found)]


def editions(connection: Connection, network: str, kind: str, name: str) -> list[Kept]:
    """Every edition of one resource, whoever it was kept for."""
    same = (PULLED.c.network == network) & (PULLED.c.type == kind) & (PULLED.c.remote_id == name)
    return [_kept(row) for row in connection.execute(select(PULLED).where(same)).mappings()]


def attachments(connection: Connection, network: str, resident: str) -> list[Kept]:
    """What became of each attachment of a resident's documents."""
    where = (PULLED.c.network == network) & (PULLED.c.resident_id == resident) & (PULLED.c.type == ATTACHMENT)
    rows = connection.execute(select(PULLED).where(where).order_by(PULLED.c.remote_id, PULLED.c.version)).mappings()
    return [_kept(row) for row in rows]


def before(connection: Connection, one: Kept) -> Kept | None:
    """The newest usable edition of a resource but this one."""
    same = (PULLED.c.network == one.network) & (PULLED.c.type == one.type) & (PULLED.c.remote_id == one.id)
    same &= (PULLED.c.version != one.version) & PULLED.c.state.is_(None) & (PULLED.c.resident_id == one.resident)
    rows = [_kept(row) for row in connection.execute(select(PULLED).where(same)).mappings()]
    return max(rows, key=lambda row: row.age, default=None)


def origins(connection: Connection, origin: str, resident: str) -> dict[str, str]:
    """Of which resource each fact of a resident was made that came from `origin`, by the fact's id."""
    query = select(FACT_ORIGIN.c.fact_id, FACT_ORIGIN.c.remote).join(FACT, FACT.c.id == FACT_ORIGIN.c.fact_id)
    query = query.where(FACT_ORIGIN.c.origin == origin, FACT.c.resident_id == resident)
    return {row.fact_id: row.remote for row in connection.execute(query)}


def cursor(connection: Connection, network: str, resident: str, kind: str) -> Cursor | None:
    """How far a type was read."""
    where = (PULL_CURSOR.c.network == network) & (PULL_CURSOR.c.resident_id == resident) & (PULL_CURSOR.c.type == kind)
    row = connection.execute(select(PULL_CURSOR).where(where)).mappings().first()
    return None if row is None else _cursor(row)


def cursors(connection: Connection, network: str, resident: str | None = None) -> list[Cursor]:
    """Every cursor of a network, or those of one resident."""
    query = select(PULL_CURSOR).where(PULL_CURSOR.c.network == network)
    if resident is not None:
        query = query.where(PULL_CURSOR.c.resident_id == resident)
    rows = connection.execute(query.order_by(PULL_CURSOR.c.resident_id, PULL_CURSOR.c.type)).mappings()
    return [_cursor(row) for row in rows]


def put_cursor(connection: Connection, new: Cursor) -> None:
    """Writes how far a type was read."""
    row = {
        "network": new.network, "resident_id": new.resident, "type": new.type, "reached": _micros(new.reached),
        "at": to_micros(new.at), "error": new.error,
    }  # fmt: skip
    upsert(connection, PULL_CURSOR, [row])


def count_unknown(
    connection: Connection, origin: str, codes: Mapping[tuple[str, str, str], str], now: datetime
) -> None:
    """Counts codes of one resource, given as system, code and reason with their name."""
    at = to_micros(now)
    rows = [
        {
            "origin": origin, "system": system, "code": code, "reason": reason, "display": display, "count": 1,
            "first_at": at, "last_at": at,
        }
        for (system, code, reason), display in codes.items()
    ]  # fmt: skip
    upsert(connection, UNKNOWN_CODE, rows, count=UNKNOWN_CODE.c.count + 1, last_at=at)


def unknown(connection: Connection, origin: str) -> list[Unknown]:
    """The codes of an origin that nobody knows, most frequent first."""
    query = select(UNKNOWN_CODE).where(UNKNOWN_CODE.c.origin == origin)
    rows = connection.execute(query).mappings()
    found = [
        Unknown(**{**row, "first_at": from_micros(row["first_at"]), "last_at": from_micros(row["last_at"])})
        for row in rows
    ]
    return sorted(found, key=lambda one: (-one.count, one.system, one.code, one.reason))


def states(connection: Connection, network: str) -> dict[str, int]:
    """How many editions a network sent that are not used, by the reason; "" counts those that are."""
    query = select(PULLED.c.state, func.count()).where(PULLED.c.network == network, PULLED.c.type != ATTACHMENT)
    return {state or "": int(count) for state, count in connection.execute(query.group_by(PULLED.c.state))}


def take_back(
    connection: Connection, network: str, resident: str, mark_: str, by: By, now: datetime, rng: Random
) -> tuple[int, int]:
    """Takes back all that a network told of a resident who was taken for another; facts and entries, counted.

    The raw resources are a stranger's and go; `mark_` tells the editions that say so from others.
    """
    audit.take_turn(connection)
    rows = repo_facts.of_one(connection, resident)
    back = {row.retracts for row in rows if row.retracts is not None}
    mine, channels = origins(connection, network, resident), _filed(connection, network, resident)
    told = [row for row in rows if row.id in mine or row.channel in channels]
    gone = [row for row in told if row.retracts is None and row.id not in back]
    for fact in gone:
        repo_facts.retract(connection, fact.id, by, f"bridge.{network}", now, rng)
    newest_ = {
        (entry.origin, entry.remote): entry
        for entry in repo_entries.of(connection, resident)
        if entry.origin == network or any(f"-{channel}-" in entry.version for channel in channels)
    }
    wrong = [
        msgspec.structs.replace(
            entry, status="wrong", version=f"{entry.version} {mark_}", recorded_at=now, actor=by.actor, id=""
        )
        for entry in newest_.values()
        if entry.status != "wrong"
    ]
    repo_entries.append(connection, wrong, by, now, rng)
    connection.execute(delete(PULLED).where(PULLED.c.network == network, PULLED.c.resident_id == resident))
    _forget_cursors(connection, network, [resident])
    return len(gone), len(wrong)


def _filed(connection: Connection, network: str, resident: str) -> set[str]:
    """The channels of the documents that came as attachments and were filed."""
    return {one.raw for one in attachments(connection, network, resident) if one.raw}


def _forget_cursors(connection: Connection, network: str, residents: Iterable[str]) -> None:
    gone = (PULL_CURSOR.c.network == network) & PULL_CURSOR.c.resident_id.in_(sorted(residents))
    connection.execute(delete(PULL_CURSOR).where(gone))


def _put(connection: Connection, one: Kept) -> None:
    # A stored edition is never updated, the database sees to it: it goes and comes.
    connection.execute(delete(PULLED).where(_key(one)))
    insert_new(connection, PULLED, [_row(one)])


def _key(one: Kept) -> Any:
    return (
        (PULLED.c.network == one.network) & (PULLED.c.type == one.type) & (PULLED.c.remote_id == one.id)
        & (PULLED.c.version == one.version)
    )  # fmt: skip


def _row(one: Kept) -> dict[str, Any]:
    return {
        "network": one.network, "type": one.type, "remote_id": one.id, "version": one.version,
        "resident_id": one.resident, "last_updated": _micros(one.last_updated), "raw": one.raw,
        "received_at": to_micros(one.received_at), "state": one.state,
    }  # fmt: skip


def _kept(row: Any) -> Kept:
    return Kept(
        network=row["network"], type=row["type"], id=row["remote_id"], version=row["version"],
        resident=row["resident_id"], last_updated=_instant(row["last_updated"]), raw=row["raw"],
        received_at=from_micros(row["received_at"]), state=row["state"],
    )  # fmt: skip


def _cursor(row: Any) -> Cursor:
    return Cursor(
        network=row["network"], resident=row["resident_id"], type=row["type"], reached=_instant(row["reached"]),
        at=from_micros(row["at"]), error=row["error"],
    )  # fmt: skip


def _micros(at: datetime | None) -> int | None:
    return None if at is None else to_micros(at)


def _instant(at: int | None) -> datetime | None:
    return None if at is None else from_micros(at)
