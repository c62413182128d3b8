"""What may be done to a piece of advice, told example by example."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.review import DUE, ENGINE, HOLD, Command, Decision, Item, Refusal, State, Verb, decide, rank

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def item(state: State = "open", **more: Any) -> Item:
    fields: dict[str, Any] = {
        "id": "a-aaaaaaaaaaaaa", "resident_id": "r-aaaaaaaaaaaaa", "topic": "activity", "rule_id": "steps-below-target",
        "rule_version": 1, "text_version": 1, "state": state, "version": 3, "severity": "routine",
        "text_ja": "歩きましょう。", "text_en": "Please walk.", "evidence": {"ask": []}, "snapshot_hash": "0" * 64,
        "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    return Item(**(fields | more))


def do(what: Item, verb: Verb, by: str = "suzuki", now: datetime = NOW, **more: Any) -> Decision | Refusal:
    return decide(what, Command(verb=verb, by=by, version=more.pop("version", what.version), **more), now)


def done(what: Item, verb: Verb, by: str = "suzuki", now: datetime = NOW, **more: Any) -> Item:
    found = do(what, verb, by, now, **more)
    assert isinstance(found, Decision), found
    return found.item


def refused(what: Item, verb: Verb, by: str = "suzuki", now: datetime = NOW, **more: Any) -> str:
    found = do(what, verb, by, now, **more)
    assert isinstance(found, Refusal), found
    return found.code


def test_an_approval_is_held_for_ten_minutes_and_then_delivered() -> None:
    held = done(item(), "approve")
    assert (held.state, held.version, held.decided_by, held.held_until) == ("approved", 4, "suzuki", NOW + HOLD)
    assert refused(held, "deliver", ENGINE, NOW + HOLD - MINUTE) == "hold"
    delivered = done(held, "deliver", ENGINE, NOW + HOLD)
    assert (delivered.state, delivered.decided_by) == ("delivered", "suzuki")


def test_the_event_says_who_did_what_from_where_to_where() -> None:
    found = do(item(), "reject", reason="not-for-this-person")
    assert isinstance(found, Decision)
    event = found.event
    assert (event.advice_id, event.at, event.actor, event.command) == ("a-aaaaaaaaaaaaa", NOW, "suzuki", "reject")
    assert (event.from_state, event.to_state, event.version, event.reason) == (
        "open",
        "rejected",
        4,
        "not-for-this-person",
    )


def test_undo_comes_before_the_end_of_the_hold_or_not_at_all() -> None:
    held = done(item(), "approve")
    back = done(held, "undo", now=NOW + HOLD - MINUTE)
    assert (back.state, back.decided_by, back.held_until, back.text_ja) == ("open", None, None, held.text_ja)
    assert refused(held, "undo", now=NOW + HOLD) == "hold"
    assert done(done(item(), "reject", reason="x"), "undo", now=NOW + MINUTE).state == "open"


def test_open_questions_must_be_asked_before_an_approval() -> None:
    asking = item(evidence={"ask": ["symptoms", "pregnancy"]})
    assert refused(asking, "approve") == "questions-open"
    assert refused(asking, "approve", asked=("symptoms",)) == "questions-open"
    found = do(asking, "approve", asked=("symptoms", "pregnancy"))
    assert isinstance(found, Decision)
    assert found.event.reason == "asked: symptoms,pregnancy"


def test_an_old_version_is_a_conflict() -> None:
    assert refused(item(), "approve", version=2) == "conflict"


@pytest.mark.parametrize("verb", ["claim", "approve", "edit", "reject", "snooze", "escalate"])
def test_the_engine_decides_nothing_that_belongs_to_a_person(verb: Verb) -> None:
    assert refused(item(), verb, ENGINE, reason="x") == "needs-person"
    assert refused(item(), verb, "  ", reason="x") == "needs-person"


@pytest.mark.parametrize("verb", ["reject", "escalate", "supersede"])
def test_some_decisions_need_a_reason(verb: Verb) -> None:
    assert refused(item(), verb) == "needs-reason"
    assert refused(item(), verb, reason=" ") == "needs-reason"


def test_a_claim_keeps_others_away_for_ten_minutes() -> None:
    claimed = done(item(), "claim")
    assert refused(claimed, "approve", "tanaka", NOW + HOLD - MINUTE) == "claimed-by-other"
    assert done(claimed, "approve", "tanaka", NOW + HOLD).decided_by == "tanaka"
    assert done(claimed, "approve", "suzuki", NOW + MINUTE).decided_by == "suzuki"


def test_an_edit_changes_both_texts_and_keeps_the_wording_rules() -> None:
    edited = done(item(), "edit", text_ja="朝に 歩きましょう。", text_en="Please walk in the morning.")
    assert (edited.state, edited.text_ja, edited.decided_by) == ("claimed", "朝に 歩きましょう。", "suzuki")
    assert refused(item(), "edit", text_ja="高血圧症です。", text_en="Please walk.") == "wording"
    assert refused(item(), "edit", text_ja="歩きましょう。") == "wording"


def test_a_snooze_needs_a_time_to_come_and_wakes_by_itself() -> None:
    assert refused(item(), "snooze") == "until"
    assert refused(item(), "snooze", until=NOW) == "until"
    asleep = done(item(), "snooze", until=NOW + timedelta(days=1))
    assert refused(asleep, "approve") == "not-allowed"
    assert refused(asleep, "wake", ENGINE) == "until"
    assert done(asleep, "wake", ENGINE, NOW + timedelta(days=1)).state == "open"


@pytest.mark.parametrize("state", ["delivered", "rejected", "superseded", "expired"])
@pytest.mark.parametrize(
    "verb", ["claim", "approve", "edit", "snooze", "escalate", "supersede", "expire", "deliver", "open"]
)
def test_what_is_over_stays_over(state: State, verb: Verb) -> None:
    assert refused(item(state), verb, reason="x", until=NOW + HOLD) == "not-allowed"


def test_the_engine_may_open_supersede_and_expire() -> None:
    assert done(item("draft"), "open", ENGINE).state == "open"
    assert done(item("approved", held_until=NOW), "supersede", ENGINE, reason="evidence-changed").state == "superseded"
    assert done(item("escalated"), "expire", ENGINE).state == "expired"
    assert refused(item("approved"), "expire", ENGINE) == "not-allowed"


def test_rank_puts_the_urgent_first_then_the_overdue_then_the_first_advice_then_the_oldest() -> None:
    urgent = item(severity="urgent")
    late = item(severity="soon", created_at=NOW - DUE["soon"] - timedelta(hours=2))
    first = item(severity="soon", evidence={"first": True}, created_at=NOW - MINUTE)
    old, new = item(severity="soon", created_at=NOW - timedelta(hours=2)), item(severity="soon", created_at=NOW)
    ordered = sorted([new, old, first, late, urgent], key=lambda one: rank(one, NOW).key)
    assert ordered == [urgent, late, first, old, new]
    assert rank(late, NOW).reasons == ("severity:soon", "overdue:120min", "waiting:4440min")
    assert rank(first, NOW).reasons == ("severity:soon", "first-advice", "waiting:1min")
