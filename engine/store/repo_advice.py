"""The queue in the store: every change is a compare-and-swap with its event and its audit entry in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, bindparam, case, insert, literal, select, update

from engine.officehours import due_at
from engine.ranking import rank as placed
from engine.review import LIVE, Decision, Event, Item, Rank
from engine.store import audit, repo_referrals, repo_standing
from engine.store.instants import from_micros, to_micros
from engine.store.repo_residents import Conflict
from engine.store.tables import ADVICE, ADVICE_EVENT, RESIDENT

_SHELVES = {
    "open": "open", "claimed": "open", "escalated": "open", "approved": "held", "draft": "later", "snoozed": "later",
}  # fmt: skip
_INSTANTS = ("created_at", "updated_at", "held_until")
# Whoever has such a value is spoken to, whatever was decided about the advice.
URGENT: Final = frozenset({"urgent", "emergency"})
# What a person turned down, or what a newer item stands for, waits for nobody.
_ENDED: Final = frozenset({"rejected", "superseded"})


def add(connection: Connection, item: Item, rank: Rank, *, actor: str, os_user: str) -> None:
    """Puts a new item into the queue, with its first event and its audit entry.

    Its place is what the item itself says; `ranking_store.replace_all` adds what is known of the person.
    """
    audit.take_turn(connection)
    town = connection.execute(
        select(RESIDENT.c.municipality_code).where(RESIDENT.c.id == item.resident_id)
    ).scalar_one_or_none()
    own = placed(item, item.created_at).key
    standing = {
        "municipality_code": town, "tier": own[0], "place": own[1], "needs_contact": item.severity in URGENT,
        "shelf": "open" if item.severity in URGENT and item.state not in _ENDED else shelf_of(item.state),
        "due_at": to_micros(due_at(item.created_at, item.severity, town or "")),
    }  # fmt: skip
    connection.execute(insert(ADVICE).values(_row(item) | standing | {"rank": _told(rank)}))
    born = Event(
        advice_id=item.id, at=item.created_at, actor=actor, command="create", from_state=None, to_state=item.state,
        version=item.version, reason=item.reason,
    )  # fmt: skip
    _record(connection, item, born, os_user)


def decide(
    connection: Connection, decision: Decision, rank: Rank | None = None, *, os_user: str, batch: str | None = None
) -> Item | Conflict:
    """Stores what was decided if the item is still the one that was looked at; of two deciders exactly one wins.

    Its place stays what it was; `rank` replaces the reasons kept with it, `batch` names decisions made together. A
    rejection suspends the standing approvals of that text; a delivered referral is followed up from here on.
    """
    audit.take_turn(connection)
    item = decision.item
    seen = item.version - 1
    mine = (ADVICE.c.id == item.id) & (ADVICE.c.version == seen)
    changed = {name: value for name, value in _row(item).items() if name not in {"id", "created_at"}}
    changed |= {"shelf": _shelf(item.state)} | ({} if rank is None else {"rank": _told(rank)})
    if connection.execute(update(ADVICE).where(mine).values(changed)).rowcount != 1:
        current = connection.execute(select(ADVICE.c.version).where(ADVICE.c.id == item.id)).scalar()
        return Conflict(item.id, seen, current)
    _record(connection, item, decision.event, os_user, batch)
    if decision.event.command == "reject":
        repo_standing.rejected(connection, item, decision.event, os_user=os_user)
    if item.state == "delivered":
        repo_referrals.follow(connection, [item])
    return item


def shelf_of(state: str) -> str:
    """Where an item of that state lies once nobody has to be reached: open, held, later or done."""
    return _SHELVES.get(state, "done")


def _shelf(state: str) -> Any:
    """The shelf of a decided item: it stays open while somebody must still be reached."""
    if state in _ENDED:
        return "done"
    return case((ADVICE.c.needs_contact, literal("open")), else_=literal(shelf_of(state)))


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


def untouched(connection: Connection, before: datetime, limit: int) -> list[Item]:
    """Up to `limit` routine items that wait and that nobody did anything with since `before`, oldest first."""
    waits = (ADVICE.c.shelf == "open") & (ADVICE.c.state == "open") & (ADVICE.c.severity == "routine")
    return _items(connection, waits & (ADVICE.c.updated_at < to_micros(before)), limit)


def on_shelf(connection: Connection, shelf: str) -> list[Item]:
    """Every item that lies on one shelf, oldest first."""
    return _items(connection, ADVICE.c.shelf == shelf)


def places(connection: Connection) -> dict[str, tuple[int, int]]:
    """The kept tier and place of every item that is not done."""
    query = select(ADVICE.c.id, ADVICE.c.tier, ADVICE.c.place).where(ADVICE.c.shelf.in_(("open", "held", "later")))
    return {row.id: (row.tier, row.place) for row in connection.execute(query)}


def put_places(connection: Connection, places: Mapping[str, Rank]) -> None:
    """Keeps these places with their reasons; what was decided meanwhile stays decided."""
    rows = [{"which": name, "place": place.key[1], "rank": _told(place)} for name, place in places.items()]
    connection.execute(update(ADVICE).where(ADVICE.c.id == bindparam("which")), rows)


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
            text_ja=row["text_ja"],
            text_en=row["text_en"],
        )
        for row in connection.execute(query).mappings()
    ]


def _items(connection: Connection, where: Any, limit: int | None = None) -> list[Item]:
    query = select(ADVICE).where(where).order_by(ADVICE.c.created_at, ADVICE.c.id).limit(limit)
    return [_item(row) for row in connection.execute(query).mappings()]


def _record(connection: Connection, item: Item, event: Event, os_user: str, batch: str | None = None) -> None:
    fields = msgspec.structs.asdict(event) | {"at": to_micros(event.at), "os_user": os_user, "batch": batch}
    connection.execute(insert(ADVICE_EVENT), fields)
    # What was signed is the text and the evidence of this version: their hash ties the signature to them.
    detail = audit.detail_hash([item.version, item.state, item.snapshot_hash, item.text_ja, item.text_en])
    entry = audit.Entry(
        at=to_micros(event.at), actor=event.actor, os_user=os_user, action=f"advice-{event.command}",
        subject=item.id, detail_hash=detail,
    )  # fmt: skip
    audit.append(connection, entry)


def _row(item: Item) -> dict[str, Any]:
    fields = msgspec.structs.asdict(item)
    fields |= {name: None if fields[name] is None else to_micros(fields[name]) for name in _INSTANTS}
    return fields | {"evidence": msgspec.json.encode(item.evidence, order="sorted").decode()}


def _told(rank: Rank) -> str:
    return msgspec.json.encode(rank).decode()


def _item(row: Any) -> Item:
    fields = {name: row[name] for name in Item.__struct_fields__}
    fields |= {name: None if row[name] is None else from_micros(row[name]) for name in _INSTANTS}
    return Item(**(fields | {"evidence": msgspec.json.decode(row["evidence"])}))
