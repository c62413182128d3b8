"""A measure of support: from its first moment to its last, renewed by a new paper, and what counts after it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.protection import (
    Protection,
    drafted,
    end_of,
    ended,
    expiring,
    heard_from,
    holds,
    last_day,
    renewed,
    year_from,
)
from engine.refusal import Refusal

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
JST = ZoneInfo("Asia/Tokyo")


def measure(until: date | None = None, seen: str = "申出書 第1号", now: datetime = NOW) -> Protection:
    found = drafted(id="l-aaaaaaaaaaaaa", resident="r-hanakohanako2", seen=seen, until=until, by="s-n", now=now)
    assert isinstance(found, Protection), found
    return found


def test_it_holds_from_its_first_moment_through_the_whole_last_day() -> None:
    found = measure(date(2027, 3, 31))
    edge = datetime(2027, 4, 1, tzinfo=JST)
    assert holds(found, NOW)
    assert not holds(found, NOW - timedelta(microseconds=1))
    assert holds(found, edge - timedelta(microseconds=1))
    assert not holds(found, edge)
    assert last_day(found) == date(2027, 3, 31)


def test_without_a_day_it_is_a_year_and_longer_than_a_year_is_refused() -> None:
    assert last_day(measure()) == date(2027, 11, 20)
    assert year_from(date(2028, 2, 29)) == date(2029, 2, 28)
    assert last_day(measure(date(2027, 11, 21))) == date(2027, 11, 21)
    wrong = ((date(2027, 11, 22), "too-long"), (date.max, "too-long"), (date(2026, 11, 20), "until-past"))
    for until, code in (*wrong, (date.min, "until-past")):
        found = drafted(id="l-a", resident="r-a", seen="x", until=until, by="s", now=NOW)
        assert isinstance(found, Refusal)
        assert found.code == code
    assert isinstance(drafted(id="l-a", resident="r-a", seen=" ", until=None, by="s", now=NOW), Refusal)


def test_the_desk_is_told_in_the_month_before_the_end_and_renews_by_a_new_paper() -> None:
    found = measure()
    month = end_of(found) - timedelta(days=31)
    assert not expiring(found, month - timedelta(seconds=1))
    assert expiring(found, month)
    longer = renewed(found, "申出書 第2号", None, month)
    assert isinstance(longer, Protection)
    assert last_day(longer) == date(2028, 11, 20)
    assert (longer.seen, longer.version) == ("申出書 第2号", 2)
    assert not expiring(longer, month)
    late = renewed(found, "申出書 第2号", None, end_of(found))
    assert isinstance(late, Refusal)
    assert late.code == "not-held"


def test_what_is_over_cannot_be_ended_again() -> None:
    over = ended(measure(), "s-n", NOW + timedelta(days=1))
    assert isinstance(over, Protection)
    assert isinstance(ended(over, "s-n", NOW + timedelta(days=2)), Refusal)


spans = st.lists(st.tuples(st.integers(0, 900), st.integers(1, 300)), max_size=4)


@given(spans=spans, ask=st.integers(0, 1500))
def test_a_word_counts_only_after_every_measure_that_ever_began(spans: list[tuple[int, int]], ask: int) -> None:
    measures = [
        measure(until=(NOW + timedelta(days=start + long)).astimezone(JST).date(), now=NOW + timedelta(days=start))
        for start, long in spans
    ]
    when = NOW + timedelta(days=ask)
    since = heard_from(measures, when)
    begun = [one for one in measures if one.since <= when]
    if not begun:
        assert since is None
        return
    assert since is not None
    assert since <= when
    for word in (when - timedelta(days=back) for back in range(0, ask + 2, 7)):
        hidden_then = any(holds(one, word) for one in begun)
        before_one = any(word < one.since for one in begun)
        if word >= since and word < when:
            assert not hidden_then
            assert not before_one


@pytest.mark.parametrize("days", [0, 1])
def test_an_end_that_was_said_early_is_where_words_begin_to_count(days: int) -> None:
    over = ended(measure(), "s-n", NOW + timedelta(days=3))
    assert isinstance(over, Protection)
    assert heard_from([over], NOW + timedelta(days=3 + days)) == NOW + timedelta(days=3)
