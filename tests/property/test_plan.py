"""Goals: whatever is known, asked or forbidden, a goal or a reason comes; never a figure under its veto; sums hold."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.advice import Assessment, assess
from engine.casework import picture_of_case, read_case
from engine.choosing import MOST_GOALS, NO_GOAL
from engine.locale import LANGUAGES
from engine.people import Resident
from engine.plans.compose import VETOES, build
from engine.plans.exercise import exercise_kcal, next_steps, said_steps, walking_kcal
from engine.plans.food import food_kcal, rice_for, swaps_for
from engine.plans.model import KINDS, Declined, Goal
from engine.plans.needs import DEFICIT_VETOES, ENERGY_VETOES, deficit, eer, loss_goal, slow_enough
from engine.plans.person import Aims, person_of
from engine.plans.tables import foods, sources
from engine.plans.words import note, render
from engine.refusal import Refusal
from engine.rules import AdviceRule, load_catalogue
from engine.safety import wording_faults
from engine.signals import Signal, Signals

CODES = sorted({code for codes in VETOES.values() for code in codes} | {"fasted_exercise", "outdoor_exercise", "vigorous_exercise", "skip_meal", "snow_shovelling", "fluid_increase"})  # fmt: skip
YES_NO = (
    "answer.pregnant", "answer.breastfeeding", "has.joint-pain", "has.diet-treatment", "has.ckd", "glucose.treated",
    "med.antihypertensive", "habit.exercise", "habit.snacks",
    "frailty.loss-2kg", "frailty.fatigue", "frailty.no-exercise", "loss.unintended", "env.snow", "sex.male", "waist.over",
)  # fmt: skip
NUMBERS = {
    "age": (0, 110), "height": (120, 210), "weight.level": (25, 250), "bmi": (12, 60), "steps.mean_7d": (0, 30_000),
    "waist": (50, 160), "bp.home.systolic_mean": (80, 220), "lab.egfr": (5, 120), "env.wbgt": (-5, 40),
    "weight.loss_percent_180d": (-20, 30), "frailty": (-1, 2),
}  # fmt: skip
PROFILES_EACH = 8
RULES = load_catalogue()
TOPICS = {rule.id: rule.topic for rule in RULES if isinstance(rule, AdviceRule)}
LOWS = (Decimal("18.5"), Decimal("20.0"), Decimal("21.5"))
WHO = Resident(
    id="r-aaaaaaaaaaaaa", household_id=None, municipality_code="062049", family_name="佐藤", given_name="太郎",
    family_kana="サトウ", given_kana="タロウ", birth_date=date(1968, 5, 1), sex="male",
)  # fmt: skip


class Profile(NamedTuple):
    values: dict[str, Decimal | None]
    must_not: frozenset[str]
    aims: Aims
    at: datetime
    moved: Decimal

    @property
    def made(self) -> list[Goal | Declined]:
        """What every kind comes to; nothing where the age is unknown."""
        whom = person_of(self.values, self.at, self.aims)
        return [] if whom is None else [build(kind, whom, self.must_not, self.moved) for kind in KINDS]

    @property
    def goals(self) -> list[Goal]:
        return [goal for goal in self.made if isinstance(goal, Goal)]


def profile(rng: Random) -> Profile:
    """A person in whom anything may be unknown, not asked or forbidden; most are adults with a weight."""
    asked, known, barred = rng.choice((0.2, 0.6, 1.0)), rng.choice((0.3, 0.8, 1.0)), rng.choice((0.0, 0.1, 0.3))
    values: dict[str, Decimal | None] = {}
    for name in YES_NO:
        values[name] = Decimal(rng.choice((0, 0, 1))) if rng.random() < asked else None
    for name, (low, high) in NUMBERS.items():
        values[name] = Decimal(rng.randint(low * 10, high * 10)) / 10 if rng.random() < known else None
    values["age"] = None if rng.random() < 0.02 else Decimal(rng.choice((rng.randint(0, 110), rng.randint(18, 90))))
    must_not = frozenset(code for code in CODES if code != "everything" and rng.random() < barred)
    must_not |= {"everything"} if rng.random() < 0.02 else set()
    least, steps = rng.choice((None, *LOWS)), rng.choice((None, Decimal(6000), Decimal(8000)))
    aims = Aims(low=least, high=None if least is None else Decimal("24.9"), steps=steps)
    at = datetime(2026, rng.randint(1, 12), rng.randint(1, 28), tzinfo=UTC)
    return Profile(values, must_not, aims, at, Decimal(rng.choice((0, 0, rng.randint(1, 300)))))


NO_ENERGY = ENERGY_VETOES - {"calorie_deficit"}
SEEDS = st.integers(0, 2**32 - 1)
WHEN = datetime(2026, 5, 20, 9, tzinfo=UTC)


def profiles(seed: int) -> list[Profile]:
    rng = Random(seed)
    return [profile(rng) for _ in range(PROFILES_EACH)]


KG = st.decimals(30, 250, places=1)


@given(SEEDS)
def test_every_completion_gives_a_goal_of_its_kind_or_a_reason(seed: int) -> None:
    for one in profiles(seed):
        for kind, made in zip(KINDS, one.made, strict=False):
            assert made.kind == kind
            if isinstance(made, Declined):
                assert (made.reason == "vetoed") == bool(VETOES[kind] & one.must_not)
                assert set(made.by) == (VETOES[kind] & one.must_not)


@given(SEEDS)
def test_nothing_forbidden_is_among_the_goals_or_their_figures(seed: int) -> None:
    for one in profiles(seed):
        for goal in one.goals:
            names = set(goal.figures)
            assert not (VETOES[goal.kind] | {"everything"}) & one.must_not
            assert (one.values["age"] or 0) >= 18
            if one.must_not & DEFICIT_VETOES:
                assert not names & {"loss_kg", "food_kcal", "move_kcal"}
            if goal.kind == "servings":
                own, counted = goal.figures["own_kcal"], goal.figures["eer_kcal"]
                assert counted == own or not one.must_not & DEFICIT_VETOES
                assert (own - counted) * 7 * 100 <= (one.values["weight.level"] or 0) * 7000
            elif one.must_not & ENERGY_VETOES:
                assert [name for name in names if "kcal" in name] == []
            if one.must_not & ENERGY_VETOES:
                assert [line.key for line in goal.lines if "kcal" in line.values] == []
            if "exercise_increase" in one.must_not:
                assert not names & {"minutes", "mets", "goal", "kcal_week", "kcal_day"}


@given(SEEDS)
def test_every_sentence_is_plain_and_names_sources_that_exist(seed: int) -> None:
    for one in profiles(seed):
        for goal in one.goals:
            assert goal.rules
            assert set(goal.sources) <= set(sources())
            for language in LANGUAGES:
                assert wording_faults(language, render(language, goal)) == ()
                assert (note(language, goal) is None) == (goal.note is None)


@given(SEEDS)
def test_the_parts_of_a_loss_add_up_and_the_weeks_of_exercise_do(seed: int) -> None:
    for one in profiles(seed):
        for goal in one.goals:
            figures = goal.figures
            if goal.kind == "weight":
                assert figures["kcal"] == deficit(figures["loss_kg"])
                assert figures["move_kcal"] == min(one.moved, figures["kcal"])
                assert abs(figures["food_kcal"] + figures["move_kcal"] - figures["kcal"]) <= 12
                parts = [kcal for name, kcal in figures.items() if name.startswith("swap.") and name.endswith("kcal")]
                assert sum(parts) == figures["food_kcal"]
            if goal.kind == "steps":
                assert figures["goal"] <= figures["target"]
                assert figures["extra"] == figures["goal"] - figures["mean"] >= 200
                assert figures["minutes"] >= 2
            if "minutes_week" in figures:
                assert figures["minutes_week"] == figures["minutes"] * figures["days"]
            if "kcal_week" in figures:
                weight = one.values["weight.level"]
                assert weight is not None
                exact = exercise_kcal(figures["mets"], figures["minutes_week"], weight).net
                assert abs(figures["kcal_week"] - exact) <= Decimal("0.5")


def test_the_random_people_reach_every_kind_of_goal_and_many_reasons() -> None:
    """Without this the properties above could hold because nobody is ever given anything."""
    made = [found for seed in range(60) for one in profiles(seed) for found in one.made]
    assert {goal.kind for goal in made if isinstance(goal, Goal)} == set(KINDS)
    reasons = {found.reason for found in made if isinstance(found, Declined)}
    assert reasons >= {"vetoed", "not-adult", "not-measured", "no-indication", "no-target", "target-met", "near-enough",
                       "frailty", "no-table", "diet-treatment", "pregnancy", "under-age"}  # fmt: skip
    assert sum(isinstance(found, Goal) for found in made) > len(made) / 4


def written(rng: Random) -> dict[str, Any]:
    """A case as somebody may write it: each key there or not, most people well enough to be given goals."""
    known = rng.choice((0.6, 0.95, 1.0))
    age = rng.choice((rng.randint(15, 95), rng.randint(20, 74), rng.randint(20, 74)))
    profile: dict[str, Any] = {
        "sex": rng.choice(("male", "female")), "age": age, "age_fy_end": age, "height_cm": rng.randint(145, 185),
        "weight_kg": rng.randint(40, 120), "waist_cm": rng.randint(65, 115), "smoker": rng.random() < 0.3,
        "pregnant": rng.random() < 0.03, "breastfeeding": False, "steps_7d_mean": rng.randint(500, 9000),
        "meds": rng.choice(([], [], [], ["insulin"], ["antihypertensive"])),
        "conditions": rng.choice(([], [], [], ["diabetes"], ["ckd"], ["eating_disorder"], ["heart_failure"])),
    }  # fmt: skip
    profile = {name: value for name, value in profile.items() if rng.random() < known}
    trend = {"weight_change_7d_kg": 0, "weight_change_180d_kg": rng.choice((0, 0, 0, -4)), "intentional": True}
    pressure = {"office_sbp": rng.randint(100, 145), "office_dbp": rng.randint(60, 92)}
    place = rng.choice(({}, {"snow": True}, {"wbgt": 29}))
    return {"id": "x", "profile": profile, "trend": trend, "bp": pressure, "env": place}


def advised(rng: Random) -> Assessment:
    case = read_case(written(rng))
    assert not isinstance(case, Refusal)
    wish = rng.choice((None, "meals", *sorted(set(TOPICS.values()))))
    more = {"habit.snacks": rng.choice((0, 1)), "weight.days_28d": rng.choice((2, 3, 20, 20))}
    added = {name: Signal(value=Decimal(value), unit="1") for name, value in more.items()}
    picture = Signals(WHEN, picture_of_case(case).values | added)
    return assess(WHO, picture, RULES, datetime(2026, rng.randint(1, 12), 9, tzinfo=UTC), wish=wish)


def twice(goals: list[dict[str, Any]]) -> list[str]:
    """The exchanges that two of the goals name."""
    named = [name for goal in goals for name in goal["figures"] if name.startswith("swap.") and name.endswith("grams")]
    return sorted(name for name in set(named) if named.count(name) > 1)


def moving(found: Assessment) -> Decimal:
    """What movement spends a day, in the snow told in the rule's own words."""
    return sum((Decimal(draft.evidence["plan"].get("kcal_day", "0")) for draft in found.drafts), Decimal(0))


@settings(max_examples=30)
@given(SEEDS)
def test_what_is_drafted_is_two_goals_at_most_that_add_up_and_nothing_forbidden(seed: int) -> None:
    found = advised(Random(seed))
    assert found.failed == ()
    told = [draft for draft in found.drafts if TOPICS.get(draft.rule_id, "guidance") not in NO_GOAL]
    assert len(told) <= MOST_GOALS
    goals = [draft.evidence["goal"] for draft in found.drafts if "goal" in draft.evidence]
    must_not = found.judgement.must_not
    for draft in found.drafts:
        goal = draft.evidence.get("goal", {})
        numbers = {*draft.evidence["plan"], *goal.get("figures", {})}
        if must_not & DEFICIT_VETOES:
            assert not numbers & {"loss_kg", "food_kcal", "move_kcal"}
        if must_not & ENERGY_VETOES:
            # What keeps the weight as it is may be counted where only a deficit is barred.
            keeps = goal.get("kind") == "servings" and goal["figures"]["own_kcal"] == goal["figures"]["eer_kcal"]
            kept = {"own_kcal", "eer_kcal", "kcal"} if keeps and not must_not & NO_ENERGY else set()
            assert {name for name in numbers if "kcal" in name} <= kept
        if "exercise_increase" in must_not:
            assert draft.evidence["plan"].get("minutes", "-") == "-"
    assert twice(goals) == []
    for goal in goals:
        if goal["kind"] == "weight":
            figures = {name: Decimal(value.replace(",", "")) for name, value in goal["figures"].items()}
            assert figures["move_kcal"] == min(moving(found), figures["kcal"])
            assert abs(figures["food_kcal"] + figures["move_kcal"] - figures["kcal"]) <= 12


def test_the_written_people_are_given_a_loss_beside_movement() -> None:
    """Without this no sum above would ever be looked at, and no exchange could be named twice."""
    pairs, exchanged = set[tuple[str, ...]](), set[str]()
    for seed in range(150):
        goals = [draft.evidence["goal"] for draft in advised(Random(seed)).drafts if "goal" in draft.evidence]
        pairs.add(tuple(sorted(goal["kind"] for goal in goals)))
        exchanged |= {name for goal in goals if goal["kind"] == "weight" for name in goal["figures"]}
    assert ("steps", "weight") in pairs
    assert "swap.coffee.grams" in exchanged
    assert any("servings" in pair for pair in pairs)
    assert any("swap" in pair for pair in pairs)
    assert not any({"swap", "weight"} <= set(pair) for pair in pairs)
    assert len(pairs) >= 6


@given(KG, st.decimals(130, 210, places=1), st.sampled_from(LOWS), st.booleans())
def test_a_loss_goal_never_leads_below_the_range_nor_faster_than_one_percent_a_week(
    weight: Decimal, height: Decimal, low: Decimal, waist: bool
) -> None:
    bmi = (weight * 10_000 / height / height).quantize(Decimal("0.1"))
    goal = loss_goal(weight, bmi, waist, low, height)
    if goal is not None:
        assert bmi >= 25 or waist
        assert (weight - goal) * 10_000 >= low * height * height
        assert slow_enough(goal, weight, 180)
    elif bmi >= 25:
        assert (weight * Decimal("0.94")) * 10_000 < low * height * height


@given(st.integers(0, 900).map(Decimal), st.booleans())
def test_swaps_save_what_the_food_table_says(kcal: Decimal, snacks: bool) -> None:
    found = swaps_for(kcal, snacks=snacks)
    assert len({swap.id for swap in found}) == len(found)
    assert abs(sum(swap.kcal for swap in found) - kcal) <= 12
    for swap in found:
        other = food_kcal(swap.other, swap.other_grams) if swap.other and swap.other_grams else Decimal(0)
        assert abs(food_kcal(swap.food, swap.grams) - other - swap.kcal) <= Decimal("0.5")


@given(st.integers(12, 900).map(Decimal))
def test_less_rice_is_in_steps_of_five_grams(kcal: Decimal) -> None:
    rice = rice_for(kcal)
    assert rice is not None
    assert rice.grams % foods().rice.rounded_to == 0
    assert abs(rice.grams * Decimal("1.56") - kcal) <= Decimal("3.9")


@given(KG, KG, st.integers(0, 240).map(Decimal), st.decimals(1, 12, places=1), st.integers(18, 74).map(Decimal))
def test_heavier_longer_and_harder_never_means_fewer_kcal(
    one: Decimal, other: Decimal, minutes: Decimal, mets: Decimal, age: Decimal
) -> None:
    light, heavy = sorted((one, other))
    less, more = exercise_kcal(mets, minutes, light), exercise_kcal(mets, minutes, heavy)
    assert less.gross <= more.gross
    assert less.net <= less.gross
    assert exercise_kcal(mets, minutes, light).gross <= exercise_kcal(mets + 1, minutes + 1, light).gross
    assert walking_kcal(minutes, light) <= walking_kcal(minutes, heavy)
    for level in ("low", "normal", "high"):
        need = [eer(age, "female", kg, level) for kg in (light, heavy)]
        assert need[0] is not None
        assert need[1] is not None
        assert need[0] <= need[1]


@given(st.integers(0, 20_000).map(Decimal), st.sampled_from([Decimal(6000), Decimal(8000)]))
def test_the_ladder_of_steps_climbs_a_thousand_and_stops_at_the_target(mean: Decimal, target: Decimal) -> None:
    found = next_steps(mean, target)
    if found is None:
        assert mean >= target
        return
    assert found == min(mean + 1000, target) > mean
    assert abs(said_steps(mean, target) - found) <= 50
