"""Referrals followed up: after how many days, how often, and where each lies; an answer ends the asking."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.locale import catalogue
from engine.people import Channel
from engine.referrals import (
    LIVE,
    SAYS,
    Answer,
    Place,
    Referral,
    answer,
    first_ask,
    place_of,
    policy,
    put,
    stands,
    to_put,
    unreached,
    why,
)
from engine.refusal import Refusal
from engine.rules import AdviceRule, FlagRule, load_catalogue

DAY = timedelta(days=1)
SENT = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)
TODAY = date(2026, 11, 15)
MINE, NURSE = "r-hanakohanako2", "s-nursenursenur"


def referral(**more: Any) -> Referral:
    fields: dict[str, Any] = {
        "advice": "a-x", "resident": MINE, "topic": "blood-pressure", "severity": "prompt", "state": "open",
        "delivered_at": SENT, "ask_on": TODAY,
    }  # fmt: skip
    return Referral(**(fields | more))


def say(one: Referral, said: Any, day: date | None = None, by: str = MINE) -> Referral | Refusal:
    return answer(one, Answer(said=said, by=by, day=day), SENT, TODAY, policy())


@pytest.mark.parametrize(
    ("severity", "days"), [("emergency", 1), ("urgent", 3), ("prompt", 14), ("soon", 30), ("a-new-word", 1)]
)
def test_the_graver_the_sooner_and_what_nobody_knows_like_the_gravest(severity: str, days: int) -> None:
    assert first_ask(severity, "", TODAY, policy()) == TODAY + days * DAY


def test_every_text_that_sends_to_a_doctor_is_asked_after_and_no_habit_is() -> None:
    """The Japanese words of the catalogue itself say which these are."""
    words = catalogue("ja")
    for rule in load_catalogue():
        for case in rule.case if isinstance(rule, FlagRule | AdviceRule) else ():
            asked = first_ask(case.severity, case.message, TODAY, policy()) is not None
            assert asked or "お医者さんに 見せて" not in words["resident", case.message], case.message
            assert not (asked and isinstance(rule, AdviceRule))
    assert set(policy().routine) <= {key for _, key in words}


def test_a_question_is_put_three_times_a_week_apart_and_then_a_nurse_calls() -> None:
    one, day, puts = referral(), TODAY, []
    for _ in range(60):
        if to_put(one, day, "page", policy()):
            puts.append(day)
            one = put(one, day, policy())
        assert stands(one, day, "page")
        assert (why(one, day, "page", policy()) == "not-answered") == (day >= TODAY + 21 * DAY)
        day += DAY
    assert puts == [TODAY, TODAY + 7 * DAY, TODAY + 14 * DAY]


@pytest.mark.parametrize("channel", ["letter", "phone", "none"])
def test_who_has_no_page_is_telephoned_when_the_day_has_come(channel: Channel) -> None:
    assert why(referral(), TODAY, channel, policy()) == "not-online"
    assert place_of(referral(), TODAY - DAY, channel, policy()) == "waiting"
    assert not to_put(referral(), TODAY, channel, policy())
    planned = say(referral(), "planned", TODAY + 2 * DAY)
    assert isinstance(planned, Referral)
    assert place_of(planned, TODAY + 8 * DAY, channel, policy()) == "waiting"
    assert why(planned, TODAY + 9 * DAY, channel, policy()) == "plan-over"


@pytest.mark.parametrize(("severity", "listed"), [("urgent", True), ("prompt", True), ("soon", False)])
def test_a_no_of_the_resident_is_the_last_word_unless_it_is_grave(severity: str, listed: bool) -> None:
    said = say(referral(severity=severity), "declined")
    assert isinstance(said, Referral)
    assert (why(said, TODAY, "page", policy()) == "declined") == listed
    heard = say(said, "declined", by=NURSE)
    assert isinstance(heard, Referral)
    assert place_of(heard, TODAY + 400 * DAY, "page", policy()) == "ended"
    # They may think better of it.
    assert isinstance(say(said, "seen", TODAY), Referral)


@pytest.mark.parametrize(
    ("said", "day", "code"),
    [
        ("seen", TODAY + DAY, "future-date"), ("planned", TODAY - DAY, "past-date"), ("not-yet", TODAY, "no-day"),
        ("declined", TODAY, "no-day"), ("planned", TODAY + 181 * DAY, "too-far"),
    ],
)  # fmt: skip
def test_a_day_that_cannot_be_is_refused(said: str, day: date, code: str) -> None:
    refused = say(referral(), said, day)
    assert isinstance(refused, Refusal)
    assert refused.code == code


@pytest.mark.parametrize("ended", [{"state": "seen"}, {"state": "void"}, {"state": "declined", "by": NURSE}])
@pytest.mark.parametrize("said", SAYS)
def test_what_is_ended_is_answered_no_more(ended: dict[str, Any], said: str) -> None:
    refused = say(referral(**ended), said)
    assert isinstance(refused, Refusal)
    assert refused.code == "ended"


moves = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from([*SAYS, "round", "missed"]), st.sampled_from([MINE, NURSE]),
              st.none() | st.integers(-3, 30)),
    max_size=12,
)  # fmt: skip


@given(moves, st.sampled_from(["page", "line", "mail", "letter", "phone", "none"]),
       st.sampled_from(["urgent", "prompt", "soon"]))  # fmt: skip
def test_nobody_is_asked_after_an_answer_and_no_open_referral_lies_nowhere(
    history: list[tuple[int, Any, str, int | None]], channel: Channel, severity: str
) -> None:
    rules, day, one = policy(), TODAY, referral(severity=severity)
    for gap, what, by, ahead in history:
        day += gap * DAY
        before = one
        if what == "round":
            one = put(one, day, rules) if to_put(one, day, channel, rules) else one
            assert before.state in LIVE or one is before
        elif what == "missed":
            one = unreached(one, day, rules) if why(one, day, channel, rules) is not None else one
        else:
            about = None if ahead is None else day + ahead * DAY
            done = answer(one, Answer(said=what, by=by, day=about), SENT, day, rules)
            one = one if isinstance(done, Refusal) else done
            # Until its next day comes an answer leaves nothing before the resident.
            quiet = isinstance(done, Refusal) or one.ask_on <= day
            assert quiet or not stands(one, day, channel)
        place: Place = place_of(one, day, channel, rules)
        assert (one.state in LIVE) <= (place != "ended")
        assert (one.state == "seen") <= (place == "ended")
        if one.state in LIVE:
            # Nothing open is forgotten: it is before somebody now, or has a day on which it will be.
            assert place in {"asked", "list"} or one.ask_on > day
            reached = max(one.ask_on, day) + (rules.most + 1) * rules.again * DAY
            later = one
            for ahead_of in range((reached - day).days + 1):
                when = day + ahead_of * DAY
                later = put(later, when, rules) if to_put(later, when, channel, rules) else later
            assert why(later, reached, channel, rules) is not None
