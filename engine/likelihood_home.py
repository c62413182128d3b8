"""Which member of a household a reading fits: every plausible filing of the past is kept as a hypothesis.

A mistaken filing must not capture a person: what was filed by numbers stays open, and each hypothesis goes on with its
own tracks of everybody, until later readings or a person's word tell them apart (multiple hypothesis tracking, Reid
1979). Hypotheses that say practically the same are merged, so that a swap of two people who were alike for weeks
keeps its weight. Only a word (slot, hint, a person) enrols somebody.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.likelihood import IMPEDANCE, WEIGHT, Forecast, Track, anybody, density, enrol, forecast, learn

# A visitor, a child or a pet on the arm: two in a hundred readings, anywhere people weigh.
UNKNOWN: Final = 0.02
# Somebody who weighed already today: one reading a day is a habit, not a law (people step off and on again).
AGAIN: Final = 0.05
MOST: Final = 60
_FORGET: Final = 10.0
_HOURS_KEPT: Final = 24
# Time of day: each earlier hour speaks for the hours around it (about 1.5 h), against a flat day worth twenty
# readings. So two people of one weight and opposite habits stay just below the share at which one is filed.
_PEAK: Final = 6.5
_FLAT: Final = 20.0
_TURN: Final = 2 * math.pi / 24
_MEAN_PEAK: Final = sum(math.exp(_PEAK * (math.cos(step * _TURN / 8) - 1)) for step in range(192)) / 192


class Sighting(msgspec.Struct, frozen=True, gc=False):
    """One weighing: `at` in days, the civil `day` it fell on, the local `hour` if known, kg and Ohm."""

    at: float
    day: int
    weight: float
    hour: float | None = None
    impedance: float | None = None


class Known(msgspec.Struct, frozen=True, gc=False):
    """A weighing of the past: whose it was filed as, how surely, and whether somebody `said` so or only the numbers."""

    seen: Sighting
    owner: str | None
    sure: bool
    said: bool


class Person(msgspec.Struct, frozen=True):
    """An enrolled member as one hypothesis sees them; `day` is the civil day of their last weighing."""

    weight: Track
    impedance: Track | None
    hours: tuple[float, ...]
    day: int


class Hypothesis(msgspec.Struct, frozen=True):
    """One filing of the past, with its share; a member not enrolled is None."""

    share: float
    people: tuple[Person | None, ...]


class Belief(msgspec.Struct, frozen=True):
    """What a household's scale knows: members in order of id, hypotheses with shares that sum to 1."""

    members: tuple[str, ...]
    hypotheses: tuple[Hypothesis, ...]


class _Outlook(msgspec.Struct, frozen=True):
    """One person's forecasts for one sighting, and how well the sighting fits them."""

    weight: Forecast
    impedance: Forecast | None
    fit: float


_Child = tuple[float, int | None, Hypothesis]
_Grain = tuple[object, ...]


def sighting_of(at: datetime, zone: ZoneInfo, weight: float, impedance: float | None = None) -> Sighting:
    """A weighing at an aware instant, its day cut in `zone`."""
    local = at.astimezone(zone)
    hour = local.hour + local.minute / 60
    return Sighting(at.timestamp() / 86_400, local.toordinal(), weight, hour, impedance)


def nobody_enrolled(members: Iterable[str]) -> Belief:
    """A household of which no reading is known."""
    names = tuple(sorted(set(members)))
    return Belief(names, (Hypothesis(1.0, (None,) * len(names)),))


def told(belief: Belief, seen: Sighting, owner: str) -> Belief:
    """The belief after somebody who knows said that `seen` is `owner`'s; a new owner becomes a member."""
    if owner not in belief.members:
        belief = _joined(belief, owner)
    place, fits = belief.members.index(owner), _Fits(seen)
    children: list[_Child] = []
    for hypothesis in belief.hypotheses:
        person = hypothesis.people[place]
        fit = anybody(WEIGHT, seen.weight) if person is None else fits.of(person).fit
        children.append((hypothesis.share * max(fit, 1e-300), place, hypothesis))
    return _after(belief.members, children, fits)


def guessed(belief: Belief, seen: Sighting) -> tuple[Mapping[str | None, float], Belief]:
    """Each member's share in `seen`, and the belief after it with every answer kept open.

    None stands for a visitor or a member not yet enrolled; the shares sum to 1.
    """
    fits = _Fits(seen)
    children: list[_Child] = []
    for hypothesis in belief.hypotheses:
        children += _children(hypothesis, fits)
    total = sum(share for share, _, _ in children)
    shares: dict[str | None, float] = {None: 0.0, **dict.fromkeys(belief.members, 0.0)}
    for share, place, _ in children:
        shares[None if place is None else belief.members[place]] += share / total
    return shares, _after(belief.members, children, fits)


def recalled(belief: Belief, past: Iterable[Known]) -> Belief:
    """The belief after each of `past`, oldest first: words are taken as true, filings by numbers only as weighings."""
    for known in past:
        if known.said and known.owner is not None:
            belief = told(belief, known.seen, known.owner)
        else:
            belief = guessed(belief, known.seen)[1]
    return belief


class _Fits:
    """Hypotheses share most of their people: each is looked at once for a sighting."""

    def __init__(self, seen: Sighting) -> None:
        self.seen = seen
        self._outlooks: dict[int, tuple[Person, _Outlook]] = {}
        self._updated: dict[int, Person] = {}
        self._grains: dict[int, tuple[Person, _Grain]] = {}
        self.anybody = anybody(WEIGHT, seen.weight)
        if seen.impedance is not None:
            self.anybody *= anybody(IMPEDANCE, seen.impedance)

    def of(self, person: Person) -> _Outlook:
        """What `person` was expected to weigh, and how well the sighting fits."""
        # Keyed by identity; the entry holds the person, so that no other object can take the same identity meanwhile.
        entry = self._outlooks.get(id(person))
        if entry is None:
            entry = self._outlooks[id(person)] = (person, _outlook(person, self.seen))
        return entry[1]

    def updated(self, person: Person | None) -> Person:
        """`person` after the sighting was theirs."""
        known = self._updated.get(id(person))
        if known is None:
            known = self._updated[id(person)] = self._learnt(person)
        return known

    def grain(self, person: Person | None) -> _Grain | None:
        """What tells `person` from who is practically the same, asked once for each."""
        if person is None:
            return None
        entry = self._grains.get(id(person))
        if entry is None:
            entry = self._grains[id(person)] = (person, _grain(person, self.seen.day))
        return entry[1]

    def _learnt(self, person: Person | None) -> Person:
        seen = self.seen
        hours = (seen.hour,) if seen.hour is not None else ()
        if person is None:
            ohms = None if seen.impedance is None else enrol(IMPEDANCE, seen.at, seen.impedance)
            return Person(enrol(WEIGHT, seen.at, seen.weight), ohms, hours, seen.day)
        outlook = self.of(person)
        ohms = person.impedance
        if seen.impedance is not None:
            expected = outlook.impedance
            fresh = enrol(IMPEDANCE, seen.at, seen.impedance)
            ohms = fresh if expected is None else learn(IMPEDANCE, expected, seen.impedance)
        weight = learn(WEIGHT, outlook.weight, seen.weight)
        return Person(weight, ohms, (*person.hours, *hours)[-_HOURS_KEPT:], seen.day)


def _outlook(person: Person, seen: Sighting) -> _Outlook:
    weight = forecast(WEIGHT, person.weight, seen.at)
    fit = density(WEIGHT, weight, seen.weight)
    impedance = None
    if seen.impedance is not None:
        if person.impedance is None:
            fit *= anybody(IMPEDANCE, seen.impedance)
        else:
            impedance = forecast(IMPEDANCE, person.impedance, seen.at)
            fit *= density(IMPEDANCE, impedance, seen.impedance)
    return _Outlook(weight, impedance, fit * _habit(person.hours, seen.hour))


def _habit(hours: tuple[float, ...], hour: float | None) -> float:
    """How much more than a flat day this hour is theirs; never enough to decide alone."""
    if hour is None or not hours:
        return 1.0
    near = sum(math.exp(_PEAK * (math.cos((hour - other) * _TURN) - 1)) for other in hours) / _MEAN_PEAK
    return (near + _FLAT) / (len(hours) + _FLAT)


def _children(hypothesis: Hypothesis, fits: _Fits) -> list[_Child]:
    """The hypothesis continued: with each enrolled member as the owner, and with none of them."""
    day = fits.seen.day
    odds = [AGAIN if person is not None and person.day == day else 1.0 for person in hypothesis.people]
    part = hypothesis.share * (1 - UNKNOWN) / sum(odds) if odds else 0.0
    found: list[_Child] = []
    strangers = hypothesis.share * (UNKNOWN if odds else 1.0)
    for place, (person, odd) in enumerate(zip(hypothesis.people, odds, strict=True)):
        if person is None:
            strangers += part * odd
        else:
            found.append((part * odd * fits.of(person).fit, place, hypothesis))
    found.append((max(strangers * fits.anybody, 1e-300), None, hypothesis))
    return found


def _after(members: tuple[str, ...], children: list[_Child], fits: _Fits) -> Belief:
    """The likeliest children, those that say the same as one; the heavier one's tracks stand for both."""
    children.sort(key=lambda child: -child[0])
    floor = children[0][0] * math.exp(-_FORGET)
    merged: dict[tuple[object, ...], list[float]] = {}
    people: dict[tuple[object, ...], tuple[Person | None, ...]] = {}
    parents: dict[int, tuple[object, ...]] = {}
    for share, place, parent in children:
        if share < floor:
            break
        now = parent.people
        # A child differs from its parent in one person, and a public scale has many.
        key = parents.get(id(parent)) or parents.setdefault(id(parent), tuple(fits.grain(person) for person in now))
        if place is not None:
            owner = fits.updated(now[place])
            key = (*key[:place], fits.grain(owner), *key[place + 1 :])
            now = (*now[:place], owner, *now[place + 1 :]) if key not in merged else now
        if key in merged:
            merged[key].append(share)
        elif len(merged) < MOST:
            merged[key], people[key] = [share], now
    total = sum(sum(shares) for shares in merged.values())
    return Belief(members, tuple(Hypothesis(sum(shares) / total, people[key]) for key, shares in merged.items()))


def _grain(person: Person, day: int) -> _Grain:
    ohms = None if person.impedance is None else round(person.impedance.level / IMPEDANCE.grain)
    weight = person.weight
    return round(weight.level / WEIGHT.grain), round(weight.scatter / WEIGHT.coarse), ohms, person.day == day


def _joined(belief: Belief, name: str) -> Belief:
    names = tuple(sorted((*belief.members, name)))
    place = names.index(name)
    grown = (Hypothesis(h.share, (*h.people[:place], None, *h.people[place:])) for h in belief.hypotheses)
    return Belief(names, tuple(grown))
