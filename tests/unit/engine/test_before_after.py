"""Before and after: which readings belong together, at every bound, and what may be said of them."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.before_after import (
    Paired,
    Rating,
    Session,
    book,
    is_low,
    low_after,
    pair,
    too_high,
)
from engine.before_after_score import beyond, score, scores
from engine.before_after_words import draw, line, signed, told
from engine.signals import Point
from tests.homes import HANAKO, NOW

MINUTE = timedelta(minutes=1)
START, END = NOW, NOW + 20 * MINUTE
RULES = book()


def session(number: int = 1, start: datetime = START, end: datetime | None = END, **more: Any) -> Session:
    return Session(
        number=number, resident=HANAKO, sort="bath", place="", started_at=start, ended_at=end, **more
    )  # fmt: skip


def point(at: datetime, value: str, **more: Any) -> Point:
    fields: dict[str, Any] = {"unit": "mm[Hg]", "reading_id": f"{at.isoformat()}/{value}", "device_id": "d"}
    return Point(at=at, value=Decimal(value), **(fields | more))


def paired(*points: Point, kind: str = "systolic", of: Session | None = None) -> Paired:
    [found] = pair(RULES, [of or session()], {kind: points})
    return found


@pytest.mark.parametrize(
    ("before", "after", "belongs"),
    [
        (-30, 5, True),
        (0, 60, True),
        (-31, 30, False),
        (1, 30, False),
        (-5, 4, False),
        (-5, 61, False),
    ],
)
def test_a_pair_is_the_last_half_hour_before_and_from_5_minutes_to_an_hour_after(
    before: int, after: int, belongs: bool
) -> None:
    found = paired(point(START + before * MINUTE, "130"), point(END + after * MINUTE, "120"))
    assert (found.of("systolic") is not None) is belongs


def test_the_last_before_and_the_first_after_count_with_the_one_together_with_them() -> None:
    found = paired(
        point(START - 25 * MINUTE, "170"), point(START - 6 * MINUTE, "132"), point(START - 2 * MINUTE, "128"),
        point(END + 6 * MINUTE, "121"), point(END + 9 * MINUTE, "118"), point(END + 40 * MINUTE, "90"),
    ).of("systolic")  # fmt: skip
    assert found is not None
    assert (found.before, found.after, found.change) == (Decimal(130), Decimal("119.5"), Decimal("-10.5"))
    assert (found.sure, found.way, len(found.readings)) == (True, "usual", 4)
    single = paired(point(START - 2 * MINUTE, "128"), point(END + 6 * MINUTE, "118")).of("systolic")
    assert single is not None
    assert not single.sure
    assert single.spread == pytest.approx(math.sqrt(2) * 6)


@pytest.mark.parametrize(
    "more",
    [
        {"certainty": "assumed"},
        {"certainty": None},
        {"experimental": True},
        {"preliminary": True},
        {"time_quality": "sequence"},
        {"time_quality": "unknown"},
    ],
)
@pytest.mark.parametrize("side", [0, 1])
def test_what_is_not_proven_to_be_theirs_and_of_its_time_pairs_with_nothing(more: dict[str, Any], side: int) -> None:
    doubtful = [more if number == side else {} for number in (0, 1)]
    found = paired(
        point(START - MINUTE, "130", **doubtful[0]), point(END + 9 * MINUTE, "120", **doubtful[1])
    )  # fmt: skip
    assert found.differences == ()


def test_between_two_baths_a_reading_stands_after_the_first_or_before_the_second_in_its_own_order() -> None:
    second = session(2, END + 20 * MINUTE, END + 40 * MINUTE)
    points = [point(START - MINUTE, "130"), point(END + 10 * MINUTE, "120"), point(END + 50 * MINUTE, "110")]
    first, later = pair(RULES, [session(), second], {"systolic": points})
    sides = [(one.before, one.after) for found in (first, later) if (one := found.of("systolic"))]
    assert sides == [(Decimal(130), Decimal(120)), (Decimal(120), Decimal(110))]
    # What was measured before the first is not before the second, and what came after the second is not after the first.
    outer = pair(RULES, [session(), second], {"systolic": [points[0], points[2]]})
    assert [found.differences for found in outer] == [(), ()]
    lasting = session(2, END + 5 * MINUTE, None)
    [only] = pair(RULES, [session(), lasting], {"systolic": points})
    assert only.differences == (), "it was measured once the second had begun"


def test_what_is_felt_pairs_where_both_were_said() -> None:
    of = session(felt={"fatigue": Rating(before=6, after=4), "pain": Rating(before=3)})
    [only] = pair(RULES, [of], {})
    assert [(one.kind, one.change, one.way) for one in only.differences] == [("fatigue", Decimal(-2), "lower")]
    milder = msgspec.structs.replace(of, felt={"fatigue": Rating(before=6, after=5)})
    [only] = pair(RULES, [milder], {})
    assert only.differences[0].way == "usual"


@pytest.mark.parametrize(
    ("before", "after", "low"),
    [("125", "90", True), ("119", "90", False), ("119", "89", True), ("139", "109", True), ("138", "109", False),
     ("140", "110", False)],
)  # fmt: skip
def test_a_nurse_hears_below_90_and_of_a_fall_of_30_that_ends_below_110(before: str, after: str, low: bool) -> None:
    assert is_low(RULES, paired(point(START - MINUTE, before), point(END + 9 * MINUTE, after))) is low


def test_a_low_pressure_after_it_is_low_without_one_before() -> None:
    assert low_after(RULES, session(), [point(END + 60 * MINUTE, "89")])
    assert not low_after(RULES, session(), [point(END + 60 * MINUTE, "90")])
    assert not low_after(RULES, session(), [point(END + 61 * MINUTE, "80")])
    assert not low_after(RULES, session(), [point(END + 30 * MINUTE, "80")], END + 30 * MINUTE)
    assert not low_after(RULES, session(end=None), [point(END + 30 * MINUTE, "80")])


@pytest.mark.parametrize(
    ("sort", "kind", "value", "high"),
    [("bath", "systolic", "160", True), ("bath", "systolic", "159", False), ("bath", "diastolic", "100", True),
     ("bath", "diastolic", "99", False), ("exercise", "systolic", "179", False), ("exercise", "systolic", "180", True),
     ("exercise", "diastolic", "110", True), ("exercise", "diastolic", "109", False)],
)  # fmt: skip
def test_nobody_begins_with_such_a_pressure(sort: Any, kind: str, value: str, high: bool) -> None:
    assert too_high(RULES, sort, {kind: [point(START - 30 * MINUTE, value)]}, START) is high
    assert not too_high(RULES, sort, {kind: [point(START - 31 * MINUTE, value)]}, START)
    later = [point(START - 10 * MINUTE, value), point(START - MINUTE, "120" if kind == "systolic" else "70")]
    assert not too_high(RULES, sort, {kind: later}, START), "measured again it was lower"


def many(changes: Any) -> list[Paired]:
    """Sessions a day apart with these changes of the upper pressure, one reading each side."""
    found: list[Paired] = []
    for number, change in enumerate(changes):
        at = START + number * timedelta(days=1)
        after = Decimal(str(round(130 + float(change))))
        points = {"systolic": [point(at - MINUTE, "130"), point(at + 30 * MINUTE, f"{after}")]}
        found += pair(RULES, [session(number, at, at + 20 * MINUTE)], points)
    return found


def test_the_interval_is_the_one_at_which_the_likelihood_ratio_is_one_in_chance() -> None:
    for count, chance, effect in ((8, 0.02, 1.0), (25, 0.01, 0.5), (90, 0.02, 2.0)):
        t = beyond(count, chance, effect)
        inner, free = 1 + count * effect, count - 1
        ratio = inner**-0.5 * ((1 + t * t / free) / (1 + t * t / (inner * free))) ** (count / 2)
        assert ratio == pytest.approx(1 / chance)
    assert beyond(5, 0.02, 1.0) == math.inf


def test_of_few_sessions_and_of_kinds_without_a_share_nothing_is_said() -> None:
    [few] = scores(RULES, many([-60] * 4), "bath")
    assert (few.sessions, few.mean, few.says) == (4, None, None)
    [more] = scores(RULES, many([-30, -34, -31, -29, -35, -33, -30, -32, -31, -30]), "bath")
    assert (more.says, round(more.mean or 0)) == ("lower", -32)
    assert scores(RULES, many([-30] * 10), "exercise") == ()
    low = [one for each in many([-30] * 12) if (one := each.of("systolic"))]
    assert score(RULES, "diastolic", "bath", low).says is None
    assert [one.kind for one in scores(RULES, many([-30] * 12), "bath")] == ["systolic"]


@pytest.mark.parametrize("tail", ["even", "heavy"])
def test_without_any_effect_hardly_anybody_is_ever_told_of_one_however_often_they_look(tail: str) -> None:
    """Noise as of real readings (3.6 to 6 mmHg each), 2,000 people who look after each of 100 baths."""
    rng = np.random.default_rng(8)
    people, looks = 2_000, 100
    noise = rng.normal(0, 1, (people, looks)) if tail == "even" else rng.standard_t(5, (people, looks)) / 1.29
    changes = np.round(rng.uniform(3.6, 6, (people, 1)) * math.sqrt(2) * noise)
    assert ever(changes, floor=72.0) <= RULES.claim.chance * RULES.of("systolic").share
    assert ever(changes, floor=1e-9) <= RULES.claim.chance * RULES.of("systolic").share * 1.5, "nor without the floor"


def test_a_fall_of_8_is_told_to_most_after_25_baths_and_to_nearly_all_after_40() -> None:
    rng = np.random.default_rng(9)
    changes = np.round(-8 + 6 * math.sqrt(2) * rng.normal(0, 1, (1_000, 40)))
    assert 0.70 <= ever(changes[:, :25], floor=72.0) <= 0.88
    assert ever(changes, floor=72.0) >= 0.95


def ever(changes: Any, floor: float) -> float:
    """The share of rows of which something is said at any look, by the same arithmetic as `score` in columns."""
    counts = np.arange(1, changes.shape[1] + 1)
    mean = np.cumsum(changes, 1) / counts
    square = np.cumsum(changes**2, 1)
    spread = np.maximum((square - counts * mean**2) / np.maximum(counts - 1, 1), floor)
    chance = RULES.claim.chance * RULES.of("systolic").share
    reach = np.array(
        [beyond(int(n), chance, RULES.claim.effect) if n >= RULES.claim.fewest else np.inf for n in counts]
    )
    said = np.abs(mean) > reach * np.sqrt(spread / counts)
    return float(said.any(1).mean())


def test_the_columns_of_the_simulation_say_what_the_score_says() -> None:
    rng = np.random.default_rng(10)
    for _ in range(20):
        changes = np.round(rng.normal(-7, 9, 30))
        said = scores(RULES, many(changes), "bath")[0].says
        before = ever(changes[None, :29], floor=72.0)
        if said is not None:
            assert ever(changes[None, :], floor=72.0) == 1
        elif before == 0:
            assert ever(changes[None, :], floor=72.0) == 0


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_words_never_say_why_and_numbers_carry_their_sign(lang: Any) -> None:
    [made] = scores(RULES, many([-30, -34, -31, -29, -35, -33, -30, -32, -31, -30]), "bath")
    words = " ".join(told(RULES, made, lang).sentences)
    assert "32" in words
    for word in ("効", "おかげ", "because", "thanks", "effect", "正常", "normal"):
        assert word not in words
    assert [signed(Decimal(text), "systolic") for text in ("-8.4", "0.4", "-0.4", "7.5")] == ["−8", "0", "0", "+8"]
    one = paired(point(START - MINUTE, "130"), point(END + 9 * MINUTE, "110")).of("systolic")
    assert one is not None
    row = line(one, lang)
    assert (row.before, row.after, row.change) == ("130", "110", "−20")


def test_the_picture_shows_each_session_and_is_the_same_every_time() -> None:
    found = many([-20, 5, 0])
    made = draw(found, ["11/21", "11/22", "<b>"], "systolic", "上の 血圧")
    assert made == draw(found, ["11/21", "11/22", "<b>"], "systolic", "上の 血圧")
    assert (made.count("<circle"), made.count("<path")) == (6, 3)
    assert "<b>" not in made
    assert "NaN" not in made
    assert draw(found, ["a", "b", "c"], "body-weight", "x") == ""
