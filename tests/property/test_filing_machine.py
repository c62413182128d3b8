"""Assign, confirm, release, discard in any order: one owner at most, one outcome, and nothing measured ever changes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Connection, Engine, select

from engine.contract import topics, wire
from engine.refusal import Refusal
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store import audit, filing, repo_outbox
from engine.store.database import migrate, open_engine
from engine.store.filing import By, Filed
from engine.store.tables import AUDIT, MEASUREMENT, OUTBOX, READING
from tests.homes import GATEWAY, HANAKO, NOW, TARO, furnish, weighing

WHO = By("nurse", "test")
READINGS = [weighing(1, "61.20", slot=9), weighing(2, "52.00", slot=1), weighing(3, "70.50", slot=2)]
IDS = st.sampled_from([reading.id for reading in READINGS])
PEOPLE = st.sampled_from([HANAKO, TARO])


class Filing(RuleBasedStateMachine):
    """Against a model that only knows (outcome, owner, certainty) of each reading."""

    engine: ClassVar[Engine | None] = None
    place: ClassVar[tempfile.TemporaryDirectory[str] | None] = None

    @initialize()
    def hear(self) -> None:
        if Filing.engine is None:
            Filing.place = tempfile.TemporaryDirectory()
            Filing.engine = open_engine(f"sqlite:///{Path(Filing.place.name) / 'engine.sqlite'}")
            migrate(Filing.engine)
            furnish(Filing.engine)
        self.connection: Connection = Filing.engine.connect()
        topic = topics.up(GATEWAY, "reading")
        heard = [Delivery(1, n, 1, topic, wire.encode_reading(item)) for n, item in enumerate(READINGS)]
        handle(self.connection, Facts(), heard, NOW)
        self.connection.execute(OUTBOX.delete())
        self.model: dict[str, tuple[str, str | None, str | None]] = {
            READINGS[0].id: ("unassigned", None, None),
            READINGS[1].id: ("accepted", HANAKO, "sure"),
            READINGS[2].id: ("accepted", TARO, "sure"),
        }
        self.measured = self._measured()
        self.steps = 0

    def teardown(self) -> None:
        if hasattr(self, "connection"):
            self.connection.rollback()
            self.connection.close()

    def _measured(self) -> list[Any]:
        columns = (READING.c.id, READING.c.measured_at, READING.c.digest, READING.c.device_id, READING.c.household_id)
        values = (MEASUREMENT.c.reading_id, MEASUREMENT.c.kind, MEASUREMENT.c.value, MEASUREMENT.c.measured_at)
        found = self.connection.execute(select(*columns).order_by(READING.c.id)).all()
        return [*found, *self.connection.execute(select(*values).order_by(*values)).all()]

    def _check(self, done: Filed | Refusal, reading: str, after: tuple[str, str | None, str | None]) -> None:
        before = self.model[reading]
        if isinstance(done, Refusal):
            assert before == after, done
            return
        assert (done.before, done.after) == (before[1], after[1])
        owed = {debt.key for debt in repo_outbox.take(self.connection, "evaluate", 10)}
        assert {name for name in (before[1], after[1]) if name} <= owed
        self.model[reading] = after
        self.steps += 1

    @rule(reading=IDS, resident=PEOPLE)
    def assign(self, reading: str, resident: str) -> None:
        done = filing.assign(self.connection, reading, resident, NOW, WHO)
        self._check(done, reading, ("accepted", resident, "sure"))

    @rule(reading=IDS)
    def release(self, reading: str) -> None:
        self._check(filing.release(self.connection, reading, NOW, WHO), reading, ("unassigned", None, None))

    @rule(reading=IDS)
    def discard(self, reading: str) -> None:
        self._check(filing.discard(self.connection, reading, NOW, WHO), reading, ("discarded", None, None))

    @rule(reading=IDS)
    def presume(self, reading: str) -> None:
        """As if the numbers had filed it: the machine's way into `assumed`."""
        outcome, owner, _ = self.model[reading]
        if owner is not None:
            change = READING.update().where(READING.c.id == reading).values(certainty="assumed", posterior=0.95)
            self.connection.execute(change)
            self.model[reading] = (outcome, owner, "assumed")

    @rule(reading=IDS)
    def confirm(self, reading: str) -> None:
        outcome, owner, certainty = self.model[reading]
        done = filing.confirm(self.connection, reading, NOW, WHO)
        assert isinstance(done, Filed) == (certainty == "assumed")
        if isinstance(done, Filed):
            self._check(done, reading, (outcome, owner, "sure"))

    @invariant()
    def each_reading_has_one_outcome_and_its_values_one_owner(self) -> None:
        if not hasattr(self, "model"):
            return
        rows = self.connection.execute(select(READING)).all()
        assert {row.id: (row.outcome, row.resident_id, row.certainty) for row in rows} == self.model
        assert all(row.posterior is None or row.certainty == "assumed" for row in rows)
        for row in self.connection.execute(select(MEASUREMENT)):
            assert row.resident_id == self.model[row.reading_id][1]

    @invariant()
    def time_and_values_stay_and_every_step_is_on_the_trail(self) -> None:
        if not hasattr(self, "model"):
            return
        assert self._measured() == self.measured
        assert audit.verify(self.connection) is None
        trail = select(AUDIT.c.action).where(AUDIT.c.action.like("reading-%"))
        assert len(self.connection.execute(trail).all()) == self.steps


Filing.TestCase.settings = settings(max_examples=25, stateful_step_count=15)


class TestFiling(Filing.TestCase):  # type: ignore[misc, valid-type]
    """One database for all examples; each is a transaction that is rolled back."""

    @classmethod
    def tearDownClass(cls) -> None:
        if Filing.engine is not None and Filing.place is not None:
            Filing.engine.dispose()
            Filing.place.cleanup()
