"""The mechanism k10-n2-t20-r5: from a true count and a noisy one to the number the city may publish, or none. Pure.

A count is published when ten people are truly in it (the rule of the MHLW for NDB tables) and its noisy value reaches
20; what is shown is the noisy value rounded to 5. Everything else is one code, so that no reader can tell why.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final, Protocol

import msgspec

from engine.refusal import Refusal
from fhir_bridge.privacy_law import decay, tail

# What the true-count gate may give away of a person who is the tenth of a cell.
MOST_DELTA: Final = 0.005
# Below the first line a publishing unit needs a stricter gate, below the second it publishes nothing (NDB guideline).
SMALL_UNIT: Final = 25_000
LEAST_UNIT: Final = 2_000


class Mechanism(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Four numbers that turn counts of people into published cells, and the two that look at the number of people.

    `least` people in truth, noise of `scale`, `threshold` the noisy count must reach, `rounding` of what is shown;
    `minimum` people or no release, `full_from` people for the full grid of T2.
    """

    least: int = 10
    scale: int = 2
    threshold: int = 20
    rounding: int = 5
    minimum: int = 300
    full_from: int = 20_000

    @property
    def name(self) -> str:
        """What the mechanism is called in releases and method notes: its four numbers."""
        return f"k{self.least}-n{self.scale}-t{self.threshold}-r{self.rounding}"

    def epsilon(self, bound: int) -> Fraction:
        """The privacy loss of a table to which one person adds at most `bound`."""
        return Fraction(bound, self.scale)

    def delta(self, bound: int) -> float:
        """The chance that the true-count gates of `bound` cells show a person who is the last one needed in each."""
        return bound * tail(self.threshold - self.least, decay(self.scale))


STANDARD: Final = Mechanism()


class Noise(Protocol):
    """Where integer discrete Laplace noise comes from."""

    @property
    def name(self) -> str:
        """What drew it, with its version, as the release states it; never a seed."""

    def add(self, counts: Sequence[int], scale: int) -> Sequence[int]:
        """`counts` with independent noise of `scale` on each."""


def weakness(mechanism: Mechanism) -> Refusal | None:
    """Why numbers protect less than the standard ones, None when they do not.

    Refused as `weak-count`, `weak-noise`, `weak-threshold`, `weak-rounding`, `uneven-threshold`, `weak-gate`,
    `weak-minimum`, `weak-full`.
    """
    floors = (
        ("weak-count", mechanism.least, STANDARD.least), ("weak-noise", mechanism.scale, STANDARD.scale),
        ("weak-threshold", mechanism.threshold, STANDARD.threshold),
        ("weak-rounding", mechanism.rounding, STANDARD.rounding),
        ("weak-minimum", mechanism.minimum, STANDARD.minimum), ("weak-full", mechanism.full_from, 5_000),
    )  # fmt: skip
    for code, asked, floor in floors:
        if asked < floor:
            return Refusal(code, f"{asked} is below {floor}")
    if mechanism.threshold % mechanism.rounding:
        # Otherwise a rounded value below the threshold would tell on which side of it the noisy one lay.
        return Refusal("uneven-threshold", "the threshold must be a multiple of the rounding")
    if mechanism.delta(1) > MOST_DELTA:
        return Refusal("weak-gate", f"the threshold lies too close to {mechanism.least} true people for this noise")
    return None


def mechanism_for(population: int, asked: Mechanism = STANDARD) -> Mechanism | Refusal:
    """The mechanism a publishing unit of `population` inhabitants must use, at least as strict as `asked`.

    Under 25,000 inhabitants 20 true people are needed, and the threshold rises with them: at 20 and 20 the gate alone
    would show the twentieth person six times in ten. Refused as `unit-too-small` or by `weakness`.
    """
    if population < LEAST_UNIT:
        return Refusal("unit-too-small", f"no tables for units of fewer than {LEAST_UNIT} inhabitants")
    if population < SMALL_UNIT:
        step = 2 * STANDARD.least - asked.least
        if step > 0:
            raised = asked.threshold + -(-step // max(1, asked.rounding)) * asked.rounding
            asked = msgspec.structs.replace(asked, least=asked.least + step, threshold=raised)
    return weakness(asked) or asked


def gated(true: int, noisy: int, mechanism: Mechanism) -> int | None:
    """The noisy count of a cell with enough people in truth, else None: the one place that looks at a true count."""
    return noisy if true >= mechanism.least else None


def shown(noisy: int | None, mechanism: Mechanism) -> int | None:
    """What is published of a noisy count that came through the gate: rounded to the nearest multiple, or nothing."""
    if noisy is None or noisy < mechanism.threshold:
        return None
    return (noisy + mechanism.rounding // 2) // mechanism.rounding * mechanism.rounding
