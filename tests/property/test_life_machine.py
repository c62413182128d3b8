"""Lives at random, on a real store: nobody writes to the dead, waits for the sick, or finds who left."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select, update

from engine import life, life_store
from engine.contract import topics, wire
from engine.evaluate import attempt, look_after, settle
from engine.life_typed import Ready
from engine.notify.message import Message
from engine.notify.port import Sent
from engine.notify.sending import FAMILY, pump
from engine.refusal import Refusal
from engine.review import LIVE
from engine.sealing import Seal
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.situation import STAYS, LifeEvent, Sort
from engine.store import (
    audit,
    repo_addresses,
    repo_advice,
    repo_caseload,
    repo_consents,
    repo_devices,
    repo_family,
    repo_life,
    repo_notices,
    repo_residents,
)
from engine.store.database import read, write
from engine.store.repo_caseload import Want
from engine.store.repo_facts import By
from engine.store.tables import DEVICE, READING
from tests.flow.test_evaluate import pressure
from tests.homes import DEVICE as SCALE
from tests.homes import GATEWAY, HANAKO, HOUSEHOLD, NOW, consent, weighing
from tests.stores import furnished_file
from tests.web.desks import item, put

SAKATA, YUZA = "062049", "064611"
WHO = By("nurse", "test")
SEAL = Seal(b"k" * 32)
HOUR: Final = timedelta(hours=1)
SILENCE: Final = timedelta(days=14)
CAN_END: Final = ("hospital", "care-home", "moved-out", "away")
HAPPENS = st.sampled_from(
    ["death", "moved-out", "moved-within", "hospital", "care-home", "left-household", "away"]
)  # fmt: skip
# Ahead, now, and long enough ago that something was measured since.
OFFSETS = st.sampled_from([-96, -48, -20, -3, 0, 0, 5, 40])


class Letterbox:
    """The outermost port: what would have left the house, and when."""

    def __init__(self) -> None:
        self.got: list[str] = []

    def send(self, address: str, message: Message) -> Sent:
        del message
        self.got.append(address)
        return Sent()


class Lives(RuleBasedStateMachine):
    """Against a model that only knows what was recorded, from when until when, and what was taken back."""

    @initialize()
    def furnish(self) -> None:
        self.place = tempfile.TemporaryDirectory()
        self.engine = furnished_file(Path(self.place.name) / "engine.sqlite")
        self.now, self.rng, self.facts, self.box = NOW, Random(7), Facts(), Letterbox()
        self.held: dict[str, LifeEvent] = {}
        self.count = 0
        put(self.engine, item("waits", "urgent", resident_id=HANAKO))
        with write(self.engine) as connection:
            person = repo_residents.get(connection, HANAKO)
            assert person is not None
            mailed = msgspec.structs.replace(person, channel="mail", version=person.version + 1)
            repo_residents.edit(connection, mailed, NOW, actor="test", os_user="test")
            self.member = repo_family.add(connection, "山田 和子", "長女", "ja", NOW, self.rng).id
            for owner in (HANAKO, self.member):
                repo_addresses.add(
                    connection, SEAL, owner, "mail", f"{owner}@example.jp", NOW, self.rng, verified=True
                )  # fmt: skip
            looks = msgspec.structs.replace(consent(HANAKO, "family-view"), recipient=self.member)
            for said in (looks, consent(HANAKO, "mirror-display")):
                repo_consents.append(connection, said, os_user="test")

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            self.engine.dispose()
            self.place.cleanup()

    # What the model says.

    def _standing(self, *sorts: Sort) -> list[LifeEvent]:
        return [event for event in self.held.values() if event.sort in sorts]

    def _covers(self, when: datetime, *sorts: Sort) -> bool:
        return any(event.covers(when) for event in self._standing(*sorts))

    def _at_home(self, when: datetime) -> bool:
        moved = [event for event in self._standing("moved-within", "left-household") if event.since <= when]
        return not moved and not self._covers(when, "death", "moved-out")

    @property
    def dead(self) -> bool:
        return self._covers(self.now, "death")

    # What happens.

    @rule(hours=st.sampled_from([1, 6, 30, 60]))
    def wait(self, hours: int) -> None:
        """Time goes by, and nothing runs."""
        self.now += hours * HOUR

    @rule()
    def minute(self) -> None:
        look_after(self.engine, self.now)

    @rule(sort=HAPPENS, offset=OFFSETS, length=st.none() | st.integers(1, 200))
    def happen(self, sort: Sort, offset: int, length: int | None) -> None:
        since = self.now + offset * HOUR
        until = None if length is None or sort not in CAN_END else since + length * HOUR
        self.count += 1
        moved = sort == "moved-within"
        draft = life.Draft(
            id=f"f-{self.count:a>13}".translate(str.maketrans("0189", "bcde")), by="nurse", sort=sort, since=since,
            until=until, municipality=YUZA if moved else None,
        )  # fmt: skip
        with write(self.engine) as connection:
            person = repo_residents.get(connection, HANAKO)
            assert person is not None
            done = life_store.record(connection, person, Ready(draft=draft), WHO, self.now, self.rng)
        if not isinstance(done, Refusal):
            self.held[done.event.id] = done.event

    @precondition(lambda self: bool(self.held))
    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.held)))
        with write(self.engine) as connection:
            event = repo_life.get(connection, name)
            assert event is not None
            done = life_store.take_back(connection, event, "a mistake", WHO, self.now, self.rng)
        if not isinstance(done, Refusal):
            del self.held[name]

    @precondition(lambda self: bool(self._standing(*CAN_END)))
    @rule(hours=st.integers(-20, 40))
    def end(self, hours: int) -> None:
        name = self._standing(*CAN_END)[-1].id
        with write(self.engine) as connection:
            event = repo_life.get(connection, name)
            assert event is not None
            done = life_store.end(connection, event, self.now + hours * HOUR, WHO, self.now, self.rng)
        if not isinstance(done, Refusal):
            self.held[name] = done.event

    @rule(slot=st.sampled_from([1, 2, None]), ago=st.sampled_from([0, 1, 12, 30, 60]), high=st.booleans())
    def measure(self, slot: int | None, ago: int, high: bool) -> None:
        self.count += 1
        at = self.now - ago * HOUR - self.count * timedelta(seconds=1)
        made = weighing(self.count, f"61.{self.count % 90:02d}", slot, measured_at=at, received_at=self.now)
        said = [made, pressure(at, 186, 95, slot)] if high and slot else [made]
        payload = wire.encode_batch([wire.encode_reading(one) for one in said])
        with write(self.engine) as connection:
            heard = Delivery(1, self.count, 1, topics.up(GATEWAY, "reading"), payload)
            done = handle(connection, self.facts, [heard], self.now)
        assert not any(answer.refused for answer in done.answers), "what is nobody's is kept, not refused"
        with read(self.engine) as connection:
            row = connection.execute(select(READING).where(READING.c.id == made.id)).one()
        if slot == 1 and self._at_home(at) and not self._covers(at, *STAYS):
            # However late it comes and whoever holds the slot by now.
            assert (row.resident_id, row.certainty) == (HANAKO, "sure")

    @rule()
    def turn(self) -> None:
        """The engine's turn: judged anew, every message owed that can be, and what may go out goes."""
        self.count += 1
        with write(self.engine) as connection:
            attempt(connection, HANAKO, self.now)
            items = repo_advice.listed(connection, resident=HANAKO, states=LIVE)
            about = items[0].id if items else "a-none"
            repo_notices.owe(connection, HANAKO, "code", f"i-{self.count}", self.now, urgent=True)
            repo_notices.owe(connection, self.member, FAMILY, about, self.now, urgent=True)
        with write(self.engine) as connection:
            settle(connection, self.now)
        self.box.got = []
        pump(self.engine, {"mail": self.box, "line": self.box, "push": self.box}, SEAL, "https://x.jp", self.now)
        gone = self.dead or self._covers(self.now, "moved-out")
        assert (self.box.got == []) is gone, "the gone are never written to, and everybody else is"

    # What always holds.

    @invariant()
    def nothing_waits_for_the_dead(self) -> None:
        if hasattr(self, "held") and self.dead:
            with read(self.engine) as connection:
                assert repo_advice.listed(connection, resident=HANAKO, states=LIVE) == []

    @invariant()
    def nobody_in_hospital_is_called_silent(self) -> None:
        if not hasattr(self, "held"):
            return
        with write(self.engine) as connection:
            connection.execute(update(DEVICE).where(DEVICE.c.id == SCALE).values(last_seen=0))
            want = Want(towns=None, silent_since=self.now - SILENCE, at=self.now)
            silent = repo_caseload.ids(connection, want)
            last = repo_caseload.last_of(connection, [HANAKO], self.now, SILENCE)[HANAKO]
        lately = [event for event in self._standing(*STAYS) if event.until is None or event.until > self.now - SILENCE]
        if any(event.since <= self.now for event in lately):
            assert (HANAKO in silent, last.silent) == (False, 0)
        elif not self.held:
            assert (HANAKO in silent, last.silent) == (True, 1)

    @invariant()
    def nothing_measured_where_they_were_not_is_theirs(self) -> None:
        if not hasattr(self, "held"):
            return
        with read(self.engine) as connection:
            rows = connection.execute(select(READING).where(READING.c.outcome == "accepted")).all()
        for row in rows:
            at = NOW + timedelta(microseconds=row.measured_at - int(NOW.timestamp() * 1_000_000))
            if row.resident_id == HANAKO:
                assert self._at_home(at)
                assert not self._covers(at, *STAYS)

    @invariant()
    def what_is_registered_is_what_the_standing_events_make(self) -> None:
        if not hasattr(self, "held"):
            return
        with read(self.engine) as connection:
            due = repo_life.unfinished(connection, self.now)
            person = repo_residents.get(connection, HANAKO)
            bound = {slot.resident for one in repo_devices.devices(connection) for slot in one.bindings}
            assert audit.verify(connection) is None
        if due:
            return
        assert person is not None
        status = "deceased" if self.dead else "moved" if self._covers(self.now, "moved-out") else "active"
        assert person.status == status
        if not self.held:
            assert (person.household_id, person.municipality_code) == (HOUSEHOLD, SAKATA)
            assert HANAKO in bound
        if not self._at_home(self.now):
            assert HANAKO not in bound


Lives.TestCase.settings = settings(max_examples=settings().max_examples // 7, stateful_step_count=18)
TestLives = Lives.TestCase
