"""What the bridge knows of a network between two runs: abilities, breaker, what was said and done last; as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from engine.store.database import upsert
from engine.store.instants import from_micros, to_micros
from engine.store.tables_bridge import NETWORK_STATE


class Known(msgspec.Struct, frozen=True):
    """What was kept of a network and when; `said` is empty for a network nobody ever spoke to."""

    said: dict[str, Any]
    at: datetime | None = None


def known(connection: Connection, network: str) -> Known:
    """What is kept of `network`."""
    row = connection.execute(select(NETWORK_STATE).where(NETWORK_STATE.c.network == network)).first()
    return Known({}) if row is None else Known(msgspec.json.decode(row.said), from_micros(row.at))


def keep(connection: Connection, network: str, now: datetime, **said: Any) -> None:
    """Keeps values beside those that are there; None forgets one."""
    whole = known(connection, network).said | said
    left = {name: value for name, value in whole.items() if value is not None}
    text = msgspec.json.encode(left).decode()
    upsert(connection, NETWORK_STATE, [{"network": network, "said": text, "at": to_micros(now)}])
