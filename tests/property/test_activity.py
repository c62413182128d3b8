"""Day totals: nothing is negative, nothing is lost, nothing depends on the order things came in."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.activity import HABIT_CUT, day_totals
from engine.signals import Point

TOKYO = ZoneInfo("Asia/Tokyo")
START = datetime(2026, 11, 1, tzinfo=TOKYO)


def point(minute: int, steps: int) -> Point:
    return Point(
        at=START + timedelta(minutes=minute),
        value=Decimal(steps),
        unit="{steps}",
        reading_id=f"{minute}",
        device_id="d",
    )


ANYTHING = st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 2**32 - 1)), max_size=40)


@given(ANYTHING, st.randoms(use_true_random=False))
def test_order_and_doubles_change_nothing_and_no_day_is_negative(found: list[tuple[int, int]], rng: object) -> None:
    points = [point(*one) for one in found]
    totals = day_totals(points, TOKYO)
    assert all(steps >= 0 for steps in totals.values())
    mixed = [*points, *points]
    rng.shuffle(mixed)  # type: ignore[attr-defined]
    assert day_totals(mixed, TOKYO) == totals


@given(st.lists(st.tuples(st.integers(1, 3000), st.integers(0, 3000)), min_size=1, max_size=40), st.integers(0, 10**6))
def test_a_counter_that_only_rises_loses_nothing(walks: list[tuple[int, int]], start: int) -> None:
    minute, count = 0, start
    points = [point(0, start)]
    for pause, steps in walks:
        minute, count = minute + pause, count + steps
        points.append(point(minute, count))
    assert sum(day_totals(points, TOKYO).values()) == count - start


@given(st.lists(st.lists(st.integers(1, 2000), min_size=2, max_size=12), min_size=2, max_size=8))
def test_a_daily_counter_gives_back_each_day(days: list[list[int]]) -> None:
    """Read at least in the morning low and at night, so that every night shows a fall."""
    points, truth = [], {}
    for number, walks in enumerate(days):
        count = 0
        points.append(point(number * 1440 + 1, 0))
        for step, walked in enumerate(walks):
            count += walked
            points.append(point(number * 1440 + 400 + 60 * step, count))
        truth[(START + timedelta(days=number)).date()] = Decimal(count)
    assert day_totals(points, TOKYO) == truth


@given(st.lists(st.tuples(st.integers(1, 3000), st.integers(0, 3000)), min_size=1, max_size=40), st.integers(0, 10**6))
def test_another_cut_of_the_day_moves_steps_and_loses_none(walks: list[tuple[int, int]], start: int) -> None:
    minute, count = 0, start
    points = [point(0, start)]
    for pause, steps in walks:
        minute, count = minute + pause, count + steps
        points.append(point(minute, count))
    report, habit = day_totals(points, TOKYO), day_totals(points, TOKYO, HABIT_CUT)
    assert sum(report.values()) == sum(habit.values()) == count - start
    assert all(steps >= 0 for steps in habit.values())


@given(
    st.lists(
        st.lists(st.tuples(st.integers(1, 1439), st.integers(0, 2500)), min_size=1, max_size=8), min_size=1, max_size=4
    )
)
def test_a_dated_counter_gives_its_whole_count_under_either_cut(days: list[list[tuple[int, int]]]) -> None:
    points, walked = [], 0
    for number, reads in enumerate(days):
        count = 0
        for minute in sorted({minute for minute, _ in reads}):
            steps = min(sum(step for at, step in reads if at == minute), 200 * minute)
            count = min(count + steps, 200 * minute)
            read = point(number * 1440 + minute, count)
            points.append(msgspec.structs.replace(read, since=START + timedelta(days=number)))
        walked += count
    for cut in (timedelta(0), HABIT_CUT):
        assert sum(day_totals(points, TOKYO, cut).values()) == walked
