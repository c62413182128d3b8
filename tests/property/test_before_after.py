"""Pairs at random: never of two people, never backwards, and no reading on two sides."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.before_after import Session, book, pair
from engine.signals import Point
from tests.homes import HANAKO, NOW

MINUTE = timedelta(minutes=1)
RULES = book()
SPANS = st.lists(st.tuples(st.integers(0, 90), st.integers(1, 120), st.booleans()), max_size=5)
SURE = st.sampled_from(["sure", "sure", "assumed", None])
POINTS = st.lists(st.tuples(st.integers(-60, 700), st.integers(80, 190), SURE), max_size=30)


def sessions(spans: list[tuple[int, int, bool]]) -> list[Session]:
    """Sessions one after another, the last perhaps not over yet."""
    at, found = NOW, []
    for number, (gap, length, over) in enumerate(spans):
        start = at + gap * MINUTE
        at = start + length * MINUTE
        ended = None if not over and number == len(spans) - 1 else at
        found.append(Session(number=number, resident=HANAKO, sort="bath", place="", started_at=start, ended_at=ended))
    return found


def points_of(said: list[tuple[int, int, str | None]]) -> list[Point]:
    """Systolic pressures of one cuff, named by their number."""
    return [
        Point(at=NOW + minute * MINUTE, value=Decimal(value), unit="mm[Hg]", reading_id=f"{number}", device_id="d",
              certainty=certainty)
        for number, (minute, value, certainty) in enumerate(said)
    ]  # fmt: skip


@given(spans=SPANS, said=POINTS)
def test_a_pair_is_in_its_windows_in_order_of_surely_known_readings_each_on_one_side_only(
    spans: list[tuple[int, int, bool]], said: list[tuple[int, int, str | None]]
) -> None:
    points = points_of(said)
    known = {one.reading_id: one for one in points}
    found = pair(RULES, sessions(spans), {"systolic": points})
    before, after = Counter[str](), Counter[str]()
    for one in found:
        begin, end = one.session.started_at, one.session.ended_at
        assert end is not None
        for difference in one.differences:
            used = [known[name] for name in difference.readings]
            first = [point for point in used if point.at <= begin]
            last = [point for point in used if point.at >= end]
            assert len(first) + len(last) == len(used)
            assert first
            assert last
            assert all(point.certainty == "sure" for point in used)
            assert all(begin - 30 * MINUTE <= point.at for point in first)
            assert all(end + 5 * MINUTE <= point.at <= end + 60 * MINUTE for point in last)
            # Nothing measured while another session lasted belongs to this one.
            for other in found:
                for point in used:
                    assert other is one or not other.session.started_at < point.at < (other.session.ended_at or NOW)
            before.update(point.reading_id for point in first)
            after.update(point.reading_id for point in last)
    assert not [name for name, times in (before + Counter()).items() if times > 1]
    assert not [name for name, times in (after + Counter()).items() if times > 1]


@given(spans=SPANS, said=POINTS, taken=st.integers(0, 29))
def test_a_reading_that_is_no_longer_theirs_leaves_no_pair_that_names_it(
    spans: list[tuple[int, int, bool]], said: list[tuple[int, int, str | None]], taken: int
) -> None:
    points = points_of(said)
    left = [one for one in points if one.reading_id != f"{taken}"]
    found = pair(RULES, sessions(spans), {"systolic": left})
    assert all(f"{taken}" not in one.readings for each in found for one in each.differences)
    whole = pair(RULES, sessions(spans), {"systolic": points})
    same = [each for each in whole if all(f"{taken}" not in one.readings for one in each.differences)]
    assert [each for each in same if each.differences] == [
        each for each in found if each in same and each.differences
    ], "and changes no other pair"
