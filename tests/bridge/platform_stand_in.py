"""What a platform stand-in was told and what the audit says of it."""

from __future__ import annotations

from sqlalchemy import Engine

from engine.store import audit
from engine.store.database import read
from simulators.platform.broker import Platform as Broker

STAT = "/v2/op/update"


def bodies(broker: Broker) -> list[str]:
    """Every batch that came, as it came."""
    return [line.body for line in broker.ledger.received if line.target == STAT]


def tokens(broker: Broker) -> int:
    return sum(line.target == "/oauth2/token" for line in broker.ledger.received)


def actions(store: Engine) -> list[str]:
    with read(store) as connection:
        return [entry.action for entry in audit.entries(connection, limit=1000)]
