"""Whose lines on the mirror are due: owed in the transaction that changed something, paid by the service."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from engine.store import repo_outbox
from engine.store.repo_consents import events_of
from engine.store.tables import GATEWAY, RESIDENT

TOPIC: Final = "show"
# Keys are `<gateway>/<resident>`: what a mirror of a home somebody left still holds is taken from it.
BLANK: Final = "show-blank"
# Keys are households: their gateways are to hear who lives there.
ROSTER: Final = "roster"
PURPOSE: Final = "mirror-display"


def owe(connection: Connection, residents: Iterable[str], now: datetime) -> None:
    """Have the shows of those among `residents` who ever spoke about mirrors made anew; the others cost nothing."""
    repo_outbox.put(connection, TOPIC, events_of(connection, residents, PURPOSE), now)


def owe_home(connection: Connection, household: str, now: datetime) -> None:
    """A gateway of the home is back and remembers nothing: everybody's show is due."""
    people = select(RESIDENT.c.id).where(RESIDENT.c.household_id == household)
    owe(connection, connection.execute(people).scalars(), now)


def owe_blank(connection: Connection, resident: str, household: str, now: datetime) -> None:
    """Have every mirror of a home show nothing of a resident any more, though they do not live there by then."""
    gateways = connection.execute(select(GATEWAY.c.id).where(GATEWAY.c.household_id == household)).scalars()
    owe_blank_at(connection, resident, gateways, now)


def owe_blank_at(connection: Connection, resident: str, gateways: Iterable[str], now: datetime) -> None:
    """The same for these gateways; who never spoke about mirrors is on none."""
    if events_of(connection, [resident], PURPOSE):
        repo_outbox.put(connection, BLANK, [f"{gateway}/{resident}" for gateway in gateways], now)


def owe_rosters(connection: Connection, households: Iterable[str | None], now: datetime) -> None:
    """Have the gateways of these homes told who lives there."""
    repo_outbox.put(connection, ROSTER, [home for home in households if home is not None], now)
