"""Before and after a bath or an exercise class: which readings belong together, and whether they differ. Pure.

A pair is looked up, never stored: a reading that turns out another's, is corrected or discarded, pairs with nothing.
Differences are told and never explained: that something came after a bath does not say that the bath did it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from statistics import mean
from typing import Annotated, Final, Literal, get_args

import msgspec

from engine.contract.kinds import KINDS
from engine.refusal import Refusal
from engine.signals import Point, trusted

Sort = Literal["bath", "exercise"]
Way = Literal["usual", "lower", "higher"]
SORTS: Final[tuple[Sort, ...]] = get_args(Sort)
FELT: Final = ("fatigue", "pain")
# Two readings differ by more than so many of their standard deviations in one of twenty without any reason.
_BEYOND: Final = 1.96
# Only such times say what came before the beginning and what after the end.
_TIMED: Final = frozenset({"device", "received"})
_Minutes = Annotated[int, msgspec.Meta(ge=1, le=1440)]
_Above = Annotated[float, msgspec.Meta(gt=0)]
_Source = Annotated[str, msgspec.Meta(min_length=8)]


class PairRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From how long before and after readings belong to a session, in minutes; `longest` is a session's length."""

    before: _Minutes
    after_from: _Minutes
    after_until: _Minutes
    together: _Minutes
    longest: _Minutes


class ClaimRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a mean difference over sessions is told: see the file."""

    chance: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    effect: _Above
    fewest: Annotated[int, msgspec.Meta(ge=3)]


class Measure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind that is compared, with one reading's standard deviation when nothing happens.

    `share` is its part of the chance of a claim without cause; 0: it is shown and nothing is ever claimed of it.
    """

    kind: str
    noise: _Above
    share: Annotated[float, msgspec.Meta(ge=0, le=1)]
    source: _Source


class Felt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ends of the scale on which somebody says how they feel."""

    least: int
    most: int


class Low(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From which systolic pressure after a session a nurse hears of it, in mmHg."""

    below: Decimal
    fall: Decimal
    fall_to_below: Decimal
    source: _Source


class High(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From which pressure just before it the page says not to begin, in mmHg."""

    systolic: Decimal
    diastolic: Decimal
    source: _Source


class Word(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A general word shown before a bath, by its key in the texts."""

    key: str
    source: _Source


class Book(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is policy here, from engine/before_after.toml."""

    pair: PairRule
    claim: ClaimRule
    measure: tuple[Measure, ...]
    felt: Felt
    low: Low
    high: Mapping[Sort, High]
    bath: tuple[Word, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that devices measure."""
        return tuple(one.kind for one in self.measure if one.kind not in FELT)

    def of(self, kind: str) -> Measure:
        """What is known of that kind; raises KeyError for another."""
        return {one.kind: one for one in self.measure}[kind]


class Rating(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody felt before and after, 0 none to 10 the most; None where they did not say."""

    before: int | None = None
    after: int | None = None


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A bath or a class of `resident`; `ended_at` None while it lasts, `felt` by kind, `asked` the request about it."""

    number: int
    resident: str
    sort: Sort
    place: str
    started_at: datetime
    ended_at: datetime | None = None
    felt: Mapping[str, Rating] = {}
    by: str = ""
    asked: str | None = None
    version: int = 1


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One kind before and after a session, in the kind's unit; `way` usual where noise alone explains it.

    `spread` is the standard deviation of the difference by noise alone; `sure` that both sides are of two readings.
    """

    kind: str
    before: Decimal
    after: Decimal
    change: Decimal
    spread: float
    way: Way
    sure: bool
    readings: tuple[str, ...] = ()


class Paired(msgspec.Struct, frozen=True, kw_only=True):
    """A session with all that could be compared in it."""

    session: Session
    differences: tuple[Difference, ...]

    def of(self, kind: str) -> Difference | None:
        """The difference of that kind, where there is a pair."""
        return next((one for one in self.differences if one.kind == kind), None)


@cache
def book() -> Book:
    """The rules that are shipped."""
    found = msgspec.toml.decode(files("engine").joinpath("before_after.toml").read_text("utf-8"), type=Book)
    unknown = {one.kind for one in found.measure} - set(KINDS) - set(FELT)
    whole = math.isclose(sum(one.share for one in found.measure), 1)
    if unknown or not whole or set(found.high) != set(SORTS):
        raise ValueError(f"before_after.toml: {sorted(unknown)}")
    return found


def pair(rules: Book, sessions: Sequence[Session], points: Mapping[str, Sequence[Point]]) -> tuple[Paired, ...]:
    """Each session that is over with its pairs, in the order of time; all of one resident, `points` by kind.

    A reading stands on one side of one session only: nothing counts before a session that was measured before the end
    of an earlier one, and nothing after it that was measured once a later one had begun.
    """
    over = sorted((one for one in sessions if one.ended_at is not None), key=lambda one: one.started_at)
    begins = sorted(one.started_at for one in sessions)
    found = []
    for number, one in enumerate(over):
        earlier = [other.ended_at for other in over[:number] if other.ended_at is not None]
        later = next((at for at in begins if at > one.started_at), None)
        found.append(_paired(rules, one, points, max(earlier, default=None), later))
    return tuple(found)


def before_of(rules: Book, points: Sequence[Point], at: datetime) -> list[Point]:
    """The last reading before `at`, and the one together with it, if it is recent enough; newest first."""
    first = at - timedelta(minutes=rules.pair.before)
    return _together(rules, [one for one in reversed(_usable(points)) if first <= one.at <= at])


def too_high(rules: Book, sort: Sort, points: Mapping[str, Sequence[Point]], now: datetime) -> bool:
    """Whether the pressure just measured is one with which nobody begins."""
    limit = rules.high[sort]
    return any(
        one.value >= at_least
        for kind, at_least in (("systolic", limit.systolic), ("diastolic", limit.diastolic))
        for one in before_of(rules, points.get(kind, ()), now)[:1]
    )


def is_low(rules: Book, found: Paired) -> bool:
    """Whether a nurse should hear of the pressure after this session.

    A pressure without one before it counts, too, where it is low by itself: see `low_after`.
    """
    one = found.of("systolic")
    if one is None:
        return False
    fell = one.before - one.after >= rules.low.fall and one.after < rules.low.fall_to_below
    return one.after < rules.low.below or fell


def low_after(rules: Book, session: Session, points: Sequence[Point], later: datetime | None = None) -> bool:
    """Whether a systolic reading in the time after this session is low by itself, whatever was before it."""
    return any(one.value < rules.low.below for one in _after(rules, session, points, later))


def rated(rules: Book, kind: str, value: int) -> int | Refusal:
    """`value` as a rating of `kind`, or why it is none: `unknown-rating`, `bad-rating`."""
    if kind not in FELT:
        return Refusal("unknown-rating", f"there are {', '.join(FELT)}", kind)
    if not rules.felt.least <= value <= rules.felt.most:
        return Refusal("bad-rating", f"from {rules.felt.least} to {rules.felt.most}", kind)
    return value


def _paired(
    rules: Book, session: Session, points: Mapping[str, Sequence[Point]], earlier: datetime | None,
    later: datetime | None,
) -> Paired:  # fmt: skip
    found = []
    for kind in rules.kinds:
        before = [
            one for one in before_of(rules, points.get(kind, ()), session.started_at)
            if earlier is None or one.at > earlier
        ]  # fmt: skip
        after = _together(rules, _after(rules, session, points.get(kind, ()), later))
        if before and after:
            found.append(_difference(rules, kind, before, after))
    found += [made for kind in FELT if (made := _felt(rules, kind, session.felt.get(kind))) is not None]
    return Paired(session=session, differences=tuple(found))


def _after(rules: Book, session: Session, points: Sequence[Point], later: datetime | None) -> list[Point]:
    if session.ended_at is None:
        return []
    first = session.ended_at + timedelta(minutes=rules.pair.after_from)
    last = session.ended_at + timedelta(minutes=rules.pair.after_until)
    return [one for one in _usable(points) if first <= one.at <= last and (later is None or one.at < later)]


def _usable(points: Sequence[Point]) -> list[Point]:
    """What is surely this person's, proven and timed, oldest first; instants of a record's number are no times."""
    return sorted((one for one in points if trusted(one) and one.time_quality in _TIMED), key=lambda one: one.at)


def _together(rules: Book, ordered: Sequence[Point]) -> list[Point]:
    """The first of these and the second, if it belongs to the same sitting and unit."""
    if not ordered:
        return []
    first = ordered[0]
    apart = timedelta(minutes=rules.pair.together)
    return [first, *(one for one in ordered[1:2] if abs(one.at - first.at) <= apart and one.unit == first.unit)]


def _difference(rules: Book, kind: str, before: Sequence[Point], after: Sequence[Point]) -> Difference:
    sides = [mean([one.value for one in side]) for side in (before, after)]
    names = tuple(one.reading_id for one in (*before, *after))
    return _made(rules, kind, sides[0], sides[1], (len(before), len(after)), names)


def _felt(rules: Book, kind: str, rating: Rating | None) -> Difference | None:
    if rating is None or rating.before is None or rating.after is None:
        return None
    return _made(rules, kind, Decimal(rating.before), Decimal(rating.after), (1, 1), ())


def _made(
    rules: Book, kind: str, before: Decimal, after: Decimal, counts: tuple[int, int], names: tuple[str, ...]
) -> Difference:  # fmt: skip
    change = after - before
    spread = rules.of(kind).noise * math.sqrt(1 / counts[0] + 1 / counts[1])
    usual = abs(float(change)) <= _BEYOND * spread
    return Difference(
        kind=kind, before=before, after=after, change=change, spread=spread,
        way="usual" if usual else "lower" if change < 0 else "higher",
        sure=min(counts) > 1 or kind in FELT, readings=names,
    )  # fmt: skip
