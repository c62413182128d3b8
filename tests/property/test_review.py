"""The queue's promises under any sequence of commands by anybody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engine.review import ENGINE, HOLD, Command, Decision, Event, Item, Refusal, Verb, decide, rank

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
STAFF = ("suzuki", "tanaka")
ENDS = {"delivered", "superseded", "expired"}


class Queue(RuleBasedStateMachine):
    """One item, two nurses, the engine, and a clock that only goes forward."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        evidence: dict[str, Any] = {"ask": ["symptoms"]}
        self.item = Item(
            id="a-aaaaaaaaaaaaa", resident_id="r-aaaaaaaaaaaaa", topic="activity", rule_id="steps-below-target",
            rule_version=1, text_version=1, state="draft", version=1, severity="soon", text_ja="歩きましょう。",
            text_en="Please walk.", evidence=evidence, snapshot_hash="0" * 64, created_at=START, updated_at=START,
        )  # fmt: skip
        self.events: list[Event] = []
        self.over: Item | None = None

    @rule(minutes=st.integers(0, 30))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(
        verb=st.sampled_from(get_args(Verb)),
        by=st.sampled_from([*STAFF, ENGINE, ""]),
        behind=st.sampled_from([0, 0, 0, 1]),
        reason=st.sampled_from([None, "", "not now"]),
        asked=st.sampled_from([(), ("symptoms",)]),
        later=st.sampled_from([None, -5, 20]),
    )
    def somebody_commands(
        self, verb: Verb, by: str, behind: int, reason: str | None, asked: Any, later: int | None
    ) -> None:
        until = None if later is None else self.now + timedelta(minutes=later)
        command = Command(
            verb=verb, by=by, version=self.item.version - behind, reason=reason, asked=asked, until=until,
            text_ja="朝に 歩きましょう。", text_en="Please walk in the morning.",
        )  # fmt: skip
        before, found = self.item, decide(self.item, command, self.now)
        if isinstance(found, Refusal):
            assert self.item == before
            return
        assert isinstance(found, Decision)
        assert behind == 0
        assert by
        self.after(before, found, command)

    @rule(by=st.sampled_from(STAFF))
    def a_nurse_approves(self, by: str) -> None:
        """The path the promises are about, taken often enough to matter."""
        command = Command(verb="approve", by=by, version=self.item.version, asked=("symptoms",))
        before, found = self.item, decide(self.item, command, self.now)
        if isinstance(found, Decision):
            self.after(before, found, command)

    @rule()
    def the_engine_settles(self) -> None:
        for verb in ("open", "wake", "deliver"):
            command = Command(verb=verb, by=ENGINE, version=self.item.version)
            before, found = self.item, decide(self.item, command, self.now)
            if isinstance(found, Decision):
                self.after(before, found, command)

    def after(self, before: Item, found: Decision, command: Command) -> None:
        self.item = found.item
        self.events.append(found.event)
        assert found.item.version == before.version + 1
        assert (found.event.from_state, found.event.to_state) == (before.state, found.item.state)
        if command.verb == "undo":
            assert (found.item.state, found.item.text_ja, found.item.evidence) == (
                "open",
                before.text_ja,
                before.evidence,
            )
        again = decide(before, command, self.now)
        assert isinstance(again, Decision), "a decision depends on its inputs only"
        other = decide(found.item, command, self.now)
        assert isinstance(other, Refusal), "of two deciders with the same version one wins"
        assert other.code == "conflict"

    @invariant()
    def delivered_means_approved_by_a_person_and_held(self) -> None:
        if self.item.state != "delivered":
            return
        *_, approval, delivery = self.events
        assert (approval.command, delivery.command) == ("approve", "deliver")
        assert approval.actor in STAFF
        assert self.item.decided_by == approval.actor
        assert delivery.at - approval.at >= HOLD

    @invariant()
    def what_ended_never_moves_again(self) -> None:
        if self.over is not None:
            assert self.item == self.over
        if self.item.state in ENDS:
            self.over = self.item

    @invariant()
    def history_is_unbroken(self) -> None:
        assert [event.version for event in self.events] == list(range(2, len(self.events) + 2))

    @invariant()
    def rank_is_total(self) -> None:
        key = rank(self.item, self.now).key
        assert len(key) == 4
        assert rank(self.item, self.now).reasons


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=80, stateful_step_count=30)
