"""The queue in the store: every change is a compare-and-swap with its event and its audit entry in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from engine.review import DUE, LIVE, Decision, Event, Item, Rank, tier
from engine.store import audit
from engine.store.instants import from_micros, to_micros
from engine.store.repo_residents import Conflict
from engine.store.tables import ADVICE, ADVICE_EVENT, RESIDENT

_SHELVES = {
    "open": "open", "claimed": "open", "escalated": "open", "approved": "held", "draft": "later", "snoozed": "later",
}  # fmt: skip
_INSTANTS = ("created_at", "updated_at", "held_until")


def add(connection: Connection, item: Item, rank: Rank, *, actor: str, os_user: str) -> None:
    """Puts a new item into the queue, with its first event and its audit entry."""
    town = select(RESIDENT.c.municipality_code).where(RESIDENT.c.id == item.resident_id).scalar_subquery()
    connection.execute(insert(ADVICE).values(_row(item, rank) | {"municipality_code": town}))
    born = Event(
        advice_id=item.id, at=item.created_at, actor=actor, command="create", from_state=None, to_state=item.state,
        version=item.version, reason=item.reason,
    )  # fmt: skip
    _record(connection, item, born, os_user)


def decide(connection: Connection, decision: Decision, rank: Rank, *, os_user: str) -> Item | Conflict:
    """Stores what was decided if the item is still the one that was looked at; of two deciders exactly one wins."""
    item = decision.item
    seen = item.version - 1
    mine = (ADVICE.c.id == item.id) & (ADVICE.c.version == seen)
    changed = {name: value for name, value in _row(item, rank).items() if name not in {"id", "created_at"}}
    if connection.execute(update(ADVICE).where(mine).values(changed)).rowcount != 1:
        current = connection.execute(select(ADVICE.c.version).where(ADVICE.c.id == item.id)).scalar()
        return Conflict(item.id, seen, current)
    _record(connection, item, decision.event, os_user)
    return item


def get(connection: Connection, id: str) -> Item | None:  # noqa: A002
    """The item of that id."""
    return next(iter(_items(connection, ADVICE.c.id == id)), None)


def listed(
    connection: Connection, *, resident: str | None = None, states: Iterable[str] | None = LIVE, limit: int = 500
) -> list[Item]:
    """Up to `limit` items, oldest first: of everybody or one resident, in these states (None: in any)."""
    where: Any = ADVICE.c.id.is_not(None)
    if resident is not None:
        where &= ADVICE.c.resident_id == resident
    if states is not None:
        where &= ADVICE.c.state.in_(sorted(states))
    return _items(connection, where, limit)


def held_until(connection: Connection, state: str, now: datetime, limit: int = 500) -> list[Item]:
    """Items in `state` whose hold or snooze has ended at `now`."""
    due = (ADVICE.c.state == state) & (ADVICE.c.held_until <= to_micros(now))
    return _items(connection, due, limit)


def events(connection: Connection, advice: str) -> list[Event]:
    """Everything that happened to one item, oldest first."""
    query = select(ADVICE_EVENT).where(ADVICE_EVENT.c.advice_id == advice).order_by(ADVICE_EVENT.c.seq)
    return [
        Event(
            advice_id=row["advice_id"],
            at=from_micros(row["at"]),
            actor=row["actor"],
            command=row["command"],
            from_state=row["from_state"],
            to_state=row["to_state"],
            version=row["version"],
            reason=row["reason"],
        )
        for row in connection.execute(query).mappings()
    ]


def _items(connection: Connection, where: Any, limit: int | None = None) -> list[Item]:
    query = select(ADVICE).where(where).order_by(ADVICE.c.created_at, ADVICE.c.id).limit(limit)
    return [_item(row) for row in connection.execute(query).mappings()]


def _record(connection: Connection, item: Item, event: Event, os_user: str) -> None:
    fields = msgspec.structs.asdict(event) | {"at": to_micros(event.at), "os_user": os_user}
    connection.execute(insert(ADVICE_EVENT), fields)
    # What was signed is the text and the evidence of this version: their hash ties the signature to them.
    detail = audit.detail_hash([item.version, item.state, item.snapshot_hash, item.text_ja, item.text_en])
    entry = audit.Entry(
        at=to_micros(event.at), actor=event.actor, os_user=os_user, action=f"advice-{event.command}",
        subject=item.id, detail_hash=detail,
    )  # fmt: skip
    audit.append(connection, entry)


def _row(item: Item, rank: Rank) -> dict[str, Any]:
    fields = msgspec.structs.asdict(item)
    fields |= {name: None if fields[name] is None else to_micros(fields[name]) for name in _INSTANTS}
    evidence = msgspec.json.encode(item.evidence, order="sorted").decode()
    return fields | _standing(item) | {"evidence": evidence, "rank": msgspec.json.encode(rank).decode()}


def _standing(item: Item) -> dict[str, Any]:
    """Where the item stands in the queue, as columns that an index can read in order."""
    due = item.created_at + DUE.get(item.severity, DUE["routine"])
    return {
        "shelf": _SHELVES.get(item.state, "done"), "tier": tier(item.severity), "place": to_micros(item.created_at),
        "due_at": to_micros(due),
    }  # fmt: skip


def _item(row: Any) -> Item:
    fields = {name: row[name] for name in Item.__struct_fields__}
    fields |= {name: None if row[name] is None else from_micros(row[name]) for name in _INSTANTS}
    return Item(**(fields | {"evidence": msgspec.json.decode(row["evidence"])}))
