"""What happens to a person and to their things: spans of hours since day 0 began, drawn before anything is measured."""

from __future__ import annotations

from typing import Final, Literal

import msgspec
import numpy as np

from simulators.lives.frozen import Frozen, Pair

HOURS: Final = 24.0
YEAR: Final = 365.0
Sort = Literal["trip", "hospital", "sudden", "death", "gradual", "decline", "lapse", "gone"]
# What the watching is there to find.
TRUE: Final[frozenset[Sort]] = frozenset({"sudden", "death", "gradual", "decline"})
# Nobody is where their devices are.
ABSENT: Final[frozenset[Sort]] = frozenset({"trip", "hospital", "gone"})
# So long after one thing ended the next may begin: two at once would leave open which of them an alert is about.
_APART: Final = 14 * HOURS
# Who takes the pedometer along, who changes a battery in time: as often as not. Assumptions.
_HALF: Final = 0.5


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in a life, from `start` to before `end`; the programme knows of it from `known` on (None: never).

    `full` is when it has come to its full size, `walk` what is then walked and `measure` what is measured, as shares of
    the usual. `pedometer` tells whether it is worn (a lapse) or taken along (away).
    """

    sort: Sort
    start: float
    end: float
    known: float | None = None
    full: float = 0.0
    walk: float = 1.0
    measure: float = 1.0
    pedometer: bool = True

    def covers(self, at: float) -> bool:
        """Whether it holds at `at`."""
        return self.start <= at < self.end


class Fault(msgspec.Struct, frozen=True):
    """That something does not work from `start` to before `end`."""

    sort: Literal["cut", "unplugged", "router", "deaf", "broken", "flat"]
    start: float
    end: float


def between(rng: np.random.Generator, ends: Pair) -> float:
    """A value between two, each order of magnitude alike: short is common, long is rare."""
    low, high = np.log(ends[0]), np.log(ends[1])
    return float(np.exp(low + (high - low) * rng.random()))


def starts(rng: np.random.Generator, rate: float, first: float, last: float) -> list[float]:
    """When things begin that happen `rate` times a year."""
    count = int(rng.poisson(rate * max(last - first, 0.0) / HOURS / YEAR))
    return sorted((first + (last - first) * rng.random(count)).tolist())


def draw_spans(fixed: Frozen, rng: np.random.Generator, hours: float, *, alone: bool) -> tuple[Span, ...]:
    """The things of one life in order of time, none within two weeks of another.

    Whoever lives with somebody is found at once, and so is no case for anybody who watches from afar.
    """
    first = fixed.learning_days * HOURS
    rates: dict[Sort, float] = {
        "trip": fixed.away.trips + fixed.away.stays, "hospital": fixed.hospital.stays,
        "sudden": fixed.events.sudden if alone else 0.0, "death": fixed.events.death if alone else 0.0,
        "gradual": fixed.events.gradual, "decline": fixed.events.decline, "lapse": fixed.measuring.lapses,
    }  # fmt: skip
    wanted = sorted((at, sort) for sort, rate in rates.items() for at in starts(rng, rate, first, hours))
    found: list[Span] = []
    for at, sort in wanted:
        if found and at < found[-1].end + _APART:
            continue
        found += _DRAWN[sort](fixed, rng, at) if sort in _DRAWN else _ill(fixed, rng, at, sort)
        if sort == "death":
            break
    return tuple(found)


def _trip(fixed: Frozen, rng: np.random.Generator, at: float) -> list[Span]:
    long = rng.random() < fixed.away.stays / (fixed.away.stays + fixed.away.trips)
    days = between(rng, fixed.away.stay_days if long else fixed.away.trip_days)
    told = at - HOURS if rng.random() < fixed.away.told else None
    return [Span(sort="trip", start=at, end=at + days * HOURS, known=told, pedometer=bool(rng.random() < _HALF))]


def _hospital(fixed: Frozen, rng: np.random.Generator, at: float) -> list[Span]:
    end = at + max(float(rng.exponential(fixed.hospital.mean_days)), 1.0) * HOURS
    draw = rng.random()
    known: float | None = None
    if draw < fixed.hospital.recorded:
        known = at + rng.random() * HOURS
    elif draw < fixed.hospital.recorded + fixed.hospital.recorded_late:
        known = at + between(rng, fixed.hospital.late_days) * HOURS
    return [Span(sort="hospital", start=at, end=end, known=known, pedometer=bool(rng.random() < _HALF))]


def _lapse(fixed: Frozen, rng: np.random.Generator, at: float) -> list[Span]:
    end = at + between(rng, fixed.measuring.lapse_days) * HOURS
    worn = bool(rng.random() >= fixed.measuring.lapse_pedometer)
    return [Span(sort="lapse", start=at, end=end, full=at, measure=0.0, pedometer=worn)]


def _found(fixed: Frozen, rng: np.random.Generator) -> float:
    """Hours until somebody comes anyway."""
    shares = np.array(fixed.events.found_shares)
    kind = int(rng.choice(len(shares), p=shares / shares.sum()))
    low, high = fixed.events.found_days[kind : kind + 2]
    return (low + (high - low) * rng.random()) * HOURS


def _sudden(fixed: Frozen, rng: np.random.Generator, at: float) -> list[Span]:
    end = at + _found(fixed, rng)
    return [Span(sort="sudden", start=at, end=end, full=at, walk=0.0, measure=0.0), *_hospital(fixed, rng, end)]


def _death(fixed: Frozen, rng: np.random.Generator, at: float) -> list[Span]:
    end = at + _found(fixed, rng)
    known = end + between(rng, (1.0, 5.0)) * HOURS
    gone = Span(sort="gone", start=end, end=float("inf"), known=known, pedometer=False)
    return [Span(sort="death", start=at, end=end, full=at, walk=0.0, measure=0.0), gone]


def _ill(fixed: Frozen, rng: np.random.Generator, at: float, sort: Sort) -> list[Span]:
    event = fixed.events
    slow = sort == "decline"
    full = at + between(rng, event.decline_onset_days if slow else event.gradual_onset_days) * HOURS
    end = full + between(rng, event.decline_days if slow else event.gradual_days) * HOURS
    low, high = event.decline_walk if slow else event.gradual_walk
    walk = low + (high - low) * float(rng.random())
    measure = 1.0 if slow else event.gradual_measure
    found = [Span(sort=sort, start=at, end=end, full=full, walk=walk, measure=measure)]
    if not slow and rng.random() < event.gradual_hospital:
        found += _hospital(fixed, rng, end)
    return found


_DRAWN: Final = {"trip": _trip, "hospital": _hospital, "lapse": _lapse, "sudden": _sudden, "death": _death}


def home_faults(
    fixed: Frozen, rng: np.random.Generator, hours: float, storms: tuple[tuple[float, float, float], ...]
) -> tuple[Fault, ...]:
    """When the gateway of a home has no power, no way out, or no ear."""
    home = fixed.home
    found = [
        Fault("cut", start, start + between(rng, home.storm_cut_hours))
        for start, _, _ in storms
        if rng.random() < home.storm_cut
    ]
    found += [Fault("cut", at, at + between(rng, home.cut_hours)) for at in starts(rng, home.cuts, 0.0, hours)]
    pulled = starts(rng, home.unplugged, 0.0, hours)
    found += [Fault("unplugged", at, at + between(rng, home.unplugged_hours)) for at in pulled]
    found += [Fault("router", at, at + between(rng, home.router_hours)) for at in starts(rng, home.router, 0.0, hours)]
    found += [Fault("deaf", at, at + between(rng, home.deaf_hours)) for at in starts(rng, home.deaf, 0.0, hours)]
    return tuple(sorted(found, key=lambda one: one.start))


def device_faults(
    fixed: Frozen, rng: np.random.Generator, hours: float, battery_days: float
) -> tuple[tuple[Fault, ...], tuple[float, ...]]:
    """When one device is broken, lost or flat; and when each of its batteries was new."""
    device = fixed.device
    found = [
        Fault("broken", at, at + between(rng, device.replaced_days) * HOURS)
        for at in starts(rng, device.broken, 0.0, hours)
    ]
    at, new = -float(rng.random()) * battery_days * HOURS, []
    while at < hours:
        new.append(at)
        empty = at + battery_days * HOURS * float(rng.uniform(0.9, 1.1))
        # Most people change or charge it before it is empty; the others when they miss it.
        if rng.random() < _HALF:
            at = empty - float(rng.uniform(0.02, 0.2)) * battery_days * HOURS
        else:
            at = empty + between(rng, device.changed_days) * HOURS
            found.append(Fault("flat", empty, at))
    return tuple(sorted(found, key=lambda one: one.start)), tuple(new)


def any_covers(faults: tuple[Fault, ...], sorts: frozenset[str], at: np.ndarray) -> np.ndarray:
    """Which of the instants `at` lie in a fault of these sorts."""
    found = np.zeros(at.shape, dtype=bool)
    for one in faults:
        if one.sort in sorts:
            found |= (at >= one.start) & (at < one.end)
    return found
