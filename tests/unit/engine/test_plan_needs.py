"""What a body needs and may lose: the numbers of the tables, and the edges at which they change."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.plans.needs import (
    DEFICIT_VETOES,
    ENERGY_VETOES,
    bmi_after,
    deficit,
    eer,
    first_goal,
    indicated,
    level_of,
    loss_goal,
    most_deficit,
    permitted,
    slow_enough,
)

D = Decimal


@pytest.mark.parametrize(
    ("age", "sex", "level", "kcal"),
    [
        ("18", "male", "low", "2133"), ("29", "female", "high", "2652"), ("30", "male", "normal", "2363"),
        ("50", "female", "low", "1863"), ("64", "male", "high", "2616"), ("65", "male", "normal", "2203"),
        ("74", "female", "high", "2360"), ("75", "male", "low", "1806"), ("75", "female", "normal", "2111"),
    ],
)  # fmt: skip
def test_the_energy_need_of_60_kg_follows_the_2025_table(age: str, sex: str, level: str, kcal: str) -> None:
    assert eer(D(age), sex, D(60), level) == D(kcal)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("age", "sex", "level"), [("17", "male", "low"), ("75", "male", "high"), ("40", "other", "low")]
)
def test_where_the_table_has_no_row_no_energy_need_is_told(age: str, sex: str, level: str) -> None:
    assert eer(D(age), sex, D(60), level) is None  # type: ignore[arg-type]


def test_the_level_of_activity_has_its_edges_at_5_000_and_10_000_steps() -> None:
    assert [level_of(D(steps), D(40)) for steps in (4999, 5000, 9999, 10_000)] == ["low", "normal", "normal", "high"]
    assert level_of(D(12_000), D(75)) == "normal"
    assert level_of(None, D(40)) == "normal"


@pytest.mark.parametrize(
    ("weight", "bmi", "waist", "low", "height", "goal"),
    [
        ("72.0", "24.9", None, "18.5", "170", None),  # no indication (R-CI-0)
        ("72.0", "24.9", False, "18.5", "170", None),
        ("72.0", "24.9", True, "18.5", "170", "2"),  # the waist alone (R-WL-2)
        ("72.3", "25.0", False, "18.5", "170", "2.2"),
        ("101.1", "34.9", True, "18.5", "170", "3.0"),
        ("101.2", "35.0", True, "18.5", "170", "5.1"),
        ("59.9", "22.0", True, "21.5", "165", None),  # 71 years, waist 86: the goal would lead below the range (R-CI-1)
        ("60.54", "22.2", True, "21.5", "165", "2"),  # 58.54 kg is just above 21.5 x 1.65 x 1.65 = 58.53
        ("57.04", "22.3", True, "21.5", "160", "2"),  # exactly 21.5 x 1.6 x 1.6 = 55.04 is not below
        ("60.53", "22.2", True, "21.5", "165", None),
        ("90.0", None, True, "18.5", "170", None),
        ("90.0", "31.1", True, None, "170", None),  # a child has no range
    ],
)
def test_the_first_loss_goal_needs_an_indication_and_never_leads_below_the_range(
    weight: str, bmi: str | None, waist: bool | None, low: str | None, height: str, goal: str | None
) -> None:
    found = loss_goal(D(weight), D(bmi) if bmi else None, waist, D(low) if low else None, D(height))
    assert found == (D(goal) if goal else None)


def test_one_percent_a_week_is_the_fastest_loss() -> None:
    assert slow_enough(D(1), D(100), 7)
    assert not slow_enough(D("1.1"), D(100), 7)
    assert permitted(D(2), {"auto_weight_loss"}) is None
    assert permitted(D(2), {"vigorous_exercise"}) == 2


@pytest.mark.parametrize(
    ("weight", "bmi", "goal"),
    [
        ("72.0", "24.9", "2"), ("72.3", "25.0", "2.2"), ("101.1", "34.9", "3.0"), ("101.2", "35.0", "5.1"),
        ("75.0", "25.0", "2.3"),
    ],
)  # fmt: skip
def test_the_first_goal_is_two_kilograms_then_three_and_five_percent(weight: str, bmi: str, goal: str) -> None:
    assert first_goal(D(weight), D(bmi)) == D(goal)


def test_the_bmi_after_a_goal_is_rounded_like_any_other() -> None:
    assert bmi_after(D("60.9"), D(2), D(165)) == D("21.6")  # 21.63
    assert bmi_after(D("42.05"), D(2), D(100)) == D("40.1")  # exactly 40.05


def test_there_is_a_reason_to_lose_weight_from_bmi_25_or_with_a_large_waist() -> None:
    assert [indicated(D(bmi), waist) for bmi, waist in (("24.9", None), ("24.9", False), ("25.0", False))] == [
        False, False, True,
    ]  # fmt: skip
    assert indicated(None, waist_over=True)
    assert not indicated(None, None)


def test_seven_thousand_kcal_a_kilogram_over_half_a_year() -> None:
    assert [deficit(D(kg)) for kg in ("2", "2.4", "2.6")] == [78, 93, 101]
    assert deficit(D(2), 90) == 156
    assert deficit(D(1), 1) == 7000


def test_impossible_bodies_and_goals_are_refused() -> None:
    for call in (
        lambda: eer(D(40), "male", D(0), "low"),
        lambda: loss_goal(D(0), D(26), waist_over=True, target_low=D(20), height_cm=D(170)),
        lambda: slow_enough(D(1), D(0), 7),
        lambda: deficit(D(0)),
        lambda: deficit(D(2), 0),
    ):
        with pytest.raises(ValueError, match="positive"):
            call()
    assert eer(D(40), "male", D(1), "low") == 34


def test_a_goal_is_told_under_none_of_the_vetoes_of_a_deficit() -> None:
    codes = {"weight_loss", "auto_weight_loss", "calorie_deficit", "unsupervised_calorie_deficit", "weight_display"}
    assert codes | {"everything"} == DEFICIT_VETOES
    assert {permitted(D(2), {code}) for code in DEFICIT_VETOES} == {None}
    assert permitted(D(2), ()) == 2
    assert {"calorie_deficit", "unsupervised_calorie_deficit", "weight_display", "everything"} == ENERGY_VETOES


def test_without_a_height_no_goal_is_set() -> None:
    assert loss_goal(D(90), D(31), waist_over=True, target_low=D(20), height_cm=None) is None


def test_the_fastest_loss_is_one_percent_of_the_weight_a_week() -> None:
    assert [most_deficit(D(kg)) for kg in ("80", "80.19", "80.2", "0.1")] == [800, 801, 802, 1]
    for nothing in (D(0), D(-1)):
        with pytest.raises(ValueError, match="positive"):
            most_deficit(nothing)
