"""Small counts hidden so that nothing printed beside them gives them away. Pure.

Every figure under 10 is printed as "<10". Where sums and differences of what is printed would tell more of it than 1
to 9, further figures are withheld. What counts as known to a reader: every printed figure, that "<10" is 0 to 9, that
a withheld figure is 10 or more, and how the figures add up. Exact: bounds come from linear programming.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

Key = tuple[str, ...]
Shown = int | Literal["<10", "withheld"]
# A linear fact about figures: these multiples of them add up to zero.
Sum = Mapping[Key, int]
LEAST: Final = 10
LESS: Final = "<10"
WITHHELD: Final = "withheld"
# Two small figures whose sum is withheld cannot both be nothing: that somebody is there may be told, not how many.
_SOME: Final = 1
_WIDE: Final = float("inf")
_ROUNDS: Final = 100
_CLOSE: Final = 1e-6
# What the solver says of a goal that has no end.
_ENDLESS: Final = 3


class Figure(msgspec.Struct, frozen=True):
    """A count, and how much its loss would cost the report; None is never printed, but must not be told either."""

    value: int
    cost: int | None = None


class UnprotectedError(Exception):
    """A small figure that could not be protected; a report with it is not printed."""


def hidden(figures: Mapping[Key, Figure], sums: Sequence[Sum]) -> dict[Key, Shown]:
    """What is printed of each figure that has a cost, the cheapest withheld first.

    Raises ValueError for sums that do not hold, UnprotectedError where nothing is left to withhold.
    """
    for one in sums:
        if sum(times * figures[key].value for key, times in one.items()):
            raise ValueError(f"{sorted(one)} do not add up")
    printed = {key for key, one in figures.items() if one.cost is not None and one.value >= LEAST}
    safe: set[frozenset[Key]] = set()
    while True:
        parts = [part for part in _parts(figures, sums, printed) if part not in safe]
        told = next((found for part in parts if (found := _told(part, figures, sums, printed)) is not None), None)
        if told is None:
            return {key: _shown(key, one, printed) for key, one in figures.items() if one.cost is not None}
        key, proof = told
        safe.update(parts[: next(at for at, part in enumerate(parts) if key in part)])
        near = {name for one in proof for name in one if name in printed}
        if not near:
            raise UnprotectedError(" ".join(key))
        printed.remove(min(near, key=lambda name: (figures[name].cost or 0, figures[name].value, name)))


def _shown(key: Key, one: Figure, printed: Collection[Key]) -> Shown:
    if key in printed:
        return one.value
    return WITHHELD if one.value >= LEAST else LESS


def _parts(figures: Mapping[Key, Figure], sums: Sequence[Sum], printed: Collection[Key]) -> list[frozenset[Key]]:
    """The figures that are not printed, those together that any sum ties together."""
    home: dict[Key, Key] = {key: key for key in figures if key not in printed}

    def root(key: Key) -> Key:
        while home[key] != key:
            home[key] = home[home[key]]
            key = home[key]
        return key

    for one in sums:
        tied = [root(key) for key in one if key in home]
        for key in tied[1:]:
            home[root(key)] = root(tied[0])
    groups: dict[Key, set[Key]] = {}
    for key in home:
        groups.setdefault(root(key), set()).add(key)
    return [frozenset(groups[key]) for key in sorted(groups)]


def _told(
    part: frozenset[Key], figures: Mapping[Key, Figure], sums: Sequence[Sum], printed: Collection[Key]
) -> tuple[Key, list[Sum]] | None:
    """A small figure of this part of which more is told than that it is small, and the sums that tell it."""
    small = sorted(key for key in part if figures[key].value < LEAST)
    near = [one for one in sums if not part.isdisjoint(one)]
    if not small or not near:
        return None
    equations = [_known(one, figures, printed) for one in near]
    limits = {key: _range(figures[key]) for key in sorted(part)}
    bounds = dict(limits)
    _narrow(bounds, equations)
    # Most of what is told is found by adding up alone, and is asked first.
    small.sort(key=lambda key: bounds[key][0] <= _SOME and bounds[key][1] >= LEAST - 1)
    programme = _Programme(limits, equations)
    for key in small:
        rows = programme.proof(key)
        if rows is not None:
            return key, [near[row] for row in rows]
    return None


def _range(one: Figure) -> tuple[float, float]:
    """What a reader knows of a figure that is not printed, before they add anything up."""
    if one.cost is None:
        return 0, _WIDE
    return (0, LEAST - 1) if one.value < LEAST else (LEAST, _WIDE)


def _known(one: Sum, figures: Mapping[Key, Figure], printed: Collection[Key]) -> tuple[dict[Key, int], int]:
    """A sum as an equation: what is unknown on the left, the number on the right."""
    right = -sum(times * figures[key].value for key, times in one.items() if key in printed)
    return {key: times for key, times in one.items() if key not in printed}, right


def _narrow(bounds: dict[Key, tuple[float, float]], equations: Iterable[tuple[dict[Key, int], int]]) -> None:
    """Narrows the bounds by one equation after the other, which finds most of what can be found at little cost."""
    listed = list(equations)
    for _ in range(_ROUNDS):
        changed = False
        for left, right in listed:
            for key, times in left.items():
                others = [(factor, *bounds[name]) for name, factor in left.items() if name != key]
                most = right - sum(factor * (low if factor > 0 else high) for factor, low, high in others)
                least = right - sum(factor * (high if factor > 0 else low) for factor, low, high in others)
                low, high = sorted((least / times, most / times))
                narrower = max(bounds[key][0], low), min(bounds[key][1], high)
                changed |= narrower != bounds[key]
                bounds[key] = narrower
        if not changed:
            return


class _Programme:
    """The equations of one part, to be asked how large or small a figure can be."""

    def __init__(
        self, limits: Mapping[Key, tuple[float, float]], equations: Sequence[tuple[dict[Key, int], int]]
    ) -> None:
        import numpy as np

        self._order = {key: at for at, key in enumerate(limits)}
        self._limits = [(low, None if high == _WIDE else high) for low, high in limits.values()]
        self._matrix = np.zeros((len(equations), len(limits)))
        for row, (left, _) in enumerate(equations):
            for key, times in left.items():
                self._matrix[row, self._order[key]] = times
        self._right = np.array([number for _, number in equations], dtype=np.float64)

    def proof(self, key: Key) -> list[int] | None:
        """The equations that together tell more of `key` than 1 to 9, None where none do."""
        import numpy as np
        from scipy.optimize import linprog

        for sign, needed in ((1.0, float(_SOME)), (-1.0, 1.0 - LEAST)):
            goal = np.zeros(len(self._order))
            goal[self._order[key]] = sign
            found = linprog(goal, A_eq=self._matrix, b_eq=self._right, bounds=self._limits, method="highs")
            if found.status == _ENDLESS:
                continue
            if found.status != 0 or found.fun is None:
                raise UnprotectedError(" ".join(key))
            if found.fun <= needed + _CLOSE:
                continue
            # By duality the equations with a price are the proof of the bound.
            return [row for row, price in enumerate(found.eqlin.marginals) if abs(price) > _CLOSE]
        return None
