"""Trends of a city's weights and pressures beside the bare kernels, and the pass that fits parameters anew."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.series.fit import fit
from engine.series.levels import level_and_forecast
from engine.series.model import Model
from engine.series.sen import theil_sen
from tests.benchmarks import bare_trends
from tests.benchmarks.city_people import DAYS, PEOPLE, parameters, pressures, weights
from tests.benchmarks.figures import Figure, Run, figure, pair

Floats = NDArray[np.float64]
MONTH = 28


@dataclass(frozen=True)
class Metric:
    """Readings of everybody (float32), the last month of them, and what one kg is for a weight in their unit."""

    values: NDArray[np.float32]
    month: Floats
    unit: float


def trends(*, quick: bool) -> list[Figure]:
    """Both sides go over weight and systolic pressure of the same people, with the same stored parameters, in turn."""
    people, days, rounds = (300, 40, 1) if quick else (PEOPLE, DAYS, 3)
    metrics = [_metric(weights(people, days), 1.0), _metric(pressures(people, days), 5.0)]
    model = parameters(people)
    total, levels, slopes = pair(lambda: _product(metrics, model), lambda: _bare(metrics, model), rounds)
    note = (
        f"weight and systolic pressure of {people:,} people x {days} days, stored parameters, one thread; limit: "
        "numpy without learnt scale, wobble, rivals and ties"
    )
    return [
        figure("city, trends of two metrics", "s", "lower", total, note),
        figure("city, level and forecasts", "s", "lower", levels, note),
        figure("city, Theil-Sen slopes", "s", "lower", slopes, note),
    ]


def refits(*, quick: bool) -> list[Figure]:
    """Maximum likelihood for everybody, beside the one pass of the filter that every day costs."""
    people, days, rounds = (20, 30, 1) if quick else (1000, DAYS, 2)
    values, model = weights(people, days).astype(np.float64), parameters(people)
    (pairs,) = pair(
        lambda: [Run(_timed(lambda: fit(values)))],
        lambda: [Run(_timed(lambda: level_and_forecast(values, model)))],
        rounds,
    )
    note = f"{people:,} people x {days} days, the pass apart from the service; limit: the filter once with stored parameters"
    return [figure("city, refit", f"s per {people:,} people", "lower", pairs, note)]


def _metric(values: NDArray[np.float32], unit: float) -> Metric:
    return Metric(values, values[:, -MONTH:].astype(np.float64), unit)


def _product(metrics: Sequence[Metric], model: Model) -> list[Run]:
    return _runs(
        metrics, lambda one: level_and_forecast(one.values, model, unit=one.unit), lambda one: theil_sen(one.month)
    )


def _bare(metrics: Sequence[Metric], model: Model) -> list[Run]:
    scale = model.scale[0]
    noise = (
        model.walk[0] * scale,
        model.noise[0] * scale,
        model.kept[0],
        model.turn[0] * scale,
        model.sloped[0] * scale,
    )
    in_unit = {
        one.unit: tuple(part * one.unit**2 if at != 2 else part for at, part in enumerate(noise)) for one in metrics
    }
    return _runs(
        metrics,
        lambda one: bare_trends.levels(one.values, in_unit[one.unit]),
        lambda one: bare_trends.slopes(one.month),
    )


def _runs(
    metrics: Sequence[Metric], levels: Callable[[Metric], object], slopes: Callable[[Metric], object]
) -> list[Run]:
    first, second = (sum(_timed(lambda one=one, part=part: part(one)) for one in metrics) for part in (levels, slopes))
    return [Run(first + second), Run(first), Run(second)]


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
