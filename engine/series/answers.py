"""What would have been said on each row of a table of readings, knowing only the rows up to it: one pass per person."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import median
from typing import Final

import msgspec
import numpy as np

from engine.series.levels import follow, level, outlook
from engine.series.model import PRIOR, Array, Model
from engine.series.sen import theil_sen

WINDOW: Final = 28
WEEK: Final = 7
# Cells of one padded block of people and events, whatever the lengths of their series.
_CELLS: Final = 2_000_000


class Row(msgspec.Struct, frozen=True):
    """One row of a table: whose, when (in days of any origin), on which civil day, and what; NaN = nothing."""

    group: str | None
    at: float
    day: int
    value: float


class Answer(msgspec.Struct, frozen=True):
    """What was known at a row, in the unit of the values; None where there was too little."""

    level: float | None
    slope_per_week: float | None
    low: float | None
    high: float | None
    forecast_7d: float | None
    forecast_7d_low: float | None
    forecast_7d_high: float | None
    forecast_14d: float | None


def answers(rows: Sequence[Row], model: Model = PRIOR) -> list[Answer]:
    """An answer per row, in their order; each knows the rows of its group up to its own time, ties in table order.

    The slope is Theil-Sen over the 28 civil days up to the row, with its 90 % interval.
    """
    order = sorted(range(len(rows)), key=lambda number: (rows[number].group or "", rows[number].at))
    people = [list(numbers) for _, numbers in groupby(order, key=lambda number: rows[number].group or "")]
    found = np.full((len(rows), 8), np.nan)
    for block in _blocks(sorted(people, key=len)):
        _follow(rows, block, model, found)
    _slopes(rows, people, found)
    return [Answer(*(number if math.isfinite(number) else None for number in line)) for line in found.tolist()]


def _blocks(people: Sequence[list[int]]) -> Iterator[list[list[int]]]:
    """People of like length together, so that padding stays small."""
    block: list[list[int]] = []
    for person in people:
        if block and (len(block) + 1) * len(person) > _CELLS:
            yield block
            block = []
        block.append(person)
    if block:
        yield block


def _follow(rows: Sequence[Row], people: Sequence[list[int]], model: Model, found: Array) -> None:
    width = max(len(person) for person in people)
    values, gaps = np.full((len(people), width), np.nan), np.zeros((len(people), width))
    place = np.full((len(people), width), -1, dtype=np.int64)
    for number, person in enumerate(people):
        instants = np.asarray([rows[row].at for row in person])
        values[number, : len(person)] = [rows[row].value for row in person]
        gaps[number, 1 : len(person)] = np.diff(instants)
        place[number, : len(person)] = person
    for column, state in enumerate(follow(values, gaps, model)):
        here = place[:, column] >= 0
        week, fortnight = outlook(state, model, 7.0), outlook(state, model, 14.0)
        said = (level(state, model)[0], week.value, week.low, week.high, fortnight.value)
        found[np.ix_(place[here, column], (0, 4, 5, 6, 7))] = np.stack(said, axis=1)[here]


def _slopes(rows: Sequence[Row], people: Sequence[list[int]], found: Array) -> None:
    order, windows = [number for person in people for number in person], []
    for person in people:
        read: dict[int, list[float]] = {}
        days: dict[int, float] = {}
        for row in (rows[number] for number in person):
            if not math.isnan(row.value):
                read.setdefault(row.day, []).append(row.value)
                days[row.day] = median(read[row.day])
            windows.append([days.get(row.day - ago, math.nan) for ago in range(WINDOW - 1, -1, -1)])
    if windows:
        sober = theil_sen(np.asarray(windows))
        found[order, 1:4] = WEEK * np.stack((sober.slope, sober.low, sober.high), axis=1)
