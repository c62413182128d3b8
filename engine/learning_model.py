"""What is believed of the effect of each action: a population, and everybody's own departure from it. Pure.

Action-centred hierarchical Bayesian linear regression (Greenewald et al. 2017): what a day is like whoever acts is a
baseline, and an action counts by how far it was from expected, so that a wrong baseline cannot feign an effect.
Effects may differ between people; with few days of their own a person is believed to be like the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Beliefs(msgspec.Struct, frozen=True, kw_only=True):
    """Before anything was seen: standard deviations, in units of the reward.

    `baseline` of what a day is like, `effect` of the population's effect of an action, `own` of a person's departure
    from either, `noise` of one reward.
    """

    baseline: float = 1.0
    effect: float = 0.1
    own: float = 0.1
    noise: float = 1.0


BELIEFS = Beliefs()


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One proposal whose reward is known: `chosen` None for silence; `probabilities` by allowed action.

    `baseline` and `features` are what the day was like: of the reward, and of what the effect may depend on.
    """

    resident: str
    baseline: tuple[float, ...]
    features: tuple[float, ...]
    probabilities: Mapping[str, float]
    chosen: str | None
    reward: float


class Posterior(msgspec.Struct, frozen=True, kw_only=True):
    """What is believed now: the population's coefficients, and of everybody seen what their days said.

    Coefficients: the baseline's, then one block of features an action.
    """

    actions: tuple[str, ...]
    baseline: int
    features: int
    mean: Floats
    covariance: Floats
    own: Floats
    persons: Mapping[str, int]
    said: Floats
    weight: Floats

    def place(self, action: str) -> slice:
        """Where the effect of an action stands; raises ValueError for one that was never learned of."""
        start = self.baseline + self.features * self.actions.index(action)
        return slice(start, start + self.features)


def learn(
    seen: Sequence[Seen], actions: Sequence[str], baseline: int, features: int, beliefs: Beliefs = BELIEFS
) -> Posterior:
    """What to believe after `seen`; with nothing seen, what was believed before.

    Exact for the hierarchy: each person's days are integrated over the departure they may have. Raises ValueError for
    rows of other lengths, and KeyError for an action that is not named.
    """
    names = tuple(actions)
    size = baseline + features * len(names)
    persons = {name: index for index, name in enumerate(dict.fromkeys(one.resident for one in seen))}
    weight, said = np.zeros((len(persons), size, size)), np.zeros((len(persons), size))
    rows = np.array([_row(one, names, baseline, features) for one in seen]).reshape(-1, size)
    rewards = np.array([one.reward for one in seen])
    at = np.array([persons[one.resident] for one in seen], dtype=np.intp)
    np.add.at(weight, at, rows[:, :, None] * rows[:, None, :] / beliefs.noise**2)
    np.add.at(said, at, rows * rewards[:, None] / beliefs.noise**2)
    before = np.diag(_scales(baseline, size, beliefs.baseline, beliefs.effect) ** -2)
    own = np.diag(_scales(baseline, size, beliefs.own, beliefs.own) ** 2)
    precision, told = before, np.zeros(size)
    if persons:
        # P - P (P + own^-1)^-1 P: what a person's days say of the population, less what their own way explains.
        shrunk = weight @ np.linalg.inv(weight + np.linalg.inv(own))
        precision = before + (weight - shrunk @ weight).sum(axis=0)
        told = (said - (shrunk @ said[:, :, None])[:, :, 0]).sum(axis=0)
    covariance: Floats = np.linalg.inv(precision).astype(np.float64)
    return Posterior(
        actions=names, baseline=baseline, features=features, mean=covariance @ told, covariance=covariance, own=own,
        persons=persons, said=said, weight=weight,
    )  # fmt: skip


def drawn(posterior: Posterior, resident: str, draws: int, rng: np.random.Generator) -> Floats:
    """`draws` sets of coefficients this resident may have (draws, coefficients)."""
    population = rng.multivariate_normal(posterior.mean, posterior.covariance, size=draws, method="cholesky")
    middle, spread = _own(posterior, resident, population)
    return middle + rng.standard_normal(population.shape) @ np.linalg.cholesky(spread).T


def believed(posterior: Posterior, resident: str) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each coefficient of this resident."""
    index = posterior.persons.get(resident)
    middle, spread = _own(posterior, resident, posterior.mean[None, :])
    pull = np.eye(len(posterior.mean))
    if index is not None:
        pull = spread @ np.linalg.inv(posterior.own)
    whole = spread + pull @ posterior.covariance @ pull.T
    return middle[0], np.sqrt(np.diag(whole))


def _own(posterior: Posterior, resident: str, population: Floats) -> tuple[Floats, Floats]:
    """A person's coefficients given the population's: mean of each row, and their covariance."""
    index = posterior.persons.get(resident)
    if index is None:
        return population, posterior.own
    departure = np.linalg.inv(posterior.own)
    spread = np.linalg.inv(posterior.weight[index] + departure)
    return (posterior.said[index] + population @ departure) @ spread, spread


def _row(one: Seen, actions: tuple[str, ...], baseline: int, features: int) -> Floats:
    if len(one.baseline) != baseline or len(one.features) != features:
        raise ValueError("a row of another length than the model's")
    effects = np.zeros((len(actions), features))
    for action, probability in one.probabilities.items():
        if action not in actions:
            raise KeyError(action)
        effects[actions.index(action)] = (float(one.chosen == action) - probability) * np.asarray(one.features)
    return np.concatenate([np.asarray(one.baseline), effects.ravel()])


def _scales(baseline: int, size: int, first: float, second: float) -> Floats:
    return np.concatenate([np.full(baseline, first), np.full(size - baseline, second)])
