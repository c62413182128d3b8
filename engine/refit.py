"""The slow pass beside the service: each person's trend parameters fitted anew to what was read since, in chunks.

It may stop at any time: a chunk is one transaction, who was never fitted or longest ago comes first, and who has no
new reading is not touched.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec
import numpy as np

from engine.series.fit import fit
from engine.series.model import PRIOR, Array, Model
from engine.series.stored import understood, written
from engine.signals import Point, trusted
from engine.store import repo_fits, repo_history
from engine.store.database import Connection, Engine, read, write
from engine.store.instants import to_micros

KIND: Final = "body-weight"
# Habits and scales change; older readings say little of how a weight moves today.
LOOK_BACK: Final = timedelta(days=400)
# Fewer readings than this move nothing: the population's parameters stay.
ENOUGH: Final = 10
CHUNK: Final = 64
_DAY: Final = timedelta(days=1)


class Refit(msgspec.Struct, frozen=True):
    """What a pass did: people fitted, people with too few readings to fit, and whether somebody is still due."""

    fitted: int
    too_few: int
    more: bool


def model_of(connection: Connection, resident: str) -> Model | None:
    """The fitted parameters of a resident's weight; None before there are any."""
    found = repo_fits.stored(connection, [resident], KIND).get(resident)
    return None if found is None or not found.parameters else understood(found.parameters)


def refit(engine: Engine, now: datetime, limit: int, prior: Model = PRIOR) -> Refit:
    """Fit at most `limit` people who are due, oldest fit first; the next call goes on where this one stopped."""
    fitted, few = 0, 0
    while fitted + few < limit:
        with read(engine) as connection:
            due = repo_fits.due(connection, KIND, min(CHUNK, limit - fitted - few))
            series = [_series(connection, one.resident, now) for one in due]
        if not due:
            break
        enough = [len(points) >= ENOUGH for points in series]
        found = iter(_fitted([points for points, one in zip(series, enough, strict=True) if one], prior))
        fits = [
            repo_fits.Fit(one.resident, KIND, next(found) if sure else "", now, one.readings)
            for one, sure in zip(due, enough, strict=True)
        ]
        with write(engine) as connection:
            repo_fits.keep(connection, fits)
        fitted, few = fitted + sum(enough), few + len(due) - sum(enough)
    with read(engine) as connection:
        return Refit(fitted, few, bool(repo_fits.due(connection, KIND, 1)))


def _series(connection: Connection, resident: str, now: datetime) -> list[Point]:
    since, until = to_micros(now - LOOK_BACK), to_micros(now) + 1
    return [point for point in repo_history.history(connection, resident, [KIND], since, until)[KIND] if trusted(point)]


def _fitted(series: list[list[Point]], prior: Model) -> list[str]:
    """The parameters of each series, searched for all of them at once; shorter ones end in empty events."""
    if not series:
        return []
    width = max(len(points) for points in series)
    values, gaps = np.full((len(series), width), np.nan), np.zeros((len(series), width))
    for row, points in enumerate(series):
        values[row, : len(points)] = [float(point.value) for point in points]
        gaps[row, 1 : len(points)] = _gaps(points)
    return written(fit(values, prior, gaps))


def _gaps(points: list[Point]) -> Array:
    instants = np.array([(point.at - points[0].at) / _DAY for point in points])
    return np.asarray(np.diff(instants))
