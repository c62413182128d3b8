"""One measured thing, two people, a network that loses answers: whatever happens, it ends where it belongs, once."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.store.repo_push import WRONG, Owed, ready
from fhir_bridge.client_answers import Answer, Failure
from fhir_bridge.plan import Standing, Step, plan
from fhir_bridge.push_claim import Pace, Parcel
from fhir_bridge.push_look import Verdict
from fhir_bridge.push_settle import Result, _changes
from tests.homes import DEVICE, HANAKO, NOW, TARO

NETWORK = "choukai-net"
PATIENTS = {HANAKO: "hanako", TARO: "taro"}
PACE = Pace(lease=1, unsure=1, pause=0.1, longest=0.1)
LOST = Failure(kind="retry", code="timeout", unsure=True)
THROTTLED = Failure(kind="retry", code="throttled", status=429)


class Exchange(RuleBasedStateMachine):
    """The real planner and the real bookkeeping around a network of a few lines."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.rng = NOW, Random(1)
        self.owner: str | None = HANAKO
        self.digest = 1
        self.open = {HANAKO, TARO}
        self.rows: list[Owed] = []
        # What the network has: identifier -> (patient, status, digest); and what is on its way, with its answer.
        self.there: dict[str, tuple[str, str, str]] = {}
        self.flying: list[tuple[Parcel, bool]] = []
        self.plan()

    @rule(to=st.sampled_from([HANAKO, TARO, None]))
    def file(self, to: str | None) -> None:
        """A person says whose it is."""
        self.owner = to
        self.plan()

    @rule()
    def correct(self) -> None:
        """It says something else than before."""
        self.digest += 1
        self.plan()

    @rule(who=st.sampled_from([HANAKO, TARO]))
    def withdraw(self, who: str) -> None:
        self.open.discard(who)
        for row in self.rows:
            if row.resident_id == who and row.state == "pending":
                self.set(row, state="withdrawn", code="no-consent")
        self.plan()

    @rule(who=st.sampled_from([HANAKO, TARO]))
    def agree(self, who: str) -> None:
        self.open.add(who)
        self.plan()

    @rule()
    def later(self) -> None:
        """A lease ends, and every pause."""
        self.now += timedelta(seconds=2)

    @rule(at=st.integers(0, 5), arrives=st.booleans())
    def leave(self, at: int, arrives: bool) -> None:
        """A bridge claims a row and sends it; it arrives at once, or never."""
        due = ready([row for row in self.rows if row.state in {"pending", "sent"}], self.now)
        if not due:
            return
        row = due[at % len(due)]
        if self.shut(row) is not None:
            self.set(row, state="withdrawn", code="no-consent")
            return
        lease = self.now + timedelta(seconds=PACE.lease)
        row = self.set(row, state="sent", sent_at=self.now, due_at=lease, attempts=row.attempts + 1)
        parcel = Parcel(row=row, body=b"", digest="" if row.wants == WRONG else f"v{self.digest}")
        if row.wants == WRONG and row.says is None and row.identifier not in self.there:
            self.answer(parcel, Verdict(state="withdrawn", code="never-arrived"))
            return
        if arrives:
            before = self.there.get(row.identifier)
            assert before is None or before[0] == row.patient, "a resource changed its person"
            assert before is None or before[1] != WRONG or row.wants == WRONG, "a mistake was undone"
            self.there[row.identifier] = (row.patient, row.wants, parcel.digest)
        self.flying.append((parcel, arrives))

    @precondition(lambda self: self.flying)
    @rule(how=st.sampled_from(["known", "lost", "killed"]))
    def end(self, how: str) -> None:
        """The answer comes, is lost, or its bridge is killed before it is written down."""
        parcel, arrived = self.flying.pop(0)
        if how == "killed":
            return
        if how == "lost":
            self.answer(parcel, LOST)
        elif arrived:
            self.answer(parcel, Answer(status=201, kind="Observation", id=parcel.row.identifier, version="1"))
        else:
            self.answer(parcel, THROTTLED)

    @invariant()
    def planning_again_changes_nothing(self) -> None:
        assert self.steps() == []

    @invariant()
    def nobody_has_two_of_it(self) -> None:
        for patient in PATIENTS.values():
            live = [name for name, (whose, status, _) in self.there.items() if whose == patient and status != WRONG]
            assert len(live) <= 1

    def teardown(self) -> None:
        """In the end all agree again and every answer comes: it stands on its owner's record and on no other."""
        self.flying.clear()
        self.open = {HANAKO, TARO}
        self.plan()
        for _ in range(50):
            self.later()
            self.leave(0, arrives=True)
            if self.flying:
                self.end("known")
            self.plan()
        assert all(row.state in {"confirmed", "withdrawn"} for row in self.rows)
        live = [(patient, digest) for patient, status, digest in self.there.values() if status != WRONG]
        assert live == ([(PATIENTS[self.owner], f"v{self.digest}")] if self.owner else [])

    def plan(self) -> None:
        for one in self.steps():
            if isinstance(one, Owed):
                self.rows.append(msgspec.structs.replace(one, seq=len(self.rows) + 1))
                continue
            more: dict[str, Any] = {} if one.state == "sent" else {"due_at": self.now, "attempts": 0}
            self.set(self.rows[one.seq - 1], wants=one.wants, state=one.state, code=one.code, **more)

    def steps(self) -> list[Step | Owed]:
        patient = PATIENTS[self.owner] if self.owner else None
        thing = Standing(
            base="abc.spo2", kind="spo2", reading="abc", device=DEVICE, measured_at=NOW, resident=self.owner,
            patient=patient, open=self.owner in self.open, digest=f"v{self.digest}" if self.owner else "",
        )  # fmt: skip
        return plan(thing, self.rows, NETWORK, self.now, self.shut)

    def shut(self, row: Owed) -> str | None:
        return None if row.resident_id in self.open else "no-consent"

    def answer(self, parcel: Parcel, told: Answer | Failure | Verdict) -> None:
        row = self.rows[parcel.row.seq - 1]
        self.set(row, **_changes(Result(parcel, told), row, PACE, self.now, self.rng))
        self.plan()

    def set(self, row: Owed, **values: Any) -> Owed:
        changed = msgspec.structs.replace(row, **values)
        self.rows[row.seq - 1] = changed
        return changed


TestExchange = Exchange.TestCase
