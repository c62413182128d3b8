"""What a weight did in a week and in half a year: no rise smoothed away, no loss counted from the wrong end."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from engine.signals import Point, Signal, signals
from tests.unit.engine.test_signals import HANAKO, NOW

TOKYO = ZoneInfo("Asia/Tokyo")


def of(weights: dict[int, str], now: datetime = NOW) -> dict[str, Signal]:
    """The signals of who weighed so much so many days ago."""
    points = [
        Point(at=NOW - timedelta(days=ago), value=Decimal(kg), unit="kg", reading_id=f"w-{ago}", device_id="d")
        for ago, kg in sorted(weights.items(), reverse=True)
    ]
    return signals(HANAKO, {"body-weight": points}, TOKYO, now).values


def week(weights: dict[int, str]) -> Decimal | None:
    return of(weights)["weight.change_7d"].value


def test_two_kilograms_since_yesterday_are_two_kilograms() -> None:
    assert week({**dict.fromkeys(range(1, 40), "60.0"), 0: "62.0"}) == Decimal("2.00")


def test_a_rise_spread_over_the_week_is_counted_in_full() -> None:
    assert week({ago: f"{62.1 - 0.3 * ago:.1f}" for ago in range(9)}) == Decimal("2.10")


def test_the_days_between_do_not_take_from_the_rise() -> None:
    assert week({7: "60.0", 4: "61.2", 1: "61.8", 0: "62.4"}) == Decimal("2.40")


def test_a_rise_is_seen_from_the_second_weighing_on() -> None:
    assert week({3: "60.0", 0: "62.5"}) == Decimal("2.50")
    assert week({0: "62.5"}) is None
    assert of({0: "62.5"})["weight.change_7d"].note == "too-few-days"


def test_what_lies_further_back_than_eight_days_is_no_week() -> None:
    assert week({9: "60.0", 0: "62.5"}) is None
    assert week({8: "60.0", 0: "62.5"}) == Decimal("2.50")


def test_one_wrong_reading_at_the_start_of_the_week_neither_makes_nor_hides_a_rise() -> None:
    assert week({**dict.fromkeys(range(9), "60.0"), 7: "71.0"}) == 0
    assert week({**dict.fromkeys(range(9), "60.0"), 8: "66.0", 0: "62.3"}) == Decimal("2.30")
    assert week({**dict.fromkeys(range(9), "60.0"), 8: "52.0"}) == 0
    assert week({8: "66.0", 7: "60.0", 0: "62.3"}) == Decimal("2.30"), "of two the lower"


def test_a_loss_is_a_negative_change() -> None:
    assert week({ago: f"{60 + 0.2 * ago:.1f}" for ago in range(9)}) == Decimal("-1.40")


def test_a_change_stands_for_a_week_after_the_last_weighing() -> None:
    weights = {7: "60.0", 0: "62.4"}
    assert of(weights, NOW + timedelta(days=6))["weight.change_7d"].value == Decimal("2.40")
    assert of(weights, NOW + timedelta(days=7))["weight.change_7d"].value is None


def test_a_second_weighing_of_the_day_mends_the_first() -> None:
    points = [
        Point(at=NOW - timedelta(days=ago), value=Decimal(kg), unit="kg", reading_id=f"w-{ago}", device_id="d")
        for ago, kg in ((7.0, "60.0"), (0.02, "65.0"), (0.01, "60.2"), (0.0, "60.1"))
    ]
    found = signals(HANAKO, {"body-weight": points}, TOKYO, NOW).values["weight.change_7d"]
    assert found.value == Decimal("0.20")
    assert found.inputs == ("w-7.0", "w-0.02", "w-0.01", "w-0.0")


def test_half_a_year_of_steady_loss_is_counted_over_exactly_180_days() -> None:
    found = of({ago: f"{60 + 0.02 * ago:.2f}" for ago in range(200)})
    assert found["weight.change_180d"].value == Decimal("-3.60")
    # before: 63.72, the median of the week around 183 days ago, and now 60.06
    assert found["weight.loss_percent_180d"].value == Decimal("5.7")


def test_the_loss_is_a_share_of_the_weight_before_it() -> None:
    found = of({**dict.fromkeys(range(60, 186), "60.0"), **dict.fromkeys(range(50), "57.0")})
    assert found["weight.change_180d"].value == Decimal("-3.00")
    assert found["weight.loss_percent_180d"].value == Decimal("5.0")  # of 57 it would be 5.3


def test_a_loss_after_a_gain_is_counted_from_the_top() -> None:
    spans = (range(120, 186), "60.0"), (range(60, 120), "63.0"), (range(60), "59.5")
    found = of({ago: kg for days, kg in spans for ago in days})
    assert found["weight.change_180d"].value == Decimal("-0.50")
    assert found["weight.loss_percent_180d"].value == Decimal("5.6")


def test_one_heavy_reading_is_no_top() -> None:
    found = of({**dict.fromkeys(range(186), "60.0"), 100: "75.0"})
    assert found["weight.loss_percent_180d"].value == 0


def test_a_loss_within_two_months_counts_although_half_a_year_is_not_known() -> None:
    found = of({60: "60.0", 58: "60.2", 2: "57.8", 0: "57.6"})
    assert found["weight.change_180d"].value == Decimal("-2.40")


@pytest.mark.parametrize(("ago", "known"), [(28, True), (27, False)])
def test_four_weeks_are_the_least_for_a_change_of_half_a_year(ago: int, known: bool) -> None:
    found = of({ago: "60.0", 0: "58.0"})
    assert (found["weight.change_180d"].value is not None) is known
    assert (found["weight.loss_percent_180d"].value is not None) is known


def test_what_is_older_than_half_a_year_does_not_count() -> None:
    assert of({187: "70.0", 0: "60.0"})["weight.change_180d"].value is None
    assert of({186: "70.0", 0: "60.0"})["weight.change_180d"].value == -10


def test_somebody_who_stopped_weighing_has_no_change() -> None:
    weights = {ago: f"{60 + 0.02 * ago:.2f}" for ago in range(150)}
    assert of(weights, NOW + timedelta(days=27))["weight.change_180d"].value is not None
    assert of(weights, NOW + timedelta(days=28))["weight.change_180d"].value is None
