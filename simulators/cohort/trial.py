"""The same residents told by four policies with the same number of messages a day, each with luck of its own.

What a trial could see decides whether a win may be claimed: the difference of the rewards that were recorded, person by
person, with its interval. What the simulator alone knows is told beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import stats

from simulators.cohort.policies import Fixed, Learner, Policy, Random, play
from simulators.cohort.world import ACTIONS, Effect, Floats, Life, World, draw_world

RIVALS: Final = ("fixed", "random", "hindsight")
_ORDER: Final = tuple(range(len(ACTIONS)))


class Contrast(msgspec.Struct, frozen=True):
    """How much more than a rival, in log steps a decision, with the 95 % interval of it; `true` without any luck."""

    value: float
    low: float
    high: float
    true: float

    @property
    def won(self) -> bool:
        """Whether a win may be claimed."""
        return self.low > 0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One seed: messages of each policy, messages to whom they were forbidden, and the learner against its rivals.

    `first_half` and `second_half` are the true gain of one message in either half of the time, `kg_year` what the
    learner's gain would be in weight after a year if each decision were a half hour more of it.
    """

    seed: int
    messages: dict[str, int]
    crossed: int
    against: dict[str, Contrast]
    first_half: float
    second_half: float
    kg_year: float


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """All seeds: how often a win was claimed of each rival, and the contrast over seeds."""

    effect: Effect
    people: int
    days: int
    seeds: int
    crossed: int
    equal_burden: bool
    claims: dict[str, int]
    losses: dict[str, int]
    pooled: dict[str, Contrast]
    most_kg_year: float
    fades: bool


def trial(people: int, days: int, effect: Effect, seed: int) -> Outcome:
    """One cohort of that seed, lived four times."""
    streams = [np.random.default_rng([seed, part]) for part in range(8)]
    world = draw_world(people, days, effect, streams[0])
    learner = play(Learner(streams[1]), Life(world, streams[2]))
    counts = [int(sent) for sent in (learner.told >= 0).sum(axis=1)]
    best_first = [int(kind) for kind in np.argsort(-world.first.mean(axis=0), kind="stable")]
    rivals: dict[str, Policy] = {
        "fixed": Fixed(counts, _ORDER), "random": Random(counts, streams[3]), "hindsight": Fixed(counts, best_first),
    }  # fmt: skip
    lives = {name: play(policy, Life(world, streams[4 + place])) for place, (name, policy) in enumerate(rivals.items())}
    half = days // 2
    return Outcome(
        seed=seed, messages={"learner": learner.messages} | {name: life.messages for name, life in lives.items()},
        crossed=learner.crossed + sum(life.crossed for life in lives.values()),
        against={name: _contrast(learner, life) for name, life in lives.items()},
        first_half=_gain(learner, slice(0, half)), second_half=_gain(learner, slice(half, days)),
        kg_year=_kilograms(learner, world),
    )  # fmt: skip


def campaign(
    people: int, days: int, effect: Effect, seeds: Sequence[int], tell: Callable[[Outcome], None] | None = None
) -> Campaign:
    """Every seed, and what they say together."""
    found = list(_told(people, days, effect, seeds, tell))
    return Campaign(
        effect=effect, people=people, days=days, seeds=len(found), crossed=sum(one.crossed for one in found),
        equal_burden=all(len(set(one.messages.values())) == 1 for one in found),
        claims={name: sum(one.against[name].won for one in found) for name in RIVALS},
        losses={name: sum(one.against[name].high < 0 for one in found) for name in RIVALS},
        pooled={name: _pooled([one.against[name] for one in found]) for name in RIVALS},
        most_kg_year=max(one.kg_year for one in found),
        fades=all(one.second_half <= one.first_half for one in found),
    )  # fmt: skip


def chance_claims(seeds: int) -> int:
    """More wins than this out of `seeds` without any effect would happen less than once in a hundred campaigns."""
    # A win is one end of an interval of 95 %: one in forty.
    return int(stats.binom.ppf(0.99, seeds, 0.025))


def _told(
    people: int, days: int, effect: Effect, seeds: Sequence[int], tell: Callable[[Outcome], None] | None
) -> Iterator[Outcome]:
    for seed in seeds:
        found = trial(people, days, effect, seed)
        if tell is not None:
            tell(found)
        yield found


def _contrast(learner: Life, rival: Life) -> Contrast:
    """Person by person, over those who recorded anything under both."""
    ours, theirs = _own_means(learner.rewards), _own_means(rival.rewards)
    both = ~np.isnan(ours) & ~np.isnan(theirs)
    value, half = _interval(ours[both] - theirs[both])
    return Contrast(value, value - half, value + half, float(learner.gained.mean() - rival.gained.mean()))


def _own_means(rewards: Floats) -> Floats:
    known = ~np.isnan(rewards)
    counts = known.sum(axis=0)
    sums = np.where(known, rewards, 0.0).sum(axis=0)
    return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan), dtype=np.float64)


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """The mean and half of its 95 % interval."""
    spread = float(values.std(ddof=1)) / float(np.sqrt(len(values)))
    return float(values.mean()), float(stats.t.ppf(0.975, len(values) - 1)) * spread


def _pooled(contrasts: Sequence[Contrast]) -> Contrast:
    """Over seeds: each is a town of its own, in which other advice works."""
    true = float(np.mean([one.true for one in contrasts]))
    if len(contrasts) == 1:
        return contrasts[0]
    value, half = _interval(np.array([one.value for one in contrasts]))
    return Contrast(value, value - half, value + half, true)


def _gain(life: Life, when: slice) -> float:
    sent = life.told[when] >= 0
    return float(life.gained[when].sum() / max(int(sent.sum()), 1))


def _kilograms(life: Life, world: World) -> float:
    fixed = world.fixed
    steps = (np.exp(life.gained) - 1).mean() * fixed.day.mean_steps
    return float(steps * fixed.bound.kcal_step * 365 / 7_000)
