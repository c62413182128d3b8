"""Forecast errors on real weights beside simple methods: clean, days missing, somebody else on the scale, both.

`python -m tests.benchmarks.trend_errors` prints the table (50 corruptions) and the prior; `--json` one object. What is
fitted of every person's prior - odds, scale, widths - is fitted on the other people only. The parameter sets
themselves (`SETS` in engine/series/model.py) and the filter's constants were chosen by trying some forty variants on
all of these people: the table is a little kinder than new people will be, most of all where days are missing.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.series.fit import calibrated, fit_prior
from engine.series.levels import follow, level, outlook
from engine.series.model import Model
from engine.series.sen import theil_sen

Array = NDArray[np.float64]
DATA: Final = Path(__file__).parents[1] / "golden" / "series"
ENOUGH: Final = 20
FITBIT_START: Final = date(2016, 4, 12)
HORIZONS: Final = (1, 7, 14)
# Share of days without a reading, share of readings of somebody else.
CORRUPTIONS: Final = {"clean": (0.0, 0.0), "60 % missing": (0.6, 0.0), "5 % wrong": (0.0, 0.05), "both": (0.6, 0.05)}
# Corruptions a prior's widths are measured on; none of them is one that errors are measured on.
CALIBRATION: Final = tuple(range(10_000, 10_010))


@dataclass(frozen=True)
class People:
    """Names and readings: a row per person, a column per day, NaN where nobody stood on the scale."""

    names: tuple[str, ...]
    readings: Array


def people() -> People:
    """Everybody in tests/golden/series with at least 20 weighings; the last reading of a day is the day's."""
    found: dict[str, dict[int, float]] = {}
    with (DATA / "krone2020_weights_s1_6.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["weight_kg"]:
                found.setdefault(f"krone-{row['subject']}", {})[int(row["day"])] = float(row["weight_kg"])
    with (DATA / "fitbit2016_weights.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            day = (date.fromisoformat(row["local_ts"][:10]) - FITBIT_START).days
            found.setdefault(f"fitbit-{row['person']}", {})[day] = float(row["weight_kg"])
    kept = {name: days for name, days in found.items() if len(days) >= ENOUGH}
    width = max(max(days) for days in kept.values()) + 1
    readings = np.full((len(kept), width), np.nan)
    for row_number, days in enumerate(kept.values()):
        for day, value in days.items():
            readings[row_number, day] = value
    return People(tuple(kept), readings)


def corrupted(readings: Array, missing: float, wrong: float, seed: int) -> Array:
    """`readings` with that share of days emptied and that share of readings replaced by another person's."""
    rng = np.random.default_rng(seed)
    changed = readings.copy()
    for row, place in np.argwhere(np.isfinite(readings)):
        if rng.random() < wrong:
            other = readings[rng.choice([number for number in range(len(readings)) if number != row])]
            changed[row, place] = rng.choice(other[np.isfinite(other)])
    changed[rng.random(readings.shape) < missing] = np.nan
    return changed


@dataclass(frozen=True)
class Forecasts:
    """Forecasts per horizon, each (rows, days); `inside` tells where the 90 % interval held, NaN where unknown."""

    values: dict[int, Array]
    low: dict[int, Array]
    high: dict[int, Array]
    level: Array


def ours(rows: Array, model: Model) -> Forecasts:
    """What the product says on each day from the days before and the day itself."""
    value, low, high = ({days: np.full(rows.shape, np.nan) for days in HORIZONS} for _ in range(3))
    now = np.full(rows.shape, np.nan)
    for day, state in enumerate(follow(rows, 1.0, model)):
        now[:, day] = level(state, model)[0]
        for days in HORIZONS:
            seen = outlook(state, model, days)
            value[days][:, day], low[days][:, day], high[days][:, day] = seen.value, seen.low, seen.high
    return Forecasts(value, low, high, now)


def last_value(rows: Array) -> Array:
    """The newest reading so far."""
    known = rows.copy()
    for day in range(1, rows.shape[1]):
        known[:, day] = np.where(np.isnan(rows[:, day]), known[:, day - 1], rows[:, day])
    return known


def ewma(rows: Array) -> Array:
    """A tenth of each reading, nine tenths of what was before."""
    known = rows.copy()
    for day in range(1, rows.shape[1]):
        before, read = known[:, day - 1], rows[:, day]
        known[:, day] = np.where(
            np.isnan(read), before, np.where(np.isnan(before), read, before + 0.1 * (read - before))
        )
    return known


def week_mean(rows: Array) -> Array:
    """The mean of the readings of seven days, the newest reading where there were none."""
    known = last_value(rows)
    for day in range(rows.shape[1]):
        week = rows[:, max(day - 6, 0) : day + 1]
        count = np.isfinite(week).sum(axis=1)
        known[:, day] = np.where(count > 0, np.nansum(week, axis=1) / np.maximum(count, 1), known[:, day])
    return known


def sen_lines(rows: Array) -> dict[int, Array]:
    """The Theil-Sen line of 28 days prolonged to each horizon; the newest reading below three days."""
    known = {days: last_value(rows) for days in HORIZONS}
    for day in range(rows.shape[1]):
        month = rows[:, max(day - 27, 0) : day + 1]
        slope, places = theil_sen(month), np.arange(1.0 - month.shape[1], 1.0)
        sure = slope.days >= 3
        level = np.nanmedian(np.where(sure[:, None], month - slope.slope[:, None] * places, 0.0), axis=1)
        for days, line in known.items():
            line[:, day] = np.where(sure, level + slope.slope * days, line[:, day])
    return known


class Cell(msgspec.Struct, frozen=True):
    """One corruption and horizon: mean absolute error in kg of each method, and how often the interval held."""

    corruption: str
    days: int
    errors: dict[str, float]
    held: float

    @property
    def best(self) -> float:
        """The smallest error of a method that is not ours."""
        return min(error for name, error in self.errors.items() if not name.startswith("ours"))


def priors(found: People) -> list[Model]:
    """For each person the prior that the others give."""
    fitted = []
    for left_out in range(len(found.names)):
        others = np.delete(found.readings, left_out, axis=0)
        fitted.append(prior_of(others))
    return fitted


def prior_of(readings: Array) -> Model:
    """Odds and scale of these people, widths measured on them clean and corrupted."""
    ways = [corrupted(readings, *shares, seed) for seed in CALIBRATION for shares in CORRUPTIONS.values()]
    return calibrated(fit_prior(readings), np.concatenate(ways), np.tile(readings, (len(ways), 1)))


def measure(seeds: Iterable[int]) -> list[Cell]:
    """The whole table: every corruption and horizon, errors pooled over people, days and seeds."""
    found, chosen = people(), list(seeds)
    models, count = priors(found), len(found.names)
    cells = []
    for name, shares in CORRUPTIONS.items():
        used = chosen if any(shares) else chosen[:1]
        rows = np.concatenate([corrupted(found.readings, *shares, seed) for seed in used])
        targets = np.tile(found.readings, (len(used), 1))
        parts = [ours(rows[number::count], model) for number, model in enumerate(models)]
        order = np.concatenate([np.arange(number, len(rows), count) for number in range(count)])
        simple = {"last value": last_value(rows), "EWMA 0.1": ewma(rows), "7-day mean": week_mean(rows)}
        lines = sen_lines(rows)
        for days in HORIZONS:
            methods = simple | {"Theil-Sen 28 d": lines[days]}
            errors = {method: _error(values, targets, days) for method, values in methods.items()}
            mine = np.concatenate([part.values[days] for part in parts])
            errors["ours"] = _error(mine, targets[order], days)
            if days == 1:
                errors["ours, level"] = _error(np.concatenate([part.level for part in parts]), targets[order], days)
            low, high = (np.concatenate([getattr(part, side)[days] for part in parts]) for side in ("low", "high"))
            cells.append(Cell(name, days, errors, _held(low, high, targets[order], days)))
    return cells


def _error(values: Array, targets: Array, days: int) -> float:
    return float(np.nanmean(np.abs(targets[:, days:] - values[:, :-days])))


def _held(low: Array, high: Array, targets: Array, days: int) -> float:
    aimed, bottom, top = targets[:, days:], low[:, :-days], high[:, :-days]
    known = np.isfinite(aimed) & np.isfinite(bottom)
    return float(((bottom <= aimed) & (aimed <= top))[known].mean())


def table(cells: list[Cell]) -> str:
    """The errors as Markdown, kg; the last columns are ours against the best simple method, and the interval."""
    names = [name for name in cells[0].errors if name != "ours, level"]
    lines = [f"| series | days | {' | '.join(names)} | ours / best | in the 90 % interval |"]
    lines.append("|" + "---|" * (len(names) + 4))
    for cell in cells:
        numbers = " | ".join(f"{cell.errors[name]:.3f}" for name in names)
        share = cell.errors["ours"] / cell.best
        lines.append(f"| {cell.corruption} | {cell.days} | {numbers} | {share:.3f} | {100 * cell.held:.1f} % |")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Print the table, and the prior that everybody together gives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--seeds", type=int, default=50, help="how many corruptions")
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    cells, prior = measure(range(asked.seeds)), prior_of(people().readings)
    fitted = {"odds": prior.odds[:, 0].tolist(), "scale": float(prior.scale[0, 0]), "widths": list(prior.widths)}
    if asked.json:
        print(msgspec.json.encode({"seeds": asked.seeds, "cells": cells, "prior": fitted}).decode())
        return 0
    print(table(cells))
    print(f"\nprior of all: {fitted}")
    print(f"{asked.seeds} corruptions, {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
