"""Whose reading: shares that sum to 1 whatever comes, blind to the order of names, deaf to a single mistake."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.assignment import Owner, likeliest, owner_by_numbers
from engine.contract.reading import Reading, Value
from engine.household import DeviceFacts, Household
from engine.intake import Accepted, Recent, accept
from engine.likelihood import IMPEDANCE, WEIGHT, density, enrol, forecast, learn
from engine.likelihood_home import Belief, Known, Sighting, guessed, nobody_enrolled, recalled, told

NAMES = ("r-a", "r-b", "r-c")
DAY = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
sightings = st.builds(
    Sighting,
    at=st.floats(0, 400),
    day=st.integers(0, 400),
    weight=st.floats(2, 300),
    hour=st.none() | st.floats(0, 24),
    impedance=st.none() | st.floats(50, 3000),
)
histories = st.lists(
    st.builds(Known, seen=sightings, owner=st.none() | st.sampled_from(NAMES), sure=st.booleans(), said=st.booleans()),
    max_size=12,
)


def daily(days: range, **members: float) -> Belief:
    """Everybody weighed surely each day, a little up and down."""
    belief = nobody_enrolled(members)
    for day in days:
        for name, kg in members.items():
            belief = told(belief, Sighting(day, day, kg + 0.3 * math.sin(day * 1.7)), name)
    return belief


@given(past=histories, seen=sightings)
def test_the_shares_of_everybody_and_nobody_sum_to_one(past: list[Known], seen: Sighting) -> None:
    belief = recalled(nobody_enrolled(NAMES), past)
    shares, after = guessed(belief, seen)
    assert sum(shares.values()) == pytest.approx(1)
    assert all(0 <= share <= 1 + 1e-9 for share in shares.values())
    assert set(shares) == {None, *NAMES}
    assert sum(hypothesis.share for hypothesis in after.hypotheses) == pytest.approx(1)


@given(past=histories, seen=sightings, order=st.permutations(NAMES))
def test_in_which_order_the_members_are_named_changes_nothing(
    past: list[Known], seen: Sighting, order: list[str]
) -> None:
    one, other = (guessed(recalled(nobody_enrolled(names), past), seen)[0] for names in (NAMES, order))
    assert one == other


@given(past=histories, seen=sightings)
def test_somebody_of_whom_nobody_ever_said_anything_is_never_named(past: list[Known], seen: Sighting) -> None:
    said = {known.owner for known in past if known.said}
    owner = owner_by_numbers(guessed(recalled(nobody_enrolled(NAMES), past), seen)[0])
    assert owner is None or owner.resident in said


@given(kilograms=st.decimals(30, 120, places=2), slot=st.sampled_from([1, 2]), named=st.sampled_from(["r-a", "r-b"]))
def test_a_slot_wins_over_the_numbers(kilograms: object, slot: int, named: str) -> None:
    home = Household(
        "h", frozenset({"r-a", "r-b"}), frozenset({"r-a", "r-b"}), {"d": DeviceFacts({1: "r-a", 2: "r-b"})}
    )
    reading = Reading(
        id="a" * 26, device="d", profile="p", user_slot=slot, measured_at=DAY, time_quality="device", received_at=DAY,
        values=(Value("body-weight", str(kilograms), "kg"),),
    )  # fmt: skip
    found = accept(reading, "g", home, Recent(), DAY, Owner(named, "assumed", 0.95))
    assert isinstance(found, Accepted)
    assert (found.resident, found.certainty, found.posterior) == ({1: "r-a", 2: "r-b"}[slot], "sure", None)


@given(
    level=st.floats(40, 120),
    steps=st.lists(st.tuples(st.floats(0, 30), st.floats(-3, 3)), max_size=20),
    gap=st.floats(0, 300),
    more=st.floats(1, 100),
)
def test_a_longer_gap_never_makes_the_density_narrower(
    level: float, steps: list[tuple[float, float]], gap: float, more: float
) -> None:
    day, track = 0.0, enrol(WEIGHT, 0.0, level)
    for wait, change in steps:
        day += wait
        track = learn(WEIGHT, forecast(WEIGHT, track, day), level + change)
    near, far = forecast(WEIGHT, track, day + gap), forecast(WEIGHT, track, day + gap + more)
    assert max(far.variances) >= max(near.variances) - 1e-9


def test_the_density_of_a_known_person_is_one() -> None:
    for gauge, level in ((WEIGHT, 60.0), (IMPEDANCE, 500.0)):
        expected = forecast(gauge, enrol(gauge, 0.0, level), 3.0)
        step = gauge.grain / 10
        wide = int(12 * gauge.odd / step)
        total = sum(density(gauge, expected, level + place * step) for place in range(-wide, wide)) * step
        assert total == pytest.approx(1, abs=1e-3)


def test_one_wrong_filing_does_not_capture_a_person() -> None:
    belief = daily(range(20), **{"r-a": 62.0, "r-b": 66.0})
    # The other one's reading, filed under r-a by numbers; the day after, r-a weighs as ever.
    belief = recalled(belief, [Known(Sighting(20, 20, 66.1), "r-a", sure=True, said=False)])
    name, share = likeliest(guessed(belief, Sighting(21, 21, 62.1))[0])
    assert name == "r-a"
    assert share >= 0.99


def test_who_weighed_today_may_weigh_again_but_the_other_is_likelier() -> None:
    belief = daily(range(20), **{"r-a": 62.0, "r-b": 64.0})
    first = guessed(belief, Sighting(20, 20, 63.0))[0]
    after = told(belief, Sighting(20, 20, 62.1), "r-a")
    second = guessed(after, Sighting(20, 20, 63.0))[0]
    assert second["r-a"] < first["r-a"]
    assert likeliest(guessed(after, Sighting(20, 20, 62.2))[0])[0] == "r-a"


def test_a_stranger_is_asked_about() -> None:
    belief = daily(range(20), **{"r-a": 62.0, "r-b": 70.0})
    assert owner_by_numbers(guessed(belief, Sighting(20, 20, 85.0))[0]) is None


def test_a_member_nobody_knows_yet_makes_everything_less_sure() -> None:
    known, with_guest = daily(range(20), **{"r-a": 62.0}), daily(range(20), **{"r-a": 62.0})
    with_guest = recalled(nobody_enrolled(["r-a", "r-new"]), _past(62.0))
    seen = Sighting(20, 20, 62.0)
    alone, together = (guessed(belief, seen)[0]["r-a"] for belief in (known, with_guest))
    assert together < 0.99 <= alone


def _past(kg: float) -> list[Known]:
    return [Known(Sighting(day, day, kg + 0.3 * math.sin(day * 1.7)), "r-a", sure=True, said=True) for day in range(20)]


def test_the_hour_and_the_impedance_tell_apart_who_weighs_the_same() -> None:
    belief = nobody_enrolled(["r-a", "r-b"])
    for day in range(20):
        wobble = 0.3 * math.sin(day * 1.7)
        belief = told(belief, Sighting(day + 0.3, day, 62.0 + wobble, 7.0, 480.0), "r-a")
        belief = told(belief, Sighting(day + 0.9, day, 62.0 - wobble, 21.5, 600.0), "r-b")
    morning = guessed(belief, Sighting(20.3, 20, 62.0, 7.2))[0]
    assert morning["r-a"] > 2 * morning["r-b"]
    assert owner_by_numbers(morning) is None
    conducted = owner_by_numbers(guessed(belief, Sighting(20.3, 20, 62.0, 12.0, 605.0))[0])
    assert conducted is not None
    assert conducted.resident == "r-b"
