"""Silences: which days count, whose silence is none, what each reason is, who is reminded and who is asked after."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from engine.silences import Known, policy, read_policy, silence_of, to_call, to_remind
from engine.situation import LifeEvent, Situation, Sort

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
NAME = "r-hanakohanako2"


def happened(sort: Sort, ago: float, until_ago: float | None = None) -> LifeEvent:
    until = None if until_ago is None else NOW - until_ago * DAY
    return LifeEvent(id="f-x", resident=NAME, sort=sort, since=NOW - ago * DAY, until=until, at=NOW - 200 * DAY)


def known(*events: LifeEvent, ago: float | None = 20, **more: Any) -> Known:
    """Hanako with a device and every consent, whose last sure reading came `ago` days ago."""
    last = None if ago is None else NOW - ago * DAY
    fields: dict[str, Any] = {
        "resident": NAME, "situation": Situation(resident=NAME, events=events), "channel": "page",
        "enrolled": NOW - 100 * DAY, "paired": NOW - 90 * DAY, "heard": last, "sure": last, "device": True,
        "records": True, "advised": True, "reviewed": True,
    }  # fmt: skip
    return Known(**(fields | more))


def steps(one: Known) -> tuple[bool, str | None]:
    """Whether they are reminded, and what a nurse does."""
    due = to_call(one, NOW, policy())
    return to_remind(one, NOW, policy()) is not None, due[1] if due else None


@pytest.mark.parametrize(
    ("ago", "said"),
    [(13.999, (False, None)), (14, (True, None)), (27.999, (True, None)), (28, (True, "call")), (400, (True, "call"))],
)
def test_the_fourteenth_and_the_twenty_eighth_whole_day_count(ago: float, said: tuple[bool, str | None]) -> None:
    assert steps(known(ago=ago)) == said


@pytest.mark.parametrize("sort", ["death", "moved-out", "hospital", "care-home", "away"])
def test_whoever_is_not_at_home_is_not_silent(sort: Sort) -> None:
    assert silence_of(known(happened(sort, 1), ago=200), NOW, policy()) is None


@pytest.mark.parametrize(("back", "said"), [(13, (False, None)), (14, (True, None)), (28, (True, "call"))])
@pytest.mark.parametrize("sort", ["hospital", "care-home", "away"])
def test_after_a_return_the_days_count_anew(sort: Sort, back: float, said: tuple[bool, str | None]) -> None:
    assert steps(known(happened(sort, 40, back), ago=60)) == said


def test_a_silence_is_told_once_though_a_stay_comes_between() -> None:
    once = known(happened("hospital", 30, 15), ago=60, reminded=NOW - 40 * DAY)
    assert steps(once) == (False, None)
    assert steps(msgspec.structs.replace(once, reminded=NOW - 61 * DAY)) == (True, None)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({}, "silent"),
        ({"ago": None}, "never"),
        ({"device": False}, "no-device"),
        ({"ago": None, "device": False}, "no-device"),
        ({"heard": NOW - DAY}, "unsure"),
        ({"ago": None, "heard": NOW - DAY}, "unsure"),
    ],
)
def test_each_silence_has_one_reason(more: dict[str, Any], reason: str) -> None:
    found = silence_of(known(**({"ago": 30} | more)), NOW, policy())
    assert found is not None
    assert found.reason == reason


def test_who_never_measured_counts_from_the_first_device_or_from_enrolment() -> None:
    late = known(ago=None, enrolled=NOW - 300 * DAY, paired=NOW - 20 * DAY)
    assert steps(late) == (True, None)
    assert steps(msgspec.structs.replace(late, paired=NOW - 13 * DAY)) == (False, None)
    assert steps(msgspec.structs.replace(late, paired=None, device=False)) == (False, "call")
    # The scale of the house was there before they were.
    assert steps(known(ago=None, enrolled=NOW - 10 * DAY, paired=NOW - 500 * DAY)) == (False, None)


@pytest.mark.parametrize("reason", [{"device": False}, {"heard": NOW - DAY}])
def test_nobody_is_told_to_measure_who_cannot_or_probably_did(reason: dict[str, Any]) -> None:
    assert steps(known(ago=40, **reason)) == (False, "call")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"records": False}, (False, None)),
        ({"advised": False}, (False, "call")),
        ({"reviewed": False}, (True, None)),
        ({"channel": "none"}, (False, "call")),
        ({"channel": "letter"}, (True, "call")),
    ],
)
def test_each_step_needs_its_own_yes(more: dict[str, Any], said: tuple[bool, str | None]) -> None:
    assert steps(known(ago=40, **more)) == said


@pytest.mark.parametrize(("ago", "step"), [(13, None), (14, "phone"), (28, "call")])
def test_whoever_chose_the_telephone_is_reminded_by_a_nurse(ago: float, step: str | None) -> None:
    assert steps(known(ago=ago, channel="phone")) == (False, step)
    assert steps(known(ago=min(ago, 27), channel="phone", reviewed=False)) == (False, None)


@pytest.mark.parametrize(("spoken", "step"), [(1, None), (27.9, None), (28, "call"), (45, "call")])
def test_whoever_was_spoken_to_during_the_silence_rests(spoken: float, step: str | None) -> None:
    assert steps(known(ago=44, spoken=NOW - spoken * DAY))[1] == step


def test_a_talk_before_the_silence_says_nothing_about_it() -> None:
    by_phone = known(ago=20, channel="phone", spoken=NOW - 22 * DAY)
    assert steps(by_phone)[1] == "phone"
    assert steps(msgspec.structs.replace(by_phone, spoken=NOW - 18 * DAY))[1] is None


def test_a_call_before_the_reminder_is_refused_in_the_file() -> None:
    with pytest.raises(ValueError, match="after the reminder"):
        read_policy("remind = 28\ncall = 28\nrest = 28\n")
    assert (policy().remind, policy().call) == (14, 28)
