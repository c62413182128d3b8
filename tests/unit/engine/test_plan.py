"""Goals: the arithmetic of the golden cases, what a goal of each kind says to whom, and what a veto takes away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from engine.locale import LANGUAGES
from engine.plan import shown
from engine.plans import food
from engine.plans.compose import VETOES
from engine.plans.exercise import Able, exercise_kcal, next_steps, said_steps, training
from engine.plans.model import Kind
from engine.plans.needs import deficit, eer, loss_goal
from engine.plans.words import note, render
from tests.plan_people import TARO, UME, declined, goal, person

D = Decimal


# Golden cases S015-S030 of the shared advice cases (loss goal, deficit, energy need, exercise, steps).
def test_the_golden_cases_of_the_arithmetic() -> None:
    assert eer(D(35), "female", D(55), "low") == 1807
    assert exercise_kcal(D("7.0"), D(20), D(72)).gross == D("176.4")
    assert exercise_kcal(D("7.0"), D(20), D(72)).net == D("151.2")
    assert exercise_kcal(D("7.0"), D(20), D(72)).mets_h == D("2.33")
    assert loss_goal(D("88.0"), D("29.4"), True, D("20.0"), D(173)) == D("2.6")
    assert deficit(D("2.6")) == 101
    assert (deficit(D(2)), deficit(D("2.4"))) == (D(78), D(93))
    aims = {age: person(TARO | {"age": age}).aims.steps for age in ("16", "17", "18", "58", "64", "65", "78")}
    assert aims == {"16": None, "17": None, "18": D(8000), "58": D(8000), "64": D(8000), "65": D(6000), "78": D(6000)}
    assert next_steps(D(4100), aims["58"]) == 5100
    assert next_steps(D(2600), aims["78"]) == 3600
    assert person(TARO | {"sex.male": "0", "age": "31", "answer.pregnant": "1"}).aims.steps is None


def test_what_is_said_of_steps_is_round_and_never_beyond_the_target() -> None:
    assert said_steps(D("4137.4"), D(8000)) == 5100
    assert said_steps(D(7600), D(8000)) == 8000
    assert next_steps(D(8000), D(8000)) is None


def test_swaps_are_computed_from_the_food_table() -> None:
    (rice,) = food.swaps_for(D(101))
    assert (rice.grams, rice.kcal) == (D(65), D(101))
    first, second = food.swaps_for(D(140), snacks=True)
    assert (first.id, first.kcal) == ("coffee", D(68))  # 190 g at 38 kcal against 190 g at 2 kcal
    assert (second.grams, second.kcal) == (D(45), D(70))
    assert [swap.id for swap in food.swaps_for(D(292))] == ["pork", "rice"]
    assert food.swaps_for(D(7)) == ()


@pytest.mark.parametrize(
    ("kcal", "band"),
    [("1599", None), ("1600", "1800"), ("1999", "1800"), ("2000", "2200"), ("2400", "2600"), ("2800", "2600"), ("2801", None)],
)  # fmt: skip
def test_the_servings_follow_the_energy_need(kcal: str, band: str | None) -> None:
    found = food.servings(D(kcal))
    assert (None if found is None else found.kcal) == (D(band) if band else None)


def test_limits_of_salt_protein_and_drinks() -> None:
    assert [food.salt_limit(male=male, strict=False) for male in (True, False, None)] == [D("7.5"), D("6.5"), D("6.5")]
    assert food.salt_limit(male=True, strict=True) == 6
    assert food.protein_target(D(64), "male", None, frail=False) == 65
    assert food.protein_target(D(65), "male", D(70), frail=False) == 60
    assert food.protein_target(D(65), "male", D(70), frail=True) == 70
    assert food.protein_target(D(80), "female", D(45), frail=True) == 50
    assert food.protein_target(D(17), "female", D(45), frail=True) is None
    man, woman = food.alcohol_limit(D(64), male=True), food.alcohol_limit(D(64), male=False)
    assert man is not None
    assert woman is not None
    assert (man.grams, man.drinks) == (D(20), {"beer": D(500), "sake": D(160)})
    assert (woman.grams, woman.drinks) == (D(10), {"beer": D(250), "sake": D(80)})
    assert food.alcohol_limit(D(65), male=True) == woman
    assert food.alcohol_limit(D(19), male=True) is None


def test_who_is_used_to_exercise_does_four_met_hours_and_who_is_not_begins_with_ten_minutes() -> None:
    trained = training("exercise", Able(age=D(40), trained=True, sore=False), set(), D(70))
    beginner = training("exercise", Able(age=D(40), sore=False), set(), D(70))
    assert trained is not None
    assert beginner is not None
    assert (trained.activity.id, trained.minutes, trained.days) == ("walk-brisk", D(20), D(3))
    assert trained.mets_h_week >= 4
    assert (beginner.minutes, beginner.days) == (D(10), D(3))
    days = {}
    for able in (Able(age=D(70)), Able(age=D(70), trained=True), Able(age=D(70), trained=True, frail=True)):
        found = training("strength", able, set(), None)
        assert found is not None
        days[able.trained, able.frail] = found.days
    assert days == {(None, False): D(2), (True, False): D(3), (True, True): D(2)}


@pytest.mark.parametrize(
    ("able", "must_not", "activity"),
    [
        (Able(age=D(64), sore=False), set(), "walk-brisk"),
        (Able(age=D(65), sore=False), set(), "radio-gymnastics"),
        (Able(age=D(40), sore=False, frail=True), set(), "radio-gymnastics"),
        (Able(age=D(40), sore=False, indoors=True), set(), "radio-gymnastics"),
        (Able(age=D(40), sore=False), {"outdoor_exercise"}, "radio-gymnastics"),
        (Able(age=D(40), sore=True), set(), "bicycle"),
        (Able(age=D(40), sore=None), set(), "bicycle"),
        (Able(age=D(80), sore=True), set(), "seated-gymnastics"),
    ],
)
def test_the_activity_suits_age_joints_and_weather(able: Able, must_not: set[str], activity: str) -> None:
    found = training("exercise", able, must_not, None)
    assert found is not None
    assert found.activity.id == activity


def test_where_blood_sugar_may_fall_nobody_is_sent_into_the_water() -> None:
    found = training("exercise", Able(age=D(40), trained=True, sore=False, indoors=True), {"fasted_exercise"}, None)
    assert found is not None
    assert found.other is not None
    assert not found.other.water


def test_a_vigorous_choice_is_only_for_the_trained_under_65_without_a_veto() -> None:
    def other(trained: bool, must_not: set[str], age: int = 40) -> Decimal:
        found = training("exercise", Able(age=D(age), trained=trained, sore=False, indoors=True), must_not, None)
        assert found is not None
        assert found.other is not None
        return found.other.mets

    assert other(True, set()) == 6
    assert other(True, {"vigorous_exercise"}) < 6
    assert other(False, set()) < 6
    assert other(True, set(), 65) < 6


def test_meals_are_counted_for_a_weight_within_the_range_unless_a_deficit_is_vetoed() -> None:
    heavy = TARO | {"weight.level": "80.0", "bmi": "26.7", "steps.mean_7d": "4000"}
    free, barred = goal("servings", heavy), goal("servings", heavy, "auto_weight_loss")
    assert free.figures["eer_kcal"] == 2437  # 24.9 x 1.73 x 1.73 = 74.52 kg
    assert barred.figures["eer_kcal"] == 2616  # the weight as it is: no hidden deficit
    assert (free.figures["staple_least"], free.figures["staple_most"]) == (D(7), D(8))


def test_meals_never_take_more_than_the_fastest_loss_from_the_very_heavy() -> None:
    huge = TARO | {"weight.level": "120.0", "bmi": "40.1", "steps.mean_7d": "4000"}
    figures = goal("servings", huge).figures
    # 24.9 x 1.73 x 1.73 kg would be 2,437 kcal, 1,487 less than the own need; 1 % of 120 kg a week is 1,200.
    assert (figures["own_kcal"], figures["eer_kcal"], figures["kcal"]) == (D(3924), D(2724), D(2600))


@pytest.mark.parametrize("kind", sorted(VETOES))
def test_each_veto_of_a_goal_alone_takes_it_away(kind: Kind) -> None:
    able = TARO | {"habit.exercise": "1", "weight.level": "80.0", "bmi": "26.7", "steps.mean_7d": "4000"}
    assert goal(kind, able).kind == kind
    assert "everything" in VETOES[kind]
    for code in VETOES[kind]:
        found = declined(kind, able, code)
        assert (found.reason, found.by) == ("vetoed", (code,))


@pytest.mark.parametrize(
    ("values", "kind", "reason"),
    [
        ({"has.diet-treatment": "1"}, "servings", "diet-treatment"),
        ({"glucose.treated": "1"}, "servings", "diet-treatment"),
        ({"frailty.loss-2kg": "1", "age": "66"}, "servings", "frailty"),
        ({"bmi": "19.9", "weight.level": "59.6"}, "servings", "frailty"),
        ({"glucose.treated": "1"}, "fruit", "diet-treatment"),
        ({"frailty.loss-2kg": "1", "age": "66"}, "salt", "frailty"),
        ({"bmi": "19.9", "weight.level": "59.6"}, "salt", "frailty"),
        ({"steps.mean_7d": "8000"}, "steps", "target-met"),
        ({"answer.pregnant": "1"}, "steps", "no-target"),
        ({"sex.male": "0", "answer.pregnant": "0"}, "alcohol", "pregnancy"),
        ({"age": "19"}, "alcohol", "under-age"),
        ({"bmi": "24.0", "weight.level": "71.8"}, "weight", "no-indication"),
    ],
)
def test_a_goal_that_does_not_fit_is_declined_with_its_reason(values: dict[str, str], kind: Kind, reason: str) -> None:
    assert declined(kind, TARO | values).reason == reason


@pytest.mark.parametrize(("mean", "goal_steps"), [("5800", "6000"), ("5799.5", "6000"), ("5000", "6000")])
def test_two_hundred_steps_more_are_worth_a_push(mean: str, goal_steps: str) -> None:
    found = goal("steps", TARO | {"age": "70", "steps.mean_7d": mean})
    assert found.figures["goal"] == D(goal_steps)
    assert found.figures["minutes"] >= 2


@pytest.mark.parametrize("mean", ["5800.5", "5950", "5999"])
def test_nobody_is_pushed_for_a_minute(mean: str) -> None:
    assert declined("steps", TARO | {"age": "70", "steps.mean_7d": mean}).reason == "near-enough"
    assert next_steps(D(mean), D(6000)) == 6000  # the ladder itself has no such limit


def test_food_covers_what_the_movement_beside_it_does_not() -> None:
    beside, alone = goal("weight", TARO, moved=D(31)), goal("weight", TARO)
    assert (beside.figures["loss_kg"], beside.figures["kcal"]) == (D("2.6"), D(101))
    assert (beside.figures["move_kcal"], beside.figures["food_kcal"]) == (D(31), D(70))
    assert (alone.figures["move_kcal"], alone.figures["food_kcal"]) == (D(0), D(101))
    assert beside.figures["expected_kg"] == D("86.4")  # Hall's model, not 85.4
    assert "plan.weight.move" not in [line.key for line in alone.lines]
    whole = goal("weight", TARO, moved=D(500))
    assert (whole.figures["move_kcal"], whole.figures["food_kcal"]) == (D(101), D(0))


def test_who_is_frail_is_told_of_their_feet_and_not_of_pressure_and_glucose() -> None:
    told = {kind: goal(kind, UME).why.key for kind in ("exercise", "strength")}
    assert told == dict.fromkeys(("exercise", "strength"), "plan.strength.why")
    assert goal("exercise", TARO).why.key == "plan.exercise.why"


def test_salt_is_stricter_with_high_pressure_or_kidney_disease() -> None:
    limits = {
        name: goal("salt", TARO | {name: value}).figures["limit"]
        for name, value in (
            ("bp.home.systolic_mean", "134.9"), ("bp.home.diastolic_mean", "85"), ("bp.office.systolic", "140"),
            ("has.ckd", "1"), ("lab.egfr", "59"), ("med.antihypertensive", "1"),
        )
    }  # fmt: skip
    assert limits.pop("bp.home.systolic_mean") == D("7.5")
    assert set(limits.values()) == {6}


def test_snow_heat_and_the_season_bring_the_exercise_indoors() -> None:
    def keys(values: dict[str, str], month: int, *must_not: str) -> list[str]:
        found = goal("steps", TARO | values, *must_not, at=datetime(2026, month, 20, tzinfo=UTC))
        return [line.key for line in found.do]

    assert "plan.where.indoors" in keys({"env.snow": "1"}, 1)
    assert "plan.where.indoors" in keys({"env.wbgt": "28"}, 7)
    assert "plan.where.indoors" in keys({}, 4, "outdoor_exercise")
    assert "plan.where.snow" in keys({}, 12)
    assert "plan.where.heat" in keys({"env.wbgt": "27.9"}, 6)
    assert [key for key in keys({}, 10) if key.startswith("plan.where")] == []


def test_who_must_not_exercise_fasted_is_told_to_eat_first() -> None:
    found = goal("exercise", TARO, "fasted_exercise", "unsupervised_calorie_deficit")
    keys = [line.key for line in found.lines]
    assert "plan.training.after-meal" in keys
    assert "plan.training.kcal" not in keys  # no energy is shown under this veto
    assert "kcal_week" not in found.figures


def test_the_month_is_the_one_in_sakata() -> None:
    last_of_january = datetime(2026, 1, 31, 16, 0, tzinfo=UTC)  # 1 February, 01:00 in Japan
    assert goal("vegetables", TARO, at=last_of_january).do[1].words == {"food": "plan.food.leek"}


def test_numbers_are_shown_as_people_read_them() -> None:
    assert shown(D("5.0E+2")) == "500"
    assert shown(D("8000")) == "8,000"
    assert shown("-") == "-"


@pytest.mark.parametrize(
    ("values", "frail"),
    [
        ({"age": "65", "frailty": "1"}, True),
        ({"age": "65", "frailty": "0"}, False),
        ({"age": "64", "frailty": "1"}, False),
        ({"age": "65", "frailty.fatigue": "1"}, True),
        ({"age": "64", "frailty.fatigue": "1"}, False),
        ({"age": "40", "weight.loss_percent_180d": "5", "loss.unintended": "1"}, True),
        ({"age": "40", "weight.loss_percent_180d": "4.9", "loss.unintended": "1"}, False),
        ({"age": "40", "weight.loss_percent_180d": "9", "loss.unintended": "0"}, False),
    ],
)
def test_who_counts_as_frail(values: dict[str, str], frail: bool) -> None:
    assert person(values).frail is frail


@pytest.mark.parametrize(
    ("age", "bmi", "thin"),
    [
        ("49", "18.4", True), ("49", "18.5", False), ("50", "19.9", True), ("50", "20.0", False),
        ("64", "20.0", False), ("65", "21.4", True), ("65", "21.5", False),
    ],
)  # fmt: skip
def test_who_counts_as_thin(age: str, bmi: str, thin: bool) -> None:
    assert person({"age": age, "bmi": bmi}).thin is thin


def test_a_measure_of_nothing_is_no_measure() -> None:
    nobody = person({"age": "40", "weight.level": "0", "height": "0", "bmi": "0"})
    assert (nobody.weight, nobody.height) == (None, None)
    assert person({"age": "40", "weight.level": "100", "bmi": "25"}).height == 200


def test_a_mean_that_is_said_to_be_the_target_is_not_pushed() -> None:
    assert declined("steps", TARO | {"steps.mean_7d": "7999.6"}).reason == "target-met"


def test_the_edges_of_age_and_of_the_kidney() -> None:
    assert declined("salt", TARO | {"age": "17"}).reason == "not-adult"
    assert goal("salt", TARO | {"age": "18"}).kind == "salt"
    assert goal("salt", TARO | {"lab.egfr": "60"}).figures["limit"] == D("7.5")
    assert food.alcohol_limit(D(20), male=True) is not None


def test_an_exchange_that_saves_exactly_what_is_wanted_is_taken_and_rice_alone_goes_to_160() -> None:
    assert [swap.id for swap in food.swaps_for(D(68), snacks=True)] == ["coffee"]
    assert [swap.id for swap in food.swaps_for(D(160))] == ["rice"]
    assert [swap.id for swap in food.swaps_for(D(161))] == ["tuna", "rice"]


def test_impossible_numbers_are_refused() -> None:
    for call in (
        lambda: exercise_kcal(D("0.9"), D(10), D(70)),
        lambda: exercise_kcal(D(3), D(-1), D(70)),
        lambda: exercise_kcal(D(3), D(10), D(0)),
        lambda: deficit(D(0)),
        lambda: deficit(D(2), 0),
        lambda: eer(D(40), "male", D(0), "low"),
    ):
        with pytest.raises(ValueError, match="positive"):
            call()
    assert exercise_kcal(D(1), D(0), D(70)).net == 0


SPOKEN: dict[str, tuple[tuple[Kind, ...], dict[str, str], tuple[str, ...]]] = {
    "heavy man of 50": (("weight", "steps"), TARO, ()),
    "heavy man of 50 who snacks": (("weight", "swap", "sitting"), TARO | {"habit.snacks": "1"}, ()),
    "frail woman of 78 with sore knees": (
        ("protein", "exercise", "strength"), UME, ("auto_weight_loss", "weight_loss", "snow_shovelling"),
    ),
    "man of 50 who drinks, on insulin": (
        ("exercise", "alcohol"), TARO | {"habit.exercise": "1", "bmi": "24.0", "weight.level": "71.8"},
        ("unsupervised_calorie_deficit", "fasted_exercise", "skip_meal", "weight_loss"),
    ),
    "man of 50 with high pressure at home who must not exercise": (
        ("salt", "breakfast"), TARO | {"bp.home.systolic_mean": "150", "bmi": "22.0", "weight.level": "65.8"},
        ("exercise_increase", "weight_loss"),
    ),
    "man of 50": (("servings", "vegetables", "fruit"), TARO | {"bmi": "22.0", "weight.level": "65.8"}, ("weight_loss",)),
}  # fmt: skip


def test_what_the_resident_reads(golden: Callable[[str, str], None]) -> None:
    pages = []
    for name, (kinds, values, must_not) in SPOKEN.items():
        pages.append(f"## {name}")
        for kind in kinds:
            moved = D(31) if kind == "weight" and "steps" in kinds else D(0)
            found = goal(kind, values, *must_not, at=datetime(2026, 1, 20, tzinfo=UTC), moved=moved)
            pages += [f"[{kind}]", render("ja", found), render("en", found)]
            pages += [f"({text})" for language in LANGUAGES if (text := note(language, found))]
    golden("plans/residents.txt", "\n".join(pages) + "\n")
