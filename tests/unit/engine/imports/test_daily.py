"""A day's total comes from one counter, whole, and only when the day is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from engine.imports.daily import DayTally, asleep

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MORNING = datetime(2026, 11, 20, 0, 0, tzinfo=UTC)
COUNTS = st.lists(
    st.tuples(st.sampled_from(["phone", "watch", "band"]), st.integers(0, 47), st.integers(0, 3000)), max_size=40
)


@given(COUNTS)
def test_a_day_is_what_the_busiest_source_counted_and_never_their_sum(counts: list[tuple[str, int, int]]) -> None:
    tally = DayTally(TOKYO, NOW)
    sums: dict[str, dict[str, int]] = {}
    for line, (origin, half_hours, steps) in enumerate(counts):
        at = MORNING - timedelta(hours=9) + timedelta(minutes=30 * half_hours)
        tally.add("steps-day", origin, (at, at + timedelta(minutes=10)), Decimal(steps), line)
        day = (at + timedelta(minutes=5)).astimezone(TOKYO).date().isoformat()
        sums.setdefault(day, {}).setdefault(origin, 0)
        sums[day][origin] += steps
    found = {r.at.astimezone(TOKYO).date().isoformat(): int(r.values[0].value) for r in tally.records()}
    assert found == {day: max(by_origin.values()) for day, by_origin in sums.items() if day < "2026-11-21"}


@given(COUNTS, st.randoms())
def test_the_order_of_a_file_changes_nothing(counts: list[tuple[str, int, int]], rng: object) -> None:
    def totals(order: list[tuple[str, int, int]]) -> list[tuple[datetime, str, str]]:
        tally = DayTally(TOKYO, NOW)
        for origin, half_hours, steps in order:
            at = MORNING + timedelta(minutes=30 * half_hours)
            tally.add("steps-day", origin, (at, at), Decimal(steps), 1)
        return [(record.at, record.origin, record.values[0].value) for record in tally.records()]

    shuffled = list(counts)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert totals(counts) == totals(shuffled)


def test_a_running_day_waits_and_is_said_to_wait() -> None:
    tally = DayTally(TOKYO, NOW)
    tally.add("steps-day", "phone", (NOW, NOW), Decimal(100), 1)
    tally.sleep("watch", (NOW, NOW + timedelta(hours=1)), 2)
    assert list(tally.records()) == []
    assert tally.unfinished == 2


def test_a_night_is_one_sleep_however_many_stages_it_had() -> None:
    tally = DayTally(TOKYO, NOW)
    evening = datetime(2026, 11, 19, 14, 0, tzinfo=UTC)
    for start, hours in ((0, 2), (1, 3), (5, 2)):
        tally.sleep("watch", (evening + timedelta(hours=start), evening + timedelta(hours=start + hours)), 1)
    (record,) = tally.records()
    assert record.values[0].value == str(6 * 60)
    assert (record.start, record.at) == (evening, evening + timedelta(hours=7))


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 60)), max_size=20))
def test_time_asleep_counts_every_minute_once(spans: list[tuple[int, int]]) -> None:
    covered = {minute for start, length in spans for minute in range(start, start + length)}
    pairs = [(MORNING + timedelta(minutes=s), MORNING + timedelta(minutes=s + length)) for s, length in spans]
    assert asleep(pairs) == timedelta(minutes=len(covered))
