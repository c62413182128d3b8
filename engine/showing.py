"""Paying mirrors their lines: a resident's show goes to every gateway of their home when something changed.

Residents who never said anything about mirrors cost nothing; who withdrew is sent a show without lines.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from engine.contract import topics
from engine.contract.wire import Show, encode
from engine.evaluate import still_said
from engine.picture import history_of, zone_of
from engine.show import LASTS, PURPOSE, show
from engine.situation import status_at
from engine.store import (
    repo_advice,
    repo_consents,
    repo_life,
    repo_notices,
    repo_outbox,
    repo_places,
    repo_protection,
    repo_residents,
)
from engine.store.database import Connection, Engine, read, write
from engine.store.inbox import red_flags
from engine.store.repo_shows import BLANK, TOPIC
from engine.telling import courses_of

AT_ONCE: Final = 50
# For so long a home is asked to measure again; the nurse and the inbox ask on.
AGAIN: Final = timedelta(days=3)


def messages_of(connection: Connection, resident: str, now: datetime) -> list[tuple[str, bytes]]:
    """Topic and payload of the resident's show for each gateway of the home; none without a home."""
    person = repo_residents.get(connection, resident)
    if person is None or person.household_id is None:
        return []
    held = status_at(repo_life.situation(connection, resident), now)
    person = msgspec.structs.replace(person, status=held)
    said = repo_consents.events_of(connection, [resident], PURPOSE).get(resident, [])
    # Under a measure of support a home is shown what it would be shown had the person never agreed to it.
    events = repo_protection.counting(connection, resident, said, now)
    items = repo_advice.listed(connection, resident=resident, states=None, limit=10_000)
    # Who agreed to nothing is shown nothing: only then is it worth looking at what may still be said.
    items = still_said(connection, person, items, now) if events else []
    again = bool(red_flags(connection, now - AGAIN, person.household_id))
    history, zone = history_of(connection, resident, now), zone_of(connection, person)
    if events and "weight" not in {course.key for course in courses_of(connection, person, now)}:
        # A rule forbids to put their weight before this person, on a mirror as on a page.
        history = {kind: points for kind, points in history.items() if kind != "body-weight"}
    made = encode(show(person, history, items, events, zone, now, again=again, told=_told(connection, resident, now)))
    homes = repo_places.gateways(connection, person.household_id)
    return [(topics.show(item.id, resident), made) for item in homes]


def _blank(key: str, now: datetime) -> tuple[str, bytes]:
    """Nothing to show, as somebody who agreed to nothing is shown."""
    gateway, _, resident = key.partition("/")
    return topics.show(gateway, resident), encode(Show(resident=resident, until=now + LASTS))


def _told(connection: Connection, resident: str, now: datetime) -> bool:
    """Whether there is a message elsewhere that is no advice: that one the show speaks of by itself."""
    sent = (one for one in repo_notices.of(connection, resident, 10) if one.kind != "advice")
    return any(one.sent_at is not None and one.sent_at > now - LASTS for one in sent)


def pay(engine: Engine, now: datetime, send: Callable[[str, bytes], None]) -> int:
    """Hand the messages that are due to `send`, topic and payload, and settle their debts; how many messages.

    What `send` raises leaves everything owed. What is lost with a connection is owed again when the gateway is back.
    """
    with read(engine) as connection:
        if not (repo_outbox.owes(connection, TOPIC) or repo_outbox.owes(connection, BLANK)):
            return 0
    with write(engine) as connection:
        left, due = (repo_outbox.take(connection, topic, AT_ONCE) for topic in (BLANK, TOPIC))
        debts = [*left, *due]
        messages = [_blank(debt.key, now) for debt in left]
        messages += [message for debt in due for message in messages_of(connection, debt.key, now)]
        for topic, payload in messages:
            send(topic, payload)
        repo_outbox.done(connection, debts)
    return len(messages)
