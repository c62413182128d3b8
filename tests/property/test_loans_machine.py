"""One scale of the town's goes from home to home: what it heard elsewhere is nobody's, nothing is lost, whatever order.

The scale keeps everything in its memory and plays it back wherever it is; gateways deliver late, say old notes again and
answer orders when they like. Against a model that only knows who stood on it.
"""

from __future__ import annotations

import json
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Connection, Engine, select

from engine import loans_orders
from engine.contract import topics, wire
from engine.contract.ids import device_id
from engine.contract.reading import Reading, Value, reading_id
from engine.contract.wire import Binding, DeviceNote
from engine.loans import Loan
from engine.loans_store import Back, Wish, clear, extend, lend, take_back
from engine.refusal import Refusal
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store import repo_consents, repo_loans, repo_places, repo_residents
from engine.store.database import migrate, open_engine, write
from engine.store.repo_facts import By
from engine.store.tables import BINDING, MEASUREMENT, READING
from tests.homes import GATEWAY, HANAKO, HOUSEHOLD, NOW, TARO, consent, furnish, resident, weighing

WHO, ASSET, ADDRESS = By("s-helpdeskhelpd", "test"), "KG-001", "C0:26:DF:01:E2:3A"
JIRO, AWAY, AWAY_GATEWAY = "r-jirojirojiro2", "h-awayawayawaya", "g-awayawayawaya"
HOMES = {HANAKO: HOUSEHOLD, TARO: HOUSEHOLD, JIRO: AWAY}
EARS = {HOUSEHOLD: GATEWAY, AWAY: AWAY_GATEWAY}
# As in the inbox: a scale that several share is left to the numbers, and staff weigh what somebody else does.
WEIGHTS = {HANAKO: "62.30", TARO: "84.10", JIRO: "71.70", None: "62.35"}

_IDS = [device_id(home, ADDRESS) for home in EARS]


Leaf = Literal["reading", "device", "reply"]


class Weighing(msgspec.Struct, frozen=True):
    """What the scale remembers: when, which slot it showed, and who truly stood on it (None: somebody of the town's)."""

    number: int
    at: datetime
    slot: int | None
    who: str | None
    kg: str
    ahead: bool = False


class Heard(msgspec.Struct, frozen=True):
    """A weighing as a home's gateway heard it."""

    weighing: Weighing
    home: str
    at: datetime


class Span(msgspec.Struct):
    """One loan as it truly was."""

    who: str
    since: datetime
    until: datetime | None = None
    paired_at: datetime | None = None

    def covers(self, at: datetime) -> bool:
        """Whether the borrower had it, paired, at `at`."""
        return self.paired_at is not None and self.paired_at <= at and (self.until is None or at < self.until)


class Lending(RuleBasedStateMachine):
    """The town's scale, two homes, and a clock that only goes forward."""

    engine: ClassVar[Engine | None] = None
    place: ClassVar[tempfile.TemporaryDirectory[str] | None] = None

    @initialize()
    def begin(self) -> None:
        if Lending.engine is None:
            Lending.place = tempfile.TemporaryDirectory()
            Lending.engine = open_engine(f"sqlite:///{Path(Lending.place.name) / 'engine.sqlite'}")
            migrate(Lending.engine)
            furnish(Lending.engine)
            _another_home(Lending.engine)
            _known_weights(Lending.engine)
        self.connection: Connection = Lending.engine.connect()
        self.facts, self.now = Facts(), NOW
        self.borrower: str | None = None
        self.memory: list[Weighing] = []
        self.waiting: list[Heard] = []
        self.delivered: dict[str, Heard] = {}
        self.bound: dict[str, Binding] = {}
        self.slot: int | None = None
        self.spans: list[Span] = []

    def teardown(self) -> None:
        if hasattr(self, "connection"):
            self.connection.rollback()
            self.connection.close()

    # -- what happens in the town

    @rule(minutes=st.sampled_from([1, 7, 90, 3_000]))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(who=st.sampled_from([HANAKO, TARO, JIRO]), slot=st.sampled_from([None, 1]))
    def lend(self, who: str, slot: int | None) -> None:
        self.now += timedelta(seconds=1)
        made = lend(self.connection, Wish(asset=ASSET, sort="scale", resident=who, address=ADDRESS), self.now, WHO)
        last = self.last
        if self.borrower is not None or (self.spans and last is not None and last.state == "wiping"):
            assert isinstance(made, Refusal)
            return
        assert isinstance(made, Loan), made
        assert made.device == device_id(HOMES[who], ADDRESS)
        self.borrower, self.slot = who, slot
        self.spans.append(Span(who, self.now))

    @precondition(lambda self: self.borrower is not None)
    @rule()
    def pair(self) -> None:
        """The borrower pairs it: their gateway says whose it is."""
        assert self.borrower is not None
        home = HOMES[self.borrower]
        self.bound[home] = Binding(self.slot, self.borrower)
        self.spans[-1].paired_at = self.spans[-1].paired_at or self.now
        self._say(home)

    @rule(home=st.sampled_from([HOUSEHOLD, AWAY]))
    def say_again(self, home: str) -> None:
        """A gateway is started anew and says what it has on its list, be it old."""
        if home in self.bound:
            self._say(home)

    @rule()
    def weigh(self) -> None:
        """Whoever has it stands on it; in the town's cupboard somebody of the staff."""
        self.now += timedelta(minutes=1)
        who, number = self.borrower, len(self.memory)
        kg = f"{WEIGHTS[who]}{number % 10}"
        self.memory.append(Weighing(number, self.now, self.slot, who, kg))

    @precondition(lambda self: self.borrower is not None)
    @rule()
    def weigh_by_a_clock_that_runs_ahead(self) -> None:
        """Heard at once, and stamped with an hour in which somebody else may have the scale."""
        self.now += timedelta(minutes=1)
        number, kg = 1_000 + len(self.waiting) + len(self.delivered), WEIGHTS[self.borrower]
        one = Weighing(number, self.now + timedelta(hours=3), self.slot, self.borrower, kg, ahead=True)
        self.waiting.append(Heard(one, HOMES[str(self.borrower)], self.now))

    @precondition(lambda self: self.memory)
    @rule(share=st.integers(1, 3), home=st.sampled_from([HOUSEHOLD, AWAY]))
    def hear(self, share: int, home: str) -> None:
        """The gateway where the scale is hears all of its memory, the oldest or the newest part."""
        if self.borrower is not None and HOMES[self.borrower] == home:
            part = self.memory if share == 1 else self.memory[: len(self.memory) // share + 1]
            known = {(one.weighing.number, one.home) for one in (*self.waiting, *self.delivered.values())}
            self.waiting += [Heard(one, home, self.now) for one in part if (one.number, home) not in known]

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def deliver(self, data: Any) -> None:
        """Some of what was heard reaches the engine, long after or at once, in any order."""
        self._deliver(data.draw(st.lists(st.sampled_from(self.waiting), unique_by=id, min_size=1)))

    def _deliver(self, batch: list[Heard]) -> None:
        for home in (HOUSEHOLD, AWAY):
            mine = [one for one in batch if one.home == home]
            said = [wire.encode_reading(self._reading(one)) for one in mine]
            if said:
                self._handle(home, "reading", wire.encode_batch(said))
            for one in mine:
                self.delivered[self._reading(one).id] = one
                self.waiting.remove(one)

    @precondition(lambda self: self.borrower is not None)
    @rule(cleared=st.booleans())
    def give_back(self, cleared: bool) -> None:
        self.now += timedelta(seconds=1)
        loan = self.last
        assert loan is not None
        done = take_back(self.connection, loan, Back(cleared=cleared), self.now, WHO)
        assert isinstance(done, Loan), done
        self.spans[-1].until = self.now
        self.borrower = None

    @precondition(lambda self: self.borrower is not None)
    @rule(who=st.sampled_from([HANAKO, TARO, JIRO]), slot=st.sampled_from([None, 1]), weighs=st.booleans())
    def pass_on(self, who: str, slot: int | None, *, weighs: bool) -> None:
        """It comes back, is given up and cleared as the town wishes, and goes to the next one at once."""
        self.give_back(cleared=True)
        self.give_up(first=True)
        if weighs:
            self.weigh()
        self.lend(who, slot)

    @precondition(lambda self: self.borrower is not None and self.memory)
    @rule(first=st.booleans())
    def play_back(self, *, first: bool) -> None:
        """Where it is now it plays back everything, before or after its new home introduces it."""
        if not first:
            self.pair()
        self.hear(1, HOMES[str(self.borrower)])
        self._deliver(list(self.waiting))
        if first:
            self.pair()

    @precondition(lambda self: self.borrower is not None)
    @rule(days=st.integers(0, 300))
    def extend(self, days: int) -> None:
        loan = self.last
        assert loan is not None
        done = extend(self.connection, loan, self.now.date() + timedelta(days=1 + days), self.now, WHO)
        assert isinstance(done, Loan)
        assert done.due_on > date(2026, 11, 21)

    @precondition(lambda self: self.borrower is None and self.spans)
    @rule(first=st.booleans())
    def give_up(self, first: bool) -> None:
        """The gateway of the home where it was strikes it from its list and says so; then somebody clears it."""
        loan = self.last
        assert loan is not None
        if first:
            for order in loan.orders:
                said = {"v": 1, "correlation": order.correlation, "verb": loans_orders.RELEASE, "result": "done"}
                self.bound.pop(AWAY if order.gateway == AWAY_GATEWAY else HOUSEHOLD, None)
                self._handle_from(order.gateway, "reply", json.dumps(said).encode())
        else:
            clear(self.connection, loan, self.now, WHO)

    # -- what must hold

    @invariant()
    def no_reading_is_anybody_elses(self) -> None:
        if not hasattr(self, "delivered"):
            return
        rows = {row.id: row for row in self.connection.execute(select(READING).where(READING.c.device_id.in_(_IDS)))}
        for name, heard in self.delivered.items():
            assert name in rows, "no reading is lost"
            owner = rows[name].resident_id
            assert owner is None or owner == heard.weighing.who, (heard, self.spans)
        for row in self.connection.execute(select(MEASUREMENT).where(MEASUREMENT.c.device_id.in_(_IDS))):
            assert row.resident_id == rows[row.reading_id].resident_id

    @invariant()
    def what_was_measured_in_a_loan_after_pairing_is_the_borrowers_however_late_it_comes(self) -> None:
        if not hasattr(self, "delivered"):
            return
        rows = {row.id: row.resident_id for row in self.connection.execute(select(READING))}
        for name, heard in self.delivered.items():
            who, home, at = heard.weighing.who, heard.home, heard.weighing.at
            for span in () if heard.weighing.ahead else self.spans:
                if span.who == who and HOMES[span.who] == home and span.paired_at and span.covers(at):
                    assert rows[name] == who, (heard, span)

    @invariant()
    def nobody_has_a_slot_of_what_was_given_back(self) -> None:
        if not hasattr(self, "delivered") or self.borrower is not None:
            return
        mine = BINDING.c.device_id.in_(_IDS)
        held = {row.resident_id for row in self.connection.execute(select(BINDING).where(mine))}
        last = self.last
        assert held == set() or (last is not None and last.wiped_at is not None)

    @property
    def last(self) -> Loan | None:
        return repo_loans.newest(self.connection, ASSET)

    def _say(self, home: str) -> None:
        note = DeviceNote(device=device_id(home, ADDRESS), profile="sig-weight", bindings=(self.bound[home],))
        self._handle(home, "device", wire.encode(note))

    def _handle(self, home: str, leaf: Leaf, payload: bytes) -> None:
        self._handle_from(EARS[home], leaf, payload)

    def _handle_from(self, gateway: str, leaf: Leaf, payload: bytes) -> None:
        handle(self.connection, self.facts, [Delivery(1, 1, 1, topics.up(gateway, leaf), payload)], self.now)

    def _reading(self, heard: Heard) -> Reading:
        one, device = heard.weighing, device_id(heard.home, ADDRESS)
        return Reading(
            id=reading_id(device, one.slot, one.at.isoformat(), one.kg.encode()), device=device, profile="sig-weight",
            user_slot=one.slot, measured_at=one.at, time_quality="device", received_at=heard.at,
            values=(Value("body-weight", one.kg, "kg"),),
        )  # fmt: skip


def _another_home(engine: Engine) -> None:
    with write(engine) as connection:
        repo_places.add_household(connection, repo_places.Household(id=AWAY, municipality_code="062049"), NOW)
        repo_places.enrol_gateway(connection, repo_places.Gateway(id=AWAY_GATEWAY, household_id=AWAY), NOW)
        person = msgspec.structs.replace(resident(JIRO, "次郎", date(1960, 5, 5)), household_id=AWAY)
        repo_residents.add(connection, person, NOW, actor="test", os_user="test")
        repo_consents.append(connection, consent(JIRO, "record"), os_user="test")


def _known_weights(engine: Engine) -> None:
    """What Hanako and Taro weigh, so that numbers alone would name them."""
    for start in range(0, 40, 10):
        both = [(slot, kg) for slot, kg in ((1, WEIGHTS[HANAKO]), (2, WEIGHTS[TARO])) for _ in range(5)]
        said = [
            wire.encode_reading(weighing(start + number, f"{kg}{number}", slot))
            for number, (slot, kg) in enumerate(both)
        ]
        with write(engine) as connection:
            told = [Delivery(1, 1, 1, topics.up(GATEWAY, "reading"), wire.encode_batch(said))]
            handle(connection, Facts(), told, NOW)


Lending.TestCase.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)


class TestLending(Lending.TestCase):  # type: ignore[misc, valid-type]
    """One database for all examples; each is a transaction that is rolled back."""

    @classmethod
    def tearDownClass(cls) -> None:
        if Lending.engine is not None and Lending.place is not None:
            Lending.engine.dispose()
            Lending.place.cleanup()
