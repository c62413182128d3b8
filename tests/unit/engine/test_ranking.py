"""The queue's order told by examples, and what is learnt from seeded decisions with and without a signal."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.locale import Language
from engine.ranking import (
    LEAST_UPLIFT,
    NO_CONTACT,
    PRIOR_ACCEPT,
    PRIOR_UPLIFT,
    UNEVEN,
    Person,
    Reached,
    Standing,
    band_of,
    benefit,
    due_of,
    fairness,
    minutes,
    rank,
)
from engine.ranking_model import (
    FEATURES,
    HEADS,
    MONOTONE,
    Estimate,
    Model,
    Node,
    Past,
    chance,
    decode,
    encode,
    facets,
    score,
)
from engine.ranking_samples import (
    EDITED,
    FOLLOW_UP,
    Trace,
    Verdict,
    aim_of,
    moved,
    past_of,
    samples_of,
    verdict,
)
from engine.ranking_training import LEAST_ARM, LEAST_DECIDED, LEAST_RESIDENTS, Sample, train
from engine.refusal import Refusal
from engine.review import DUE, ORDER, Item
from engine.rules.model import SEVERITIES
from tests.homes import HANAKO, TARO

# One worker pays for loading the library.
pytestmark = pytest.mark.xdist_group("ranking")
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
AT = FEATURES.index
TAUGHT = 2000


def item(number: int = 1, **more: Any) -> Item:
    fields: dict[str, Any] = {
        "id": f"a-{number:013d}", "resident_id": HANAKO, "topic": "activity", "rule_id": "steps-below-target",
        "rule_version": 1, "text_version": 1, "state": "open", "version": 1, "severity": "routine",
        "text_ja": "歩きましょう。", "text_en": "Please walk.", "evidence": {"ask": []}, "snapshot_hash": "0" * 64,
        "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    return Item(**(fields | more))


def test_the_order_knows_every_severity_of_the_rules_and_when_each_is_due() -> None:
    assert tuple(reversed(ORDER)) == SEVERITIES
    assert [due_of(severity) for severity in DUE] == list(DUE.values())
    assert due_of("emergency") <= due_of("urgent") < due_of("prompt") < due_of("soon") < due_of("routine")
    assert [band_of(age) for age in (39, 40, 64, 65, 74, 75)] == ["under-40", "40-64", "40-64", "65-74", "65-74", "75-over"]  # fmt: skip


def test_an_item_says_why_it_stands_where_it_stands() -> None:
    late = item(severity="soon", created_at=NOW - DUE["soon"] - timedelta(hours=2), evidence={"ask": [], "first": True})
    whom = Person(municipality="064611", band="75-over", device_poor=True, contact=NOW - 200 * DAY)
    known = Standing(
        people={HANAKO: whom},
        everybody=Reached(1000, 200),
        groups={"064611": Reached(500, 20), "75-over": Reached(9, 9)},
    )
    assert rank(late, NOW, known).reasons == (
        "severity:soon", "overdue:120min", "first-advice", "no-contact", "few-reached-here", "device-poor",
        "waiting:4440min",
    )  # fmt: skip
    assert rank(item(), NOW).reasons == ("severity:routine", "waiting:0min")


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", ("waiting 3 days", "no recent advice", "few reached in this town", "few reached at this age",
                "no device of their own", "order: earlier decisions", "order: earlier outcomes")),
        ("ja", ("3日前から", "最近 助言なし", "この町に 届いた人が少ない", "この年代に 届いた人が少ない", "自分の機器なし",
                "順番: これまでの判断から", "順番: これまでの結果から")),
    ],
)  # fmt: skip
def test_every_reason_has_a_word_for_the_nurse(lang: Language, words: tuple[str, ...]) -> None:
    from engine.web.view import chips

    known = Standing(
        people={HANAKO: Person(municipality="064611", band="75-over", device_poor=True)}, model=learnt(),
        everybody=Reached(1000, 200), groups={"064611": Reached(500, 20), "75-over": Reached(300, 0)},
    )  # fmt: skip
    place = rank(item(created_at=NOW - timedelta(hours=74)), NOW, known)
    assert set(chips(lang, place)) == set(words)


def test_a_group_far_behind_gets_most_of_the_favour_and_a_tiny_group_little() -> None:
    def favour(reached: Reached) -> int:
        whom = Person(municipality="064611", band="40-64", contact=NOW)
        return fairness(whom, Standing(groups={"064611": reached}, everybody=Reached(1000, 500)), NOW)[0]

    assert favour(Reached(990, 0)) == UNEVEN * 990 // 1000
    assert favour(Reached(1, 0)) == UNEVEN // 11
    assert favour(Reached(100, 50)) == favour(Reached(100, 90)) == 0


def test_nobody_is_behind_while_nobody_was_reached() -> None:
    whom = Person(municipality="064611", band="40-64")
    known = Standing(groups={"064611": Reached(100, 0)}, everybody=Reached(100, 0))
    assert fairness(whom, known, NOW) == (NO_CONTACT, ["no-contact"])


def test_questions_and_a_physicians_review_cost_minutes() -> None:
    assert minutes(item(evidence={"ask": [], "rule": {"review": "batchable"}})) == 1.0
    assert minutes(item(evidence={"ask": ["symptoms", "pregnancy"], "rule": {"review": "each"}})) == 6.0
    assert minutes(item(evidence={"ask": [], "rule": {"review": "physician"}})) == 6.0
    quick, slow = item(1, evidence={"ask": []}), item(2, evidence={"ask": ["symptoms"]})
    assert rank(quick, NOW).key < rank(slow, NOW).key


def flat(level: float) -> Estimate:
    return Estimate(base=0.0, trees=(), raw=(0.5,), calibrated=(level,), rate=level, skill=0.1, samples=200)


def test_uplift_is_what_delivery_adds_and_never_less_than_a_little() -> None:
    def gain(helped: float, otherwise: float) -> float:
        heads = {"helped": flat(helped), "otherwise": flat(otherwise)}
        model = msgspec.structs.replace(learnt(), heads=heads)
        return benefit(item(), NOW, Standing(model=model)).uplift

    assert gain(0.5, 0.2) == pytest.approx(0.3)
    assert gain(0.2, 0.5) == LEAST_UPLIFT
    half = msgspec.structs.replace(learnt(), heads={"helped": flat(0.9)})
    found = benefit(item(), NOW, Standing(model=half))
    assert (found.accept, found.uplift, found.learnt) == (PRIOR_ACCEPT, PRIOR_UPLIFT, False)


def test_the_curve_is_straight_between_its_knots_and_flat_outside() -> None:
    knots = Estimate(
        base=0.0, trees=((Node(-1, 0.0, 0, 0, False, 0.0),),), raw=(0.25, 0.75), calibrated=(0.1, 0.5), rate=0.3,
        skill=0.1, samples=200,
    )  # fmt: skip
    row = [math.nan] * len(FEATURES)
    assert chance(knots, row) == pytest.approx(0.3)
    assert chance(msgspec.structs.replace(knots, base=9.0), row) == 0.5
    assert chance(msgspec.structs.replace(knots, base=-9.0), row) == 0.1


@pytest.mark.parametrize(
    "node",
    [Node(0, 1.0, 0, 1, True, 0.0), Node(0, 1.0, 1, 9, True, 0.0), Node(99, 1.0, 1, 1, True, 0.0), Node(-2, 1.0, 1, 1, True, 0.0)],
)  # fmt: skip
def test_a_tree_that_could_go_in_circles_or_out_of_bounds_is_refused(node: Node) -> None:
    leaf = Node(-1, 0.0, 0, 0, False, 1.0)
    bad = msgspec.structs.replace(flat(0.5), trees=((node, leaf),))
    found = decode(encode(msgspec.structs.replace(learnt(), heads={"accept": bad})))
    assert isinstance(found, Refusal)
    assert found.code == "bad-model"


@pytest.mark.parametrize("change", [{"format": 99}, {"features": ("age",)}])
def test_a_model_of_another_version_is_refused(change: dict[str, Any]) -> None:
    found = decode(encode(msgspec.structs.replace(learnt(), **change)))
    assert isinstance(found, Refusal)
    assert found.code == "other-model"


def test_a_curve_that_falls_is_refused() -> None:
    falling = msgspec.structs.replace(flat(0.5), raw=(0.2, 0.4), calibrated=(0.6, 0.5))
    found = decode(encode(msgspec.structs.replace(learnt(), heads={"accept": falling})))
    assert isinstance(found, Refusal)


# What may be learnt from.


def trace(number: int, ago: int, **more: Any) -> Trace:
    fields: dict[str, Any] = {
        "advice": f"a-{number:013d}", "resident": HANAKO, "topic": "activity", "severity": "routine", "accepted": 1.0,
        "evidence": {"signals": {"steps.mean_7d": {"value": "4000"}}}, "decided_at": NOW - ago * DAY,
    }  # fmt: skip
    return Trace(**(fields | more))


def test_the_decision_that_stands_counts_and_an_edited_draft_was_half_right() -> None:
    one, two, three = NOW, NOW + DAY, NOW + 2 * DAY
    assert verdict([("approve", one), ("deliver", two)]) == Verdict(1.0, one, two)
    assert verdict([("edit", one), ("approve", two)]) == Verdict(EDITED, two, None)
    assert verdict([("approve", one), ("undo", two), ("reject", three)]) == Verdict(0.0, three, None)
    assert verdict([("reject", one), ("undo", two)]) is None
    assert verdict([("edit", one)]) is None


def test_only_what_was_known_before_a_decision_is_its_past() -> None:
    own = [
        trace(1, 400, delivered_at=NOW - 399 * DAY),
        trace(2, 90, accepted=0.0),
        trace(3, 60, delivered_at=NOW - 59 * DAY),
        trace(4, 30, topic="weight", delivered_at=NOW + DAY),
        trace(5, 0),
    ]
    past = past_of(own, NOW)
    assert past["activity"] == Past(rejected=1, delivered=1, contact=NOW - 59 * DAY)
    assert past["weight"] == Past(contact=NOW - 59 * DAY)
    assert past[""] == Past(contact=NOW - 59 * DAY)
    assert past_of(own, NOW - 60 * DAY)["activity"] == Past(rejected=1, delivered=1, contact=NOW - 399 * DAY)


def test_an_outcome_is_asked_for_only_where_it_tells_something() -> None:
    delivered = trace(1, 200, delivered_at=NOW - 199 * DAY)
    near = trace(2, 180, accepted=0.0)
    alone = trace(3, 100, accepted=0.0)
    overtaken = trace(4, 50)
    asked: list[str] = []

    def improved(one: Trace) -> bool:
        asked.append(one.advice)
        return True

    found = samples_of([overtaken, alone, near, delivered], improved)
    assert asked == [delivered.advice, alone.advice]
    assert [(one.accepted, one.delivered, one.improved) for one in found] == [
        (1.0, True, True), (0.0, False, None), (0.0, False, True), (1.0, False, None),
    ]  # fmt: skip
    assert [one.row[AT("rejected")] for one in found] == [0, 0, 1, 2]
    assert timedelta(0) < near.decided_at - (delivered.delivered_at or NOW) < FOLLOW_UP


@pytest.mark.parametrize(
    ("topic", "numbers", "after", "expected"),
    [
        ("activity", {"steps.mean_7d": "4000"}, "4500", True),
        ("activity", {"steps.mean_7d": "4000"}, "4499", False),
        ("blood-pressure", {"bp.home.systolic_mean": "145"}, "142", True),
        ("blood-pressure", {"bp.home.systolic_mean": "145"}, "148", False),
        ("weight", {"bmi": "27.0"}, "26.7", True),
        ("weight", {"bmi": "25.0"}, "24.8", False),
        ("weight", {"bmi": "21.4"}, "21.7", True),
        ("weight", {"bmi": "24.9"}, "22.0", None),
        ("weight", {"bmi": "21.5"}, "22.0", None),
        ("frailty", {"bmi": "19.0"}, "19.3", True),
        ("frailty", {"bmi": "19.0"}, "18.7", False),
        ("activity", {"steps.mean_7d": None}, "9000", None),
        ("activity", {"steps.mean_7d": "4000"}, None, None),
        ("glucose", {"lab.fpg": "130"}, "100", None),
    ],
)
def test_better_means_a_material_step_the_right_way(
    topic: str, numbers: dict[str, str | None], after: str | None, expected: bool | None
) -> None:
    one = trace(1, 60, topic=topic, evidence={"signals": {name: {"value": value} for name, value in numbers.items()}})
    assert moved(one, None if after is None else Decimal(after)) is expected
    assert (aim_of(one) is None) <= (expected is None)


def test_the_model_never_sees_who_somebody_is() -> None:
    evidence = {"ask": ["symptoms"], "signals": {"age": {"value": "84"}, "sex.male": {"value": "1"}, "bmi": {"value": "27.1", "inputs_total": 9}}}  # fmt: skip
    row = facets("soon", "weight", evidence, Past(rejected=2), NOW)
    assert dict(zip(FEATURES, row, strict=True)) == pytest.approx(
        {"severity": 1, "questions": 1, "readings": math.log(10), "rejected": 2, "delivered": 0, "bmi": 27.1,
         "days-since-contact": math.nan, "steps": math.nan, "systolic": math.nan, "is-weight": 1, "is-activity": 0,
         "is-pressure": 0, "is-meals": 0},
        nan_ok=True,
    )  # fmt: skip


# Learning, on seeded decisions.


def world(seed: int, count: int, *, signal: bool = True) -> tuple[list[Sample], list[float], list[float]]:
    """Decided items of a made-up town with their true chances: of approval, and of what delivery adds."""
    rng = np.random.default_rng(seed)
    samples: list[Sample] = []
    accepts, uplifts = [], []
    for number in range(count):
        row = [0.0] * len(FEATURES)
        row[AT("questions")] = float(rng.integers(0, 4))
        row[AT("readings")] = float(rng.uniform(1, 4))
        row[AT("rejected")] = float(rng.integers(0, 4))
        row[AT("delivered")] = float(rng.integers(0, 6))
        row[AT("days-since-contact")] = math.nan if rng.random() < 0.3 else float(rng.uniform(0, 365))
        row[AT("steps")] = math.nan if rng.random() < 0.3 else float(rng.uniform(1000, 9000))
        row[AT("is-activity")] = float(rng.integers(0, 2))
        accept = 0.9 - 0.15 * row[AT("questions")] - 0.12 * row[AT("rejected")] if signal else 0.6
        added = max(0.4 * row[AT("is-activity")] - 0.07 * row[AT("delivered")], 0.0) if signal else 0.1
        accept = min(max(accept, 0.05), 0.95)
        accepts.append(accept)
        uplifts.append(added)
        accepted = float(rng.random() < accept)
        samples.append(
            Sample(
                resident=f"r-{number % 400}",
                row=tuple(row),
                accepted=accepted,
                delivered=bool(accepted),
                improved=bool(rng.random() < 0.2 + (added if accepted else 0.0)),
            )
        )
    return samples, accepts, uplifts


@cache
def learnt() -> Model:
    found = train(world(1, TAUGHT)[0], NOW)
    assert isinstance(found, Model)
    return found


def test_training_twice_gives_the_same_bytes_and_every_head() -> None:
    again = train(world(1, TAUGHT)[0], NOW)
    assert isinstance(again, Model)
    assert encode(again) == encode(learnt())
    assert (learnt().decided, learnt().residents, set(learnt().heads)) == (TAUGHT, 400, set(HEADS))
    assert learnt().heads["accept"].skill > 0.02
    assert learnt().heads["helped"].skill > 0
    assert decode(encode(learnt())) == learnt()


@pytest.mark.parametrize("name", FEATURES)
def test_what_is_learnt_only_moves_the_way_that_was_declared(name: str) -> None:
    rng = np.random.default_rng(5)
    for head, direction in MONOTONE[name].items():
        estimate = learnt().heads[head]
        for _ in range(40):
            row = list(world(int(rng.integers(1_000_000)), 1)[0][0].row)
            heights = []
            for value in sorted(rng.uniform(0, 6, size=6).tolist()):
                row[AT(name)] = value
                heights.append(direction * chance(estimate, row))
            assert heights == sorted(heights)


def test_the_probabilities_are_calibrated_on_decisions_it_never_saw() -> None:
    fresh, accepts, _ = world(2, 2000)
    told = np.array([chance(learnt().heads["accept"], one.row) for one in fresh])
    truth = np.array(accepts)
    for low, high in ((0.0, 0.4), (0.4, 0.7), (0.7, 1.0)):
        chosen = (told >= low) & (told < high)
        assert chosen.sum() > 50
        assert abs(told[chosen].mean() - truth[chosen].mean()) < 0.06


def ndcg(gains: list[float], order: list[int], top: int = 20) -> float:
    discounts = 1 / np.log2(np.arange(2, top + 2))
    best = np.sort(np.array(gains))[::-1][:top]
    return float((np.array(gains)[order][:top] * discounts).sum() / (best * discounts).sum())


def queue_of(seed: int, count: int = 200) -> tuple[list[Item], Standing, list[float]]:
    """A queue drawn from the same town, with the true benefit per minute of each item."""
    rows, accepts, uplifts = world(seed, count)
    queue, people, gains = [], {}, []
    for number, (one, accept, added) in enumerate(zip(rows, accepts, uplifts, strict=True)):
        days, steps = one.row[AT("days-since-contact")], one.row[AT("steps")]
        contact = None if math.isnan(days) else NOW - days * DAY
        topic = "activity" if one.row[AT("is-activity")] else "glucose"
        past = Past(rejected=int(one.row[AT("rejected")]), delivered=int(one.row[AT("delivered")]), contact=contact)
        signal = {"value": None if math.isnan(steps) else f"{steps:.0f}", "inputs_total": round(math.expm1(one.row[AT("readings")]))}  # fmt: skip
        evidence = {"ask": ["q"] * int(one.row[AT("questions")]), "signals": {"steps.mean_7d": signal}}
        whom = f"r-{number:013d}"
        queue.append(item(number, resident_id=whom, topic=topic, evidence=evidence))
        people[whom] = Person(municipality="062049", band="75-over", contact=contact, past={topic: past})
        gains.append(accept * added / minutes(queue[-1]))
    return queue, Standing(people=people), gains


def order_of(queue: list[Item], known: Standing) -> list[int]:
    return sorted(range(len(queue)), key=lambda at: (*rank(queue[at], NOW, known).key, queue[at].id))


def test_with_a_signal_the_model_brings_more_benefit_to_the_top_twenty_than_the_rules_alone() -> None:
    gained = []
    for seed in range(10, 15):
        queue, known, gains = queue_of(seed)
        rules = ndcg(gains, order_of(queue, known))
        model = ndcg(gains, order_of(queue, msgspec.structs.replace(known, model=learnt())))
        gained.append(model - rules)
    assert min(gained) > 0.1
    assert sum(gained) / len(gained) > 0.3


def test_the_learnt_model_leaves_the_order_of_safety_untouched() -> None:
    queue, known, _ = queue_of(20)
    mixed = [msgspec.structs.replace(one, severity=ORDER[at % len(ORDER)]) for at, one in enumerate(queue)]
    found = [mixed[at].severity for at in order_of(mixed, msgspec.structs.replace(known, model=learnt()))]
    assert found == sorted(found, key=ORDER.index)


def test_without_a_signal_there_is_no_model() -> None:
    found = train(world(3, 600, signal=False)[0], NOW)
    assert isinstance(found, Refusal)
    assert found.code == "no-signal"


def test_below_the_stated_numbers_there_is_no_model() -> None:
    many = world(4, LEAST_DECIDED)[0]
    few = train(many[:-1], NOW)
    same = train([msgspec.structs.replace(one, resident=f"r-{at % (LEAST_RESIDENTS - 1)}") for at, one in enumerate(many)], NOW)  # fmt: skip
    sided = train([msgspec.structs.replace(one, accepted=1.0, improved=None) for one in many], NOW)
    assert [found.code for found in (few, same, sided) if isinstance(found, Refusal)] == ["too-few", "too-few", "no-signal"]  # fmt: skip


def test_an_outcome_that_was_seldom_followed_up_is_not_learnt() -> None:
    many = world(6, 500)[0]
    thin = [msgspec.structs.replace(one, improved=one.improved if at < LEAST_ARM - 1 else None) for at, one in enumerate(many)]  # fmt: skip
    found = train(thin, NOW)
    assert isinstance(found, Model)
    assert set(found.heads) == {"accept"}


def test_numbers_nobody_has_and_numbers_one_fold_lacks_do_not_stop_the_learning() -> None:
    many = world(8, 500)[0]
    blank = [
        (*one.row[: AT("steps")], math.nan if at else 5000.0, math.nan, *one.row[AT("systolic") + 1 :])
        for at, one in enumerate(many)
    ]
    found = train([msgspec.structs.replace(one, row=row) for one, row in zip(many, blank, strict=True)], NOW)
    assert isinstance(found, Model)
    asked = {node.feature for estimate in found.heads.values() for tree in estimate.trees for node in tree}
    assert not asked & {AT("systolic"), AT("steps")}


def test_an_edited_draft_counts_half_on_either_side() -> None:
    halves = [msgspec.structs.replace(one, accepted=max(one.accepted, EDITED)) for one in world(7, 500)[0]]
    found = train(halves, NOW)
    assert isinstance(found, Model)
    assert found.heads["accept"].rate == pytest.approx(sum(one.accepted for one in halves) / len(halves))
    assert 0 < score(found.heads["accept"], halves[0].row) < 1


def test_somebody_elses_standing_moves_nothing() -> None:
    known = Standing(people={TARO: Person(municipality="062049", band="40-64", contact=NOW)})
    assert rank(item(), NOW, known) == rank(item(), NOW)
