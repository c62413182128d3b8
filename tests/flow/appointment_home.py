"""A home where people are expected at the health centre: times, bookings, addresses, and what happens in lives."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

import msgspec
from sqlalchemy import Engine, select

from engine.appointments import Appointment, Sort, When
from engine.appointments_store import book
from engine.life_store import Done, record
from engine.life_typed import Typed
from engine.life_typed import read as read_typed
from engine.notify.message import Message
from engine.notify.port import Failed, Sent
from engine.officehours import ZONE
from engine.people import Channel, Resident
from engine.refusal import Refusal
from engine.sealing import Seal
from engine.store import repo_addresses, repo_appointments, repo_residents
from engine.store.database import read, write
from engine.store.repo_facts import By
from engine.store.tables_desk import NOTICE
from tests.homes import HANAKO

# A Friday; the Monday after it is a public holiday (勤労感謝の日).
FRIDAY = datetime(2026, 11, 20, 9, 0, tzinfo=ZONE)
WHO = By("s-nursenursenur", "test")
SEAL = Seal(b"k" * 32)


def at(
    day: int, hour: int = 10, minute: int = 0, *, long: int = 30, place: str = "保健センター", staff: str | None = None
) -> When:
    """A time in November 2026 on the town's clock."""
    starts = datetime(2026, 11, day, hour, minute, tzinfo=ZONE)
    return When(starts_at=starts, ends_at=starts + timedelta(minutes=long), place=place, staff=staff)


def person(engine: Engine, name: str = HANAKO) -> Resident:
    with read(engine) as connection:
        found = repo_residents.get(connection, name)
    assert found is not None
    return found


def booked(
    engine: Engine, when: When, name: str = HANAKO, sort: Sort = "interview", now: datetime = FRIDAY
) -> Appointment | Refusal:
    with write(engine) as connection:
        found = repo_residents.get(connection, name)
        assert found is not None
        return book(connection, found, sort, when, WHO, now)


def sure(
    engine: Engine, when: When, name: str = HANAKO, sort: Sort = "interview", now: datetime = FRIDAY
) -> Appointment:
    made = booked(engine, when, name, sort, now)
    assert isinstance(made, Appointment), made
    return made


def reach(engine: Engine, name: str = HANAKO, channel: Channel = "mail") -> None:
    """Messages reach them by mail, or by whatever their channel is."""
    with write(engine) as connection:
        found = repo_residents.get(connection, name)
        assert found is not None
        changed = msgspec.structs.replace(found, channel=channel, version=found.version + 1)
        repo_residents.edit(connection, changed, FRIDAY, actor="t", os_user="t")
        repo_addresses.add(
            connection, SEAL, name, "mail", f"{name}@example.jp", FRIDAY, Random(name), verified=True
        )  # fmt: skip


def happens(engine: Engine, sort: str, since: str, until: str = "", name: str = HANAKO, now: datetime = FRIDAY) -> Done:
    """Something in their life, recorded at `now`."""
    with write(engine) as connection:
        found = repo_residents.get(connection, name)
        assert found is not None
        typed = Typed(sort=sort, since=since, until=until, household="none")
        ready = read_typed(connection, found, typed, WHO.actor, now, Random(f"{name}{sort}{since}"))
        assert not isinstance(ready, Refusal), ready
        done = record(connection, found, ready, WHO, now, Random(3))
        assert isinstance(done, Done), done
        return done


def notices(engine: Engine) -> list[tuple[str, str, str]]:
    """What was owed about appointments: to whom, about what, and what became of it."""
    query = select(NOTICE.c.recipient, NOTICE.c.about, NOTICE.c.state).where(NOTICE.c.kind == "appointment")
    with read(engine) as connection:
        return [(row.recipient, row.about, row.state) for row in connection.execute(query.order_by(NOTICE.c.seq))]


class Box:
    """A mail server that takes everything, or nothing."""

    def __init__(self, *, broken: bool = False) -> None:
        self.taken: list[str] = []
        self.broken = broken

    def send(self, address: str, message: Message) -> Sent | Failed:
        if self.broken:
            return Failed("refused-550", gone=True)
        self.taken.append(f"{message.subject}\n{message.body}")
        return Sent()


def now_is(engine: Engine, one: Appointment) -> Appointment:
    with read(engine) as connection:
        found = repo_appointments.get(connection, one.seq)
    assert found is not None
    return found
