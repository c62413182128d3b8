"""The queue's promises under any sequence of commands by anybody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from engine.access import ROLES, Right, Role, rights_of
from engine.review import (
    ENGINE,
    HOLD,
    LIVE,
    Command,
    Decision,
    Event,
    Item,
    Refusal,
    State,
    Verb,
    decide,
    hurries,
    legal,
    rank,
)
from engine.rules.model import SEVERITIES

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
PEOPLE: dict[str, Role] = {"suzuki": "nurse", "tanaka": "nurse", "eiyo": "dietitian", "ishii": "physician"}
APPROVAL, URGENT_TEXT = "p-aaaaaaaaaaaaa", "u-aaaaaaaaaaaaa"
ENDS = {"delivered", "superseded", "expired"}
STATES, VERBS = get_args(State), get_args(Verb)
PERSONS = frozenset(
    {"claim", "take-over", "release", "approve", "edit", "reject", "snooze", "escalate", "return", "forward",
     "send-now", "undo"}
)  # fmt: skip


def item(state: State, severity: str, review: str, **more: Any) -> Item:
    fields: dict[str, Any] = {
        "id": "a-aaaaaaaaaaaaa", "resident_id": "r-aaaaaaaaaaaaa", "topic": "activity", "rule_id": "steps-below-target",
        "rule_version": 1, "text_version": 1, "state": state, "version": 1, "severity": severity,
        "text_ja": "歩きましょう。", "text_en": "Please walk.",
        "evidence": {"ask": ["symptoms"], "rule": {"review": review}}, "snapshot_hash": "0" * 64, "created_at": START,
        "updated_at": START,
    }  # fmt: skip
    return Item(**(fields | more))


def rights(by: str) -> frozenset[Right]:
    return rights_of({PEOPLE[by]}) if by in PEOPLE else frozenset()


class Queue(RuleBasedStateMachine):
    """One item, two nurses, a dietitian, a physician, the engine, and a clock that only goes forward."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.events: list[Event] = []
        self.over: Item | None = None
        self.asked: bool = False

    @initialize(severity=st.sampled_from(SEVERITIES), review=st.sampled_from(["each", "each", "physician"]))
    def drafted(self, severity: str, review: str) -> None:
        self.item = item("draft", severity, review)

    @rule(minutes=st.integers(0, 30))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(
        verb=st.sampled_from(VERBS),
        by=st.sampled_from([*PEOPLE, ENGINE, "", APPROVAL, URGENT_TEXT]),
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
            verb=verb, by=by, rights=rights(by), version=self.item.version - behind, reason=reason, asked=asked,
            until=until, text_ja="朝に 歩きましょう。", text_en="Please walk in the morning.",
        )  # fmt: skip
        self.sent(command)
        assert self.item.version != command.version or behind == 0

    @rule(by=st.sampled_from(sorted(PEOPLE)))
    def a_person_approves(self, by: str) -> None:
        """The path the promises are about, taken often enough to matter."""
        version = self.item.version
        self.sent(Command(verb="approve", by=by, rights=rights(by), version=version, asked=("symptoms",)))

    @rule(by=st.sampled_from(sorted(PEOPLE)))
    def a_person_asks_a_physician(self, by: str) -> None:
        self.sent(Command(verb="escalate", by=by, rights=rights(by), version=self.item.version, reason="?"))

    @rule()
    def the_engine_settles(self) -> None:
        for verb in ("open", "wake", "deliver"):
            self.sent(Command(verb=verb, by=ENGINE, version=self.item.version))

    def sent(self, command: Command) -> None:
        before, found = self.item, decide(self.item, command, self.now)
        if isinstance(found, Refusal):
            assert self.item == before
            return
        assert command.by
        assert command.version == before.version
        assert (command.verb in PERSONS) == (command.by in PEOPLE), "people decide, the engine carries out"
        self.theirs(before, command)
        self.item = found.item
        self.events.append(found.event)
        assert found.item.version == before.version + 1
        assert (found.event.from_state, found.event.to_state) == (before.state, found.item.state)
        assert (found.event.text_ja == before.text_ja) == (command.verb == "edit"), "the words before are kept"
        if command.verb == "undo":
            assert found.item.state == ("escalated" if found.item.escalated_by else "open")
            assert (found.item.text_ja, found.item.evidence) == (before.text_ja, before.evidence)
        again = decide(before, command, self.now)
        assert isinstance(again, Decision), "a decision depends on its inputs only"
        other = decide(found.item, command, self.now)
        assert isinstance(other, Refusal), "of two deciders with the same version one wins"
        assert other.code == "conflict"

    def theirs(self, before: Item, command: Command) -> None:
        """Who did it was allowed to, by a reckoning of its own: the history of questions, not the item's flag."""
        if command.verb in {"approve", "reject", "edit", "return"}:
            role = PEOPLE[command.by]
            if self.asked or before.review == "physician":
                assert role == "physician"
            if before.severity not in {"routine", "soon"}:
                assert role != "dietitian"
        if command.verb == "escalate":
            self.asked = True
        elif command.verb == "return" or (command.verb == "undo" and before.state == "escalated"):
            self.asked = False

    @invariant()
    def delivered_means_somebody_signed_for_it(self) -> None:
        if not self.events or self.item.state != "delivered":
            return
        *earlier, delivery = self.events
        if delivery.command == "deliver-urgent":
            assert (delivery.actor, hurries(self.item.severity)) == (URGENT_TEXT, True)
            return
        sent = earlier[-1].command == "send-now"
        approval = earlier[-2] if sent else earlier[-1]
        assert (approval.command, delivery.command) in {("approve", "deliver"), ("approve-standing", "deliver")}
        assert approval.actor in PEOPLE or approval.actor == APPROVAL
        assert self.item.decided_by == approval.actor
        assert delivery.at - approval.at >= HOLD or sent
        if sent:
            assert earlier[-1].actor == approval.actor
            assert hurries(self.item.severity)

    @invariant()
    def what_ended_never_moves_again(self) -> None:
        if self.over is not None:
            assert self.item == self.over
        if self.events and self.item.state in ENDS:
            self.over = self.item

    @invariant()
    def history_is_unbroken(self) -> None:
        assert [event.version for event in self.events] == list(range(2, len(self.events) + 2))

    @invariant()
    def rank_is_total(self) -> None:
        if self.events:
            assert len(rank(self.item, self.now).key) == 4
            assert rank(self.item, self.now).reasons


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=80, stateful_step_count=30)

_ITEMS = st.builds(
    item,
    st.sampled_from(STATES),
    st.sampled_from([*SEVERITIES, "odd"]),
    st.sampled_from(["each", "batchable", "physician"]),
    escalated_by=st.sampled_from([None, "suzuki", "s-me"]),
    decided_by=st.sampled_from([None, "suzuki", "s-me", APPROVAL]),
    held_until=st.sampled_from([None, START - HOLD, START + HOLD]),
)


@given(_ITEMS, st.sets(st.sampled_from(ROLES), max_size=3))
def test_what_is_offered_goes_through_and_nothing_else_does(one: Item, roles: set[Role]) -> None:
    offered = legal(one, "s-me", rights_of(roles), START)
    for verb in PERSONS:
        wish = Command(
            verb=verb, by="s-me", rights=rights_of(roles), version=1, reason="x", asked=one.ask,  # type: ignore[arg-type]
            until=START + HOLD, text_ja="歩きましょう。", text_en="Walk.",
        )  # fmt: skip
        assert isinstance(decide(one, wish, START), Decision) == (verb in offered), verb
    if not roles & {"nurse", "dietitian", "physician"}:
        assert offered == frozenset()
    if one.state not in LIVE | {"rejected"}:
        assert offered == frozenset()


@given(_ITEMS, st.sets(st.sampled_from(ROLES), max_size=2), st.sampled_from(ROLES))
def test_more_roles_never_take_a_decision_away(one: Item, roles: set[Role], more: Role) -> None:
    assert legal(one, "s-me", rights_of(roles), START) <= legal(one, "s-me", rights_of({*roles, more}), START)
