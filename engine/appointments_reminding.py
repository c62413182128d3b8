"""Reminders of appointments: owed once as each stands, and whom somebody has to remind by telephone instead.

Who is told by a message is decided by what the messages themselves use: the channel, and addresses that work.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, time, timedelta
from typing import Final, Literal

import msgspec

from engine.appointments import Appointment, held, matter, reminds
from engine.appointments_store import call_off_gone, gone_of
from engine.notify.sending import CHANNELS
from engine.officehours import ZONE, is_working_day
from engine.people import Resident
from engine.store import audit, repo_addresses, repo_appointments, repo_life, repo_notices, repo_residents
from engine.store.database import Connection, Engine, read, write
from engine.store.repo_appointments import BY_NOTICE, NOTICE_KIND

# A reminder is owed from 10:00 of the day before: nothing that begins later than this can be due.
_AHEAD: Final = timedelta(days=2)
# A message that has not left by then is no reminder any more: there is still time to call before the desk closes.
STUCK: Final = timedelta(hours=3)


class Call(msgspec.Struct, frozen=True):
    """Somebody to be reminded by telephone: no `channel` tells them by itself, or a message was `undelivered`.

    Whoever is in hospital or takes part no more is not among them.
    """

    appointment: Appointment
    person: Resident
    why: Literal["channel", "undelivered"]


def run(engine: Engine, now: datetime) -> int:
    """One round: what life ended is called off, what is due is owed as a notice; how many were owed."""
    with read(engine) as connection:
        if not gone_of(connection) and not _due(connection, now):
            return 0
    with write(engine) as connection:
        return go_round(connection, now)


def go_round(connection: Connection, now: datetime) -> int:
    """The same in the caller's transaction."""
    audit.take_turn(connection)
    call_off_gone(connection, now)
    return remind(connection, now)


def remind(connection: Connection, now: datetime) -> int:
    """Owes a notice to everybody who can be told by one and whose time has come; how many."""
    done = 0
    for one in _due(connection, now):
        # Of two rounds at once one finds it told already.
        if repo_appointments.note_reminded(connection, one, BY_NOTICE, now):
            done += repo_notices.owe(connection, one.resident, NOTICE_KIND, matter(one), now)
    return done


def calls(connection: Connection, towns: Collection[str] | None, now: datetime) -> list[Call]:
    """Whom the desk calls today, by time: expected until the end of the next working day, or called off by us."""
    listed = [
        one
        for one in repo_appointments.to_tell(connection, now, _until(now))
        if towns is None or one.municipality in towns
    ]
    reached, people = _reached(connection, {one.resident for one in listed})
    told = [matter(one) for one in listed if one.reminded_by == BY_NOTICE]
    lost = repo_appointments.undelivered(connection, told, now - STUCK)
    found: list[Call] = []
    for one in _expected(connection, listed, now):
        if one.reminded_at is None and one.resident not in reached:
            found.append(Call(one, people[one.resident], "channel"))
        elif one.reminded_by == BY_NOTICE and matter(one) in lost:
            found.append(Call(one, people[one.resident], "undelivered"))
    return found


def _due(connection: Connection, now: datetime) -> list[Appointment]:
    listed = [one for one in repo_appointments.to_tell(connection, now, now + _AHEAD) if reminds(one, now)]
    reached, _ = _reached(connection, {one.resident for one in listed})
    return _expected(connection, [one for one in listed if one.resident in reached], now)


def _expected(connection: Connection, listed: Iterable[Appointment], now: datetime) -> list[Appointment]:
    """Those whose resident can be spoken to now, and will come."""
    found = list(listed)
    lives = repo_life.situations(connection, {one.resident for one in found})
    return [
        one
        for one in found
        if held(lives[one.resident], now) is None and held(lives[one.resident], one.starts_at) is None
    ]


def _reached(connection: Connection, residents: Iterable[str]) -> tuple[frozenset[str], dict[str, Resident]]:
    """Who of them is told by messages, and all of them."""
    people = {person.id: person for person in repo_residents.get_many(connection, residents)}
    usable = repo_addresses.usable(connection, people)
    reached = {
        name for name, person in people.items() if usable.get(name, set()) & set(CHANNELS.get(person.channel, ()))
    }
    return frozenset(reached), people


def _until(now: datetime) -> datetime:
    """The end of the next working day."""
    day = now.astimezone(ZONE).date() + timedelta(days=1)
    while not is_working_day(day):
        day += timedelta(days=1)
    return datetime.combine(day + timedelta(days=1), time(), ZONE)
