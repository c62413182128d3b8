"""Populations for attack A1, and what a release is worth (A10)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from fhir_bridge.aggregate_join import Row
from fhir_bridge.privacy import STANDARD
from fhir_bridge.privacy_law import decay, outcomes
from fhir_bridge.privacy_release import Plan, Tally
from simulators.attack.audit import CELL
from simulators.attack.world import TURNS, plan_for, tally_of

SHAPES = ("even", "lopsided", "all-in-one")


class Utility(msgspec.Struct, frozen=True):
    """Expected shares of cells and of counted people that are published, and the mean absolute error of those."""

    cells: float
    people: float
    error: float


def populations(number: int, seed: int) -> Iterator[Tally]:
    """True counts of random populations of 300 to 50,000 people of every shape and turn."""
    rng = np.random.default_rng(seed)
    for index in range(number):
        people = int(math.exp(rng.uniform(math.log(300), math.log(50_000))))
        yield _population(plan_for(people, TURNS[index // 3 % 3]), people, SHAPES[index % 3], seed + index)


def _population(plan: Plan, people: int, shape: str, seed: int) -> Tally:
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


def utility(rows: Sequence[Row]) -> Utility:
    """What T1 and T2 of these people are worth, exactly, over all draws."""
    tally = tally_of(rows)
    published = error = covered = everybody = 0.0
    cells = 0
    for true in (true for counts in tally.counts for true in counts):
        law = outcomes(true, decay(STANDARD.scale), **CELL, top=true // 5 * 5 + 150)
        chance = 1 - law[None]
        published, cells = published + chance, cells + 1
        covered, everybody = covered + chance * true, everybody + true
        error += sum(p * abs(value - true) for value, p in law.items() if value is not None)
    return Utility(published / cells, covered / everybody, error / published)
