"""What each gateway last said about itself."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Connection, select

from engine.contract.wire import Health, State
from engine.store.database import upsert
from engine.store.instants import from_micros, to_micros
from engine.store.tables import GATEWAY_STATE


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway's last state ("" while it told none) and health (empty while it told none), and when it last spoke."""

    gateway: str
    state: str
    health: dict[str, object]
    at: datetime


def note(connection: Connection, gateway: str, said: State | Health, now: datetime) -> None:
    """Keeps what a gateway last said; a state leaves the health as it was, and health the state."""
    at = to_micros(now)
    if isinstance(said, State):
        row = {"gateway_id": gateway, "state": said.state, "health": "{}", "at": at}
        upsert(connection, GATEWAY_STATE, [row], state=said.state, at=at)
    else:
        health = msgspec.json.encode(said).decode()
        row = {"gateway_id": gateway, "state": "", "health": health, "at": at}
        upsert(connection, GATEWAY_STATE, [row], health=health, at=at)


def told(connection: Connection) -> dict[str, Told]:
    """What every gateway that ever spoke last said, by its id."""
    found = connection.execute(select(GATEWAY_STATE).order_by(GATEWAY_STATE.c.gateway_id)).mappings()
    return {
        row["gateway_id"]: Told(
            gateway=row["gateway_id"],
            state=row["state"],
            health=msgspec.json.decode(row["health"]),
            at=from_micros(row["at"]),
        )
        for row in found
    }
