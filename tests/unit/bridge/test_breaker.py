"""When a server is asked again: the breaker as a value, backoff, and Retry-After whatever stands in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_bridge.breaker import LONGEST_ASKED, Breaker, Rules, backoff, retry_after

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
RULES = Rules(failures=3, wait=10, longest=60)
SEEDS = st.integers(0, 2**32).map(Random)


def test_it_opens_at_the_third_failure_in_a_row_and_one_answer_closes_it() -> None:
    breaker, rng = Breaker(), Random(1)
    for _ in range(2):
        breaker = breaker.failed(NOW, rng, RULES)
        assert (breaker.state(NOW), breaker.wait(NOW)) == ("closed", 0)
    assert breaker.worked() == Breaker()
    breaker = breaker.failed(NOW, rng, RULES)
    assert breaker.state(NOW) == "open"
    later = NOW + timedelta(seconds=breaker.wait(NOW))
    assert (breaker.state(later), breaker.wait(later)) == ("half-open", 0)
    again = breaker.failed(later, rng, RULES)
    assert (again.state(later), again.opened) == ("open", 2)
    assert again.worked().state(later) == "closed"


@given(rng=SEEDS, steps=st.lists(st.sampled_from(["fail", "work", "wait"]), max_size=40))
def test_open_it_waits_between_half_and_all_of_a_time_that_doubles_up_to_the_longest(
    rng: Random, steps: list[str]
) -> None:
    breaker, now, row, opened = Breaker(), NOW, 0, 0
    for step in steps:
        if step == "wait":
            now += timedelta(seconds=breaker.wait(now))
        elif step == "work":
            breaker, row, opened = breaker.worked(), 0, 0
        elif breaker.state(now) != "open":
            trial = breaker.state(now) == "half-open"
            breaker, row = breaker.failed(now, rng, RULES), row + 1
            assert (breaker.state(now) == "open") == (row >= RULES.failures or trial)
            if breaker.state(now) == "open":
                most = min(RULES.longest, RULES.wait * 2**opened)
                assert most / 2 - 1e-3 <= breaker.wait(now) <= most + 1e-3
                opened += 1
        assert msgspec.json.decode(msgspec.json.encode(breaker), type=Breaker) == breaker


@given(asked=st.floats(0, 1e9), rng=SEEDS)
def test_a_servers_own_word_holds_everything_back_at_the_first_failure_but_never_for_more_than_an_hour(
    asked: float, rng: Random
) -> None:
    breaker = Breaker().failed(NOW, rng, RULES, asked)
    assert breaker.wait(NOW) == pytest.approx(min(asked, LONGEST_ASKED), abs=1e-5)


@given(attempt=st.integers(0, 5000), rng=SEEDS)
def test_backoff_is_full_jitter_below_a_doubling_limit(attempt: int, rng: Random) -> None:
    assert 0 <= backoff(attempt, rng, base=2, longest=100) <= min(100, 2 * 2 ** min(attempt, 9))


def test_backoff_spreads_over_the_whole_width() -> None:
    drawn = sorted(backoff(3, Random(seed)) for seed in range(200))
    assert drawn[0] < 1
    assert drawn[-1] > 7


@given(st.integers(0, 10**15))
def test_retry_after_in_seconds(seconds: int) -> None:
    assert retry_after(f" {seconds} ", NOW) == min(seconds, LONGEST_ASKED)


@given(st.integers(-(10**6), 10**6))
def test_retry_after_as_a_date_counts_from_now_and_not_from_the_past(ahead: int) -> None:
    date = format_datetime(NOW + timedelta(seconds=ahead), usegmt=True)
    assert retry_after(date, NOW) == min(max(ahead, 0), LONGEST_ASKED)


@given(st.text() | st.none() | st.from_regex(r"[A-Za-z]{3}, \d+ [A-Za-z]{3} \d+ \d+:\d+:\d+ .*"))
def test_whatever_else_stands_in_retry_after_is_ignored(text: str | None) -> None:
    found = retry_after(text, NOW)
    assert found is None or 0 <= found <= LONGEST_ASKED


def test_a_clock_that_was_years_ahead_does_not_keep_the_door_shut_when_it_is_set_right() -> None:
    ahead = NOW + timedelta(days=4 * 365)
    breaker, rng = Breaker(), Random(1)
    for _ in range(RULES.failures):
        breaker = breaker.failed(ahead, rng, RULES)
    assert breaker.state(ahead) == "open"
    assert (breaker.wait(NOW), breaker.state(NOW)) == (0, "half-open")
