"""In which order nurses see what waits: safety first and never overtaken, then what a minute of theirs can do.

Pure. Within a tier of severity an item gets points for expected benefit per nurse minute, for waiting and for people
and places that were reached less. What is learnt, and fairness, are bounded: they shift an item by less than waiting
one due time does, so nothing starves and no model can move anything across a tier.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from engine.placing import place_of
from engine.ranking_model import Model, Past, chance, facets
from engine.review import DUE, Item, Rank, tier

# Product policy: how long an item of each severity may wait; what the state machine does not know yet stands here.
EMERGENCY_DUE: Final = timedelta(minutes=15)
# Product policy: points. Waiting one due time (ONE_DUE) is worth more than all the others together.
BENEFIT_MOST: Final = 600
FIRST: Final = 100
NO_CONTACT: Final = 80
UNEVEN: Final = 60
DEVICE_POOR: Final = 40
FAIRNESS_MOST: Final = NO_CONTACT + 2 * UNEVEN + DEVICE_POOR
CONTACT: Final = timedelta(days=183)
# Product policy: what is assumed of every item until decisions and outcomes teach more.
PRIOR_ACCEPT: Final = 0.5
PRIOR_UPLIFT: Final = 0.1
LEAST_UPLIFT: Final = 0.01
WEIGHT: Final = {"routine": 1.0, "soon": 2.0, "prompt": 4.0, "urgent": 8.0, "emergency": 16.0}
# Product policy: a nurse's minutes by kind of review, and for every question that must be put first.
MINUTES: Final = {"batchable": 1.0, "each": 3.0, "physician": 6.0}
QUESTION_MINUTES: Final = 1.5
# The benefit per minute that earns half of BENEFIT_MOST.
_HALF: Final = 0.05
# Groups smaller than this are judged mostly by the whole region.
_SMALL: Final = 10
_BANDS: Final = ((40, "under-40"), (65, "40-64"), (75, "65-74"))
_MINUTE: Final = timedelta(minutes=1)


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who an item is for, as far as fairness asks; `past` by topic."""

    municipality: str
    band: str
    device_poor: bool = False
    contact: datetime | None = None
    past: dict[str, Past] = {}


class Reached(msgspec.Struct, frozen=True):
    """How many residents a group has and how many of them got advice in the last half year."""

    residents: int
    contacted: int


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the queue knows beside the item: people by id, groups by municipality code or age band, and the model."""

    people: Mapping[str, Person] = {}
    groups: Mapping[str, Reached] = {}
    everybody: Reached = Reached(0, 0)
    model: Model | None = None


class Benefit(msgspec.Struct, frozen=True):
    """P(accepted), the gain in P(better) if delivered, the nurse's minutes; `learnt` tells whether a model spoke."""

    accept: float
    uplift: float
    minutes: float
    learnt: bool

    def points(self, severity: str) -> int:
        """0..BENEFIT_MOST: rises with acceptance, uplift and severity, falls with minutes."""
        per_minute = self.accept * self.uplift * WEIGHT.get(severity, max(WEIGHT.values())) / self.minutes
        return round(BENEFIT_MOST * per_minute / (per_minute + _HALF))


_ALONE: Final = Standing()


def rank(item: Item, now: datetime, standing: Standing = _ALONE) -> Rank:
    """The place of `item` as seen at `now` (aware): tier, then place; sort by key and id for a total order.

    The key does not change while time goes by and nothing else does: see `engine.placing`. Without `standing` only the
    item speaks; without a model the priors do. Equal inputs give equal places.
    """
    person = standing.people.get(item.resident_id)
    due = due_of(item.severity)
    waited = max(now - item.created_at, timedelta(0))
    first = bool(item.evidence.get("first", False))
    gain = benefit(item, now, standing)
    fair, told = fairness(person, standing, now)
    points = gain.points(item.severity) + fair + (FIRST if first else 0)
    reasons = [f"severity:{item.severity}"]
    if waited - due >= _MINUTE:
        reasons.append(f"overdue:{(waited - due) // _MINUTE}min")
    if first:
        reasons.append("first-advice")
    reasons += told
    if gain.learnt:
        reasons += [f"accept:{gain.accept:.0%}", f"uplift:{gain.uplift:.0%}"]
    reasons.append(f"waiting:{waited // _MINUTE}min")
    return Rank((tier(item.severity), place_of(item.created_at, due, points)), tuple(reasons))


def due_of(severity: str) -> timedelta:
    """How long an item of that severity may wait."""
    due: Mapping[str, timedelta] = DUE
    return due.get(severity, EMERGENCY_DUE)


def minutes(item: Item) -> float:
    """A nurse's minutes for `item`: by its kind of review, and the questions to put first."""
    review = item.evidence.get("rule", {}).get("review", "each")
    return MINUTES.get(review, max(MINUTES.values())) + QUESTION_MINUTES * len(item.ask)


def benefit(item: Item, now: datetime, standing: Standing = _ALONE) -> Benefit:
    """What approving `item` is expected to do, by the model where it has learnt, else by the priors."""
    heads = {} if standing.model is None else standing.model.heads
    accept, helped, otherwise = heads.get("accept"), heads.get("helped"), heads.get("otherwise")
    person = standing.people.get(item.resident_id)
    past = Past() if person is None else person.past.get(item.topic, Past(contact=person.contact))
    row = facets(item.severity, item.topic, item.evidence, past, now)
    p = PRIOR_ACCEPT if accept is None else chance(accept, row)
    u = PRIOR_UPLIFT
    both = helped is not None and otherwise is not None
    if helped is not None and otherwise is not None:
        u = min(max(chance(helped, row) - chance(otherwise, row), LEAST_UPLIFT), 1.0)
    return Benefit(p, u, minutes(item), accept is not None or both)


def fairness(person: Person | None, standing: Standing, now: datetime) -> tuple[int, list[str]]:
    """Points 0..FAIRNESS_MOST for whoever was reached less, with a reason for each part."""
    if person is None:
        return 0, []
    parts = {
        "no-contact": NO_CONTACT if person.contact is None or now - person.contact > CONTACT else 0,
        "few-reached-here": _short(person.municipality, standing),
        "few-reached-age": _short(person.band, standing),
        "device-poor": DEVICE_POOR if person.device_poor else 0,
    }
    return sum(parts.values()), [name for name, points in parts.items() if points]


def _short(group: str, standing: Standing) -> int:
    """Points for a group whose share of contacted people lies below everybody's, small groups drawn towards it."""
    everybody, reached = standing.everybody, standing.groups.get(group)
    if reached is None or not everybody.residents or not everybody.contacted:
        return 0
    # (contacted + small * overall) / (residents + small) against overall, in whole numbers.
    own = reached.contacted * everybody.residents + _SMALL * everybody.contacted
    fair = everybody.contacted * (reached.residents + _SMALL)
    return min(max(UNEVEN * (fair - own) // fair, 0), UNEVEN)


def band_of(age: int) -> str:
    """The age band in which contact is compared."""
    return next((name for below, name in _BANDS if age < below), "75-over")
