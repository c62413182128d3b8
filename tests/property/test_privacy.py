"""What the statistics promise whatever was counted, drawn or asked for."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from fractions import Fraction

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.refusal import Refusal
from fhir_bridge.aggregate import cells_of
from fhir_bridge.aggregate_join import Body, Interest, Row
from fhir_bridge.privacy import STANDARD, Mechanism, mechanism_for, weakness
from fhir_bridge.privacy_law import excess, mass, outcomes, tail
from fhir_bridge.privacy_ledger import CAP, MOST_A_RELEASE, Charge, Ledger, charged
from fhir_bridge.privacy_release import (
    Drawn,
    Plan,
    Prepared,
    Release,
    Tally,
    canonical,
    faults,
    prepare,
    read,
    released,
)
from fhir_bridge.privacy_tables import tables
from fhir_bridge.privacy_units import Period
from simulators.attack.world import FIRST, UNIT, day_after, ledger, plan_for
from simulators.city.rows import CODES, INTERESTS, SERVICES
from tests.privacy_city import Told

ALPHAS = st.fractions(Fraction(1, 20), Fraction(19, 20), max_denominator=20)
PERIODS = st.integers(0, 2).map(lambda n: (FIRST, FIRST.next, FIRST.next.next)[n])
COUNTS = st.integers(0, 40) | st.integers(0, 20_000)
NOISES = st.integers(-40, 40)


@given(ALPHAS, st.integers(-30, 30))
def test_noise_of_neighbouring_sizes_differs_by_exactly_the_stated_ratio(alpha: Fraction, value: int) -> None:
    assert mass(value + 1, alpha) / mass(value, alpha) in {alpha, 1 / alpha}
    assert tail(value, alpha) - tail(value + 1, alpha) == mass(value, alpha)
    assert tail(value, alpha) + tail(1 - value, alpha) == 1


@given(ALPHAS, st.integers(0, 60), st.integers(0, 20), st.integers(3, 8), st.integers(1, 9))
def test_one_person_changes_no_chance_of_a_cell_by_more_than_the_ratio_and_the_gate(
    alpha: Fraction, true: int, least: int, steps: int, rounding: int
) -> None:
    threshold = steps * rounding
    one, more = (
        outcomes(count, alpha, least=least, threshold=threshold, rounding=rounding, top=threshold + 12 * rounding)
        for count in (true, true + 1)
    )
    assert sum(one.values()) == sum(more.values()) == 1
    assert min(one.values()) >= 0
    gate = tail(threshold - least, alpha) if true + 1 == least else 0
    assert excess(one, more, 1 / alpha) == 0
    assert excess(more, one, 1 / alpha) <= gate
    if true + 1 == least:
        assert excess(more, one, Fraction(10**9)) == gate  # the price of the gate is stated exactly, not generously


@st.composite
def _tallies(draw: st.DrawFn) -> tuple[Tally, Told]:
    plan = plan_for(draw(st.sampled_from([300, 5_000])), draw(PERIODS))
    counts = tuple(
        tuple(draw(st.lists(COUNTS, min_size=len(table.cells), max_size=len(table.cells)))) for table in plan.tables
    )
    return Tally(plan, draw(st.integers(300, 19_999)), counts), Told(
        *draw(st.lists(NOISES, min_size=7, max_size=23)), 1
    )


def _made(tally: Tally, noise: Told) -> Prepared:
    made = prepare(ledger(), tally, noise, day_after(tally.plan.period))
    assert isinstance(made, Prepared), made
    return made


@given(_tallies())
def test_no_cell_is_published_below_a_threshold_and_every_published_one_is_near_its_noisy_count(
    asked: tuple[Tally, Told],
) -> None:
    tally, noise = asked
    made = _made(tally, noise)
    release = read(made.content, made.sha256)
    assert isinstance(release, Release)
    assert faults(release) == ()
    flat = [count for counts in tally.counts for count in counts]
    noisy = noise.add(flat, 2)
    cells = [cell for table in release.tables for cell in table.cells]
    for true, drawn, cell in zip(flat, noisy, cells, strict=True):
        assert (cell.count is not None) == (true >= 10 and drawn >= 20)
        assert cell.count is None or (cell.count % 5 == 0 and abs(cell.count - drawn) <= 2)


@given(_tallies(), st.data())
def test_suppressed_cells_cannot_be_told_apart(asked: tuple[Tally, Told], data: st.DataObject) -> None:
    """A cell of nobody, of nine people with lucky noise and of thirty with unlucky noise are the same bytes."""
    made = _made(*asked)
    hidden = st.none() | st.integers(-100, STANDARD.threshold - 1)
    noisy = tuple(
        tuple(data.draw(hidden) if value is None or value < STANDARD.threshold else value for value in row)
        for row in made.drawn.noisy
    )
    assert canonical(released(msgspec.structs.replace(made.drawn, noisy=noisy))) == made.content


@given(_tallies(), st.integers(300, 19_999))
def test_a_release_does_not_tell_how_many_people_there_are(asked: tuple[Tally, Told], people: int) -> None:
    tally, noise = asked
    assert _made(Tally(tally.plan, people, tally.counts), noise).content == _made(tally, noise).content


@given(_tallies(), st.data())
def test_no_published_number_depends_on_the_noise_of_another_cell(
    asked: tuple[Tally, Told], data: st.DataObject
) -> None:
    """There are no totals: nothing published is a sum, so nothing can be subtracted from it but other noisy cells."""
    made = _made(*asked)
    which = data.draw(st.integers(0, len(made.drawn.noisy) - 1))
    row = made.drawn.noisy[which]
    cell = data.draw(st.integers(0, len(row) - 1))
    changed = (*row[:cell], data.draw(st.none() | st.integers(-50, 30_000)), *row[cell + 1 :])
    noisy = (*made.drawn.noisy[:which], changed, *made.drawn.noisy[which + 1 :])
    before, after = released(made.drawn), released(msgspec.structs.replace(made.drawn, noisy=noisy))
    for number, (first, second) in enumerate(zip(before.tables, after.tables, strict=True)):
        differing = [n for n, (a, b) in enumerate(zip(first.cells, second.cells, strict=True)) if a != b]
        assert differing in ([], [cell]) if number == which else differing == []
    assert msgspec.structs.replace(before, tables=()) == msgspec.structs.replace(after, tables=())


@given(_tallies())
def test_what_was_drawn_and_stored_publishes_the_same_bytes_for_ever(asked: tuple[Tally, Told]) -> None:
    made = _made(*asked)
    stored = msgspec.json.decode(msgspec.json.encode(made.drawn), type=Drawn)
    assert canonical(released(stored)) == made.content
    assert hashlib.sha256(made.content).hexdigest() == made.sha256


@given(_tallies(), st.data())
def test_a_changed_byte_is_never_read_as_the_release(asked: tuple[Tally, Told], data: st.DataObject) -> None:
    made = _made(*asked)
    place, bit = data.draw(st.integers(0, len(made.content) - 1)), data.draw(st.integers(0, 7))
    broken = bytearray(made.content)
    broken[place] ^= 1 << bit
    found = read(bytes(broken), made.sha256)
    assert isinstance(found, Refusal)
    assert found.code == "changed"
    # With a hash of its own it is still read only when it breaks no rule and is written in the one way there is.
    forged = read(bytes(broken), hashlib.sha256(broken).hexdigest())
    assert isinstance(forged, Refusal) or (canonical(forged) == bytes(broken) and not faults(forged))


CHARGES = st.lists(
    st.tuples(
        st.integers(0, 9), st.integers(-5, 900), st.fractions(Fraction(0), Fraction(5, 2), max_denominator=4),
        st.sampled_from([UNIT, UNIT, "elsewhere"]),
    ),
    max_size=25,
)  # fmt: skip


def _period(number: int) -> Period:
    period = FIRST
    for _ in range(number):
        period = period.next
    return period


@given(CHARGES)
def test_the_ledger_never_exceeds_the_cap_in_any_year(asked: list[tuple[int, int, Fraction, str]]) -> None:
    book: Ledger = ledger()
    for number, late, epsilon, unit in asked:
        period = _period(number)
        charge = Charge(unit, period, ("T1",), epsilon, period.end + timedelta(days=late))
        after = charged(book, charge)
        if isinstance(after, Ledger):
            assert after.charges == (*book.charges, charge)
            book = after
    assert len({charge.period for charge in book.charges}) == len(book.charges)
    assert [c.drawn for c in book.charges] == sorted(c.drawn for c in book.charges)
    for charge in book.charges:
        assert 0 < charge.epsilon <= MOST_A_RELEASE
        year = [c for c in book.charges if charge.drawn <= c.drawn < _in_a_year(charge.drawn)]
        assert sum(c.epsilon for c in year) <= CAP
        near = [c for c in book.charges if 0 <= c.period.ordinal - charge.period.ordinal < 2]
        assert sum(c.epsilon for c in near) <= CAP


def _in_a_year(day: date) -> date:
    return day.replace(year=day.year + 1, day=min(day.day, 28))


ROWS = st.builds(
    Row,
    st.builds(
        Body, st.binary(min_size=4, max_size=4), st.integers(20, 110), st.sampled_from(["female", "male", None]),
        st.decimals(10, 60, places=1),
    ),
    st.lists(st.builds(Interest, st.sampled_from([*INTERESTS, "unlisted"]), st.integers(1, 3)), max_size=12).map(tuple),
    st.frozensets(st.sampled_from([*SERVICES, "elsewhere"])),
)  # fmt: skip


@given(ROWS, st.sampled_from([300, 20_000]))
def test_nobody_is_in_more_cells_than_the_bound_or_twice_in_one(row: Row, people: int) -> None:
    for table in tables(("T1", "T2", "T3", "T4"), CODES, people, STANDARD):
        found = cells_of(row, table)
        assert len(found) == len(set(found)) <= table.bound
        assert set(found) <= set(table.cells)
        if table.id == "T1":
            assert len(found) == 1


@given(
    st.builds(
        Mechanism, least=st.integers(1, 40), scale=st.integers(1, 6), threshold=st.integers(5, 120),
        rounding=st.integers(1, 20), minimum=st.integers(1, 1_000), full_from=st.integers(1, 60_000),
    ),
    st.integers(0, 200_000),
)  # fmt: skip
def test_a_mechanism_that_is_taken_is_never_weaker_than_the_standard(asked: Mechanism, population: int) -> None:
    found = mechanism_for(population, asked)
    if isinstance(found, Refusal):
        return
    assert weakness(found) is None
    assert population >= 2_000
    assert found.least >= (20 if population < 25_000 else 10)
    assert found.scale >= 2
    assert found.threshold >= 20
    assert found.delta(1) <= 0.005
    assert found.epsilon(1) <= Fraction(1, 2)


def _plan_bytes(plan: Plan) -> bytes:
    return msgspec.json.encode(plan)


@given(st.integers(300, 60_000), st.integers(300, 60_000), PERIODS)
def test_the_plan_depends_on_the_period_and_on_which_side_of_one_number_the_people_are(
    one: int, other: int, period: Period
) -> None:
    same_side = (one >= STANDARD.full_from) == (other >= STANDARD.full_from)
    same = _plan_bytes(plan_for(one, period)) == _plan_bytes(plan_for(other, period))
    assert same == (same_side or period == FIRST.next.next)
