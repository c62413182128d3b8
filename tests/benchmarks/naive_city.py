"""A loop over people as one would write it first: scipy and pandas, a filter in plain Python, one judgement each.

It computes less than the product: no scale that is learnt, no wobble, no second thoughts on strange readings. What was
told is given to it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import numpy as np
import pandas as pd
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
    "weight.level", "weight.slope_kg_per_week", "bmi", "steps.mean_7d", "heart.resting", "weight.change_7d",
    "weight.change_180d", "weight.loss_percent_180d", "steps.season_percent",
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
        days = pd.date_range(end=pd.Timestamp(city.today), periods=city.weights.shape[1])
        own |= _weights(pd.Series(city.weights[person], index=days))
        own |= _steps(pd.Series(city.steps[person], index=pd.date_range(end=days[-1], periods=city.steps.shape[1])))
        own["heart.resting"] = _known(pd.Series(city.rest[person, -WEEK:]).median())
        for kind in ("systolic", "diastolic"):
            week = pd.DataFrame(
                {part: getattr(city, f"{kind}_{part}")[person, -WEEK:] for part in ("morning", "evening", "top")}
            )
            own[f"bp.home.{kind}_mean"] = _known(week[["morning", "evening"]].mean(axis=1).mean())
            own |= {f"bp.home.{kind}_{part}": _known(week[part].mean()) for part in ("morning", "evening")}
            own[f"bp.home.{kind}_max"] = _known(week["top"].max())
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


def _weights(kg: pd.Series) -> dict[str, float | None]:
    """Changes over a week and half a year, and the loss from the highest fortnight."""
    smooth = kg.rolling(WEEK, min_periods=1).median()
    start = kg.iloc[-2 * WEEK : -WEEK].median()
    then, top = smooth.iloc[:-150].dropna(), kg.rolling(15, min_periods=3).median().max()
    now = smooth.iloc[-1]
    return {
        "weight.change_7d": _known(kg.dropna().iloc[-1] - start if kg.notna().any() else math.nan),
        "weight.change_180d": _known(now - then.iloc[-1] if len(then) else math.nan),
        "weight.loss_percent_180d": _known(max(top - now, 0.0) * 100 / top),
    }


def _steps(steps: pd.Series) -> dict[str, float | None]:
    """The mean of a week with four valid days, and how it compares with the same weeks a year before or the quarter."""
    valid = steps.where(steps.between(100, 49_999))
    mean = valid.iloc[-WEEK - 1 : -1].mean() if valid.iloc[-WEEK - 1 : -1].count() > 3 else math.nan
    usual = valid.groupby(valid.index.month).mean().get(valid.index[-1].month, valid.iloc[-90:].mean())
    return {"steps.mean_7d": _known(mean), "steps.season_percent": _known(100 * mean / usual if usual else math.nan)}


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
