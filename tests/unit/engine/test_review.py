"""What may be done to a piece of advice, told example by example."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.access import ROLES, rights_of
from engine.review import (
    CLAIM,
    DUE,
    ENGINE,
    HOLD,
    LOCAL,
    LONGEST_SNOOZE,
    NEXT_READING,
    READING_WAIT,
    REJECTIONS,
    Command,
    Decision,
    Item,
    Refusal,
    State,
    Verb,
    busy_with,
    decide,
    legal,
    rank,
    split_reason,
    told,
)

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PHYSICIAN, DIETITIAN = rights_of({"physician"}), rights_of({"dietitian"})
APPROVAL, URGENT_TEXT = "p-aaaaaaaaaaaaa", "u-aaaaaaaaaaaaa"


def item(state: State = "open", **more: Any) -> Item:
    fields: dict[str, Any] = {
        "id": "a-aaaaaaaaaaaaa", "resident_id": "r-aaaaaaaaaaaaa", "topic": "activity", "rule_id": "steps-below-target",
        "rule_version": 1, "text_version": 1, "state": state, "version": 3, "severity": "routine",
        "text_ja": "歩きましょう。", "text_en": "Please walk.", "evidence": {"ask": []}, "snapshot_hash": "0" * 64,
        "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    return Item(**(fields | more))


def do(what: Item, verb: Verb, by: str = "suzuki", now: datetime = NOW, **more: Any) -> Decision | Refusal:
    rights = more.pop("rights", LOCAL)
    return decide(
        what, Command(verb=verb, by=by, rights=rights, version=more.pop("version", what.version), **more), now
    )


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


def test_without_rights_nobody_decides_anything() -> None:
    for role in ROLES:
        may = role in {"nurse", "dietitian", "physician"}
        assert (legal(item(), "somebody", rights_of({role}), NOW) != frozenset()) == may, role
    assert refused(item(), "approve", rights=frozenset()) == "needs-nurse"
    assert legal(item(), "somebody", frozenset(), NOW) == frozenset()


@pytest.mark.parametrize("severity", ["routine", "soon", "prompt", "urgent", "emergency", "odd"])
def test_a_dietitian_decides_what_is_mild_and_hands_on_what_is_not(severity: str) -> None:
    found = legal(item(severity=severity), "eiyo", DIETITIAN, NOW)
    if severity in {"routine", "soon"}:
        assert found == {"claim", "approve", "edit", "reject", "snooze", "escalate", "forward"}
    else:
        assert found == {"forward"}
        assert refused(item(severity=severity), "approve", rights=DIETITIAN) == "needs-nurse"


def test_what_a_physician_was_asked_stays_theirs_until_handed_back() -> None:
    asked = done(item(), "escalate", reason="insulin dose is not ours")
    assert (asked.state, asked.escalated_by, asked.held_until) == ("escalated", "suzuki", None)
    verbs: tuple[Verb, ...] = ("approve", "reject", "claim", "edit", "return")
    for verb in verbs:
        more: dict[str, Any] = {"text_ja": "歩きましょう。", "text_en": "Walk."} if verb == "edit" else {}
        assert refused(asked, verb, "tanaka", reason="x", **more) == "needs-physician"
    working = done(asked, "claim", "ishii", rights=PHYSICIAN)
    assert (working.state, busy_with(working, NOW)) == ("escalated", "ishii")
    # Neither a claim that ran out nor an approval taken back makes it a nurse's again.
    assert refused(working, "approve", "tanaka", NOW + CLAIM) == "needs-physician"
    back = done(done(working, "approve", "ishii", rights=PHYSICIAN), "undo", "ishii", rights=PHYSICIAN)
    assert (back.state, back.escalated_by) == ("escalated", "suzuki")
    assert refused(back, "undo", "suzuki") == "not-allowed"
    handed = done(back, "return", "ishii", rights=PHYSICIAN, reason="walking is fine")
    assert (handed.state, handed.escalated_by, handed.decided_by) == ("open", None, None)
    assert done(handed, "approve", "tanaka").state == "approved"


def test_a_question_to_a_physician_can_be_taken_back_by_who_asked_it_and_nobody_else() -> None:
    asked = done(item(), "escalate", reason="x")
    assert refused(asked, "undo", "tanaka") == "needs-physician"
    assert refused(asked, "undo", "ishii", rights=PHYSICIAN) == "not-allowed"
    assert refused(asked, "undo", now=NOW + HOLD) == "hold"
    assert done(asked, "undo").state == "open"
    assert refused(done(asked, "claim", "ishii", rights=PHYSICIAN), "undo") == "claimed-by-other"


def test_a_rule_that_wants_a_physician_gets_one() -> None:
    wants = item(evidence={"ask": [], "rule": {"review": "physician"}})
    assert legal(wants, "suzuki", LOCAL, NOW) == {"snooze", "escalate", "forward"}
    assert refused(wants, "approve") == "needs-physician"
    signed = done(wants, "approve", "ishii", rights=PHYSICIAN)
    assert refused(signed, "undo") == "needs-physician"
    assert done(signed, "undo", "ishii", rights=PHYSICIAN).state == "open"


def test_a_claim_can_be_taken_over_given_up_and_runs_out() -> None:
    claimed = done(item(), "claim")
    assert (busy_with(claimed, NOW + CLAIM - MINUTE), busy_with(claimed, NOW + CLAIM)) == ("suzuki", None)
    taken = done(claimed, "take-over", "tanaka")
    assert (taken.decided_by, refused(taken, "approve")) == ("tanaka", "claimed-by-other")
    assert refused(claimed, "take-over") == "not-allowed"
    assert refused(claimed, "release", "tanaka") == "claimed-by-other"
    free = done(claimed, "release")
    assert (free.state, free.decided_by) == ("open", None)
    assert refused(item(), "take-over", "tanaka") == "not-allowed"
    # A claim stored before claims had an end of their own.
    old = item("claimed", decided_by="suzuki")
    assert (busy_with(old, NOW + CLAIM - MINUTE), busy_with(old, NOW + CLAIM)) == ("suzuki", None)


def test_an_edit_keeps_the_words_it_replaced() -> None:
    found = do(item(), "edit", text_ja="朝に 歩きましょう。", text_en="Walk.")
    assert isinstance(found, Decision)
    assert (found.event.text_ja, found.event.text_en) == ("歩きましょう。", "Please walk.")
    other = do(item(), "approve")
    assert isinstance(other, Decision)
    assert (other.event.text_ja, other.event.text_en) == (None, None)


def test_a_snooze_until_the_next_reading_is_woken_by_it_and_no_sleep_is_endless() -> None:
    asleep = done(item(), "snooze", until=NOW + READING_WAIT, reason=NEXT_READING)
    assert done(asleep, "wake", ENGINE, NOW + MINUTE).state == "open"
    assert refused(done(item(), "snooze", until=NOW + READING_WAIT), "wake", ENGINE, NOW + MINUTE) == "until"
    assert refused(item(), "snooze", until=NOW + LONGEST_SNOOZE + MINUTE) == "until"
    for severity in ("urgent", "emergency", "odd"):
        assert refused(item(severity=severity), "snooze", until=NOW + MINUTE) == "not-allowed"


def test_only_what_is_urgent_is_sent_at_once_and_only_by_who_approved_it() -> None:
    held = done(item(severity="urgent"), "approve")
    assert refused(held, "send-now", "tanaka") == "not-allowed"
    sent = done(held, "send-now", now=NOW + MINUTE)
    assert (sent.state, sent.decided_by) == ("approved", "suzuki")
    assert refused(sent, "undo", now=NOW + MINUTE) == "hold"
    assert refused(sent, "send-now", now=NOW + MINUTE) == "not-allowed"
    assert done(sent, "deliver", ENGINE, NOW + MINUTE).state == "delivered"
    assert refused(done(item(severity="prompt"), "approve"), "send-now") == "not-allowed"


def test_a_standing_approval_covers_what_is_plain_and_a_person_may_take_it_back() -> None:
    held = done(item(), "approve-standing", APPROVAL)
    assert (held.state, held.decided_by, held.held_until) == ("approved", APPROVAL, NOW + HOLD)
    assert done(held, "undo").state == "open"
    assert done(held, "reopen", ENGINE, reason="suspended").state == "open"
    assert refused(done(item(), "approve"), "reopen", ENGINE, reason="suspended") == "not-allowed"
    assert refused(item(), "approve-standing", "suzuki") == "not-allowed"
    assert refused(item(), "approve-standing", ENGINE) == "not-allowed"
    assert refused(item(evidence={"ask": ["symptoms"]}), "approve-standing", APPROVAL) == "questions-open"
    assert refused(item(severity="soon"), "approve-standing", APPROVAL) == "not-allowed"
    assert refused(item(evidence={"rule": {"review": "physician"}}), "approve-standing", APPROVAL) == "not-allowed"


def test_a_signed_urgent_text_goes_out_at_once_about_what_is_urgent_only() -> None:
    out = done(item(severity="urgent"), "deliver-urgent", URGENT_TEXT)
    assert (out.state, out.decided_by) == ("delivered", URGENT_TEXT)
    assert refused(item(severity="prompt"), "deliver-urgent", URGENT_TEXT) == "not-allowed"
    for by in (ENGINE, "suzuki", APPROVAL):
        assert refused(item(severity="urgent"), "deliver-urgent", by) == "not-allowed"


@pytest.mark.parametrize("by", [APPROVAL, URGENT_TEXT])
@pytest.mark.parametrize("verb", ["approve", "edit", "reject", "undo", "send-now", "return"])
def test_no_signature_decides_what_belongs_to_a_person(verb: Verb, by: str) -> None:
    state: State = {"undo": "approved", "send-now": "approved", "return": "escalated"}.get(verb, "open")  # type: ignore[assignment]
    held = item(state, held_until=NOW + HOLD, decided_by=by, severity="urgent")
    assert refused(held, verb, by, reason="x", rights=PHYSICIAN) == "needs-person"


def test_a_colleague_is_asked_with_a_word_of_why() -> None:
    assert refused(item(), "forward") == "needs-reason"
    handed = done(done(item(), "claim"), "forward", "tanaka", reason="knows the family")
    assert (handed.state, handed.decided_by) == ("claimed", "suzuki")


def test_why_advice_was_turned_down_can_be_counted() -> None:
    for code in REJECTIONS:
        assert split_reason(told(code, "治療: 中")) == (code, "治療: 中")
        assert split_reason(told(code, "")) == (code, "")
    assert split_reason("治療中") == ("other", "治療中")
    assert split_reason(None) == ("other", "")


def test_what_is_legal_is_what_would_go_through() -> None:
    assert legal(item(severity="urgent"), "suzuki", LOCAL, NOW) == {
        "claim", "approve", "edit", "reject", "escalate", "forward",
    }  # fmt: skip
    assert legal(done(item(), "approve"), "suzuki", LOCAL, NOW) == {"undo"}
    assert legal(done(item(), "claim"), "tanaka", LOCAL, NOW) == {"take-over", "forward"}
    assert legal(item("delivered"), "suzuki", PHYSICIAN, NOW) == frozenset()


def test_rank_puts_the_urgent_first_then_the_overdue_then_the_first_advice_then_the_oldest() -> None:
    urgent = item(severity="urgent")
    late = item(severity="soon", created_at=NOW - DUE["soon"] - timedelta(hours=2))
    first = item(severity="soon", evidence={"first": True}, created_at=NOW - MINUTE)
    old, new = item(severity="soon", created_at=NOW - timedelta(hours=2)), item(severity="soon", created_at=NOW)
    ordered = sorted([new, old, first, late, urgent], key=lambda one: rank(one, NOW).key)
    assert ordered == [urgent, late, first, old, new]
    assert rank(late, NOW).reasons == ("severity:soon", "overdue:120min", "waiting:4440min")
    assert rank(first, NOW).reasons == ("severity:soon", "first-advice", "waiting:1min")
