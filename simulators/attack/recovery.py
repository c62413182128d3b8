"""Attack A2: linear programming over everything that was published, to prove what a suppressed cell holds.

The attacker knows the method, the grids and that tables count the same people, and assumes that no cell's noise is
larger than it is with 95 % confidence for all cells together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

import numpy as np
from scipy.optimize import linprog

from fhir_bridge.privacy import STANDARD
from fhir_bridge.privacy_law import decay, reach
from fhir_bridge.privacy_release import Release
from fhir_bridge.privacy_tables import AGE_3, AGE_7, BMI_2, BMI_4, SEXES
from simulators.attack.world import Place

# A narrower interval than this says what the rule of ten hides.
NARROW: Final = 10
# Ages that no table cuts, sexes with the untold one, BMI bands: what people are is one of these.
_AGES: Final = tuple(Decimal(age) for age in (20, 30, 40, 50, 60, 65, 70, 80))
_ATOMS: Final = [(sex, age, bmi) for sex in (*SEXES, "") for age in _AGES for bmi in BMI_4.starts]
_IMPOSSIBLE: Final = 2
Interval = tuple[float, float]


class Known:
    """Inequalities an attacker holds about unknown numbers of people, and what follows from them for a cell.

    `interests` are the public codes: beside what people are, what they like is unknown.
    """

    def __init__(self, interests: Sequence[str]) -> None:
        self._liking = [(age, bmi, code) for age in AGE_3.codes for bmi in BMI_2.codes for code in interests]
        self._places = {name: index for index, name in enumerate([*_ATOMS, *self._liking])}
        self._interests = interests
        self._rows: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
        self._most: list[float] = []
        self._people_behind_interests()

    def between(self, cells: Iterable[Place], low: float, high: float) -> None:
        """That these cells together hold at least `low` and at most `high` people."""
        row = self._row(cells)
        self._rows += [row, -row]
        self._most += [high, -low]

    def interval(self, cell: Place) -> Interval | None:
        """The whole numbers a cell can hold, None when the assumptions contradict each other."""
        aim = self._row([cell])
        ends = []
        for sign in (1, -1):
            found = linprog(sign * aim, A_ub=np.array(self._rows), b_ub=self._most, bounds=(0, None), method="highs")
            if found.status == _IMPOSSIBLE:
                return None
            ends.append(sign * float(found.fun or 0) if found.status == 0 else math.inf)
        return math.ceil(ends[0] - 1e-6), math.floor(ends[1] + 1e-6) if ends[1] < math.inf else math.inf

    def _row(self, cells: Iterable[Place]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        row = np.zeros(len(self._places))
        row[[place for cell in cells for place in self._atoms_of(*cell)]] = 1
        return row

    def _atoms_of(self, table: str, at: tuple[str, ...]) -> list[int]:
        """The unknown numbers a cell is the sum of."""
        if table == "T2":
            return [self._places[at[0], at[1], at[2]]]
        age_bands = AGE_7 if table == "T1" else AGE_3
        sexes = (*SEXES, "") if table == "T1" else (at[0],)
        return [
            self._places[sex, age, bmi] for sex, age, bmi in _ATOMS
            if sex in sexes and age_bands.code(age) == at[-2] and BMI_4.code(bmi) == at[-1]
        ]  # fmt: skip

    def _people_behind_interests(self) -> None:
        """Whoever likes something is somebody, and likes three things at most."""
        for age in AGE_3.codes:
            for band in BMI_2.codes:
                people = [
                    self._places[atom] for atom in _ATOMS
                    if AGE_3.code(atom[1]) == age and BMI_2.code(atom[2]) == band
                ]  # fmt: skip
                likes = [self._places[age, band, code] for code in self._interests]
                for some, times in [([one], 1) for one in likes] + [(likes, 3)]:
                    row = np.zeros(len(self._places))
                    row[some], row[people] = 1, -times
                    self._rows.append(row)
                    self._most.append(0)


def learned(releases: Sequence[Release], confidence: float = 0.95) -> tuple[Known, list[Place]]:
    """What all releases say together if nobody came or went, and the cells they keep.

    T4 is left out: it says nothing about age, sex or weight. T2 must be coarse.
    """
    shown = [(t.id, cell) for one in releases for t in one.tables if t.id != "T4" for cell in t.cells]
    size = reach((1 - confidence) / len(shown), decay(STANDARD.scale))
    known = Known(tuple(dict.fromkeys(cell.at[-1] for table, cell in shown if table == "T2")))
    kept: list[Place] = []
    for table, cell in shown:
        if cell.count is None:
            known.between([(table, cell.at)], 0, STANDARD.threshold - 1 + size)
            kept.append((table, cell.at))
        else:
            low = max(STANDARD.least, cell.count - 2 - size)
            known.between([(table, cell.at)], low, cell.count + 2 + size)
    return known, list(dict.fromkeys(kept))


def narrowest(known: Known, cells: Iterable[Place]) -> tuple[float, Place | None]:
    """The width of the narrowest interval any of these cells is proved to lie in, and which; infinite for none."""
    widths = [(found[1] - found[0], cell) for cell in cells if (found := known.interval(cell)) is not None]
    return min(widths, key=lambda one: one[0], default=(math.inf, None))
