"""A loop over people as one would write it first: scipy's Theil-Sen, a filter in plain Python, one judgement each.

It computes less than the product: no scale that is learnt, no wobble, no changes over weeks and half years, no seasons;
those signals, and what was told, are given to it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import theilslopes

from engine.judge import Judgement, judge
from engine.rules.model import Rule
from engine.series.model import Model
from engine.signals import Signal, Signals
from engine.signals_many import City
from engine.vocabulary import VOCABULARY

Floats = NDArray[np.float64]
MONTH, WEEK = 28, 7
# What the loop computes itself, and the signals it puts them to.
OWN: Final = (
    "weight.level", "weight.slope_kg_per_week", "bmi", "steps.mean_7d", "heart.resting",
    *(f"bp.home.{kind}_{part}" for kind in ("systolic", "diastolic") for part in ("mean", "morning", "evening", "max")),
)  # fmt: skip


class Naive:
    """One city, looked at a person at a time; `given` are columns of the signals the loop does not compute."""

    def __init__(self, city: City, given: Mapping[str, Floats], model: Model, rules: Sequence[Rule]) -> None:
        self._city, self._given, self._model, self._rules = city, given, model, rules

    def timed(self, person: int) -> tuple[float, float, Judgement]:
        """Seconds for the signals, seconds for the judgement, and what it was."""
        began = time.perf_counter()
        self.signals(person)
        between = time.perf_counter()
        # Both sides judge the same numbers, so that their judgements can be compared.
        found = self.judged({name: _number(column[person]) for name, column in self._given.items()})
        return between - began, time.perf_counter() - between, found

    def signals(self, person: int) -> dict[str, float | None]:
        """The person's own signals, then those given."""
        city = self._city
        level = self._level(city.weights[person], person)
        own: dict[str, float | None] = {"weight.level": level, "weight.slope_kg_per_week": _slope(city.weights[person])}
        own["bmi"] = None if level is None else level / (float(city.height_cm[person]) / 100) ** 2
        own["steps.mean_7d"] = _mean(city.steps[person, -WEEK - 1 : -1])
        own["heart.resting"] = _median(city.rest[person, -WEEK:])
        for kind in ("systolic", "diastolic"):
            morning, evening, top = (
                getattr(city, f"{kind}_{part}")[person, -WEEK:] for part in ("morning", "evening", "top")
            )
            days = [_mean(np.array(day)) for day in zip(morning, evening, strict=True)]
            own[f"bp.home.{kind}_mean"] = _mean(np.array([day for day in days if day is not None]))
            own[f"bp.home.{kind}_morning"], own[f"bp.home.{kind}_evening"] = _mean(morning), _mean(evening)
            own[f"bp.home.{kind}_max"] = max((float(v) for v in top if not math.isnan(v)), default=None)
        return {name: _number(column[person]) for name, column in self._given.items() if name not in OWN} | own

    def judged(self, values: Mapping[str, float | None]) -> Judgement:
        """What the rules say of these numbers."""
        picture = {
            name: Signal(value=None if value is None else Decimal(repr(value)), unit=VOCABULARY[name].unit)
            for name, value in values.items()
        }
        return judge(Signals(datetime(2026, 11, 22, tzinfo=UTC), picture), self._rules)

    def _level(self, readings: Floats, person: int) -> float | None:
        scale = float(self._model.scale[0, person])
        walk, noise, turn, sloped = (
            float(getattr(self._model, name)[0, person]) * scale for name in ("walk", "noise", "turn", "sloped")
        )
        kept = float(self._model.kept[0, person])
        level, slope, ll, ls, ss = None, 0.0, noise, 0.0, sloped
        for read in readings.tolist():
            if level is None:
                level = None if math.isnan(read) else read
                continue
            level, slope, sheared = level + slope, kept * slope, ls + ss
            ll, ls, ss = ll + ls + sheared + walk, kept * sheared, kept * kept * ss + turn
            if math.isnan(read):
                continue
            gap, total = read - level, ll + noise
            away = min(gap * gap * 32 / (total * (total + 64)), 700.0)
            share = 1 / (1 + 0.031 * math.sqrt(total / (total + 64)) * math.exp(away)) / total
            level, slope = level + share * ll * gap, slope + share * ls * gap
            ss, ls, ll = ss - share * ls * ls, ls - share * ll * ls, ll - share * ll * ll
        return level


def _slope(readings: Floats) -> float | None:
    month = readings[-MONTH:].astype(np.float64)
    days = np.flatnonzero(np.isfinite(month))
    if len(days) < 6:
        return None
    slope, _, low, high = theilslopes(month[days], days, 0.9)
    return float(slope) * WEEK if low > 0 or high < 0 else None


def _mean(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None


def _median(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else None


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
