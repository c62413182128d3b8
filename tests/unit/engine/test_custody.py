"""Whose a lent device was: the loan at the moment of measuring, and nobody's where the moment is in doubt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.custody import NEVER_LENT, Custody, Heard, Lent

DEVICE, GATEWAY, HANAKO, TARO = "d-abcdefghijklm", "g-abcdefghijklm", "r-hanakohanako2", "r-tarotarotaro3"
NOON, HOUR = datetime(2026, 11, 21, 12, tzinfo=UTC), timedelta(hours=1)
FIRST = Lent(NOON, NOON + 4 * HOUR, {1: HANAKO}, {1: NOON + HOUR})
SECOND = Lent(NOON + 6 * HOUR)
LOANS = Custody({DEVICE: (FIRST, SECOND)})


def heard(at: float, received: float | None = None, **more: Any) -> Heard:
    fields: dict[str, Any] = {"device": DEVICE, "gateway": GATEWAY} | more
    return Heard(
        measured_at=NOON + at * HOUR, received_at=NOON + (at if received is None else received) * HOUR, **fields
    )


@pytest.mark.parametrize(
    ("at", "nobodys"), [(-0.01, True), (0, False), (3.99, False), (4, True), (5, True), (6, False), (99, False)]
)
def test_what_is_measured_between_two_loans_is_nobodys_however_late_it_comes(at: float, nobodys: bool) -> None:
    for received in (at, at + 200):
        assert LOANS.is_nobodys(heard(at, received), {1: TARO}) is nobodys


def test_a_loan_that_is_over_keeps_its_slots_and_one_that_goes_on_has_those_of_now() -> None:
    now = {1: TARO}
    assert LOANS.slots(DEVICE, now, {}, NOON + HOUR) == ({1: HANAKO}, {1: NOON + HOUR})
    assert LOANS.slots(DEVICE, now, {}, NOON + 7 * HOUR) == (now, {})
    assert LOANS.slots(DEVICE, now, {}, NOON + 5 * HOUR) == ({}, {})
    assert LOANS.slots("d-otherotherot", now, {}, NOON - HOUR) == (now, {})


def test_a_clock_that_runs_ahead_into_the_next_loan_is_doubted_and_within_one_loan_is_not() -> None:
    assert LOANS.is_nobodys(heard(7, received=3), {1: TARO})
    assert not LOANS.is_nobodys(heard(3, received=2), {1: TARO})


def test_what_nobody_knows_the_time_of_is_nobodys() -> None:
    assert LOANS.is_nobodys(heard(1, dated=False), {1: HANAKO})
    assert not LOANS.is_nobodys(heard(1, dated=False, device="d-otherotherot"), {1: HANAKO})


def test_paired_anew_without_a_loan_it_is_there_again_and_with_nobodys_slot_it_is_not() -> None:
    over = Custody({DEVICE: (FIRST,)})
    assert over.is_nobodys(heard(5), {})
    assert not over.is_nobodys(heard(5), {1: TARO})
    assert over.is_nobodys(heard(-1), {1: TARO})


def test_a_gateway_that_was_given_back_hears_for_nobody_and_hands_over_what_it_heard_before() -> None:
    gone = Custody({}, {GATEWAY: NOON})
    assert gone.is_nobodys(heard(-1, received=0.5), {1: TARO})
    assert not gone.is_nobodys(heard(-2, received=-1), {1: TARO})
    assert not gone.is_nobodys(heard(-2, received=1, gateway="g-otherotherot"), {1: TARO})
    assert not NEVER_LENT.is_nobodys(heard(0), {})
