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
from engine.trends_many import trends_many
from tests.benchmarks import bare_trends
from tests.benchmarks.city_people import DAYS, PEOPLE, Readings, parameters, pressures, weights
from tests.benchmarks.figures import Figure, Run, figure, pair

Floats = NDArray[np.float64]
MONTH = 28
# Seven mmHg from day to day are to a pressure what 0.4 kg are to a weight.
PRESSURE_UNIT = 17.5


@dataclass(frozen=True)
class Metric:
    """Readings of everybody (float32), the last month of them, and what one kg is for a weight in their unit."""

    values: Readings
    month: Floats
    unit: float


def trends(*, quick: bool) -> list[Figure]:
    """Both sides go over weight and systolic pressure of the same people, with the same stored parameters, in turn."""
    people, days, rounds = (300, 40, 1) if quick else (PEOPLE, DAYS, 3)
    metrics = [_metric(weights(people, days), 1.0), _metric(pressures(people, days), PRESSURE_UNIT)]
    model = parameters(people)
    (total,) = pair(lambda: _product(metrics, model), lambda: _bare(metrics, model), rounds)
    note = (
        f"weight and systolic pressure of {people:,} people x {days} days, stored parameters, one thread; the product "
        "reads the 180 days its filter remembers; limit: numpy over all days, no learnt scale, wobble, rivals and ties"
    )
    return [figure("city, trends of two metrics", "s", "lower", total, note)]


def refits(*, quick: bool) -> list[Figure]:
    """Maximum likelihood for everybody, beside the one pass of the filter that every day costs."""
    people, days, rounds = (20, 30, 1) if quick else (1000, DAYS, 2)
    values, model = weights(people, days).astype(np.float64), parameters(people)
    metric = Metric(values, values, 1.0)
    (pairs,) = pair(
        lambda: [Run(_timed(lambda one: fit(one.values), metric))],
        lambda: [Run(_timed(lambda one: level_and_forecast(one.values, model), metric))],
        rounds,
    )
    note = f"{people:,} people x {days} days, the pass apart from the service; limit: the filter once with stored parameters"
    return [figure("city, refit", f"s per {people:,} people", "lower", pairs, note)]


def _metric(values: Readings, unit: float) -> Metric:
    return Metric(values, values[:, -MONTH:].astype(np.float64), unit)


def _product(metrics: Sequence[Metric], model: Model) -> list[Run]:
    return [Run(sum(_timed(lambda one: trends_many(one.values, model, unit=one.unit), one) for one in metrics))]


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
    return [Run(sum(_timed(lambda one: _both(one, in_unit[one.unit]), one) for one in metrics))]


def _both(one: Metric, noise: tuple[Floats, ...]) -> tuple[Floats, Floats]:
    return bare_trends.levels(one.values, noise), bare_trends.slopes(one.month)


def _timed(act: Callable[[Metric], object], one: Metric) -> float:
    began = time.perf_counter()
    act(one)
    return time.perf_counter() - began
