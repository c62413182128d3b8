"""What gateways are told to forget: one order for each gateway and person, said again until the gateway has done it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, select, update

from engine.store.database import upsert
from engine.store.instants import from_micros, to_micros
from engine.store.tables import GATEWAY, RESIDENT
from engine.store.tables_rights import FORGET_ORDER

OPEN: Final = "open"
DONE: Final = "done"
# From a gateway that does not know the command nothing else will ever come: somebody has to look.
STUCK: Final = "stuck"
_FIRST: Final = timedelta(minutes=1)
_MOST: Final = timedelta(hours=6)
_DOUBLINGS: Final = 9


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order: to forget `resident` at `gateway`; state open, done or stuck with the gateway's own `answer`.

    `alone` says that nobody else is registered in the home, so that all of the gateway's memory is theirs.
    """

    gateway: str
    resident: str
    correlation: str
    state: str
    due_at: datetime
    attempts: int
    ordered_at: datetime
    answered_at: datetime | None = None
    answer: str | None = None

    @property
    def alone(self) -> bool:
        """Whether the whole memory of the gateway goes."""
        return self.correlation.startswith(_WHOLE)


# The order has no column for it, and a gateway gives the correlation back as it is.
_WHOLE: Final = "whole-"


def order(connection: Connection, resident: str, gateways: Iterable[str], now: datetime, *, alone: bool = False) -> int:
    """Orders these gateways to forget `resident`, anew where they had done so before; how many orders."""
    at = to_micros(now)
    rows = [
        {"gateway_id": gateway, "resident_id": resident,
         "correlation": f"{_WHOLE if alone else ''}{secrets.token_hex(16)}", "state": OPEN, "due_at": at,
         "attempts": 0, "ordered_at": at, "answered_at": None, "answer": None}
        for gateway in sorted(set(gateways))
    ]  # fmt: skip
    upsert(connection, FORGET_ORDER, rows)
    return len(rows)


def waits(connection: Connection, now: datetime) -> bool:
    """Whether any order is due; holds nothing."""
    query = select(FORGET_ORDER.c.gateway_id).where(FORGET_ORDER.c.state == OPEN)
    return connection.execute(query.where(FORGET_ORDER.c.due_at <= to_micros(now)).limit(1)).first() is not None


def take(connection: Connection, now: datetime, limit: int = 50) -> list[Order]:
    """The orders to say now; each is due again, later and later, until its gateway answers."""
    query = select(FORGET_ORDER).where(FORGET_ORDER.c.state == OPEN, FORGET_ORDER.c.due_at <= to_micros(now))
    query = query.order_by(FORGET_ORDER.c.due_at, FORGET_ORDER.c.gateway_id).limit(limit)
    if connection.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True)
    found = [_order(row) for row in connection.execute(query).mappings()]
    for one in found:
        wait = min(_FIRST * 2 ** min(one.attempts, _DOUBLINGS), _MOST)
        changed = {"attempts": one.attempts + 1, "due_at": to_micros(now + wait)}
        connection.execute(update(FORGET_ORDER).where(_is(one)).values(changed))
    return found


def lived_in(connection: Connection, gateways: Iterable[str]) -> frozenset[str]:
    """Those of these gateways in whose homes somebody is registered."""
    query = select(GATEWAY.c.id).join(RESIDENT, RESIDENT.c.household_id == GATEWAY.c.household_id)
    return frozenset(connection.execute(query.where(GATEWAY.c.id.in_(sorted(set(gateways))))).scalars())


def hurry(connection: Connection, gateway: str, now: datetime) -> None:
    """A gateway came back: what it was not told yet is due at once."""
    waiting = (FORGET_ORDER.c.gateway_id == gateway) & (FORGET_ORDER.c.state == OPEN)
    connection.execute(update(FORGET_ORDER).where(waiting).values(due_at=to_micros(now), attempts=0))


def answered(connection: Connection, gateway: str, correlation: str, result: str, now: datetime) -> bool:
    """Notes what a gateway answered; whether there was such an order of this gateway.

    `failed` and `waiting` leave it open; a gateway that does not understand leaves it stuck, for people to see.
    """
    values: dict[str, Any] = {"answer": result, "answered_at": to_micros(now)}
    if result not in {"failed", "waiting"}:
        values["state"] = DONE if result == "done" else STUCK
    mine = (FORGET_ORDER.c.gateway_id == gateway) & (FORGET_ORDER.c.correlation == correlation)
    mine &= FORGET_ORDER.c.state == OPEN
    return connection.execute(update(FORGET_ORDER).where(mine).values(values)).rowcount == 1


def wiped(connection: Connection, gateway: str, now: datetime) -> None:
    """A gateway holds nothing of anybody any more: what it was to forget it has forgotten."""
    waiting = (FORGET_ORDER.c.gateway_id == gateway) & (FORGET_ORDER.c.state != DONE)
    values = {"state": DONE, "answer": "wiped", "answered_at": to_micros(now)}
    connection.execute(update(FORGET_ORDER).where(waiting).values(values))


def of(connection: Connection, resident: str) -> list[Order]:
    """Every order about one person."""
    query = select(FORGET_ORDER).where(FORGET_ORDER.c.resident_id == resident).order_by(FORGET_ORDER.c.gateway_id)
    return [_order(row) for row in connection.execute(query).mappings()]


def _is(one: Order) -> Any:
    return (FORGET_ORDER.c.gateway_id == one.gateway) & (FORGET_ORDER.c.resident_id == one.resident)


def _order(row: Any) -> Order:
    return Order(
        gateway=row["gateway_id"], resident=row["resident_id"], correlation=row["correlation"], state=row["state"],
        due_at=from_micros(row["due_at"]), attempts=row["attempts"], ordered_at=from_micros(row["ordered_at"]),
        answered_at=None if row["answered_at"] is None else from_micros(row["answered_at"]), answer=row["answer"],
    )  # fmt: skip
