"""Several sessions together: the mean difference with its interval, and whether anything may be said of it. Pure.

Somebody looks after every bath, and of whom looks often enough chance alone makes a trend. So the interval is one that
holds at every look at once (Wang and Ramdas 2023, arXiv 2310.03722: Gaussian mixture over the effect, right Haar over
the spread); it says nothing of why.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, variance
from typing import Literal

import msgspec

from engine.before_after import Book, Difference, Paired, Sort

Says = Literal["lower", "higher"]


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """One kind over `sessions` of a sort: mean difference and interval in the kind's unit, `says` None for nothing.

    `low` and `high` are None where there are too few sessions for any interval.
    """

    kind: str
    sort: Sort
    sessions: int
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    says: Says | None = None


def scores(rules: Book, found: Sequence[Paired], sort: Sort) -> tuple[Score, ...]:
    """What the sessions of one sort say together, in the order of the kinds.

    Kinds without a pair are left out, and those of which nothing is ever claimed.
    """
    made = []
    for measure in (one for one in rules.measure if one.share > 0):
        pairs = [one.of(measure.kind) for one in found if one.session.sort == sort]
        known = [one for one in pairs if one is not None]
        if known:
            made.append(score(rules, measure.kind, sort, known))
    return tuple(made)


def score(rules: Book, kind: str, sort: Sort, differences: Sequence[Difference]) -> Score:
    """The mean of these differences of one kind, and what may be said of it."""
    count = len(differences)
    empty = Score(kind=kind, sort=sort, sessions=count)
    if count < rules.claim.fewest:
        return empty
    changes = [float(one.change) for one in differences]
    middle = fmean(changes)
    # Differences that agree better than their noise allows do so by chance, or because digits are cut off.
    spread = math.sqrt(max(variance(changes), fmean(one.spread**2 for one in differences)))
    empty = msgspec.structs.replace(empty, mean=middle)
    chance = rules.claim.chance * rules.of(kind).share
    reach = spread / math.sqrt(count) * beyond(count, chance, rules.claim.effect) if chance > 0 else math.inf
    if not math.isfinite(reach):
        return empty
    low, high = middle - reach, middle + reach
    says: Says | None = "lower" if high < 0 else "higher" if low > 0 else None
    return msgspec.structs.replace(empty, low=low, high=high, says=says)


def beyond(count: int, chance: float, effect: float) -> float:
    """How many standard errors the interval reaches to each side after `count` differences; infinite for too few.

    The t for which the mixture's likelihood ratio against "no difference" is 1 / `chance`.
    """
    inner = 1 + count * effect
    level = (inner / chance**2) ** (1 / count)
    if level >= inner:
        return math.inf
    return math.sqrt((count - 1) * (level - 1) / (1 - level / inner))
