"""When the learner decides, by what it looks, what a week brought, and that it can only hold goals back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.choosing import MOST_GOALS, NO_GOAL, select
from engine.judge import Judgement, judge
from engine.learning import SILENT, Proposal
from engine.learning_days import (
    EVERY,
    Choice,
    actions_of,
    available,
    believe,
    decide,
    features_of,
    lesson,
    logged,
    reward_of,
    stands,
    withheld,
)
from engine.rules import load_catalogue
from engine.rules.model import AdviceRule
from tests.plan_people import ALL_NO, RULES, TARO, UME, picture
from tests.web.desks import item

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ACTIONS = actions_of(load_catalogue())


def choice(chosen: str = "meals", *, shadow: bool = False, reward: float | None = 1.0) -> Choice:
    given = Proposal(
        resident="r-a", at=NOW, actions=("activity", "meals"), probabilities=(0.3, 0.3, 0.4), chosen=chosen,
        features=(1.0, 0.0, 0.0, 0.0),
    )  # fmt: skip
    return Choice(proposal=given, shadow=shadow, reward=reward)


def test_only_topics_of_goals_can_be_learned_of() -> None:
    assert set(ACTIONS) >= {"activity", "meals", "weight"}
    assert not set(ACTIONS) & NO_GOAL
    assert "frailty" not in ACTIONS


def test_a_topic_that_waits_or_rests_is_not_proposed() -> None:
    free = ("weight", "activity", "meals")
    rested = item("told", topic="weight", state="delivered", evidence={"cooldown_days": 28}, updated_at=NOW - 27 * DAY)
    waiting = item("wait", topic="activity", state="open")
    assert available(free, [], NOW) == free
    assert available(free, [rested], NOW) == ("activity", "meals")
    assert available(free, [rested], NOW + DAY) == free
    assert available(free, [waiting], NOW) == ()
    assert available(("meals",), [waiting], NOW) == ("meals",)
    assert len(available(tuple("abcdefg"), [], NOW)) == 5


def test_a_choice_stands_for_a_week_and_a_shadow_holds_nothing_back() -> None:
    assert not stands(None, NOW)
    assert stands(choice(), NOW + EVERY - DAY)
    assert not stands(choice(), NOW + EVERY)
    assert withheld(choice(), ("activity", "meals", "sleep")) == {"activity", "sleep"}
    assert withheld(choice(SILENT), ("activity", "meals")) == {"activity", "meals"}
    assert withheld(choice(shadow=True), ("activity", "meals")) == withheld(None, ("meals",)) == frozenset()


def test_it_looks_at_the_messages_of_a_week_at_the_weekday_and_at_the_season() -> None:
    told = [item(f"m{ago}", state="delivered", updated_at=NOW - ago * DAY) for ago in (1, 3, 8)]
    assert features_of(told, datetime(2026, 11, 21, 12, tzinfo=UTC)) == (1.0, 2 / 7, 1.0, 0.0)
    assert features_of([], datetime(2027, 1, 12, 12, tzinfo=UTC)) == (1.0, 0.0, 0.0, 1.0)
    many = [item(f"n{ago}", state="delivered", updated_at=NOW - ago * timedelta(hours=1)) for ago in range(20)]
    assert features_of(many, NOW)[1] == 1.0


def steps(before: int, after: int, days: int = 7) -> dict[date, Decimal]:
    decided = NOW.date()
    known = {decided - ago * DAY: Decimal(before) for ago in range(1, days + 1)}
    return known | {decided: Decimal(40_000)} | {decided + on * DAY: Decimal(after) for on in range(1, days + 1)}


@pytest.mark.parametrize(
    ("walked", "tap", "reward"),
    [
        (steps(4000, 5500), None, 1.0), (steps(5500, 4000), None, -1.0), (steps(4000, 5500), "useful", 1.5),
        (steps(4000, 5500), "not-for-me", 0.5), (steps(0, 40_000), None, 3.0), (steps(40_000, 0), "not-for-me", -3.0),
        (steps(4000, 5500, 4), None, 1.0), (steps(4000, 5500, 3), None, None), ({}, "useful", 0.5), ({}, None, None),
    ],
)  # fmt: skip
def test_what_a_week_brought_is_the_change_of_its_steps_and_a_tap(
    walked: dict[date, Decimal], tap: object, reward: float | None
) -> None:
    assert reward_of(walked, NOW.date(), tap) == reward  # type: ignore[arg-type]


def test_nothing_is_learned_of_a_shadow_or_of_a_week_nobody_measured() -> None:
    for one in (choice(shadow=True), choice(reward=None)):
        assert lesson(one) is None
        assert logged(one) is None
    taught, told = lesson(choice(SILENT)), logged(choice(SILENT))
    assert taught is not None
    assert told is not None
    assert (taught.chosen, taught.probabilities) == (None, {"activity": 0.3, "meals": 0.3})
    assert told.chosen == SILENT
    assert sum(told.probabilities.values()) == pytest.approx(1)
    gone = msgspec.structs.replace(
        choice(), proposal=msgspec.structs.replace(choice().proposal, actions=("x", "meals"))
    )
    assert believe([gone, choice(shadow=True)], ACTIONS).persons == {}
    assert list(believe([choice()], ACTIONS).persons) == ["r-a"]


def test_the_lot_of_a_moment_is_always_the_same_and_others_fall_otherwise() -> None:
    nothing = believe([], ACTIONS)
    drawn = [decide(nothing, "r-a", NOW + hour * timedelta(hours=1), [], ("activity", "meals")) for hour in range(60)]
    again = [decide(nothing, "r-a", NOW + hour * timedelta(hours=1), [], ("activity", "meals")) for hour in range(60)]
    assert drawn == again
    assert {one.chosen for one in drawn} == {"activity", "meals", SILENT}


PEOPLE = (
    TARO | ALL_NO,
    UME | ALL_NO,
    TARO | ALL_NO | {"has.heart-failure": "1"},
    TARO,
    TARO | ALL_NO | {"answer.smoker": "1"},
)


@given(st.sampled_from(PEOPLE), st.sets(st.sampled_from(ACTIONS)), st.sampled_from([None, "steps", "salt", "weight"]))
def test_whatever_is_held_back_nothing_barred_is_said_and_nothing_demanded_is_lost(
    values: dict[str, str], back: set[str], wish: str | None
) -> None:
    seen = picture(values)
    found = judge(seen, RULES)
    house, held = select(found, seen, RULES, wish, ()), select(found, seen, RULES, wish, (), back)
    allowed = {one.firing.rule.id for one in found.proposals if one.allowed}
    said = [one.firing.rule for one in held.spoken if isinstance(one.firing.rule, AdviceRule)]
    assert {rule.id for rule in said} <= allowed
    assert sum(rule.topic not in NO_GOAL for rule in said) <= MOST_GOALS
    assert not {rule.topic for rule in said} & back - _asked(found, wish)
    assert held.free == house.free
    # What is no goal, what was chosen and what must be heard is said as ever.
    kept = [one.firing.rule.id for one in house.spoken if one.firing.rule.topic not in back - _asked(found, wish)]
    assert [name for name in kept if name not in {one.firing.rule.id for one in held.spoken}] == []
    assert select(found, seen, RULES, wish, (), ()) == house


def _asked(found: Judgement, wish: str | None) -> set[str]:
    """What the resident chose, must hear of or needs against frailty; what is no goal is never held back either."""
    rules = [
        one.firing.rule for one in found.proposals if one.allowed and isinstance(one.firing.rule, AdviceRule)
    ]  # fmt: skip
    chosen = {rule.topic for rule in rules if wish in {rule.topic, rule.plan} or rule.tier == "frailty"}
    return chosen | ({"tobacco"} if "smoking_cessation" in found.must else set()) | NO_GOAL
