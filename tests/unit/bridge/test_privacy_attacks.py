"""Attacks A1, A3, A4, A5, A7, A8, A9 and the utility A10 on pure tables; A2 stands with recovery, A6 with who is counted."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import pytest

from engine.refusal import Refusal
from fhir_bridge.privacy import STANDARD
from fhir_bridge.privacy_law import decay, excess, outcomes
from fhir_bridge.privacy_noise import ExactLaplace
from fhir_bridge.privacy_release import Drawn, Release, canonical, faults, planned, prepare, read, released
from simulators.attack.audit import CELL, TARGETS, advantage, leak
from simulators.attack.populations import populations, utility
from simulators.attack.world import FIRST, TURNS, UNIT, SeededLaplace, day_after, ledger, tally_of
from simulators.city.rows import CODES
from simulators.city.rows import rows as residents
from tests.privacy_city import drawn_of

NOW = decay(STANDARD.scale)


def test_a1_no_release_of_200_populations_shows_what_it_may_not() -> None:
    shown = 0
    for number, tally in enumerate(populations(200, 1)):
        made = prepare(ledger(), tally, SeededLaplace(number), day_after(tally.plan.period))
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


def test_a3_no_audit_of_a_thousand_releases_proves_more_than_the_stated_loss() -> None:
    delta = STANDARD.delta(1)
    assert delta <= 0.005
    worst = {true: leak(true, ExactLaplace().add, STANDARD.scale, 1_000, 0.005) for true in TARGETS}
    assert max(worst.values()) <= 0.5, worst


def test_a3_an_audit_catches_noise_that_is_too_small() -> None:
    assert leak(19, ExactLaplace().add, 0.5, 1_000, 0.005) > 1.0


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


def test_a5_one_cell_tells_little_of_a_member_and_a_whole_release_stays_below_its_bound() -> None:
    single = max(advantage((true,)) for true in range(30, 60))
    assert single <= 0.25
    # A person stands in one cell of T1 and three of T2; the worst ones lie where something is cut.
    bound = (math.exp(2) - 1) / (math.exp(2) + 1) + 0.005
    worst = max(advantage((true,) * 4) for true in (9, 17, 19, 22, 24, 27, 47))
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
    for period in TURNS:
        made = prepare(book, tally_of(people, period), SeededLaplace(period.ordinal), day_after(period))
        assert not isinstance(made, Refusal)
        book = made.ledger
    later = TURNS[-1].next
    hurried = prepare(
        replace(book, charges=book.charges[1:]), tally_of(people, later), SeededLaplace(1), day_after(FIRST, 400)
    )
    assert isinstance(hurried, Refusal)
    assert hurried.code == "period-open"


def test_a10_nearly_all_cells_are_useful_at_5000_people_and_most_people_are_seen_at_1000() -> None:
    many, few = utility(residents(5_000, 11)), utility(residents(1_000, 12))
    assert many.cells >= 0.95
    assert many.people >= 0.99
    assert many.error <= 3
    assert few.cells >= 0.5
    assert few.people >= 0.8
    assert few.error <= 3
