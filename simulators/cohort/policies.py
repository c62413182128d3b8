"""Who tells whom what on a day: the learner, and three that do not learn and send exactly as many messages a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.learning import DRAWS, SILENT, Proposal, propose_by
from engine.learning_model import Posterior, Seen, drawn, learn
from simulators.cohort.world import ACTIONS, WEEK, Life

Told = NDArray[np.intp]
_START: Final = datetime(2026, 1, 5, tzinfo=UTC)
_BASELINE: Final = 3
_FEATURES: Final = 2


class Policy(Protocol):
    """Decides for everybody on one day: the place of a kind of advice, or -1."""

    def choose(self, life: Life, day: int) -> Told:
        """What each resident is told on `day`, by what `life` showed before."""
        ...


class Learner:
    """The production learner (`engine.learning`), refitted once a week on rewards that are a week old."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self.proposals: list[list[Proposal | None]] = []
        self._effects: list[NDArray[np.float64]] = []
        self._posterior: Posterior = learn([], ACTIONS, _BASELINE, _FEATURES)
        self._seen: list[Seen] = []

    def choose(self, life: Life, day: int) -> Told:
        """What each is told, drawn with the probabilities that are kept for the next lesson."""
        if day % WEEK == 0:
            self._refit(life, day)
        dose, at = life.dose(day), _START + timedelta(days=day)
        allowed = life.world.allowed[day]
        told = np.full(life.world.people, -1, dtype=np.intp)
        today: list[Proposal | None] = []
        for person in range(life.world.people):
            offered = [name for name, may in zip(ACTIONS, allowed[person], strict=True) if may]
            features = (1.0, float(dose[person]))
            found = propose_by(
                self._effects[person], self._posterior, str(person), at, features, offered, self._rng
            )  # fmt: skip
            today.append(found if offered else None)
            told[person] = -1 if found.chosen == SILENT else ACTIONS.index(found.chosen)
        self.proposals.append(today)
        return told

    def _refit(self, life: Life, day: int) -> None:
        """What is believed by the rewards of up to a week ago."""
        last = max(day - WEEK, 0)
        for back in range(max(last - WEEK, 0), last):
            self._seen += _lessons(life, back, self.proposals[back])
        self._posterior = learn(self._seen, ACTIONS, _BASELINE, _FEATURES)
        self._effects = [
            drawn(self._posterior, str(person), DRAWS, self._rng) for person in range(life.world.people)
        ]  # fmt: skip


class Random:
    """As many messages as another policy sent that day, to anybody who may get one, of any kind they may get."""

    def __init__(self, counts: Sequence[int], rng: np.random.Generator) -> None:
        self._counts = counts
        self._rng = rng

    def choose(self, life: Life, day: int) -> Told:
        """Drawn anew each day."""
        allowed = life.world.allowed[day]
        told = np.full(life.world.people, -1, dtype=np.intp)
        able = np.flatnonzero(allowed.any(axis=1))
        for person in self._rng.choice(able, size=self._counts[day], replace=False):
            told[person] = self._rng.choice(np.flatnonzero(allowed[person]))
        return told


class Fixed:
    """As many messages as another policy sent that day, to residents in turn; of the kinds always the first allowed.

    `order` names the kinds in the order in which they are preferred, decided before anything was seen.
    """

    def __init__(self, counts: Sequence[int], order: Sequence[int]) -> None:
        self._counts = counts
        self._order = np.asarray(order)
        self._turn = 0

    def choose(self, life: Life, day: int) -> Told:
        """Whoever was not asked for longest comes first."""
        allowed = life.world.allowed[day][:, self._order]
        told = np.full(life.world.people, -1, dtype=np.intp)
        able = allowed.any(axis=1)
        queue = np.roll(np.arange(life.world.people), -self._turn)
        chosen = queue[able[queue]][: self._counts[day]]
        told[chosen] = self._order[allowed[chosen].argmax(axis=1)]
        self._turn = (int(chosen[-1]) + 1) % life.world.people if len(chosen) else self._turn
        return told


def play(policy: Policy, life: Life) -> Life:
    """`life` after `policy` decided on every day of it."""
    for day in range(life.world.days):
        life.live(day, policy.choose(life, day))
    return life


def _lessons(life: Life, day: int, proposals: Sequence[Proposal | None]) -> list[Seen]:
    """What a day taught: of everybody whose reward was recorded, in units of the noise."""
    dose, weekend = life.dose(day), float(day % WEEK >= WEEK - 2)
    found = []
    for person, one in enumerate(proposals):
        reward = life.rewards[day, person]
        if one is None or np.isnan(reward):
            continue
        found.append(
            Seen(
                resident=str(person), baseline=(1.0, weekend, float(dose[person])), features=one.features,
                probabilities=dict(zip(one.actions, one.probabilities[:-1], strict=True)),
                chosen=None if one.chosen == SILENT else one.chosen, reward=float(reward / life.world.fixed.day.noise),
            )
        )  # fmt: skip
    return found
