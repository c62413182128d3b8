"""Attacks A1, A3, A4, A5, A9 and the utility A10 on pure tables; A6-A8 stand with who is counted, A2 with recovery."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import msgspec
import numpy as np
import pytest
from scipy import stats

from engine.refusal import Refusal
from fhir_bridge.privacy import STANDARD, gated, shown
from fhir_bridge.privacy_law import decay, excess, outcomes
from fhir_bridge.privacy_noise import ExactLaplace
from fhir_bridge.privacy_release import Drawn, Plan, Release, Tally, canonical, faults, planned, prepare, read, released
from tests.privacy_city import (
    CODES,
    FIRST,
    UNIT,
    SeededLaplace,
    day_after,
    drawn_of,
    ledger,
    plan_for,
    residents,
    tally_of,
)

NOW = decay(STANDARD.scale)
CELL = {"least": STANDARD.least, "threshold": STANDARD.threshold, "rounding": STANDARD.rounding}
# So rare that nobody lives to see a false alarm.
NEVER = 1e-9


def _population(plan: Plan, people: int, shape: str, seed: int) -> Tally:
    """Counts of a population of any shape, straight into the cells."""
    rng = np.random.default_rng(seed)
    counts = []
    for table in plan.tables:
        cells = len(table.cells)
        if shape == "all-in-one":
            shares = np.eye(cells)[rng.integers(cells)]
        else:
            shares = rng.dirichlet(np.full(cells, 0.2 if shape == "lopsided" else 5.0))
        counts.append(tuple(int(count) for count in rng.multinomial(people * table.bound, shares)))
    return Tally(plan, people, tuple(counts))


def test_a1_no_release_of_200_populations_shows_what_it_may_not() -> None:
    rng = np.random.default_rng(1)
    shown = 0
    for number in range(200):
        people = int(math.exp(rng.uniform(math.log(300), math.log(50_000))))
        shape = ("even", "lopsided", "all-in-one")[number % 3]
        period = (FIRST, FIRST.next, FIRST.next.next)[number // 3 % 3]
        tally = _population(plan_for(people, period), people, shape, number)
        made = prepare(ledger(), tally, SeededLaplace(number), day_after(period))
        assert not isinstance(made, Refusal)
        release = read(made.content, made.sha256)
        assert isinstance(release, Release)
        assert faults(release) == ()
        for table, counts in zip(release.tables, tally.counts, strict=True):
            seen = [true for cell, true in zip(table.cells, counts, strict=True) if cell.count is not None]
            assert min(seen, default=STANDARD.least) >= STANDARD.least
            shown += len(seen)
    assert shown > 5_000


@pytest.mark.parametrize("people", [0, 1, 299])
def test_a8_a_universe_that_is_too_small_has_no_release(people: int) -> None:
    refused = planned(ledger(), UNIT, FIRST, people, CODES)
    assert isinstance(refused, Refusal)
    assert refused.code == "population-too-small"


def _event(with_one: dict[int | None, float], without: dict[int | None, float]) -> set[int | None]:
    """What speaks most for the first law: all that is e^0.5 times as likely under it, or the likeliest there is."""
    ratios = {seen: chance / max(without[seen], 1e-300) for seen, chance in with_one.items()}
    least = min(math.exp(0.5), max(ratios.values())) * (1 - 1e-9)
    return {seen for seen, ratio in ratios.items() if ratio >= least}


def _leak(true: int, scale: float, releases: int, delta: float) -> float:
    """The lower bound of epsilon that an auditor proves from so many fresh releases with and without one person.

    Nobody sees a false alarm: each bound fails once in a billion audits.
    """
    top = true // 5 * 5 + 200
    laws = [outcomes(count, decay(scale), **CELL, top=top) for count in (true, true + 1)]
    best = -math.inf
    for first, second in ((0, 1), (1, 0)):
        event = _event(laws[first], laws[second])
        hits = [
            sum(_seen(true + side, noisy) in event for noisy in ExactLaplace().add([true + side] * releases, scale))
            for side in (first, second)
        ]
        low = stats.beta.ppf(NEVER, hits[0], releases - hits[0] + 1) if hits[0] else 0.0
        high = stats.beta.ppf(1 - NEVER, hits[1] + 1, releases - hits[1]) if hits[1] < releases else 1.0
        best = max(best, math.log(max(low - delta, 1e-12) / high))
    return best


def _seen(true: int, noisy: int) -> int | None:
    return shown(gated(true, noisy, STANDARD), STANDARD)


# The tenth person, a lone one, and counts a step away from where the threshold and the rounding cut.
TARGETS = (0, 9, 10, 14, 17, 18, 19, 20, 22, 23, 24, 27, 28, 32, 33, 38, 43, 58, 83, 103)


def test_a3_no_audit_of_a_thousand_releases_proves_more_than_the_stated_loss() -> None:
    delta = STANDARD.delta(1)
    assert delta <= 0.005
    worst = {true: _leak(true, STANDARD.scale, 1_000, 0.005) for true in TARGETS}
    assert max(worst.values()) <= 0.5, worst


def test_a3_an_audit_catches_noise_that_is_too_small() -> None:
    assert _leak(19, 0.5, 1_000, 0.005) > 1.0


def test_a3_the_law_itself_keeps_the_stated_loss_at_every_count() -> None:
    """What sampling can only fail to refute: the exact probabilities of all that can be published of a cell."""
    delta, ratio = STANDARD.delta(1), math.exp(0.5)
    for true in range(120):
        one, more = (outcomes(count, NOW, **CELL, top=400) for count in (true, true + 1))
        allowed = delta if true == STANDARD.least - 1 else 0.0
        assert excess(one, more, ratio) <= 1e-12
        assert excess(more, one, ratio) <= allowed + 1e-12


def test_a4_a_release_asked_for_again_is_the_same_bytes_or_refused() -> None:
    people = residents(800, 4)
    made = drawn_of(people)
    stored = msgspec.json.encode(made.drawn)
    for gone in range(1, 6):
        again = prepare(made.ledger, tally_of(people[gone:]), SeededLaplace(gone), day_after(FIRST, 10 + gone))
        assert isinstance(again, Refusal)
    copies = {canonical(released(msgspec.json.decode(stored, type=Drawn))) for _ in range(5)}
    assert copies == {made.content}


def _advantage(cells: tuple[int, ...]) -> float:
    """How much better than guessing one release tells who knows all others: total variation over a person's cells."""
    laws = [(outcomes(true, NOW, **CELL, top=200), outcomes(true + 1, NOW, **CELL, top=200)) for true in cells]
    likely = [[seen for seen in one if one[seen] + more[seen] > 1e-7] for one, more in laws]
    total = 0.0
    for observed in product(*likely):
        without = math.prod(law[0][seen] for law, seen in zip(laws, observed, strict=True))
        there = math.prod(law[1][seen] for law, seen in zip(laws, observed, strict=True))
        total += max(0.0, there - without)
    return total


def test_a5_one_cell_tells_little_of_a_member_and_a_whole_release_stays_below_its_bound() -> None:
    single = max(_advantage((true,)) for true in range(30, 60))
    assert single <= 0.25
    # A person stands in one cell of T1 and three of T2; the worst ones lie where something is cut.
    bound = (math.exp(2) - 1) / (math.exp(2) + 1) + 0.005
    worst = max(_advantage((true,) * 4) for true in (9, 17, 19, 22, 24, 27, 47))
    assert worst <= bound
    # The bound is no idle one: without noise to speak of the same attack would be nearly certain.
    sharp = [outcomes(true, decay(0.2), **CELL, top=200) for true in (19, 20)]
    assert excess(sharp[1], sharp[0], 1.0) > 0.95


def test_a7_one_resident_more_moves_one_cell_of_t1_and_three_of_t2() -> None:
    rows = residents(600, 9)
    for period, bounds in ((FIRST, (1, 3)), (FIRST.next.next, (1, 1, 2))):
        everyone, others = tally_of(rows, period), tally_of(rows[:-1], period)
        moved = [
            [one - other for one, other in zip(first, second, strict=True)]
            for first, second in zip(everyone.counts, others.counts, strict=True)
        ]
        assert all(set(changes) <= {0, 1} for changes in moved)
        assert all(sum(changes) <= bound for changes, bound in zip(moved, bounds, strict=True))


def test_a9_three_releases_take_18_months_and_never_less() -> None:
    book = ledger()
    people = residents(400, 10)
    period = FIRST
    for _ in range(3):
        made = prepare(book, tally_of(people, period), SeededLaplace(period.ordinal), day_after(period))
        assert not isinstance(made, Refusal)
        book, period = made.ledger, period.next
    hurried = prepare(
        replace(book, charges=book.charges[1:]), tally_of(people, period), SeededLaplace(1), day_after(FIRST, 400)
    )
    assert isinstance(hurried, Refusal)
    assert hurried.code == "period-open"


def _utility(people: int, seed: int) -> tuple[float, float, float]:
    """Expected share of cells of T1 and T2 that are published, of people in them, and the mean absolute error."""
    tally = tally_of(residents(people, seed))
    published = error = covered = everybody = 0.0
    cells = 0
    for counts in tally.counts:
        for true in counts:
            law = outcomes(true, NOW, **CELL, top=true // 5 * 5 + 150)
            chance = 1 - law[None]
            published, cells = published + chance, cells + 1
            covered, everybody = covered + chance * true, everybody + true
            error += sum(p * abs(value - true) for value, p in law.items() if value is not None)
    return published / cells, covered / everybody, error / published


def test_a10_nearly_all_cells_are_useful_at_5000_people_and_most_people_are_seen_at_1000() -> None:
    cells, people, error = _utility(5_000, 11)
    assert cells >= 0.95
    assert people >= 0.99
    assert error <= 3
    cells, people, error = _utility(1_000, 12)
    assert cells >= 0.5
    assert people >= 0.8
    assert error <= 3
