"""When the learner decides in a house, by what it looks, and what a decision brought a week later. Pure.

A decision stands for a week, so that the weeks of one person do not overlap; while a goal of theirs waits for a nurse
no other is thought of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import fmean
from typing import Final, Literal

import msgspec
import numpy as np

from engine.activity import NEEDED_DAYS, WINDOW
from engine.choosing import LEARNABLE, NO_GOAL
from engine.learning import MOST_ACTIONS, SILENT, Proposal, propose
from engine.learning_evaluation import Logged
from engine.learning_model import Posterior, Seen, learn
from engine.review import DECIDED, LIVE, Item
from engine.rules import AdviceRule, Rule

EVERY: Final = timedelta(days=WINDOW)
# What the effect of an action, and a week itself, may depend on: always 1, messages of the last week, weekend, winter.
FEATURES: Final = 4
_WINTER: Final = frozenset({12, 1, 2, 3})
_SATURDAY: Final = 5
# Product policy: steps a day that count as much as the usual luck of a week; a tap is worth half of it, as is a no.
_STEPS_UNIT: Final = 1_500.0
_TAP: Final = {"useful": 0.5, "not-for-me": -0.5}
_MOST: Final = 3.0


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal as it is kept; `shadow` says that it changed nothing.

    `advice` and `delivered_at` are what was really delivered in its week, by whoever's choice; `reward` what came of
    it, None while it is not due and for ever where nothing was measured.
    """

    proposal: Proposal
    shadow: bool
    advice: str | None = None
    delivered_at: datetime | None = None
    reward: float | None = None
    rewarded_at: datetime | None = None

    @property
    def due(self) -> datetime:
        """When its week is over."""
        return self.proposal.at + EVERY

    @property
    def probabilities(self) -> dict[str, float]:
        """Of each allowed action, and of silence."""
        return dict(zip((*self.proposal.actions, SILENT), self.proposal.probabilities, strict=True))


def actions_of(rules: Sequence[Rule]) -> tuple[str, ...]:
    """Every topic a goal may have: what can be learned of at all."""
    goals = (rule for rule in rules if isinstance(rule, AdviceRule) and rule.tier in LEARNABLE)
    return tuple(sorted({rule.topic for rule in goals} - NO_GOAL))


def available(free: Sequence[str], items: Sequence[Item], now: datetime) -> tuple[str, ...]:
    """Which of the topics that are allowed could be told now, at most five; none while one of them waits already."""
    mine = [item for item in items if item.topic in free]
    if any(item.state in LIVE for item in mine):
        return ()
    resting = {item.topic for item in mine if item.state in DECIDED and now < _rested(item)}
    return tuple(topic for topic in free if topic not in resting)[:MOST_ACTIONS]


def stands(last: Choice | None, now: datetime) -> bool:
    """Whether the last decision still holds."""
    return last is not None and now < last.due


def features_of(items: Sequence[Item], local: datetime) -> tuple[float, ...]:
    """What the choice looks at, at `local` (aware, in the resident's zone)."""
    week = [one for one in items if one.state == "delivered" and local - EVERY <= one.updated_at <= local]
    dose = min(len(week), WINDOW) / WINDOW
    return (1.0, dose, float(local.weekday() >= _SATURDAY), float(local.month in _WINTER))


def decide(
    posterior: Posterior, resident: str, local: datetime, items: Sequence[Item], topics: Sequence[str]
) -> Proposal:
    """The proposal of this resident at this moment: drawn by a lot that nobody can choose and anybody can repeat."""
    return propose(posterior, resident, local, features_of(items, local), topics, _lot(resident, local))


def withheld(choice: Choice | None, free: Sequence[str]) -> frozenset[str]:
    """The topics that are not said while `choice` stands, now or then allowed; a shadow withholds nothing."""
    if choice is None or choice.shadow:
        return frozenset()
    return frozenset((*free, *choice.proposal.actions)) - {choice.proposal.chosen}


def reward_of(
    steps: Mapping[date, Decimal], decided: date, tap: Literal["useful", "not-for-me"] | None
) -> float | None:
    """What the week after `decided` brought: the change of the mean steps, and what the resident said; None if unknown.

    In units of a week's usual luck, never beyond 3.
    """
    before = _mean(steps, decided - EVERY)
    after = _mean(steps, decided + timedelta(days=1))
    moved = None if before is None or after is None else (after - before) / _STEPS_UNIT
    if moved is None and tap is None:
        return None
    return max(-_MOST, min(_MOST, (moved or 0.0) + (_TAP[tap] if tap else 0.0)))


def lesson(choice: Choice) -> Seen | None:
    """What the learner may learn of a choice: only what was really left to its lot, and whose reward is known."""
    one = choice.proposal
    if choice.shadow or choice.reward is None:
        return None
    return Seen(
        resident=one.resident, baseline=one.features, features=one.features, reward=choice.reward,
        probabilities=dict(zip(one.actions, one.probabilities, strict=False)),
        chosen=None if one.chosen == SILENT else one.chosen,
    )  # fmt: skip


def logged(choice: Choice) -> Logged | None:
    """The choice for the estimates of what another policy would have earned; None as for `lesson`."""
    if choice.shadow or choice.reward is None:
        return None
    one = choice.proposal
    return Logged(
        person=one.resident, context=one.features[1:], probabilities=choice.probabilities, chosen=one.chosen,
        reward=choice.reward,
    )  # fmt: skip


def believe(choices: Sequence[Choice], actions: Sequence[str]) -> Posterior:
    """What is believed after these choices; of actions the catalogue has no more nothing is learned."""
    lessons = [found for one in choices if (found := lesson(one)) is not None]
    known = [one for one in lessons if one.probabilities.keys() <= set(actions)]
    return learn(known, actions, FEATURES, FEATURES)


def _rested(item: Item) -> datetime:
    return item.updated_at + timedelta(days=int(item.evidence.get("cooldown_days", 0)))


def _mean(steps: Mapping[date, Decimal], first: date) -> float | None:
    """The mean of seven days from `first`, with four known ones at least."""
    known = [float(steps[day]) for step in range(WINDOW) if (day := first + timedelta(days=step)) in steps]
    return fmean(known) if len(known) >= NEEDED_DAYS else None


def _lot(resident: str, local: datetime) -> np.random.Generator:
    drawn = hashlib.sha256(f"minato learner\0{resident}\0{local.isoformat()}".encode()).digest()
    return np.random.default_rng(int.from_bytes(drawn[:16], "big"))
