"""The discrete Laplace law in closed form: what noise does to a cell, exactly, for proofs, tests and the method note.

`alpha` = exp(-1/scale) is the ratio of neighbouring probabilities. Every law holds for any alpha in (0, 1), so given as
a Fraction the answers are exact.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import TypeVar

# One kind of number in, the same kind out.
Alpha = TypeVar("Alpha", float, Fraction)


def decay(scale: float) -> float:
    """The alpha of noise with this scale."""
    return math.exp(-1 / scale)


def mass(value: int, alpha: Alpha) -> Alpha:
    """The probability that noise is exactly `value`."""
    return (1 - alpha) / (1 + alpha) * alpha ** abs(value)


def tail(least: int, alpha: Alpha) -> Alpha:
    """The probability that noise is `least` or more."""
    if least > 0:
        return alpha**least / (1 + alpha)
    return 1 - alpha ** (1 - least) / (1 + alpha)


def reach(chance: float, alpha: float) -> int:
    """The smallest size that noise exceeds, on either side, with at most this chance."""
    size = 0
    while 2 * tail(size + 1, alpha) > chance:
        size += 1
    return size


def outcomes(
    true: int, alpha: Alpha, *, least: int, threshold: int, rounding: int, top: int
) -> dict[int | None, Alpha]:
    """The probability of everything that can be published of a cell with `true` people; None is suppressed.

    `top` (a multiple of the rounding) stands for itself and all above it.
    """
    nothing = alpha - alpha
    found: dict[int | None, Alpha] = {None: nothing + 1}
    first = (threshold + rounding // 2) // rounding * rounding
    for value in range(first, top + 1, rounding):
        low = max(threshold, value - rounding // 2) - true
        above = nothing if value == top else tail(value - rounding // 2 + rounding - true, alpha)
        found[value] = tail(low, alpha) - above if true >= least else nothing
        found[None] -= found[value]
    return found


def excess(first: Mapping[int | None, Alpha], second: Mapping[int | None, Alpha], ratio: Alpha) -> Alpha:
    """The least delta for which `first` is at most `ratio` times as likely as `second`, whatever is observed."""
    some = next(iter(first.values()))
    return sum((max(some - some, chance - ratio * second[seen]) for seen, chance in first.items()), some - some)
