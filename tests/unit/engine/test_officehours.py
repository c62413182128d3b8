"""Due times in office hours: holidays, the year's end, the hour before closing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.officehours import (
    DAY,
    WITHIN,
    Left,
    after,
    after_days,
    due_at,
    is_open,
    is_working_day,
    left_words,
    overdue,
    worked,
)
from engine.review_model import DUE
from engine.rules.model import SEVERITIES

JAPAN = ZoneInfo("Asia/Tokyo")
START = datetime(2026, 1, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 3 * 365 * 1440).map(lambda minutes: START + timedelta(minutes=minutes))
SPANS = st.timedeltas(timedelta(minutes=1), timedelta(hours=90))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=JAPAN)


@pytest.mark.parametrize(
    ("created", "severity", "due"),
    [
        # A Friday afternoon: half a working day is left of it; the next is Monday.
        ("2026-11-06 16:15", "prompt", "2026-11-09 16:15"),
        # The same before a Monday that is a holiday (勤労感謝の日, 2026-11-23).
        ("2026-11-20 16:15", "prompt", "2026-11-24 16:15"),
        ("2026-11-21 03:00", "prompt", "2026-11-24 17:15"),
        # Over the closing of the offices, 29 December to 3 January (a Sunday).
        ("2026-12-28 08:30", "soon", "2027-01-05 17:15"),
        # Golden Week 2026: 3 to 5 May are holidays, 6 May stands in for the Sunday.
        ("2026-05-01 17:15", "prompt", "2026-05-07 17:15"),
        # Between two holidays (21 and 23 September 2026) the day is free as well.
        ("2026-09-18 17:00", "prompt", "2026-09-24 17:00"),
        # What cannot wait runs by the clock, also at night and on holidays.
        ("2026-12-31 23:50", "emergency", "2027-01-01 00:05"),
        ("2026-11-22 22:30", "urgent", "2026-11-23 00:30"),
    ],
)
def test_the_due_time_counts_office_hours(created: str, severity: str, due: str) -> None:
    assert due_at(at(created), severity) == at(due)


def test_a_severity_nobody_knows_is_due_like_the_most_serious() -> None:
    assert due_at(at("2026-11-21 03:00"), "apocalyptic") == at("2026-11-21 03:15")


def test_every_severity_has_its_time_and_the_more_serious_never_has_more() -> None:
    assert set(WITHIN) == set(SEVERITIES) == set(DUE)
    spans = [WITHIN[one] for one in reversed(SEVERITIES)]
    assert spans == sorted(spans)


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ("2026-11-20 08:29", False), ("2026-11-20 08:30", True), ("2026-11-20 17:14", True),
        ("2026-11-20 17:15", False), ("2026-11-21 10:00", False), ("2026-11-23 10:00", False),
        ("2026-12-28 10:00", True), ("2026-12-29 10:00", False), ("2027-01-04 10:00", True),
    ],
)  # fmt: skip
def test_somebody_is_at_the_desk_from_half_past_eight_until_a_quarter_past_five(clock: str, expected: bool) -> None:
    assert is_open(at(clock)) is expected


@given(INSTANTS, SPANS)
def test_exactly_the_span_has_been_worked_when_it_is_due(start: datetime, span: timedelta) -> None:
    due = after(start, span)
    assert worked(start, due) == span
    assert is_working_day(due.astimezone(JAPAN).date())
    assert worked(start, due - timedelta(seconds=1)) < span


@given(INSTANTS, INSTANTS, st.sampled_from(SEVERITIES))
def test_who_comes_later_is_never_due_earlier(one: datetime, other: datetime, severity: str) -> None:
    first, second = sorted((one, other))
    assert due_at(first, severity) <= due_at(second, severity)


@given(INSTANTS, st.integers(0, 10))
def test_the_end_of_the_nth_working_day_is_a_closing_hour(start: datetime, days: int) -> None:
    end = after_days(start, days).astimezone(JAPAN)
    assert (end.hour, end.minute) == (17, 15)
    assert is_working_day(end.date())
    if is_working_day(start.astimezone(JAPAN).date()):
        assert (
            worked(start.astimezone(JAPAN).replace(hour=0, minute=0, second=0, microsecond=0), end) == (days + 1) * DAY
        )


@pytest.mark.parametrize(
    ("now", "severity", "expected"),
    [
        ("2026-11-20 09:00", "routine", Left("left", 59, "minutes")), ("2026-11-19 17:15", "routine", Left("left", 1, "hours")),
        ("2026-11-18 09:59", "routine", Left("left", 2, "days")), ("2026-11-20 09:59", "routine", Left("left", 0, "minutes")),
        ("2026-11-21 12:00", "routine", Left("over", 7, "hours")), ("2026-11-20 10:30", "urgent", Left("over", 31, "minutes")),
        ("2026-11-22 10:00", "urgent", Left("over", 2, "days")),
    ],
)  # fmt: skip
def test_what_is_left_is_rounded_so_that_nobody_is_told_of_more_time_than_there_is(
    now: str, severity: str, expected: Left
) -> None:
    assert left_words(at("2026-11-20 09:59:30"), at(now), severity) == expected


def test_it_is_late_only_after_its_time() -> None:
    due = at("2026-11-20 10:00")
    assert not overdue(due, due)
    assert overdue(due, due + timedelta(microseconds=1))
    assert left_words(due, due + timedelta(microseconds=1)) == Left("over", 1, "minutes")
