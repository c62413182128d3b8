"""One step of the filter for all people and all parameter sets at once; arrays are (sets, people), float64.

Three states - level, slope that fades, wobble that fades - and a scale that each person's own readings teach. A reading
more likely wrong than right is not absorbed but remembered: when as many agree as are needed, they were the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.series.model import (
    ERROR_SHARE,
    ERROR_SPREAD,
    PRIOR_READINGS,
    REMEMBERED,
    Array,
    Flags,
    Model,
)

# A long gap makes a wide forecast, but no licence to believe 5 kg at once (relative to the scale).
_WIDEST: Final = 0.5
# A visitor may stay three days; two readings are of two days when half a day lies between them.
_DAYS_NEEDED: Final = 4.0
_NEXT_DAY: Final = 0.5
_ALIKE: Final = 2.0
# An innovation teaches the scale at most as one of three standard deviations does.
_LESSON: Final = 9.0
_WRONG_ODDS: Final = ERROR_SHARE / (1 - ERROR_SHARE)
# Beyond this exponent nobody believes a reading, and exp() stays finite.
_SURELY_WRONG: Final = 700.0

Places = tuple[NDArray[np.intp], NDArray[np.intp]]


@dataclass(frozen=True, slots=True)
class State:
    """What is believed of each person under each set: means, covariances, scale, and a strange reading's case.

    `level` is NaN before the first reading. `learnt` is what the scale is worth in readings, `count` the readings
    behind the belief, `rival`/`rivals`/`since` the strange readings' mean, number of days, and days since the last
    new one; `score` is the log predictive density so far.
    """

    level: Array
    slope: Array
    wobble: Array
    ll: Array
    ls: Array
    lw: Array
    ss: Array
    sw: Array
    ww: Array
    scale: Array
    learnt: Array
    count: Array
    rival: Array
    rivals: Array
    since: Array
    score: Array

    @property
    def now(self) -> Array:
        """The weight as it is now, wobble included, scale noise and wrong readings excluded."""
        return self.level + self.wobble

    @property
    def spread(self) -> Array:
        """Variance of `now`, relative to the scale."""
        return self.ll + 2 * self.lw + self.ww


def begin(people: int, model: Model) -> State:
    """The state before any reading."""
    shape = np.broadcast_shapes(model.walk.shape, (1, people))
    zero, unknown = np.zeros(shape), np.full(shape, np.nan)
    scale = np.broadcast_to(model.scale, shape)
    return State(
        unknown, zero, zero, zero, zero, zero, zero, zero, zero, scale, np.full(shape, PRIOR_READINGS),
        zero, unknown, zero, zero, zero,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stride:
    """What some days do to a belief, worked out once: what stays of slope and wobble, and what becomes unknown."""

    days: float | Array
    fade: Array
    memory: Array
    reach: Array
    fade_fade: Array
    fade_memory: Array
    memory_memory: Array
    ll: Array
    ls: Array
    ss: Array
    ww: Array


def stride(days: float | Array, model: Model) -> Stride:
    """The passing of `days` (0 or more, one number or one per person); two strides are one of their sum."""
    fade, memory = model.kept**days, model.memory**days
    left = 1 - model.kept
    reach = (1 - fade) / left
    twice = (1 - fade * fade) / (1 - model.kept**2)
    return Stride(
        days, fade, memory, reach, fade * fade, fade * memory, memory * memory,
        model.walk * days + model.turn * (days - 2 * reach + twice) / left**2,
        model.turn * (reach - twice) / left,
        model.turn * twice,
        model.wobble * (1 - memory * memory),
    )  # fmt: skip


def advance(state: State, over: Stride) -> State:
    """The belief after that time: the slope fades, variances grow."""
    reach = over.reach
    sheared = state.ls + reach * state.ss
    return State(
        state.level + reach * state.slope,
        over.fade * state.slope,
        over.memory * state.wobble,
        state.ll + reach * (state.ls + sheared) + over.ll,
        over.fade * sheared + over.ls,
        over.memory * (state.lw + reach * state.sw),
        over.fade_fade * state.ss + over.ss,
        over.fade_memory * state.sw,
        over.memory_memory * state.ww + over.ww,
        state.scale, state.learnt, state.count, state.rival, state.rivals, state.since + over.days, state.score,
    )  # fmt: skip


def absorb(state: State, values: Array, model: Model) -> State:
    """The belief after these readings, one per person; NaN where a person has none."""
    level, slope, wobble = state.ll + state.lw, state.ls + state.sw, state.lw + state.ww
    spread = level + wobble
    gap = values - state.now
    known = np.isfinite(gap)
    gap = np.where(known, gap, 0.0)
    clean = (np.minimum(spread, _WIDEST) + model.noise) * state.scale
    total = spread + model.noise
    trust = np.where(known, _trust(gap * gap, clean), 0.0)
    strange = known & (trust < 0.5)  # noqa: PLR2004 - more likely wrong than right
    share = np.where(strange, 0.0, trust) / total
    score = state.score
    if len(state.level) > 1:  # one set has no other to be compared with
        score = score + np.where(known, _evidence(state, gap, clean), 0.0)
    at = _places(strange)
    after = State(
        *_believe(state, gap, share, (level, slope, wobble)),
        *_teach(state, gap * gap / total, trust),
        *_weigh_rival(state, values, known ^ strange, at),
        score,
    )
    _restart(after, np.isnan(state.level), values, at, model)
    return after


def _restart(after: State, unknown: Flags, values: Array, at: Places, model: Model) -> None:
    """Those without a level begin with their reading; of the strange `at`, those with enough that agree."""
    if unknown.any() and (first := _places(unknown & np.isfinite(values)))[0].size:
        _begin_anew(after, first, values[first[1]], 1.0, model)
    days = after.rivals[at]
    enough = days >= np.minimum(_DAYS_NEEDED, after.count[at] + 1)
    if enough.any():
        swap = at[0][enough], at[1][enough]
        _begin_anew(after, swap, after.rival[swap], days[enough], model)


def _trust(square: Array, clean: Array) -> Array:
    """The probability that a reading is this person's: the odds of one wrong curve against one narrow one."""
    wide = clean + ERROR_SPREAD**2
    narrower = np.minimum(square * (ERROR_SPREAD**2 / 2) / (clean * wide), _SURELY_WRONG)
    return np.asarray(1 / (1 + _WRONG_ODDS * np.sqrt(clean / wide) * np.exp(narrower)))


def _evidence(state: State, gap: Array, clean: Array) -> Array:
    """Log predictive density of a reading under each set: Student's t, since the scale is itself learnt.

    A set that is unsure after a gap gets no credit for it: a reading nobody believes must not move the odds.
    """
    square = gap * gap
    wide = clean + ERROR_SPREAD**2
    wrong = ERROR_SHARE * np.exp(-square / (2 * wide)) / np.sqrt(wide)
    tail = np.exp(-0.5 * (state.learnt + 1) * np.log1p(square / (state.learnt * clean))) / np.sqrt(clean)
    return np.asarray(np.log(np.maximum((1 - ERROR_SHARE) * tail + wrong, np.finfo(np.float64).tiny)))


Beliefs = tuple[Array, Array, Array, Array, Array, Array, Array, Array, Array]


def _believe(state: State, gap: Array, share: Array, along: tuple[Array, Array, Array]) -> Beliefs:
    """The Kalman step: means and covariances, each gain weakened by the trust in its reading.

    `along` are the covariances of level, slope and wobble with what is read, `share` is trust over variance.
    """
    level, slope, wobble = along
    g_level, g_slope, g_wobble = share * level, share * slope, share * wobble
    return (
        state.level + g_level * gap,
        state.slope + g_slope * gap,
        state.wobble + g_wobble * gap,
        state.ll - g_level * level,
        state.ls - g_level * slope,
        state.lw - g_level * wobble,
        state.ss - g_slope * slope,
        state.sw - g_slope * wobble,
        state.ww - g_wobble * wobble,
    )


def _teach(state: State, square: Array, weight: Array) -> tuple[Array, Array]:
    """The scale, and what it is worth, after one more squared innovation (relative to its variance)."""
    lesson = np.minimum(square, _LESSON * state.scale)
    worth = state.learnt + weight
    return (state.learnt * state.scale + weight * lesson) / worth, np.minimum(worth, REMEMBERED)


def _weigh_rival(state: State, values: Array, fine: Flags, at: Places) -> tuple[Array, Array, Array, Array]:
    """Readings counted, and the strange ones of those `at` remembered: their mean, number of days, and since when."""
    mean, rivals = np.where(fine, np.nan, state.rival), np.where(fine, 0.0, state.rivals)
    value, before, days, since = values[at[1]], mean[at], rivals[at], state.since.copy()
    alike = np.abs(value - before) <= _ALIKE
    another = alike & (since[at] >= _NEXT_DAY)
    mean[at] = np.where(alike, before + (value - before) / (days + 1), value)
    rivals[at] = np.where(alike, days + another, 1.0)
    since[at] = np.where(another | ~alike, 0.0, since[at])
    return state.count + fine, mean, rivals, since


def _begin_anew(state: State, at: Places, level: Array, days: Array | float, model: Model) -> None:
    """Begin anew, in place, from `level` for those `at`: a first reading, or what strange ones of some days say."""
    shape = state.level.shape
    state.level[at], state.count[at], state.rival[at] = level, days, np.nan
    state.ll[at] = np.broadcast_to(model.noise, shape)[at] / days
    state.ss[at] = np.broadcast_to(model.sloped, shape)[at]
    state.ww[at] = np.broadcast_to(model.wobble, shape)[at]
    for none in (state.slope, state.wobble, state.ls, state.lw, state.sw, state.rivals, state.since):
        none[at] = 0.0


def _places(flags: Flags) -> Places:
    """Where `flags` are set; np.nonzero takes seven times as long for two axes."""
    return np.divmod(np.flatnonzero(flags), flags.shape[1])
