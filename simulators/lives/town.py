"""The weather that a whole town shares: storms of a winter, and which share of the usual is walked on each day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from simulators.lives.fates import HOURS, between, starts
from simulators.lives.frozen import Frozen

Floats = NDArray[np.float64]
_WINTER: Final = (12, 1, 2, 3)
_WINTER_DAYS: Final = 121.0


class Town(msgspec.Struct, frozen=True, kw_only=True):
    """The days of a town: `months` and `storm` are shares of the usual that a mean person walks; `storms` are hours.

    A storm is its start, its end and the share that is walked in it.
    """

    fixed: Frozen
    days: int
    months: Floats
    storm: Floats
    storms: tuple[tuple[float, float, float], ...]

    @property
    def hours(self) -> float:
        """How long it is watched, the first days of learning included."""
        return self.days * HOURS

    def day(self, number: int) -> date:
        """The date of day `number`."""
        return self.fixed.first_day + timedelta(days=number)


def draw_town(fixed: Frozen, days: int, rng: np.random.Generator) -> Town:
    """A town of so many days after the days of learning."""
    whole = fixed.learning_days + days
    dates = [fixed.first_day + timedelta(days=number) for number in range(whole)]
    months = np.array([fixed.walking.months[day.month - 1] for day in dates])
    storms = []
    for start in starts(rng, fixed.snow.storms * 365 / _WINTER_DAYS, 0.0, whole * HOURS):
        if dates[int(start // HOURS)].month in _WINTER:
            low, high = fixed.snow.storm_walk
            end = start + between(rng, fixed.snow.storm_days) * HOURS
            storms.append((start, end, low + (high - low) * float(rng.random())))
    storm = np.ones(whole)
    for start, end, walk in storms:
        first, last = int(start // HOURS), min(int(end // HOURS), whole - 1)
        storm[first : last + 1] = np.minimum(storm[first : last + 1], walk)
    return Town(fixed=fixed, days=whole, months=months, storm=storm, storms=tuple(storms))
