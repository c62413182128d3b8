"""The trends of a whole city from days: what `engine.trends` says of one person, one row a person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.series.levels import Levels, level_and_forecast
from engine.series.model import PRIOR, Model
from engine.series.sen import Slopes, theil_sen
from engine.signals_columns import LEVEL_FRESH, padded
from engine.trends import FORGOTTEN

Floats = NDArray[np.float64]


def trends_many(
    values: Floats, model: Model = PRIOR, horizons: tuple[float, ...] = (7.0, 14.0), unit: float = 1.0
) -> tuple[Levels, Slopes]:
    """Level, forecasts and Theil-Sen slope of everybody on the last day of `values` (people, days; NaN is nothing).

    `unit` is what one kg is for a weight. As for one person the filter reads the 180 days up to the newest reading.
    """
    levels = level_and_forecast(_remembered(values), model, horizons=horizons, unit=unit)
    return levels, theil_sen(padded(values, LEVEL_FRESH))


def _remembered(values: Floats) -> Floats:
    """The readings the filter of one person looks at: those of 180 days up to the newest, if that is fresh."""
    window = padded(values, LEVEL_FRESH + int(FORGOTTEN))
    width = window.shape[1]
    newest = width - 1 - np.argmax(np.isfinite(window[:, ::-1]), axis=1)
    return np.where(np.arange(width) >= (newest - FORGOTTEN)[:, None], window, np.nan)
