"""Energy balance: what the linearised model says of deficits, goals and eaten calories."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.energy import days_to_goal, deficit_for, goal_path, intake_change, share_done, steady_loss

D = Decimal


def test_seventy_eight_kcal_a_day_take_less_than_the_two_kilograms_of_the_seven_thousand_rule() -> None:
    path = goal_path(D("78.0"), D(78), 180)
    assert (path.level, path.low, path.high) == (D("76.75"), D("74.66"), D("78.83"))


def test_two_kilograms_in_half_a_year_need_125_kcal_a_day() -> None:
    assert deficit_for(D(2), 180) == 125
    assert goal_path(D("78.0"), D(125), 180).level <= D("76.00")
    assert goal_path(D("78.0"), D(124), 180).level > D("76.00")


def test_a_deficit_too_small_for_the_goal_never_gets_there() -> None:
    arrival = days_to_goal(D(4), D(80))
    assert (arrival.expected, arrival.latest) == (None, None)
    assert arrival.soonest is not None
    assert arrival.soonest > 180


def test_days_to_a_goal_are_those_after_which_the_path_is_there() -> None:
    arrival = days_to_goal(D("2.0"), D(300))
    assert arrival.soonest is not None
    assert arrival.expected is not None
    assert arrival.latest is not None
    assert arrival.soonest < arrival.expected < arrival.latest
    assert goal_path(D(80), D(300), arrival.expected).level <= D("78.00")
    assert goal_path(D(80), D(300), arrival.expected - 1).level > D("78.00")


def test_a_goal_more_than_ten_years_away_is_no_goal() -> None:
    assert days_to_goal(D("4.5454"), D("100")).expected is None


def test_a_steady_weight_at_the_old_level_means_nothing_was_changed() -> None:
    found = intake_change(0.0, -0.05, 0.05, 70.0, 70.0)
    assert (found.kcal, found.low, found.high) == (D(0), D(-130), D(130))


def test_what_a_falling_weight_says_of_the_intake() -> None:
    # 0.3 kg a week are 9,100 x 0.3 / 7 = 390 kcal a day, and the 0.6 kg already lost by mid-window another 13
    found = intake_change(-0.3, -0.4, -0.1, 68.8, 70.0)
    assert found.kcal == -403
    assert (found.low, found.high) == (D(-533), D(-143))


@pytest.mark.parametrize(("weight", "days"), [("0", 10), ("-1", 10), ("70", -1), ("70", 3651)])
def test_a_path_of_nobody_or_of_no_time_is_an_error(weight: str, days: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        goal_path(D(weight), D(100), days)


def test_goals_that_are_none_are_errors() -> None:
    with pytest.raises(ValueError, match="positive"):
        days_to_goal(D(0), D(100))
    with pytest.raises(ValueError, match="positive"):
        deficit_for(D(2), 0)


def test_a_kilogram_costs_about_24_kcal_a_day_and_half_of_it_takes_about_a_year() -> None:
    assert D("0.9") < steady_loss(D(24)) < D("1.15")
    assert 0.5 < share_done(365) < 0.6
    assert share_done(3 * 365) > 0.9
