"""Which of the allowed actions is proposed, or none: Thompson sampling that never stops trying and never shouts. Pure.

Learning chooses only among what safety allowed, and may always stay silent. Every proposal carries the probabilities
it was drawn with, so that what another policy would have done can be told later. It ships in shadow mode: it logs what
it would choose and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.learning_model import Posterior, drawn

Floats = NDArray[np.float64]
# More than five kinds of advice at once would share too few days to learn anything of one of them.
MOST_ACTIONS: Final = 5
SILENT: Final = "silent"
# A policy that always or never speaks can be compared with no other (HeartSteps II; note on learning).
LEAST_SEND: Final = 0.1
MOST_SEND: Final = 0.8
FLOOR: Final = 0.05
# The share of draws in which an action wins is exact to a few hundredths; the floor is wider.
DRAWS: Final = 400


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What was proposed for one resident at one decision point.

    `actions` are the allowed ones in their order, `probabilities` those of each and, last, of silence; `chosen` is one
    of them or `silent`. `features` are what the choice looked at.
    """

    resident: str
    at: datetime
    actions: tuple[str, ...]
    probabilities: tuple[float, ...]
    chosen: str
    features: tuple[float, ...]

    @property
    def probability(self) -> float:
        """With which probability this very choice was made."""
        return self.probabilities[(*self.actions, SILENT).index(self.chosen)]


def propose(
    posterior: Posterior,
    resident: str,
    at: datetime,
    features: Sequence[float],
    actions: Sequence[str],
    rng: np.random.Generator,
) -> Proposal:
    """What to propose among the `actions` safety allows, in the light of all that was learned.

    Raises ValueError for more than five actions, the same one twice, or features of another length than the model's.
    """
    return propose_by(drawn(posterior, resident, DRAWS, rng), posterior, resident, at, features, actions, rng)


def propose_by(
    effects: Floats, posterior: Posterior, resident: str, at: datetime, features: Sequence[float],
    actions: Sequence[str], rng: np.random.Generator,
) -> Proposal:  # fmt: skip
    """As `propose`, from draws of this resident's coefficients (draws, coefficients) that were made before.

    Raises as `propose`.
    """
    offered = tuple(actions)
    if len(offered) > MOST_ACTIONS or len(set(offered)) < len(offered):
        raise ValueError("at most five different actions")
    shares = tempered(_winning(effects, posterior, features, offered))
    everything = (*shares, 1 - sum(shares))
    names = (*offered, SILENT)
    chosen = names[int(rng.choice(len(names), p=np.asarray(everything) / sum(everything)))]
    return Proposal(
        resident=resident, at=at, actions=offered, probabilities=everything, chosen=chosen, features=tuple(features)
    )  # fmt: skip


def tempered(shares: Sequence[float] | Floats) -> tuple[float, ...]:
    """`shares` of winning as probabilities of being proposed: each at least 0.05, together from 0.1 to 0.8.

    Above the floor they keep their proportions; nothing is proposed where nothing is allowed.
    """
    if not len(shares):
        return ()
    raised = np.maximum(np.asarray(shares, dtype=float), FLOOR)
    total = float(np.clip(raised.sum(), LEAST_SEND, MOST_SEND))
    over = raised - FLOOR
    spare = total - FLOOR * len(raised)
    parts = over / over.sum() if over.sum() > 0 else np.full(len(raised), 1 / len(raised))
    return tuple(float(FLOOR + spare * part) for part in parts)


def _winning(effects: Floats, posterior: Posterior, features: Sequence[float], actions: Sequence[str]) -> Floats:
    """How often each action is the best and better than silence, over draws of what its effect may be."""
    if not actions:
        return np.zeros(0)
    seen = np.asarray(features, dtype=float)
    worth = np.stack([effects[:, posterior.place(action)] @ seen for action in actions], axis=1)
    best = worth.argmax(axis=1)
    wins = np.bincount(best[worth.max(axis=1) > 0], minlength=len(actions))
    return np.asarray(wins / len(effects), dtype=np.float64)
