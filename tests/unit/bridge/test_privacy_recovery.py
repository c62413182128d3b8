"""Attack A2 against what is published, and two leaks that are common elsewhere, which it must catch."""

from __future__ import annotations

import numpy as np
import pytest

from fhir_bridge.privacy import STANDARD
from fhir_bridge.privacy_release import Tally
from fhir_bridge.privacy_tables import Table
from simulators.attack.recovery import NARROW, Known, learned
from simulators.attack.world import TURNS, SeededLaplace, plan_for, series, tally_of
from simulators.city.rows import CODES, INTERESTS
from simulators.city.rows import rows as residents


@pytest.mark.parametrize("people", [400, 1_000])
def test_nothing_published_in_18_months_narrows_a_suppressed_cell(people: int) -> None:
    told = series(residents(people, people), SeededLaplace(people))
    known, kept = learned(told.releases)
    assert len(kept) >= 20
    for cell in sorted(kept):
        found = known.interval(cell)
        assert found is not None
        assert found[0] <= told.true[cell] <= found[1]
        assert found[1] - found[0] >= NARROW, (cell, found)


def _suppressed_only(tally: Tally, totals: bool) -> tuple[Known, list[tuple[str, ...]]]:
    """The usual mistake: small counts hidden, all others exact, and totals beside them."""
    [table, *_] = tally.plan.tables
    known, kept = Known(INTERESTS), []
    for at, count in zip(table.cells, tally.counts[0], strict=True):
        exact = count >= STANDARD.least
        known.between([("T1", at)], count if exact else 0, count if exact else STANDARD.least - 1)
        if not exact:
            kept.append(at)
    for axis in (0, 1) if totals else ():
        for code in dict.fromkeys(at[axis] for at in table.cells):
            at_code = [at for at in table.cells if at[axis] == code]
            total = sum(tally.counts[0][table.cells.index(at)] for at in at_code)
            known.between([("T1", at) for at in at_code], total, total)
    return known, kept


def test_the_attack_catches_exact_totals_beside_suppressed_cells() -> None:
    tally = tally_of(residents(1_500, 7))
    known, kept = _suppressed_only(tally, totals=True)
    found = [known.interval(("T1", at)) for at in kept]
    exact = [one for one in found if one is not None and one[0] == one[1]]
    assert exact, "a cell alone in its row is the total less its neighbours"
    hidden, open_ = _suppressed_only(tally, totals=False)
    assert [hidden.interval(("T1", at)) for at in open_] == [(0, STANDARD.least - 1)] * len(open_)


def test_the_attack_catches_noise_that_is_drawn_again_and_again() -> None:
    """A service that answers every retry with new noise is averaged away: the same people, drawn 400 times."""
    tally = tally_of(residents(600, 8))
    [table, *_] = tally.plan.tables
    fresh = SeededLaplace(3)
    draws = np.array([fresh.add(tally.counts[0], STANDARD.scale) for _ in range(400)])
    known = Known(INTERESTS)
    small = [index for index, count in enumerate(tally.counts[0]) if count < STANDARD.least]
    # The mean of 400 draws lies within half a person of the truth for all cells together.
    for index, at in enumerate(table.cells):
        known.between([("T1", at)], draws[:, index].mean() - 0.75, draws[:, index].mean() + 0.75)
    for index in small:
        found = known.interval(("T1", table.cells[index]))
        assert found is not None
        assert found[0] <= tally.counts[0][index] <= found[1]
        assert found[1] - found[0] < NARROW


def test_pairs_of_services_share_nothing_with_the_other_tables() -> None:
    """T4 is left out of the programme because it says nothing about age, sex or weight."""
    tables: dict[str, Table] = {table.id: table for table in plan_for(1_000, TURNS[-1]).tables}
    assert tables["T4"].axes == ("service", "service-too")
    assert {code for at in tables["T4"].cells for code in at} == set(CODES.services)
