"""Attack A2: linear programming over everything that was published, to prove what a suppressed cell holds.

The attacker knows the method, the grids and that tables count the same people, and assumes that no cell's noise is
larger than it is with 95 % confidence for all cells together. Two leaks that are common elsewhere must be caught.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal

import numpy as np
import pytest
from scipy.optimize import linprog

from engine.refusal import Refusal
from fhir_bridge.aggregate_join import Row
from fhir_bridge.privacy import STANDARD
from fhir_bridge.privacy_law import decay, reach
from fhir_bridge.privacy_release import Release, Tally, prepare, read
from fhir_bridge.privacy_tables import AGE_3, AGE_7, BMI_2, BMI_4, SEXES, Table
from fhir_bridge.privacy_units import Period
from tests.privacy_city import (
    CODES,
    FIRST,
    INTERESTS,
    SeededLaplace,
    day_after,
    ledger,
    plan_for,
    residents,
    tally_of,
)

# Ages that no table cuts, sexes with the untold one, BMI bands: what people are is one of these.
AGES = tuple(Decimal(age) for age in (20, 30, 40, 50, 60, 65, 70, 80))
ATOMS = [(sex, age, bmi) for sex in (*SEXES, "") for age in AGES for bmi in BMI_4.starts]
LIKING = [(age, bmi, code) for age in AGE_3.codes for bmi in BMI_2.codes for code in INTERESTS]
PLACES = {name: index for index, name in enumerate([*ATOMS, *LIKING])}
Interval = tuple[float, float]
Place = tuple[str, tuple[str, ...]]
NARROW = 10


def _atoms_of(table: str, at: tuple[str, ...]) -> list[int]:
    """The unknown numbers a cell is the sum of."""
    if table == "T2":
        return [PLACES[at[0], at[1], at[2]]]
    age_bands = AGE_7 if table == "T1" else AGE_3
    sexes = (*SEXES, "") if table == "T1" else (at[0],)
    return [
        PLACES[sex, age, bmi] for sex, age, bmi in ATOMS
        if sex in sexes and age_bands.code(age) == at[-2] and BMI_4.code(bmi) == at[-1]
    ]  # fmt: skip


class Known:
    """Inequalities an attacker holds about the unknown numbers, and what follows from them for a sum of some."""

    def __init__(self) -> None:
        self._rows: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
        self._most: list[float] = []
        self._people_behind_interests()

    def between(self, places: Iterable[int], low: float, high: float) -> None:
        row = np.zeros(len(PLACES))
        row[list(places)] = 1
        self._rows += [row, -row]
        self._most += [high, -low]

    def interval(self, places: Sequence[int]) -> Interval | None:
        """The whole numbers that are possible, None when the assumptions contradict each other."""
        aim = np.zeros(len(PLACES))
        aim[list(places)] = 1
        ends = []
        for sign in (1, -1):
            found = linprog(sign * aim, A_ub=np.array(self._rows), b_ub=self._most, bounds=(0, None), method="highs")
            if found.status == 2:
                return None
            ends.append(sign * float(found.fun or 0) if found.status == 0 else math.inf)
        return math.ceil(ends[0] - 1e-6), math.floor(ends[1] + 1e-6) if ends[1] < math.inf else math.inf

    def _people_behind_interests(self) -> None:
        for age in AGE_3.codes:
            for band in BMI_2.codes:
                people = [
                    PLACES[atom] for atom in ATOMS
                    if AGE_3.code(atom[1]) == age and BMI_2.code(atom[2]) == band
                ]  # fmt: skip
                likes = [PLACES[age, band, code] for code in INTERESTS]
                for some, times in [([one], 1) for one in likes] + [(likes, 3)]:
                    row = np.zeros(len(PLACES))
                    row[some], row[people] = 1, -times
                    self._rows.append(row)
                    self._most.append(0)


def _learned(releases: Iterable[Release], confidence: float = 0.95) -> tuple[Known, list[Place]]:
    """What all releases say together if nobody came or went, and the cells they keep."""
    shown = [(t.id, cell) for one in releases for t in one.tables if t.id != "T4" for cell in t.cells]
    size = reach((1 - confidence) / len(shown), decay(STANDARD.scale))
    known = Known()
    kept: list[Place] = []
    for table, cell in shown:
        places = _atoms_of(table, cell.at)
        if cell.count is None:
            known.between(places, 0, STANDARD.threshold - 1 + size)
            kept.append((table, cell.at))
        else:
            low = max(STANDARD.least, cell.count - 2 - size)
            known.between(places, low, cell.count + 2 + size)
    return known, kept


def _true(tally: Tally) -> dict[Place, int]:
    return {
        (table.id, at): count
        for table, counts in zip(tally.plan.tables, tally.counts, strict=True)
        for at, count in zip(table.cells, counts, strict=True)
    }


def _releases(rows: list[Row], periods: Sequence[Period]) -> tuple[list[Release], dict[Place, int]]:
    book = ledger()
    found: list[Release] = []
    true: dict[Place, int] = {}
    for period in periods:
        tally = tally_of(rows, period)
        made = prepare(book, tally, SeededLaplace(period.ordinal), day_after(period))
        assert not isinstance(made, Refusal), made
        book, release = made.ledger, read(made.content, made.sha256)
        assert isinstance(release, Release)
        found.append(release)
        true |= _true(tally)
    return found, true


@pytest.mark.parametrize("people", [400, 1_000])
def test_nothing_published_in_18_months_narrows_a_suppressed_cell(people: int) -> None:
    releases, true = _releases(residents(people, people), (FIRST, FIRST.next, FIRST.next.next))
    known, kept = _learned(releases)
    assert len(set(kept)) >= 20
    for table, at in sorted(set(kept)):
        found = known.interval(_atoms_of(table, at))
        assert found is not None
        assert found[0] <= true[table, at] <= found[1]
        assert found[1] - found[0] >= NARROW, (table, at, found)


def _suppressed_only(tally: Tally, totals: bool) -> tuple[Known, list[tuple[str, ...]]]:
    """The usual mistake: small counts hidden, all others exact, and totals beside them."""
    [table, *_] = tally.plan.tables
    known, kept = Known(), []
    for at, count in zip(table.cells, tally.counts[0], strict=True):
        exact = count >= STANDARD.least
        known.between(_atoms_of("T1", at), count if exact else 0, count if exact else STANDARD.least - 1)
        if not exact:
            kept.append(at)
    for axis in (0, 1) if totals else ():
        for code in dict.fromkeys(at[axis] for at in table.cells):
            at_code = [at for at in table.cells if at[axis] == code]
            total = sum(tally.counts[0][table.cells.index(at)] for at in at_code)
            known.between([place for at in at_code for place in _atoms_of("T1", at)], total, total)
    return known, kept


def test_the_attack_catches_exact_totals_beside_suppressed_cells() -> None:
    tally = tally_of(residents(1_500, 7))
    known, kept = _suppressed_only(tally, totals=True)
    found = [known.interval(_atoms_of("T1", at)) for at in kept]
    exact = [one for one in found if one is not None and one[0] == one[1]]
    assert exact, "a cell alone in its row is the total less its neighbours"
    hidden, open_ = _suppressed_only(tally, totals=False)
    assert [hidden.interval(_atoms_of("T1", at)) for at in open_] == [(0, STANDARD.least - 1)] * len(open_)


def test_the_attack_catches_noise_that_is_drawn_again_and_again() -> None:
    """A service that answers every retry with new noise is averaged away: the same people, drawn 400 times."""
    rows = residents(600, 8)
    tally = tally_of(rows)
    [table, *_] = tally.plan.tables
    fresh = SeededLaplace(3)
    draws = np.array([fresh.add(tally.counts[0], STANDARD.scale) for _ in range(400)])
    known = Known()
    small = [index for index, count in enumerate(tally.counts[0]) if count < STANDARD.least]
    # The mean of 400 draws lies within half a person of the truth for all cells together.
    for index, at in enumerate(table.cells):
        known.between(_atoms_of("T1", at), draws[:, index].mean() - 0.75, draws[:, index].mean() + 0.75)
    for index in small:
        found = known.interval(_atoms_of("T1", table.cells[index]))
        assert found is not None
        assert found[0] <= tally.counts[0][index] <= found[1]
        assert found[1] - found[0] < NARROW


def test_pairs_of_services_share_nothing_with_the_other_tables() -> None:
    """T4 is left out of the programme because it says nothing about age, sex or weight."""
    tables: dict[str, Table] = {table.id: table for table in plan_for(1_000, FIRST.next.next).tables}
    assert tables["T4"].axes == ("service", "service-too")
    assert {code for at in tables["T4"].cells for code in at} == set(CODES.services)
