"""Parameters by maximum likelihood: of one person with the population as prior, and of the population itself.

The search is a compass search run for all people at once: no derivative, never worse than its start, and one pass of
the same filter the forecasts come from tries every direction for everybody.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from engine.series.kernel import State
from engine.series.levels import follow, odds, outlook
from engine.series.model import PRIOR, WIDTH_DAYS, Array, Model, shared

# How far a person strays from the nearest set of the prior, in natural logarithms of walk, noise and wobble.
_STRAY: Final = 1.0
_STEP: Final = 0.8
_SMALLEST: Final = 0.1
_ROUNDS: Final = 24
_COMPASS: Final = np.concatenate([np.zeros((3, 1)), np.eye(3), -np.eye(3)], axis=1)
# A prior fitted on few people still allows what none of them showed: pseudo-people per set.
_SMOOTH: Final = 1.0
_TARGET: Final = 0.91


def fit(values: Array, prior: Model = PRIOR, days: Array | float = 1.0) -> Model:
    """The most probable parameters of each person (1 set, people), given `values` (people, events) and `prior`.

    First the likeliest set, then its walk, noise and wobble around it. Without readings that is the prior's likeliest
    set; the scale is the person's own, as far as readings carry it.
    """
    start = _likeliest(values, days, prior)
    people = np.arange(values.shape[0])
    away, step = np.zeros((3, values.shape[0])), np.full(values.shape[0], _STEP)
    for _ in range(_ROUNDS):
        # Who has arrived stays where they are, so that company changes nobody's parameters.
        step = np.where(step < _SMALLEST, 0.0, step)
        if not step.any():
            break
        trial = away[:, None, :] + _COMPASS[:, :, None] * step
        last = _followed(values, days, _moved(start, trial))
        merit = last.score - (trial**2).sum(axis=0) / (2 * _STRAY**2)
        best = np.argmax(merit, axis=0)
        away, step = trial[:, best, people], np.where(best > 0, step, step / 2)
    fitted = _moved(start, away[:, None, :])
    return replace(fitted, scale=_followed(values, days, fitted).scale)


def _likeliest(values: Array, days: Array | float, prior: Model) -> Model:
    """Each person's likeliest set of the prior."""
    last = _followed(values, days, prior)
    best = np.argmax(np.log(prior.odds) + last.score, axis=0)
    arrays = (getattr(prior, name) for name in prior.__slots__ if name != "widths")
    people = np.arange(values.shape[0])
    wide = (np.broadcast_to(array, last.score.shape)[best, people][None, :] for array in arrays)
    chosen = Model(*wide, widths=prior.widths)
    return replace(chosen, odds=np.ones((1, 1)))


def _moved(start: Model, away: Array) -> Model:
    """`start` with walk, noise and wobble multiplied by e to the power of `away` (3, trials, people)."""
    walk, noise, wobble = np.exp(away)
    return replace(start, walk=start.walk * walk, noise=start.noise * noise, wobble=start.wobble * wobble)


def _followed(values: Array, days: Array | float, model: Model) -> State:
    *_, last = follow(values, days, model)
    return last


def fit_prior(values: Array) -> Model:
    """The population behind `values` (people, consecutive days): odds of the sets by expectation-maximisation, scale.

    Odds are smoothed so that no set vanishes; widths stay the shipped ones until `calibrated` measures them.
    """
    model = PRIOR
    for _ in range(20):
        *_, last = follow(values, 1.0, model)
        shares = odds(last, model)
        share = (shares.sum(axis=1) + _SMOOTH) / (len(values) + _SMOOTH * len(shares))
        moved = float(np.abs(share[:, None] - model.odds).max())
        scale = float(np.exp(np.log((shares * last.scale).sum(axis=0)).mean()))
        model = shared(tuple(share.tolist()), scale, PRIOR.widths)
        if moved < 0.001:  # noqa: PLR2004 - a tenth of a percent
            break
    return model


def calibrated(model: Model, values: Array, targets: Array) -> Model:
    """`model` with intervals as wide as forecasts from `values` needed to hold the readings in `targets`.

    Rows are people, or several corruptions of one person; 91 % are held, since new people differ from these.
    """
    errors: list[list[Array]] = [[], [], []]
    for day, state in enumerate(follow(values, 1.0, model)):
        for number, ahead in enumerate(int(days) for days in WIDTH_DAYS):
            if day + ahead < values.shape[1]:
                seen = outlook(state, model, ahead)
                sd = (seen.high - seen.value) / model.widths[number]
                errors[number].append(np.abs(targets[:, day + ahead] - seen.value) / sd)
    one, seven, fourteen = (float(np.nanquantile(np.concatenate(part), _TARGET)) for part in errors)
    return replace(model, widths=(one, seven, fourteen))
