"""What another policy would have earned on the days that were logged, with an interval, whatever it says. Pure.

Three estimates of the same thing: by importance weights (IPS), doubly robust with a model that never saw the person it
speaks of, and the effect of proposing at all, delivered or not (intent to treat). Intervals are clustered by person:
the days of one person are no independent witnesses.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
_FOLDS: Final = 5
_RIDGE: Final = 1e-3
_LEAST_PEOPLE: Final = 3


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """One decision: what it was like (`context`), what was chosen out of which `probabilities`, and the reward."""

    person: str
    context: tuple[float, ...]
    probabilities: Mapping[str, float]
    chosen: str
    reward: float


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A value with its 95 % interval; `people` and `decisions` it rests on."""

    value: float
    low: float
    high: float
    people: int
    decisions: int

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves 0 out: only then may anybody speak of an effect."""
        return self.low > 0 or self.high < 0


def weighted(logged: Sequence[Logged], policy: Sequence[Mapping[str, float]]) -> Estimate:
    """The mean reward under `policy` (probabilities a decision) by self-normalised importance weights.

    Raises ValueError when the policy does what was never tried, or for fewer than three people.
    """
    weights = _weights(logged, policy)
    rewards = np.array([one.reward for one in logged])
    value = float((weights * rewards).sum() / weights.sum())
    return _clustered(logged, value, weights * (rewards - value) / weights.mean())


def doubly_robust(logged: Sequence[Logged], policy: Sequence[Mapping[str, float]]) -> Estimate:
    """The mean reward under `policy`, sound if either the probabilities or the model of rewards is right.

    Raises as `weighted`.
    """
    weights = _weights(logged, policy)
    actions = sorted({action for one in logged for action in one.probabilities})
    predicted = _cross_fitted(logged, actions)
    chosen = np.array([actions.index(one.chosen) for one in logged])
    shares = np.array([[target.get(action, 0.0) for action in actions] for target in policy])
    rewards = np.array([one.reward for one in logged])
    gained = (shares * predicted).sum(axis=1) + weights * (rewards - predicted[np.arange(len(logged)), chosen])
    return _clustered(logged, float(gained.mean()), gained - gained.mean())


def intent_to_treat(logged: Sequence[Logged], actions: Collection[str], against: Collection[str]) -> Estimate:
    """How much more reward follows when one of `actions` is chosen than one of `against`, delivered or not.

    Decisions on anything else are left out. Weighted and centred least squares (Boruvka et al. 2018), adjusted for the
    context. Raises ValueError as `weighted`, and where nothing was left to chance.
    """
    asked = [one for one in logged if one.chosen in actions or one.chosen in against]
    treated = np.array([one.chosen in actions for one in asked], dtype=float)
    expected = np.array([_share(one, actions) / (_share(one, actions) + _share(one, against)) for one in asked])
    if not ((expected > 0) & (expected < 1)).all():
        raise ValueError("where nothing was left to chance there is nothing to compare")
    share = float(treated.mean())
    weights = np.where(treated > 0, share / expected, (1 - share) / (1 - expected))
    design = np.column_stack([np.array([(1.0, *one.context) for one in asked]), treated - share])
    rewards = np.array([one.reward for one in asked])
    # A context that never changes (all of it in winter) says nothing beside the constant, and must not break the rest.
    gram = np.linalg.pinv((design * weights[:, None]).T @ design)
    found = gram @ (design * weights[:, None]).T @ rewards
    left = rewards - design @ found
    pulls = (design * (weights * left)[:, None]) @ gram[:, -1] * len(asked)
    return _clustered(asked, float(found[-1]), pulls)


def _share(one: Logged, actions: Collection[str]) -> float:
    return sum(one.probabilities.get(action, 0.0) for action in actions)


def _weights(logged: Sequence[Logged], policy: Sequence[Mapping[str, float]]) -> Floats:
    if len(policy) != len(logged):
        raise ValueError("one set of probabilities a decision")
    for one, target in zip(logged, policy, strict=True):
        if any(share > 0 and one.probabilities.get(action, 0.0) <= 0 for action, share in target.items()):
            raise ValueError("what was never tried cannot be told")
    pairs = zip(logged, policy, strict=True)
    return np.array([target.get(one.chosen, 0.0) / one.probabilities[one.chosen] for one, target in pairs])


def _cross_fitted(logged: Sequence[Logged], actions: Sequence[str]) -> Floats:
    """The reward of each action at each decision (decisions, actions), by a ridge that never saw that person."""
    people = sorted({one.person for one in logged})
    fold_of = {person: index % _FOLDS for index, person in enumerate(people)}
    fold = np.array([fold_of[one.person] for one in logged])
    context = np.array([(1.0, *one.context) for one in logged])
    chosen = np.array([actions.index(one.chosen) for one in logged])
    rewards = np.array([one.reward for one in logged])
    predicted = np.zeros((len(logged), len(actions)))
    for part in range(_FOLDS):
        held, known = fold == part, fold != part
        if not held.any():
            continue
        fitted = _ridge(_design(context[known], chosen[known], len(actions)), rewards[known])
        for action in range(len(actions)):
            asked = np.full(int(held.sum()), action)
            predicted[held, action] = _design(context[held], asked, len(actions)) @ fitted
    return predicted


def _design(context: Floats, chosen: NDArray[np.intp], actions: int) -> Floats:
    """What is common, and one column an action."""
    return np.column_stack([context, np.eye(actions)[chosen]])


def _ridge(design: Floats, rewards: Floats) -> Floats:
    gram = design.T @ design + _RIDGE * len(design) * np.eye(design.shape[1])
    return np.asarray(np.linalg.solve(gram, design.T @ rewards), dtype=np.float64)


def _clustered(logged: Sequence[Logged], value: float, pulls: Floats) -> Estimate:
    """`value` with the interval that sums of `pulls` by person allow; few people make a wide one."""
    people = sorted({one.person for one in logged})
    if len(people) < _LEAST_PEOPLE:
        raise ValueError("at least three people, or nothing can be said of others")
    index = {person: place for place, person in enumerate(people)}
    sums = np.bincount([index[one.person] for one in logged], weights=pulls, minlength=len(people))
    spread = float(np.sqrt((sums**2).sum() * len(people) / (len(people) - 1))) / len(logged)
    half = float(stats.t.ppf(0.975, len(people) - 1)) * spread
    return Estimate(value=value, low=value - half, high=value + half, people=len(people), decisions=len(logged))
