"""A town's year: the promise is kept with enough nurses, broken without, and no number of it is made up."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta

import pytest
from typer.testing import CliRunner

from cli.simulate import app
from engine.officehours import CLOSES, OPENS, ZONE, after_days
from engine.unread import came_before
from simulators.town_year.desk import Desk, shifts
from simulators.town_year.signatures import Signatures
from simulators.town_year.town import Due, Town, constants, goal_rules
from simulators.town_year.year import MARK, OLDEST, year

MONDAY = date(2026, 11, 16)
AT = datetime(2026, 11, 16, 9, tzinfo=ZONE)
RULE = "bmi-above-target"


def test_six_nurses_with_two_hours_each_leave_the_desk_empty_at_no_minute() -> None:
    found = sorted(shifts(MONDAY, 6, 2))
    assert found[0][0] == datetime.combine(MONDAY, OPENS, ZONE)
    assert max(end for _, end in found) == datetime.combine(MONDAY, CLOSES, ZONE)
    assert all(end - start == timedelta(hours=2) for start, end in found)
    reached = found[0][1]
    for start, end in found:
        assert start <= reached
        reached = max(reached, end)


def test_what_is_red_comes_before_calls_and_calls_before_the_routine() -> None:
    town, desk = Town(50, 1), Desk(5.0)
    desk.ask_to_call([7])
    for number, what in enumerate((RULE, "soon", "emergency", "urgent")):
        due = Due(AT - timedelta(hours=4 - number), number, what)
        desk.put(town.item(due, number), due)
    done = list(desk.work(MONDAY, 1, 2, []))
    assert [one.waiting.due.what if one.waiting else "call" for one in done] == [
        "emergency", "urgent", "soon", "call", RULE,
    ]  # fmt: skip
    assert all(one.at - one.began == timedelta(minutes=one.minutes) for one in done)


def test_what_comes_during_the_day_is_read_that_day_and_never_before_it_came() -> None:
    town, desk = Town(50, 1), Desk(5.0)
    dues = [Due(AT + timedelta(minutes=9 * place), place, "urgent") for place in range(20)]
    coming = [(town.item(due, place), due) for place, due in enumerate(dues)]
    done = list(desk.work(MONDAY, 6, 2, coming))
    assert len(done) == 20
    for one in done:
        assert one.waiting is not None
        assert timedelta(0) <= one.began - one.waiting.item.created_at <= timedelta(minutes=15)


def test_a_standing_approval_speaks_for_what_the_engine_lets_it_and_samples_the_first() -> None:
    town, on, off = Town(50, 1), Signatures(switched_on=True), Signatures(switched_on=False)
    clean = {
        "rule": {"review": "each"},
        "signals": {"bmi": {"value": "23.0"}},
        "red_flags": [],
        "must_not": [],
        "ask": [],
    }
    items = [town.item(Due(AT, 1, RULE), number) for number in range(200)]
    for one in items:
        one.evidence.update(clean)
    through = [on.lets_through(one, AT, had=True) for one in items]
    assert not through[0]
    assert 0.8 <= sum(through) / len(through) <= 0.95
    assert not any(off.lets_through(one, AT, had=True) for one in items)
    assert not any(on.lets_through(one, AT, had=False) for one in items)
    for name, value in (("red_flags", ["bp_grade1"]), ("must_not", ["weight_loss"]), ("ask", ["pregnancy"])):
        items[0].evidence.update(clean | {name: value})
        assert not on.lets_through(items[0], AT, had=True)


def test_the_rules_of_the_year_are_those_of_the_catalogue() -> None:
    assert set(goal_rules()) == set(constants().routine.rules)


@pytest.mark.parametrize("hour", [0, 8, 17, 23])
def test_what_is_set_aside_had_ten_office_days(hour: int) -> None:
    now = datetime(2027, 1, 12, hour, tzinfo=ZONE)
    edge = came_before(now, OLDEST)
    assert after_days(edge - timedelta(seconds=1), OLDEST) <= now
    assert after_days(edge, OLDEST + 1) > now


def test_a_small_town_with_enough_nurses_keeps_the_promise_and_every_draft_is_accounted_for() -> None:
    found = year(400, 6, 0.5, 2, standing=True)
    assert found.met
    assert found.red_flags > 5
    assert found.in_time == found.red_flags
    assert max(found.oldest_serious, found.oldest_routine) <= OLDEST
    assert found.contacted >= MARK
    assert found.contacted_by_person <= found.contacted
    assert 0 < found.texts_by_standing < sum(found.read.values())
    assert found.minutes_per_resident_month == pytest.approx(found.nurse_minutes / 12 / found.eligible)


def test_a_town_with_too_few_nurses_says_so() -> None:
    kept = year(200, 1, 0.1, 2, standing=False, aside=False)
    assert not kept.met
    assert kept.oldest_routine > OLDEST
    assert kept.texts_by_standing == kept.set_aside == 0
    aside = year(200, 1, 0.1, 2, standing=False)
    assert aside.oldest_routine <= OLDEST
    assert aside.set_aside > 0
    assert aside.needed_hours > 0.1
    silent = year(200, 1, 0.1, 2, standing=False, reports=0)
    assert silent.contacted == silent.contacted_by_person < MARK
    assert not silent.met


def test_the_command_prints_both_years_and_fails_where_the_promise_is_broken() -> None:
    done = CliRunner().invoke(
        app, ["year", "--people", "100", "--nurses", "1", "--hours", "0.1", "--reports", "0", "--json"]
    )
    assert done.exit_code == 11
    said = json.loads(done.stdout)
    assert [said[name]["standing"] for name in ("with_standing", "without")] == [True, False]
    assert not said["without"]["met"]
