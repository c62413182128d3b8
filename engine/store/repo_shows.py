"""Whose lines on the mirror are due: owed in the transaction that changed something, paid by the service."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from engine.store import repo_outbox
from engine.store.repo_consents import events_of
from engine.store.tables import RESIDENT

TOPIC: Final = "show"
PURPOSE: Final = "mirror-display"


def owe(connection: Connection, residents: Iterable[str], now: datetime) -> None:
    """Have the shows of those among `residents` who ever spoke about mirrors made anew; the others cost nothing."""
    repo_outbox.put(connection, TOPIC, events_of(connection, residents, PURPOSE), now)


def owe_home(connection: Connection, household: str, now: datetime) -> None:
    """A gateway of the home is back and remembers nothing: everybody's show is due."""
    people = select(RESIDENT.c.id).where(RESIDENT.c.household_id == household)
    owe(connection, connection.execute(people).scalars(), now)
