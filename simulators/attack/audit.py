"""Attacks A3 and A5: what many or one release prove about one person, against the loss the method states."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Final

from scipy import stats

from fhir_bridge.privacy import STANDARD, gated, shown
from fhir_bridge.privacy_law import decay, outcomes

# So rare that nobody lives to see a false alarm.
_NEVER: Final = 1e-9
_UNLIKELY: Final = 1e-7
CELL: Final = {"least": STANDARD.least, "threshold": STANDARD.threshold, "rounding": STANDARD.rounding}
# The tenth person, a lone one, and counts a step away from where the threshold and the rounding cut.
TARGETS: Final = (0, 9, 10, 14, 17, 18, 19, 20, 22, 23, 24, 27, 28, 32, 33, 38, 43, 58, 83, 103)
Law = dict[int | None, float]
Draw = Callable[[Sequence[int], float], Sequence[int]]


def leak(true: int, draw: Draw, scale: float, releases: int, delta: float) -> float:
    """The lower bound of epsilon that an auditor proves from so many fresh releases with and without one person.

    Nobody sees a false alarm: each bound fails once in a billion audits.
    """
    top = true // 5 * 5 + 200
    laws = [outcomes(count, decay(scale), **CELL, top=top) for count in (true, true + 1)]
    best = -math.inf
    for first, second in ((0, 1), (1, 0)):
        event = _event(laws[first], laws[second])
        hits = [
            sum(
                shown(gated(true + side, noisy, STANDARD), STANDARD) in event
                for noisy in draw([true + side] * releases, scale)
            )
            for side in (first, second)
        ]
        low = stats.beta.ppf(_NEVER, hits[0], releases - hits[0] + 1) if hits[0] else 0.0
        high = stats.beta.ppf(1 - _NEVER, hits[1] + 1, releases - hits[1]) if hits[1] < releases else 1.0
        best = max(best, math.log(max(low - delta, 1e-12) / high))
    return best


def advantage(cells: tuple[int, ...]) -> float:
    """How much better than guessing one release tells who knows all others whether somebody is in it.

    Exactly: the total variation over the person's cells, each of which holds `cells` others.
    """
    laws = [
        (
            outcomes(true, decay(STANDARD.scale), **CELL, top=200),
            outcomes(true + 1, decay(STANDARD.scale), **CELL, top=200),
        )
        for true in cells
    ]
    likely = [[seen for seen in one if one[seen] + more[seen] > _UNLIKELY] for one, more in laws]
    total = 0.0
    for observed in product(*likely):
        without = math.prod(law[0][seen] for law, seen in zip(laws, observed, strict=True))
        there = math.prod(law[1][seen] for law, seen in zip(laws, observed, strict=True))
        total += max(0.0, there - without)
    return total


def _event(with_one: Law, without: Law) -> set[int | None]:
    """What speaks most for the first law: all that is e^0.5 times as likely under it, or the likeliest there is."""
    ratios = {seen: chance / max(without[seen], 1e-300) for seen, chance in with_one.items()}
    least = min(math.exp(0.5), max(ratios.values())) * (1 - 1e-9)
    return {seen for seen, ratio in ratios.items() if ratio >= least}
