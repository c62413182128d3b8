"""Cards: issued, found again by their secret's hash, revoked; every step audited."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from engine.cards import Card, hash_of
from engine.refusal import Refusal
from engine.store import audit
from engine.store.filing import By
from engine.store.instants import from_micros, to_micros
from engine.store.tables_spots import CARD


def issue(connection: Connection, card: Card, secret: str, by: By) -> None:
    """Stores a new card with its audit entry; of `secret` only the hash."""
    row = {
        "id": card.id, "resident_id": card.resident_id, "secret_hash": hash_of(secret), "name": card.name,
        "issued_at": to_micros(card.issued_at),
    }  # fmt: skip
    connection.execute(insert(CARD), row)
    _record(connection, "card-issue", card, card.issued_at, by)


def listed(connection: Connection, resident: str | None = None) -> list[Card]:
    """Every card, or one resident's, oldest first."""
    query = select(CARD).order_by(CARD.c.issued_at, CARD.c.id)
    if resident is not None:
        query = query.where(CARD.c.resident_id == resident)
    return [_card(row) for row in connection.execute(query).mappings()]


def by_secret(connection: Connection, secret: str) -> Card | None:
    """The card with that secret if it is still good."""
    query = select(CARD).where(CARD.c.secret_hash == hash_of(secret), CARD.c.revoked_at.is_(None))
    row = connection.execute(query).mappings().first()
    return None if row is None else _card(row)


def revoke(connection: Connection, id: str, now: datetime, by: By) -> Card | Refusal:  # noqa: A002
    """Makes a card open nothing any more; refused `unknown-card` or `already-revoked`."""
    row = connection.execute(select(CARD).where(CARD.c.id == id).with_for_update()).mappings().first()
    if row is None:
        return Refusal("unknown-card", f"there is no card {id}")
    if row["revoked_at"] is not None:
        return Refusal("already-revoked", f"card {id} is revoked already")
    return _revoke_all(connection, [_card(row)], now, by)[0]


def revoke_of(connection: Connection, resident: str, now: datetime, by: By) -> list[Card]:
    """Revokes every good card of a resident; which."""
    good = [card for card in listed(connection, resident) if card.revoked_at is None]
    return _revoke_all(connection, good, now, by)


def _revoke_all(connection: Connection, cards: Iterable[Card], now: datetime, by: By) -> list[Card]:
    gone: list[Card] = []
    for card in cards:
        connection.execute(update(CARD).where(CARD.c.id == card.id).values(revoked_at=to_micros(now)))
        _record(connection, "card-revoke", card, now, by)
        gone.append(msgspec.structs.replace(card, revoked_at=now))
    return gone


def _record(connection: Connection, action: str, card: Card, now: datetime, by: By) -> None:
    entry = audit.Entry(
        at=to_micros(now), actor=by.actor, os_user=by.os_user, action=action, subject=card.resident_id,
        detail_hash=audit.detail_hash([card.id]),
    )  # fmt: skip
    audit.append(connection, entry)


def _card(row: Any) -> Card:
    revoked = row["revoked_at"]
    return Card(
        id=row["id"], resident_id=row["resident_id"], name=row["name"], issued_at=from_micros(row["issued_at"]),
        revoked_at=None if revoked is None else from_micros(revoked),
    )  # fmt: skip
