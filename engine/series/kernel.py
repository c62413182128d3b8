"""One step of the filter for all people and all parameter sets at once; arrays are (sets, people), float64.

Three states - level, slope that fades, wobble that fades - and a scale that each person's own readings teach. A reading
more likely wrong than right is not absorbed but remembered: when as many agree as are needed, they were the truth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

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
        days, fade, memory, reach,
        model.walk * days + model.turn * (days - 2 * reach + twice) / left**2,
        model.turn * (reach - twice) / left,
        model.turn * twice,
        model.wobble * (1 - memory * memory),
    )  # fmt: skip


def advance(state: State, over: Stride) -> State:
    """The belief after that time: the slope fades, variances grow."""
    fade, memory, reach = over.fade, over.memory, over.reach
    sheared = state.ls + reach * state.ss
    return replace(
        state,
        level=state.level + reach * state.slope,
        slope=fade * state.slope,
        wobble=memory * state.wobble,
        ll=state.ll + reach * (state.ls + sheared) + over.ll,
        ls=fade * sheared + over.ls,
        lw=memory * (state.lw + reach * state.sw),
        ss=fade * fade * state.ss + over.ss,
        sw=fade * memory * state.sw,
        ww=memory * memory * state.ww + over.ww,
        since=state.since + over.days,
    )


def absorb(state: State, values: Array, model: Model) -> State:
    """The belief after these readings, one per person; NaN where a person has none."""
    read = np.isfinite(values)
    first = read & np.isnan(state.level)
    known = read & ~first
    total = state.spread + model.noise
    gap = np.where(known, values - state.now, 0.0)
    clean = (np.minimum(state.spread, _WIDEST) + model.noise) * state.scale
    trust, wrong = _trust(gap, clean)
    strange = known & (trust < 0.5)  # noqa: PLR2004 - more likely wrong than right
    believed = _believe(state, gap, np.where(known & ~strange, trust, 0.0), total)
    taught = _teach(believed, gap, np.where(known, trust, 0.0), total)
    if len(state.level) > 1:  # one set has no other to be compared with
        taught = replace(taught, score=state.score + np.where(known, _evidence(state, gap, clean, wrong), 0.0))
    judged, swap = _weigh_rival(taught, values, known & ~strange, strange)
    restart = first | swap
    return _restart(judged, restart, np.where(swap, judged.rival, values), model) if restart.any() else judged


def _trust(gap: Array, clean: Array) -> tuple[Array, Array]:
    """The probability that a reading is this person's, and the density of its being wrong (up to one constant)."""
    square = gap * gap
    wide = clean + ERROR_SPREAD**2
    wrong = ERROR_SHARE * np.exp(-square / (2 * wide)) / np.sqrt(wide)
    mine = (1 - ERROR_SHARE) * np.exp(-square / (2 * clean)) / np.sqrt(clean)
    return mine / np.maximum(mine + wrong, np.finfo(np.float64).tiny), wrong


def _evidence(state: State, gap: Array, clean: Array, wrong: Array) -> Array:
    """Log predictive density of a reading under each set: Student's t, since the scale is itself learnt.

    A set that is unsure after a gap gets no credit for it: a reading nobody believes must not move the odds.
    """
    tail = np.exp(-0.5 * (state.learnt + 1) * np.log1p(gap * gap / (state.learnt * clean))) / np.sqrt(clean)
    return np.asarray(np.log(np.maximum((1 - ERROR_SHARE) * tail + wrong, np.finfo(np.float64).tiny)))


def _believe(state: State, gap: Array, trust: Array, total: Array) -> State:
    """The Kalman step, each gain weakened by the trust in its reading."""
    level, slope, wobble = state.ll + state.lw, state.ls + state.sw, state.lw + state.ww
    share = trust / total
    g_level, g_slope, g_wobble = share * level, share * slope, share * wobble
    return replace(
        state,
        level=state.level + g_level * gap,
        slope=state.slope + g_slope * gap,
        wobble=state.wobble + g_wobble * gap,
        ll=state.ll - g_level * level,
        ls=state.ls - g_level * slope,
        lw=state.lw - g_level * wobble,
        ss=state.ss - g_slope * slope,
        sw=state.sw - g_slope * wobble,
        ww=state.ww - g_wobble * wobble,
    )


def _teach(state: State, gap: Array, weight: Array, total: Array) -> State:
    """The scale after one more squared innovation."""
    lesson = np.minimum(gap * gap / total, _LESSON * state.scale)
    worth = state.learnt + weight
    scale = (state.learnt * state.scale + weight * lesson) / worth
    return replace(state, scale=scale, learnt=np.minimum(worth, REMEMBERED))


def _weigh_rival(state: State, values: Array, fine: Flags, strange: Flags) -> tuple[State, Flags]:
    """Remember strange readings; the second value says who has enough agreeing ones to begin anew from them."""
    alike = strange & (np.abs(values - state.rival) <= _ALIKE)
    another = alike & (state.since >= _NEXT_DAY)
    new = strange & ~alike
    rivals = np.where(new, 1.0, np.where(fine, 0.0, state.rivals + another))
    mean = np.where(alike, state.rival + (values - state.rival) / (state.rivals + 1), state.rival)
    count = state.count + fine
    judged = replace(
        state,
        count=count,
        rival=np.where(new, values, np.where(fine, np.nan, mean)),
        rivals=rivals,
        since=np.where(new | another, 0.0, state.since),
    )
    return judged, strange & (rivals >= np.minimum(_DAYS_NEEDED, count + 1))


def _restart(state: State, who: Flags, level: Array, model: Model) -> State:
    """Begin anew from `level` for `who`: the first reading, or what the agreeing strange ones say."""
    days = np.maximum(np.where(np.isnan(state.level), 1.0, state.rivals), 1.0)

    def put(new: Array | float, old: Array) -> Array:
        return np.where(who, new, old)

    return replace(
        state,
        level=put(level, state.level),
        slope=put(0.0, state.slope),
        wobble=put(0.0, state.wobble),
        ll=put(model.noise / days, state.ll),
        ls=put(0.0, state.ls),
        lw=put(0.0, state.lw),
        ss=put(model.sloped, state.ss),
        sw=put(0.0, state.sw),
        ww=put(model.wobble, state.ww),
        count=put(days, state.count),
        rival=put(np.nan, state.rival),
        rivals=put(0.0, state.rivals),
        since=put(0.0, state.since),
    )
