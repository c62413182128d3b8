"""Dates of a search: what a piece of a date stands for, and that every prefix asks of two stretches what R4 says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_bridge.api_spans import JAPAN, PREFIXES, Span, answers, asked_of, moment, span_of, spans_in

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
# The strategy takes its bounds without a zone and puts one on.
FIRST, LAST = datetime(1950, 1, 1), datetime(2090, 1, 1)  # noqa: DTZ001
instants = st.datetimes(FIRST, LAST, timezones=st.just(JAPAN))
spans = st.tuples(instants, st.timedeltas(timedelta(microseconds=1), timedelta(days=900))).map(
    lambda pair: Span(pair[0], pair[0] + pair[1])
)


@pytest.mark.parametrize(
    ("text", "start", "length"),
    [
        ("2026", "2025-12-31T15:00:00+00:00", timedelta(days=365)),
        ("2024-02", "2024-01-31T15:00:00+00:00", timedelta(days=29)),
        ("2026-12", "2026-11-30T15:00:00+00:00", timedelta(days=31)),
        ("2026-11-21", "2026-11-20T15:00:00+00:00", timedelta(days=1)),
        ("2026-11-21T07:01", "2026-11-20T22:01:00+00:00", timedelta(minutes=1)),
        ("2026-11-21T07:01:03+09:00", "2026-11-20T22:01:03+00:00", timedelta(seconds=1)),
        ("2026-11-21T07:01:03Z", "2026-11-21T07:01:03+00:00", timedelta(seconds=1)),
        ("2026-11-21T07:01:03.5-03:30", "2026-11-21T10:31:03.500000+00:00", timedelta(milliseconds=100)),
        ("2026-11-21T07:01:03.123456789Z", "2026-11-21T07:01:03.123456+00:00", timedelta(microseconds=1)),
    ],
)
def test_a_date_stands_for_as_much_time_as_it_is_written_for_in_japan_unless_it_says_where(
    text: str, start: str, length: timedelta
) -> None:
    span = span_of(text)
    assert span is not None
    assert (span.start.isoformat(), span.end - span.start) == (start, length)


@pytest.mark.parametrize(
    "text",
    ["", "20", "2026-13", "2026-02-30", "2026-11-21T7:01", "2026-11-21T25:00Z", "2026-11-21T07:01:03+0900", "yesterday",
     "0000", "2026-11-21T07:01:03+99:00", "２０２６", "2026-11-21\n"],
)  # fmt: skip
def test_what_is_no_date_is_none(text: str) -> None:
    assert span_of(text) is None
    assert asked_of(f"ge{text}") is None


def test_a_year_that_never_comes_and_an_unquoted_plus_are_understood() -> None:
    assert span_of("9999") is not None
    assert span_of("9999-12-31") is not None
    assert asked_of("ge2026-11-21T07:01:03 09:00") == asked_of("ge2026-11-21T07:01:03+09:00")
    assert asked_of("2026") == ("eq", span_of("2026"))


def test_a_period_without_an_end_is_open() -> None:
    open_ended = spans_in({"start": "2026-11-21"})
    assert open_ended is not None
    wanted = Span(NOW + timedelta(days=9_000), NOW + timedelta(days=9_001))
    assert answers("gt", open_ended, wanted, NOW)
    assert not answers("eb", open_ended, wanted, NOW)
    assert spans_in({}) is None
    assert spans_in(17) is None


@given(spans, spans)
def test_the_prefixes_say_of_any_two_stretches_what_r4_says_of_them(has: Span, wanted: Span) -> None:
    def said(prefix: str) -> bool:
        return answers(prefix, has, wanted, NOW)

    assert said("ne") != said("eq")
    assert said("ge") == (said("gt") or said("eq"))
    assert said("le") == (said("lt") or said("eq"))
    assert not said("sa") or (said("gt") and not said("lt") and not said("eb"))
    assert not said("eb") or (said("lt") and not said("gt"))
    # Every stretch lies inside, reaches out at one end, or at both.
    assert said("eq") or said("gt") or said("lt")
    # What is nearly then includes whatever touches it.
    assert said("ap") or said("sa") or said("eb")


@given(instants, instants)
def test_of_two_instants_exactly_one_of_before_the_same_and_after_holds(one: datetime, other: datetime) -> None:
    held = [answers(prefix, moment(one), moment(other), NOW) for prefix in ("eb", "eq", "sa")]
    assert held.count(True) == 1
    assert held == [one < other, one == other, one > other]


def test_nearly_means_a_tenth_of_the_way_from_now() -> None:
    wanted = span_of("2016-11-22")
    assert wanted is not None
    near, far = moment(wanted.start + timedelta(days=300)), moment(wanted.start + timedelta(days=400))
    assert [answers("ap", has, wanted, NOW) for has in (near, far)] == [True, False]
    assert len(PREFIXES) == 9
