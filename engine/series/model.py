"""How a body weight moves from day to day: the parameters of the filter, one set or several with their odds.

Variances are relative to a person's scale (1 = 1 kg²); what is not a body weight is divided by its own unit first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Readings of somebody else, of a box, of a typing error: how often, and how far away (in units, kg).
ERROR_SHARE: Final = 0.03
ERROR_SPREAD: Final = 8.0
# Readings a prior scale is worth, and how many a scale remembers.
PRIOR_READINGS: Final = 12.0
REMEMBERED: Final = 60.0


@dataclass(frozen=True, slots=True)
class Model:
    """Parameter sets, each array broadcast to (sets, people): variances per day or per reading, relative to `scale`.

    `walk` moves the level each day; `noise` is the scale's own; `wobble` is water and food, of which `memory` is left
    after a day. A slope starts with variance `sloped`, keeps `kept` of itself per day and gains `turn`. `scale` is the
    prior of a person's variance (unit²); `odds` are the prior odds of a set. `widths` are half a 90 % interval in
    standard deviations at `WIDTH_DAYS`: more than 1.645 where measured, since models are wrong.
    """

    walk: Array
    noise: Array
    wobble: Array
    memory: Array
    kept: Array
    turn: Array
    sloped: Array
    scale: Array
    odds: Array
    widths: tuple[float, float, float] = field(kw_only=True)

    def of(self, people: slice) -> Model:
        """The sets of these people; sets shared by all stay shared."""
        arrays = (getattr(self, name) for name in self.__slots__ if name != "widths")
        chosen = (array if array.shape[1] == 1 else array[:, people] for array in arrays)
        return Model(*chosen, widths=self.widths)


def shared(odds: tuple[float, ...], scale: float, widths: tuple[float, float, float]) -> Model:
    """The sets of `SETS` for everybody, with these odds, scale and widths."""
    columns = np.asarray(SETS, dtype=np.float64).T[:, :, None]
    weights = np.asarray(odds, dtype=np.float64)[:, None]
    return Model(*(*columns, np.full_like(weights, scale), weights), widths=widths)


# Five ways a weight moves: one that keeps every step, one between, one that swings around a level, one that goes on in
# its direction, and one that keeps every step and goes on for some weeks. Chosen by trial on the same few people that
# the prior below is fitted on, so other people are forecast a little worse than these.
# Walk, noise, wobble, memory, kept, turn, sloped.
SETS: Final = (
    (0.1, 0.0005, 0.003, 0.7, 0.95, 1e-5, 0.001),
    (0.08, 0.03, 0.06, 0.7, 0.95, 1e-5, 0.001),
    (0.01, 0.06, 0.15, 0.7, 0.95, 1e-5, 0.001),
    (0.004, 0.05, 0.1, 0.7, 0.98, 1e-4, 0.01),
    (0.05, 0.005, 0.02, 0.7, 0.97, 3e-5, 0.003),
)
WIDTH_DAYS: Final = (1.0, 7.0, 14.0)
# How common each set is, the scale and the widths: fitted (`fit_prior`, `calibrated`) on Krone 2020 (subjects 1-6) and
# one Fitbit 2016 person by tests/benchmarks/trend_errors.py, which prints them.
PRIOR: Final = shared((0.17, 0.15, 0.41, 0.10, 0.17), 1.10, (1.90, 1.79, 2.02))
