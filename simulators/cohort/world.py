"""The made-up residents: who may be told what, what a message truly does to them, and what a day of theirs looks like.

Rewards are the log of the steps in the half hour after a decision, as HeartSteps measured them.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Effect = Literal["note", "zero"]
# Five kinds of advice; which of them helps is drawn for each seed.
ACTIONS: Final = ("activity", "meals", "sitting", "sleep", "strength")
_MOVING: Final = np.array([True, False, True, False, True])
WEEK: Final = 7
_FIRST_WEEKEND: Final = 5


class _Effects(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    means: tuple[float, ...]
    first: float
    wears_off: float
    recovers: float
    between: float


class _Day(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    noise: float
    people: float
    missing: float
    mean_steps: float
    carried: float
    weekend: float
    common: float
    common_half_life: float


class _Barred(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    people: float
    days: float


class _Bound(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kg_year: float
    kcal_step: float


class Constants(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is true in the cohort; the file says where each number comes from."""

    effect: _Effects
    day: _Day
    barred: _Barred
    bound: _Bound


def constants() -> Constants:
    """The frozen numbers."""
    text = (Path(__file__).parent / "constants.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Constants)


class World(msgspec.Struct, frozen=True, kw_only=True):
    """One cohort: `first` is the effect of each kind on each person before it wears off (people, kinds).

    `allowed` tells for each day whom what may be told (days, people, kinds); `level` is what a day would be without any
    message (days, people), without luck.
    """

    fixed: Constants
    first: Floats
    allowed: Flags
    level: Floats

    @property
    def days(self) -> int:
        """How long it is watched."""
        return len(self.allowed)

    @property
    def people(self) -> int:
        """How many residents."""
        return len(self.first)


def draw_world(people: int, days: int, effect: Effect, rng: np.random.Generator) -> World:
    """A cohort in which messages do what the note says, or nothing at all."""
    fixed = constants()
    means = rng.permutation(np.array(fixed.effect.means)) * fixed.effect.first
    spread = fixed.effect.between * max(fixed.effect.means) * fixed.effect.first
    first = means[None, :] + spread * rng.standard_normal((people, len(ACTIONS)))
    if effect == "zero":
        first = np.zeros_like(first)
    never = rng.random((people, len(ACTIONS))) < fixed.barred.people
    today = (rng.random((days, people)) < fixed.barred.days)[:, :, None] & _MOVING[None, None, :]
    day = np.arange(days)
    shared = fixed.day.common * 0.5 ** (day / fixed.day.common_half_life)
    shared = shared + fixed.day.weekend * (day % WEEK >= _FIRST_WEEKEND)
    level = shared[:, None] + fixed.day.people * rng.standard_normal(people)[None, :]
    return World(fixed=fixed, first=first, allowed=~(never[None, :, :] | today), level=level)


class Life:
    """A world as one policy lives through it, with luck of its own: what wore off, what was told, what was measured."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self.world = world
        self.told = np.full((world.days, world.people), -1, dtype=np.intp)
        # NaN where nobody recorded the steps.
        self.rewards = np.full((world.days, world.people), np.nan)
        self.gained = np.zeros((world.days, world.people))
        self._heard = np.zeros(world.people)
        self._luck = np.zeros(world.people)
        self._rng = rng

    def dose(self, day: int) -> Floats:
        """How many messages each resident got in the seven days before, as a share of seven."""
        return np.asarray((self.told[max(day - WEEK, 0) : day] >= 0).sum(axis=0) / WEEK, dtype=np.float64)

    def live(self, day: int, told: NDArray[np.intp]) -> None:
        """One day on which each resident is told kind `told`, or nothing (-1)."""
        world, fixed = self.world, self.world.fixed
        sent = told >= 0
        reached = np.where(sent, told, 0)
        left = np.exp(-self._heard / fixed.effect.wears_off)
        self.told[day] = told
        self.gained[day] = np.where(sent, world.first[np.arange(world.people), reached] * left, 0.0)
        self._heard = self._heard * 0.5 ** (1 / fixed.effect.recovers) + sent
        carried = fixed.day.carried
        fresh = self._rng.standard_normal(world.people) * fixed.day.noise * np.sqrt(1 - carried**2)
        self._luck = carried * self._luck + fresh
        seen = world.level[day] + self.gained[day] + self._luck
        self.rewards[day] = np.where(self._rng.random(world.people) < fixed.day.missing, np.nan, seen)

    @property
    def messages(self) -> int:
        """How many were sent."""
        return int((self.told >= 0).sum())

    @property
    def crossed(self) -> int:
        """How many messages somebody got who must not get them; counted from what was told, not by who told it."""
        day, person = np.nonzero(self.told >= 0)
        return int((~self.world.allowed[day, person, self.told[day, person]]).sum())
