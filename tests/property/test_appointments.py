"""Whatever is booked, moved, called off and recorded, and however often the chore runs: each time is told once.

A model beside the real store: a reminder is owed exactly when the chore runs between ten o'clock of the day before and
the beginning, for a time that was not told yet, of somebody who is neither gone nor in hospital; at once where we
called it off.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from engine.appointments import Appointment, When, remind_at
from engine.appointments_reminding import calls, run
from engine.appointments_store import cancel, move
from engine.officehours import ZONE
from engine.store import repo_appointments
from engine.store.database import read, write
from tests.flow.appointment_home import FRIDAY, WHO, booked, happens, notices, reach
from tests.stores import furnished_file

# Most of it happens within two days of a reminder: what is days away from one shows nothing.
_HOURS = st.integers(min_value=2, max_value=40)
_RUN = st.tuples(st.just("run"), st.sampled_from((0, 1, 5, 12, 24)))
_CHANGE = st.one_of(
    st.tuples(st.just("book"), _HOURS),
    st.tuples(st.just("move"), _HOURS),
    st.tuples(st.just("move"), _HOURS),
    st.tuples(st.just("cancel"), st.integers(min_value=0, max_value=1)),
    st.tuples(st.just("hospital"), st.integers(min_value=0, max_value=1)),
    st.tuples(st.just("death"), st.just(0)),
)
# A booking, then a change and a round in turn: two changes in a row are one change to whoever is told.
_STEPS = st.tuples(st.tuples(st.just("book"), _HOURS), st.lists(st.tuples(_CHANGE, _RUN), min_size=2, max_size=6)).map(
    lambda told: [told[0], *(step for pair in told[1] for step in pair)]
)


class World:
    """The store, and what it should say: hospital stays, the hour of death, the times still to be told."""

    def __init__(self, store: Engine) -> None:
        self.store, self.now = store, FRIDAY
        self.stays: list[tuple[datetime, datetime]] = []
        self.died: datetime | None = None
        self.open: dict[int, tuple[datetime, bool]] = {}
        self.off: set[int] = set()
        self.told = 0
        reach(store)

    def away(self, when: datetime) -> bool:
        dead = self.died is not None and self.died <= when
        return dead or any(first <= when < last for first, last in self.stays)

    def then(self, hours: int) -> When:
        starts = self.now + timedelta(hours=hours)
        return When(starts_at=starts, ends_at=starts + timedelta(minutes=30), place="x")

    def newest(self) -> Appointment | None:
        with read(self.store) as connection:
            return next(reversed(repo_appointments.planned(connection, self.now)), None)

    def book(self, hours: int) -> None:
        made = booked(self.store, self.then(hours), now=self.now)
        if isinstance(made, Appointment):
            self.open[made.seq] = (made.starts_at, False)

    def move(self, hours: int) -> None:
        one, when = self.newest(), self.then(hours)
        if one is not None:
            with write(self.store) as connection:
                done = move(connection, one, when, WHO, self.now)
            if isinstance(done, Appointment):
                self.open[one.seq] = (when.starts_at, False)

    def cancel(self, ours: int) -> None:
        one = self.newest()
        if one is None:
            return
        with write(self.store) as connection:
            reason: Literal["staff", "resident"] = "staff" if ours else "resident"
            assert isinstance(cancel(connection, one, reason, WHO, self.now), Appointment)
        if ours:
            self.off.add(one.seq)
            self.open[one.seq] = (one.starts_at, False)
        else:
            del self.open[one.seq]

    def run(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        due = [
            (seq, starts)
            for seq, (starts, done) in self.open.items()
            if not done
            and (seq in self.off or remind_at(starts) <= self.now)
            and self.now < starts
            and not self.away(self.now)
            and not self.away(starts)
        ]
        self.open |= {seq: (starts, True) for seq, starts in due}
        self.told += len(due)
        assert run(self.store, self.now) == len(due)
        assert len({about for _, about, _ in notices(self.store)}) == self.told
        assert run(self.store, self.now) == 0

    def hospital(self, days: int) -> None:
        if self.stays or self.died is not None:
            return
        first = (self.now + timedelta(days=days)).date()
        # So short that somebody may be away when they would be told, and back when it begins.
        last = first + timedelta(days=1)
        happens(self.store, "hospital", first.isoformat(), last.isoformat(), now=self.now)
        self.stays.append((_midnight(first), _midnight(last)))

    def death(self, _: int) -> None:
        if self.died is None:
            happens(self.store, "death", self.now.date().isoformat(), now=self.now)
            self.died = _midnight(self.now.date())


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZONE)


@settings(max_examples=25)
@given(_STEPS)
def test_each_time_is_told_exactly_once_and_never_to_who_cannot_come(steps: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as folder:
        world = World(furnished_file(Path(folder) / "engine.sqlite"))
        for step, number in steps:
            getattr(world, step)(number)
        with read(world.store) as connection:
            assert not any(world.away(call.appointment.starts_at) for call in calls(connection, None, world.now))
        world.store.dispose()
