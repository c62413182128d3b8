"""Level and forecast of many people: the filter followed over days or events, its sets averaged by their evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.series.kernel import State, absorb, advance, begin, stride
from engine.series.model import PRIOR, WIDTH_DAYS, Array, Model

# People worked on at once: what one step touches stays in the processor's cache.
CHUNK: Final = 4096


@dataclass(frozen=True, slots=True)
class Outlook:
    """The reading expected some days ahead and the interval that holds 90 % of such readings; NaN without a level."""

    value: Array
    low: Array
    high: Array


@dataclass(frozen=True, slots=True)
class Levels:
    """Per person: the weight now, its standard deviation, the damped slope per day, and an outlook per horizon."""

    level: Array
    sd: Array
    slope: Array
    outlooks: tuple[Outlook, ...]


def follow(values: Array, days: Array | float, model: Model = PRIOR) -> Iterator[State]:
    """The state after each column of `values` (people, events).

    `days` are the days before each event: one number, or one per person and event; NaN values only pass the time.
    """
    state = begin(values.shape[0], model)
    always = None if isinstance(days, np.ndarray) else stride(days, model)
    for column in range(values.shape[1]):
        if column:
            state = advance(state, always or stride(np.asarray(days)[:, column], model))
        state = absorb(state, values[:, column], model)
        yield state


def odds(state: State, model: Model) -> Array:
    """The probability of each set for each person, given what was read so far; (sets, people)."""
    known = np.log(model.odds) + state.score
    grown = np.exp(known - known.max(axis=0))
    return np.asarray(grown / grown.sum(axis=0), dtype=np.float64)


def level(state: State, model: Model) -> tuple[Array, Array]:
    """The weight now and its standard deviation, averaged over the sets."""
    return _mixed(state.now, state.spread * state.scale, odds(state, model))


def slope(state: State, model: Model) -> Array:
    """The damped slope per day, averaged over the sets."""
    return np.asarray((odds(state, model) * state.slope).sum(axis=0), dtype=np.float64)


def outlook(state: State, model: Model, days: float) -> Outlook:
    """What will be read `days` ahead: gaps, noise of the scale and the measured width of intervals included."""
    later, shares = advance(state, stride(days, model)), odds(state, model)
    mean, sd = _mixed(later.now, (later.spread + model.noise) * state.scale, shares)
    reach = sd * float(np.interp(days, WIDTH_DAYS, model.widths))
    return Outlook(mean, mean - reach, mean + reach)


def level_and_forecast(
    values: Array, model: Model = PRIOR, horizons: tuple[float, ...] = (7.0, 14.0), unit: float = 1.0
) -> Levels:
    """Levels of all people at the last day of `values` (people, days; NaN = no reading), in the unit of `values`.

    `unit` is what one kg is for a weight: values are divided by it first. Memory stays bounded: people go by thousands.
    """
    parts: list[Levels] = []
    for start in range(0, max(values.shape[0], 1), CHUNK):
        chosen = slice(start, start + CHUNK)
        sets = model.of(chosen)
        # Days first: each step then reads one contiguous line.
        chunk = np.ascontiguousarray(values[chosen].T, dtype=np.float64) / unit
        parts.append(_last(chunk, sets, horizons))
    return _joined(parts, unit)


def _last(chunk: Array, model: Model, horizons: tuple[float, ...]) -> Levels:
    state, day = begin(chunk.shape[1], model), stride(1.0, model)
    for number, values in enumerate(chunk):
        state = absorb(advance(state, day) if number else state, values, model)
    now, sd = level(state, model)
    return Levels(now, sd, slope(state, model), tuple(outlook(state, model, days) for days in horizons))


def _joined(parts: list[Levels], unit: float) -> Levels:
    def join(arrays: list[Array]) -> Array:
        return np.concatenate(arrays) * unit

    outlooks = zip(*(part.outlooks for part in parts), strict=True)
    return Levels(
        join([part.level for part in parts]),
        join([part.sd for part in parts]),
        join([part.slope for part in parts]),
        tuple(
            Outlook(join([o.value for o in one]), join([o.low for o in one]), join([o.high for o in one]))
            for one in outlooks
        ),
    )


def _mixed(means: Array, variances: Array, shares: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of the mixture; the sets' disagreement counts as not knowing."""
    mean = (shares * means).sum(axis=0)
    variance = (shares * (variances + (means - mean) ** 2)).sum(axis=0)
    return np.asarray(mean), np.sqrt(variance)
