"""Standing approvals and what they covered, in the store; every change is audited with the approval as its subject."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, case, func, insert, select, update

from engine.refusal import Refusal
from engine.review import ENGINE, Event, Item
from engine.standing import DAY_ZONE, Approval, Population, Used, suspended
from engine.store import audit
from engine.store.instants import from_micros, to_micros
from engine.store.tables import ADVICE, RESIDENT
from engine.store.tables_desk import STANDING_APPROVAL, STANDING_USE

_INSTANTS: Final = ("signed_at", "until", "ended_at")


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """An item an approval covered: `sampled` into the queue or approved by it, and what became of it."""

    advice_id: str
    approval_id: str
    at: datetime
    sampled: bool
    state: str = ""
    decided_by: str | None = None
    reason: str | None = None


def add(connection: Connection, approval: Approval, *, os_user: str) -> None:
    """Stores a signature."""
    connection.execute(insert(STANDING_APPROVAL), _row(approval))
    _audit(connection, approval, "standing-sign", approval.signed_by, approval.signed_at, os_user)


def get(connection: Connection, id: str) -> Approval | None:  # noqa: A002
    """The approval of that id."""
    return next(iter(_found(connection, STANDING_APPROVAL.c.id == id)), None)


def listed(connection: Connection, towns: Collection[str] | None, limit: int = 500) -> list[Approval]:
    """The approvals of these municipalities (None: of all), the newest first."""
    where = STANDING_APPROVAL.c.id.is_not(None)
    if towns is not None:
        where = STANDING_APPROVAL.c.municipality_code.in_(sorted(towns))
    return _found(connection, where, limit)[::-1]


def live_for(connection: Connection, item: Item, municipality: str, now: datetime) -> list[Approval]:
    """The approvals that are live and signed for the rule and text of `item` in that municipality, oldest first."""
    table = STANDING_APPROVAL.c
    where = (table.state == "live") & (table.rule_id == item.rule_id) & (table.rule_version == item.rule_version)
    where &= (table.text_version == item.text_version) & (table.municipality_code == municipality)
    return _found(connection, where & (table.until > to_micros(now)))


def change(connection: Connection, approval: Approval, *, os_user: str) -> bool:
    """Stores an approval that was stopped (one version higher), with its audit entry; False if another was first."""
    audit.take_turn(connection)
    mine = (STANDING_APPROVAL.c.id == approval.id) & (STANDING_APPROVAL.c.version == approval.version - 1)
    if connection.execute(update(STANDING_APPROVAL).where(mine).values(_row(approval))).rowcount != 1:
        return False
    by, at = approval.ended_by or ENGINE, approval.ended_at or approval.until
    _audit(connection, approval, f"standing-{_ACTIONS[approval.state]}", by, at, os_user)
    return True


def rejected(connection: Connection, item: Item, event: Event, *, os_user: str = ENGINE) -> tuple[str, ...]:
    """Suspends every live approval of the rejected item's rule version, text version and town; their ids."""
    town = connection.execute(select(RESIDENT.c.municipality_code).where(RESIDENT.c.id == item.resident_id)).scalar()
    stopped = []
    for approval in live_for(connection, item, str(town), event.at):
        after = suspended(approval, event.actor, event.at, f"rejected {item.id}")
        if not isinstance(after, Refusal) and change(connection, after, os_user=os_user):
            stopped.append(approval.id)
    return tuple(stopped)


def expire(connection: Connection, now: datetime) -> tuple[str, ...]:
    """Notes down which approvals are over; their ids. They were not used since their end, noted or not."""
    over = (STANDING_APPROVAL.c.state == "live") & (STANDING_APPROVAL.c.until <= to_micros(now))
    found = [
        msgspec.structs.replace(one, state="expired", ended_at=one.until, ended_by=ENGINE, version=one.version + 1)
        for one in _found(connection, over)
    ]
    return tuple(one.id for one in found if change(connection, one, os_user=ENGINE))


def used(connection: Connection, approval: str, now: datetime) -> Used:
    """How much an approval covered until now; its day begins at midnight in Japan.

    On PostgreSQL the approval is held until the transaction ends, so that two engines cannot both use its last place.
    """
    if connection.dialect.name == "postgresql":
        own = select(STANDING_APPROVAL.c.id).where(STANDING_APPROVAL.c.id == approval)
        connection.execute(own.with_for_update())
    midnight = now.astimezone(DAY_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    mine = STANDING_USE.c
    today = case(((mine.at >= to_micros(midnight)) & ~mine.sampled, 1), else_=0)
    query = select(func.count(), func.sum(case((mine.sampled, 1), else_=0)), func.sum(today))
    total, sampled, of_today = connection.execute(query.where(mine.approval_id == approval)).one()
    return Used(int(total), int(sampled or 0), int(of_today or 0))


def use(connection: Connection, approval: str, advice: str, now: datetime, *, sampled: bool) -> None:
    """Notes that an approval covered an item."""
    row = {"advice_id": advice, "approval_id": approval, "at": to_micros(now), "sampled": sampled}
    connection.execute(insert(STANDING_USE), row)


def use_of(connection: Connection, advice: str) -> Use | None:
    """The approval that covered an item, and whether it was sampled into the queue."""
    return next(iter(_uses(connection, STANDING_USE.c.advice_id == advice, 1)), None)


def uses(connection: Connection, approval: str, *, sampled: bool | None = None, limit: int = 200) -> list[Use]:
    """What an approval covered and what became of it, newest first; `sampled` keeps one kind."""
    where = STANDING_USE.c.approval_id == approval
    if sampled is not None:
        where &= STANDING_USE.c.sampled.is_(sampled)
    return _uses(connection, where, limit)


def days(connection: Connection, approval: str) -> list[tuple[str, int, int]]:
    """By day in Japan (ISO), newest first: how many items were approved by it, and how many sampled."""
    query = select(STANDING_USE.c.at, STANDING_USE.c.sampled).where(STANDING_USE.c.approval_id == approval)
    found: dict[str, list[int]] = {}
    for row in connection.execute(query):
        day = from_micros(row.at).astimezone(DAY_ZONE).date().isoformat()
        found.setdefault(day, [0, 0])[bool(row.sampled)] += 1
    return [(day, *_pair(found[day])) for day in sorted(found, reverse=True)]


def drafted(connection: Connection, approval: Approval, since: datetime, limit: int = 2_000) -> list[str]:
    """The ids of what the approval's rule version drafted in its municipality since then, oldest first."""
    table = ADVICE.c
    where = (table.rule_id == approval.rule_id) & (table.rule_version == approval.rule_version)
    where &= (table.text_version == approval.text_version) & (table.created_at >= to_micros(since))
    where &= table.municipality_code == approval.municipality_code
    query = select(table.id).where(where).order_by(table.created_at, table.id).limit(limit)
    return list(connection.execute(query).scalars())


def first_told(connection: Connection, residents: Iterable[str]) -> dict[tuple[str, str], datetime]:
    """By resident and topic: when advice that a person approved was first delivered."""
    table = ADVICE.c
    by_person = table.decided_by.not_like("p-%") & table.decided_by.not_like("u-%")
    query = select(table.resident_id, table.topic, func.min(table.updated_at).label("at")).where(
        table.resident_id.in_(sorted(set(residents))), table.state == "delivered", by_person
    )
    rows = connection.execute(query.group_by(table.resident_id, table.topic))
    return {(row.resident_id, row.topic): from_micros(row.at) for row in rows}


_ACTIONS: Final = {"suspended": "suspend", "ended": "end", "expired": "expire"}


def _pair(counts: list[int]) -> tuple[int, int]:
    return counts[0], counts[1]


def _uses(connection: Connection, where: Any, limit: int) -> list[Use]:
    query = (
        select(STANDING_USE, ADVICE.c.state, ADVICE.c.decided_by, ADVICE.c.reason)
        .join(ADVICE, ADVICE.c.id == STANDING_USE.c.advice_id)
        .where(where)
        .order_by(STANDING_USE.c.at.desc(), STANDING_USE.c.advice_id)
        .limit(limit)
    )
    return [
        Use(
            advice_id=row["advice_id"], approval_id=row["approval_id"], at=from_micros(row["at"]),
            sampled=bool(row["sampled"]), state=row["state"], decided_by=row["decided_by"], reason=row["reason"],
        )
        for row in connection.execute(query).mappings()
    ]  # fmt: skip


def _found(connection: Connection, where: Any, limit: int = 500) -> list[Approval]:
    query = select(STANDING_APPROVAL).where(where)
    query = query.order_by(STANDING_APPROVAL.c.signed_at.desc(), STANDING_APPROVAL.c.id).limit(limit)
    return [_approval(row) for row in reversed(connection.execute(query).mappings().all())]


def _approval(row: Any) -> Approval:
    fields = {name: row[name] for name in Approval.__struct_fields__}
    fields |= {name: None if row[name] is None else from_micros(row[name]) for name in _INSTANTS}
    return Approval(**(fields | {"population": msgspec.json.decode(row["population"], type=Population)}))


def _row(approval: Approval) -> dict[str, Any]:
    fields = msgspec.structs.asdict(approval)
    fields |= {name: None if fields[name] is None else to_micros(fields[name]) for name in _INSTANTS}
    return fields | {"population": msgspec.json.encode(approval.population).decode()}


def _audit(connection: Connection, approval: Approval, action: str, by: str, at: datetime, os_user: str) -> None:
    entry = audit.Entry(
        at=to_micros(at), actor=by, os_user=os_user, action=action, subject=approval.id,
        detail_hash=audit.detail_hash(_row(approval)),
    )  # fmt: skip
    audit.append(connection, entry)
