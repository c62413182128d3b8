"""Who lives where, told to the gateways of a home: opaque ids only, whenever somebody came, left or died."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from engine.contract import topics
from engine.contract.wire import Roster, encode
from engine.situation import gone
from engine.store import repo_life, repo_loans, repo_outbox, repo_places, repo_residents
from engine.store.database import Connection, Engine, read, write
from engine.store.repo_shows import ROSTER

_AT_ONCE: Final = 50


def messages_of(connection: Connection, household: str, now: datetime) -> list[tuple[str, bytes]]:
    """Topic and payload of the roster for each gateway of a home."""
    people = repo_residents.listed(connection, household=household)
    known = repo_life.situations(connection, [person.id for person in people])
    here = sorted(name for name, situation in known.items() if gone(situation, now) is None)
    payload = encode(Roster(residents=tuple(here)))
    gateways = [one.id for one in repo_places.gateways(connection, household)]
    # What a lent gateway that came back is told now, it would keep for the next borrower.
    leaving = repo_loans.leaving(connection, gateways)
    return [(topics.down(one, "roster"), payload) for one in gateways if one not in leaving]


def pay(engine: Engine, now: datetime, send: Callable[[str, bytes], None]) -> int:
    """Hand the rosters that are due to `send`, topic and payload; how many. What `send` raises leaves them owed."""
    with read(engine) as connection:
        if not repo_outbox.owes(connection, ROSTER):
            return 0
    with write(engine) as connection:
        debts = repo_outbox.take(connection, ROSTER, _AT_ONCE)
        messages = [message for debt in debts for message in messages_of(connection, debt.key, now)]
        for topic, payload in messages:
            send(topic, payload)
        repo_outbox.done(connection, debts)
    return len(messages)
