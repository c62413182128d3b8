"""Closing an account as a value: when it may be taken back, when it is due, and what a year of silence means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.closing import MOST_DAYS, Closing, ask, inactivity, take_back
from engine.closing_files import remove
from engine.refusal import Refusal

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
WHO = "r-hanakohanako2"
DAY = timedelta(days=1)
CLOCK = st.integers(0, 400).map(lambda hours: NOW + timedelta(hours=hours * 6))


def _asked(days: int = 14) -> Closing:
    made = ask(None, WHO, NOW, by="s-nurse", channel="desk", days=days)
    assert isinstance(made, Closing)
    return made


@given(days=st.integers(1, MOST_DAYS), later=CLOCK)
def test_at_every_moment_it_can_be_taken_back_or_is_due_and_never_both(days: int, later: datetime) -> None:
    closing = _asked(days)
    assert closing.waits(later) != closing.due(later)
    assert isinstance(take_back(closing, later), Closing) == closing.waits(later)


def test_asking_again_neither_shortens_nor_lengthens_the_wait_but_at_once_ends_it() -> None:
    waiting = _asked()
    again = ask(waiting, WHO, NOW + DAY, by=WHO, channel="page")
    assert isinstance(again, Refusal)
    assert again.code == "already-asked"
    at_once = ask(waiting, WHO, NOW + DAY, by="s-nurse", channel="at-once court-order", days=0)
    assert isinstance(at_once, Closing)
    assert (at_once.asked_at, at_once.due(NOW + DAY)) == (NOW, True)


def test_what_was_taken_back_can_be_asked_for_anew_with_all_its_days() -> None:
    back = take_back(_asked(), NOW + 13 * DAY)
    assert isinstance(back, Closing)
    anew = ask(back, WHO, NOW + 20 * DAY, by=WHO, channel="page")
    assert isinstance(anew, Closing)
    assert (anew.asked_at, anew.due_at) == (NOW + 20 * DAY, NOW + 34 * DAY)


@pytest.mark.parametrize(("days", "code"), [(-1, "bad-days"), (MOST_DAYS + 1, "bad-days")])
def test_a_wait_that_cannot_be_is_refused(days: int, code: str) -> None:
    refused = ask(None, WHO, NOW, by=WHO, channel="page", days=days)
    assert isinstance(refused, Refusal)
    assert refused.code == code


def test_who_was_erased_is_neither_asked_for_again_nor_brought_back() -> None:
    erased = Closing(
        resident=WHO, state="erased", asked_at=NOW, asked_by=WHO, channel="page", due_at=NOW, erased_at=NOW
    )
    found = [ask(erased, WHO, NOW, by=WHO, channel="page", days=0), take_back(erased, NOW), take_back(None, NOW)]
    assert [one.code for one in found if isinstance(one, Refusal)] == ["erased", "too-late", "not-asked"]


@pytest.mark.parametrize(
    ("idle", "months", "step"),
    [(364, None, "none"), (365, None, "notice"), (9_999, None, "notice"), (1_094, 36, "notice"), (1_095, 36, "close"),
     (380, 1, "notice"), (396, 1, "close")],
)  # fmt: skip
def test_a_year_of_silence_is_told_and_only_a_policy_closes(idle: int, months: int | None, step: str) -> None:
    assert inactivity(NOW - idle * DAY, NOW, close_after_months=months).step == step


@pytest.mark.parametrize("name", ["", "..", "r-../../../etc/x", "h-aaaaaaaaaaaaa", "r-hanako"])
def test_no_folder_is_ever_made_of_what_is_no_residents_id(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no resident"):
        remove(tmp_path, name)
