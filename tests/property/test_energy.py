"""Energy balance: every forecast has a direction, an end and an honest width."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from engine.energy import days_to_goal, deficit_for, goal_path, intake_change, share_done, steady_loss

WEIGHTS = st.decimals("35", "180", places=1)
DEFICITS = st.integers(-500, 900).map(Decimal)
DAYS = st.integers(0, 3650)
# Paths are told in 0.01 kg, so two of them differ by at most that from what they would be unrounded.
GRAIN = Decimal("0.01")


@given(WEIGHTS, DEFICITS, DAYS)
def test_no_path_goes_beyond_the_steady_state_and_each_starts_at_the_weight(
    weight: Decimal, deficit: Decimal, days: int
) -> None:
    assert goal_path(weight, deficit, 0).level == weight
    lost = weight - goal_path(weight, deficit, days).level
    assert abs(lost) <= abs(steady_loss(deficit)) + GRAIN
    assert lost * deficit >= 0


@given(WEIGHTS, DEFICITS, st.integers(1, 400), DAYS)
def test_who_saves_more_weighs_less(weight: Decimal, deficit: Decimal, more: int, days: int) -> None:
    one, other = goal_path(weight, deficit, days), goal_path(weight, deficit + more, days)
    assert (other.level, other.low, other.high) <= (one.level, one.low, one.high)


@given(WEIGHTS, DEFICITS, st.lists(DAYS, min_size=2, max_size=6, unique=True))
def test_the_interval_only_widens(weight: Decimal, deficit: Decimal, days: list[int]) -> None:
    paths = [goal_path(weight, deficit, day) for day in sorted(days)]
    assert all(path.low <= path.level <= path.high for path in paths)
    widths = [path.high - path.low for path in paths]
    assert all(later >= earlier - GRAIN for earlier, later in pairwise(widths))
    assert days == [0] or max(widths) > 0


@given(st.decimals("0.5", "10", places=1), st.integers(30, 900).map(Decimal))
def test_a_goal_is_reached_when_the_path_says_so_and_never_when_the_deficit_is_too_small(
    goal: Decimal, deficit: Decimal
) -> None:
    arrival = days_to_goal(goal, deficit)
    if arrival.expected is None:
        assert goal_path(Decimal(80), deficit, 3650).level >= Decimal(80) - goal - GRAIN
        assert arrival.latest is None
        return
    assert goal_path(Decimal(80), deficit, arrival.expected).level <= Decimal(80) - goal + GRAIN
    assert arrival.soonest is not None
    assert arrival.soonest <= arrival.expected
    assert arrival.latest is None or arrival.latest >= arrival.expected


@given(st.decimals("0.5", "10", places=1), st.integers(14, 3650))
def test_the_deficit_for_a_goal_reaches_it_in_time(goal: Decimal, days: int) -> None:
    deficit = deficit_for(goal, days)
    arrival = days_to_goal(goal, deficit)
    assert arrival.expected is not None
    assert arrival.expected <= days
    late = days_to_goal(goal, deficit - 1).expected
    assert late is None or late >= days


@given(st.floats(60, 100), st.floats(-400, 400), st.integers(28, 365))
def test_the_intake_read_from_a_modelled_weight_is_the_one_that_made_it(
    before: float, deficit: float, days: int
) -> None:
    """The model run forwards and then backwards over its last 28 days gives the deficit back."""
    level = before - deficit / 22 * share_done(days)
    earlier = before - deficit / 22 * share_done(days - 28)
    slope = (level - earlier) / 4
    found = intake_change(slope, slope, slope, level, before)
    assert abs(float(found.kcal) + deficit) <= 1 + abs(deficit) * 0.01
    assert found.low <= found.kcal - 130
    assert found.high >= found.kcal + 130
