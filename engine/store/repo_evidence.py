"""What the page of one item shows beside its snapshot: what took its place, what came before, whether it is awaited."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, select, update

from engine.review import CLAIM, Item
from engine.store.instants import from_micros, to_micros
from engine.store.tables import ADVICE
from engine.store.tables_desk import ADVICE_RESPONSE, ADVICE_SEEN

EARLIER: Final = 3
_TOLD: Final = ("delivered", "rejected")


class Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """Advice on the same topic before: how it ended and when, whether the resident opened it, and what they said."""

    id: str
    rule_id: str
    state: str
    at: datetime
    by: str | None
    reason: str | None
    text_ja: str
    text_en: str
    signals: dict[str, Any]
    opened: datetime | None
    said: str | None


class OnDesk(msgspec.Struct, frozen=True):
    """Whose item it is, if it was handed to somebody, and whether the resident must still be spoken with."""

    assigned_to: str | None
    needs_contact: bool


def successor(connection: Connection, item: Item) -> str | None:
    """The id of the item that took the place of this one."""
    query = select(ADVICE.c.id).where(ADVICE.c.resident_id == item.resident_id, ADVICE.c.supersedes == item.id)
    found: str | None = connection.execute(query.limit(1)).scalar()
    return found


def earlier(connection: Connection, item: Item) -> list[Earlier]:
    """The newest advice on this topic that went out or was turned down before `item` was drafted, newest first."""
    read = (ADVICE_SEEN.c.advice_id == ADVICE.c.id) & (ADVICE_SEEN.c.by == ADVICE.c.resident_id)
    query = (
        select(
            ADVICE.c.id, ADVICE.c.rule_id, ADVICE.c.state, ADVICE.c.updated_at, ADVICE.c.decided_by, ADVICE.c.reason,
            ADVICE.c.text_ja, ADVICE.c.text_en, ADVICE.c.evidence, ADVICE_SEEN.c.at.label("opened"),
            ADVICE_RESPONSE.c.said,
        )
        .join(ADVICE_SEEN, read, isouter=True)
        .join(ADVICE_RESPONSE, ADVICE_RESPONSE.c.advice_id == ADVICE.c.id, isouter=True)
        .where(ADVICE.c.resident_id == item.resident_id, ADVICE.c.topic == item.topic, ADVICE.c.id != item.id)
        .where(ADVICE.c.state.in_(_TOLD), ADVICE.c.created_at <= to_micros(item.created_at))
        .order_by(ADVICE.c.updated_at.desc(), ADVICE.c.id).limit(EARLIER)
    )  # fmt: skip
    return [_earlier(row) for row in connection.execute(query).mappings()]


def desk_of(connection: Connection, advice: str) -> OnDesk:
    """Where an item lies beside its state; raises sqlalchemy's NoResultFound for one that is not there."""
    query = select(ADVICE.c.assigned_to, ADVICE.c.needs_contact).where(ADVICE.c.id == advice)
    row = connection.execute(query).one()
    return OnDesk(row.assigned_to, bool(row.needs_contact))


def renew_claim(connection: Connection, item: Item, by: str, now: datetime) -> bool:
    """Keeps a living claim alive while its person works; nothing is decided by that, so its version stays."""
    mine = (ADVICE.c.id == item.id) & (ADVICE.c.version == item.version) & (ADVICE.c.decided_by == by)
    mine &= ADVICE.c.state.in_(("claimed", "escalated"))
    changed = update(ADVICE).where(mine).values(held_until=to_micros(now + CLAIM))
    return connection.execute(changed).rowcount == 1


def _earlier(row: Any) -> Earlier:
    evidence = msgspec.json.decode(row["evidence"])
    return Earlier(
        id=row["id"], rule_id=row["rule_id"], state=row["state"], at=from_micros(row["updated_at"]),
        by=row["decided_by"], reason=row["reason"], text_ja=row["text_ja"], text_en=row["text_en"],
        signals=evidence.get("signals", {}), opened=None if row["opened"] is None else from_micros(row["opened"]),
        said=row["said"],
    )  # fmt: skip
