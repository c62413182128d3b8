"""The order of the queue under any model, any people and any waiting: safety first, bounded favours, nobody starves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.placing import ONE_DUE
from engine.ranking import (
    BENEFIT_MOST,
    CONTACT,
    FAIRNESS_MOST,
    FIRST,
    Benefit,
    Person,
    Reached,
    Standing,
    benefit,
    due_of,
    fairness,
    rank,
)
from engine.ranking_model import FEATURES, FORMAT, HEADS, Estimate, Model, Node, Past, chance, decode, encode, facets
from engine.refusal import Refusal
from engine.review import ORDER, Item, tier

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
PEOPLE = ("r-aaaaaaaaaaaaa", "r-bbbbbbbbbbbbb", "r-ccccccccccccc")
TOPICS = ("weight", "activity", "blood-pressure", "meals", "glucose")
BANDS = ("under-40", "75-over")
PLACES = ("062049", "064611")
shares = st.floats(0, 1, allow_nan=False)
pasts = st.builds(
    Past, rejected=st.integers(0, 9), delivered=st.integers(0, 9),
    contact=st.none() | st.integers(0, 500).map(lambda days: NOW - timedelta(days=days)),
)  # fmt: skip
groups = st.tuples(st.integers(0, 40_000), st.integers(0, 40_000)).map(lambda two: Reached(max(two), min(two)))


@st.composite
def trees(draw: st.DrawFn) -> tuple[Node, ...]:
    """A tree of one question, or only a leaf."""
    leaf = st.floats(-3, 3, allow_nan=False).map(lambda value: Node(-1, 0.0, 0, 0, False, value))
    if draw(st.booleans()):
        return (draw(leaf),)
    root = Node(
        draw(st.integers(0, len(FEATURES) - 1)),
        draw(st.floats(-5, 200, allow_nan=False)),
        1,
        2,
        draw(st.booleans()),
        0.0,
    )
    return (root, draw(leaf), draw(leaf))


@st.composite
def estimates(draw: st.DrawFn) -> Estimate:
    raw = sorted(draw(st.sets(shares, min_size=1, max_size=5)))
    levels = sorted(draw(st.lists(shares, min_size=len(raw), max_size=len(raw))))
    chosen = draw(st.lists(trees(), max_size=3))
    return Estimate(
        base=draw(st.floats(-3, 3)), trees=tuple(chosen), raw=tuple(raw), calibrated=tuple(levels), rate=0.5,
        skill=0.1, samples=200,
    )  # fmt: skip


models = st.builds(
    Model, format=st.just(FORMAT), features=st.just(FEATURES), trained_at=st.just(NOW), decided=st.just(500),
    residents=st.just(90), heads=st.dictionaries(st.sampled_from(HEADS), estimates()),
)  # fmt: skip
people = st.builds(
    Person, municipality=st.sampled_from(PLACES), band=st.sampled_from(BANDS), device_poor=st.booleans(),
    contact=st.none() | st.integers(0, 500).map(lambda days: NOW - timedelta(days=days)),
    past=st.dictionaries(st.sampled_from(TOPICS), pasts, max_size=2),
)  # fmt: skip
standings = st.builds(
    Standing, people=st.dictionaries(st.sampled_from(PEOPLE), people),
    groups=st.dictionaries(st.sampled_from((*PLACES, *BANDS)), groups), everybody=groups, model=st.none() | models,
)  # fmt: skip
numbers = st.none() | st.decimals("10", "200", places=1).map(str)
signals = st.fixed_dictionaries(
    {},
    optional={
        name: st.fixed_dictionaries({"value": numbers, "inputs_total": st.integers(0, 90)})
        for name in ("bmi", "steps.mean_7d", "bp.home.systolic_mean")
    },
)
evidences = st.fixed_dictionaries(
    {"ask": st.lists(st.sampled_from(("symptoms", "pregnancy", "kidney")), unique=True)},
    optional={
        "first": st.booleans(),
        "signals": signals,
        "rule": st.fixed_dictionaries({"review": st.sampled_from(("each", "batchable", "physician", "someday"))}),
    },
)


@st.composite
def items(draw: st.DrawFn, severity: str | None = None) -> Item:
    number = draw(st.integers(0, 999))
    fields: dict[str, Any] = {
        "id": f"a-{number:013d}", "resident_id": draw(st.sampled_from(PEOPLE)), "topic": draw(st.sampled_from(TOPICS)),
        "rule_id": "a-rule", "rule_version": 1, "text_version": 1, "state": "open", "version": 1,
        "severity": severity or draw(st.sampled_from(ORDER)), "text_ja": "歩きましょう。", "text_en": "Please walk.",
        "evidence": draw(evidences), "snapshot_hash": "0" * 64, "updated_at": NOW,
        "created_at": NOW - timedelta(seconds=draw(st.integers(-60, 90 * 86_400))),
    }  # fmt: skip
    return Item(**fields)


@given(st.lists(items(), max_size=8), standings)
def test_no_model_and_no_favour_ever_lifts_an_item_over_a_more_serious_one(queue: list[Item], known: Standing) -> None:
    ordered = sorted(queue, key=lambda one: (*rank(one, NOW, known).key, one.id))
    tiers = [ORDER.index(one.severity) for one in ordered]
    assert tiers == sorted(tiers)


@given(st.lists(items(), max_size=8, unique_by=lambda one: one.id), standings, st.randoms(use_true_random=False))
def test_the_order_is_total_and_does_not_depend_on_how_the_list_came(
    queue: list[Item], known: Standing, chance_of: Any
) -> None:
    def ordered(some: list[Item]) -> list[str]:
        return [one.id for one in sorted(some, key=lambda one: (*rank(one, NOW, known).key, one.id))]

    mixed = list(queue)
    chance_of.shuffle(mixed)
    assert ordered(mixed) == ordered(queue)
    for one in queue:
        place = rank(one, NOW, known)
        assert place == rank(one, NOW, known)
        assert all(type(part) is int for part in place.key)
        assert place.reasons[0] == f"severity:{one.severity}"


@given(items(), standings, st.integers(0, 200), st.integers(0, 200))
def test_who_waits_longer_never_falls_back_while_nothing_else_changes(
    one: Item, known: Standing, hours: int, more: int
) -> None:
    """What a model says may depend on the day of the last contact, so the model and the people are held still."""
    still = msgspec.structs.replace(known, model=None, people={})
    since = one.created_at + timedelta(hours=hours)
    before, after = rank(one, since, still), rank(one, since + timedelta(hours=more), still)
    assert after.key <= before.key
    older = msgspec.structs.replace(one, created_at=one.created_at - timedelta(hours=more))
    assert rank(older, NOW, known).key <= rank(one, NOW, known).key


@given(items(), items(), standings)
def test_waiting_one_due_time_longer_beats_every_favour_and_every_model(
    one: Item, other: Item, known: Standing
) -> None:
    rival = msgspec.structs.replace(other, severity=one.severity)
    since = min(rival.created_at, NOW)
    starved = msgspec.structs.replace(one, created_at=since - due_of(one.severity))
    assert rank(starved, NOW, known).key < rank(rival, NOW, known).key


@given(items(), standings)
def test_a_more_serious_severity_never_stands_later(one: Item, known: Standing) -> None:
    places = [rank(msgspec.structs.replace(one, severity=severity), NOW, known).key[0] for severity in ORDER]
    assert places == sorted(set(places))
    assert tier("unheard-of") == tier("emergency")


@given(shares, st.floats(0.01, 1), st.floats(1, 30), st.sampled_from(ORDER[1:]))
def test_expected_benefit_rises_with_acceptance_uplift_and_severity_and_falls_with_minutes(
    accept: float, uplift: float, minutes: float, severity: str
) -> None:
    points = Benefit(accept, uplift, minutes, True).points(severity)
    assert 0 <= points <= BENEFIT_MOST
    assert Benefit(min(accept + 0.2, 1), uplift, minutes, True).points(severity) >= points
    assert Benefit(accept, min(uplift + 0.2, 1), minutes, True).points(severity) >= points
    assert Benefit(accept, uplift, minutes + 5, True).points(severity) <= points
    graver = ORDER[ORDER.index(severity) - 1]
    assert Benefit(accept, uplift, minutes, True).points(graver) >= points


@given(st.none() | people, standings)
def test_fairness_is_a_bounded_favour_with_a_reason_for_every_part(person: Person | None, known: Standing) -> None:
    points, reasons = fairness(person, known, NOW)
    assert 0 <= points <= FAIRNESS_MOST
    assert bool(points) == bool(reasons)
    assert FAIRNESS_MOST + BENEFIT_MOST + FIRST < ONE_DUE


@given(people, groups, st.integers(1, 10_000), st.integers(1, 10_000))
def test_a_place_that_is_reached_less_is_never_favoured_less(
    person: Person, everybody: Reached, residents: int, contacted: int
) -> None:
    def favour(reached: int) -> int:
        known = Standing(groups={person.municipality: Reached(residents, reached)}, everybody=everybody)
        return fairness(person, known, NOW)[0]

    reached = min(contacted, residents)
    assert favour(reached // 2) >= favour(reached)
    assert favour(residents) == fairness(person, Standing(everybody=everybody), NOW)[0]


@given(items(), people)
def test_somebody_not_reached_for_half_a_year_is_favoured_over_somebody_reached_today(
    one: Item, person: Person
) -> None:
    def at(contact: datetime) -> tuple[int, ...]:
        whom = msgspec.structs.replace(person, contact=contact, past={})
        return rank(one, NOW, Standing(people={one.resident_id: whom})).key

    assert at(NOW - CONTACT - timedelta(days=1)) < at(NOW)


@given(items(), standings)
def test_without_a_model_the_rules_alone_decide(one: Item, known: Standing) -> None:
    empty = Model(format=FORMAT, features=FEATURES, trained_at=NOW, decided=0, residents=0, heads={})
    alone = msgspec.structs.replace(known, model=None)
    assert rank(one, NOW, alone) == rank(one, NOW, msgspec.structs.replace(known, model=empty))
    assert not benefit(one, NOW, alone).learnt
    assert not {reason.partition(":")[0] for reason in rank(one, NOW, alone).reasons} & {"accept", "uplift"}


@given(models, st.lists(st.floats(allow_infinity=False) | st.just(float("nan")), min_size=13, max_size=13))
def test_a_model_survives_being_written_down_and_only_says_probabilities(model: Model, row: list[float]) -> None:
    again = decode(encode(model))
    assert again == model
    for estimate in model.heads.values():
        assert 0 <= chance(estimate, row) <= 1


@given(st.binary(max_size=300) | models.map(encode), st.data())
def test_no_bytes_make_the_reader_fall_over_or_a_tree_go_in_circles(raw: bytes, data: st.DataObject) -> None:
    spoilt = bytearray(raw)
    for _ in range(data.draw(st.integers(0, 3)) if raw else 0):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    found = decode(bytes(spoilt))
    if isinstance(found, Refusal):
        assert found.code in {"bad-model", "other-model"}
        return
    row = facets("soon", "weight", {}, Past(), NOW)
    assert all(0 <= chance(estimate, row) <= 1 for estimate in found.heads.values())


@given(st.lists(items(), min_size=2, max_size=8, unique_by=lambda one: one.id), standings, st.integers(0, 10**7))
def test_the_kept_places_give_the_order_of_every_later_moment(queue: list[Item], known: Standing, later: int) -> None:
    """What a model says and who counts as reached hang on the day, so they are those of the day the places are from."""
    kept = {one.id: (*rank(one, NOW, known).key, one.id) for one in queue}
    at = NOW + timedelta(seconds=later)

    for one in queue:
        for other in queue:
            if tier(one.severity) == tier(other.severity) and kept[one.id] < kept[other.id]:
                assert exact_points(one, known, at) >= exact_points(other, known, at)


def exact_points(one: Item, known: Standing, at: datetime) -> Fraction:
    """The points of the policy without rounding: benefit, fairness, first advice, and waiting."""
    own = benefit(one, NOW, known).points(one.severity) + fairness(known.people.get(one.resident_id), known, NOW)[0]
    own += FIRST if one.evidence.get("first") else 0
    micro = timedelta(microseconds=1)
    return own + Fraction((at - one.created_at) // micro * ONE_DUE, due_of(one.severity) // micro)
