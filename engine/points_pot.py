"""What a team collected in a month, told so that nobody's share can be worked out. Pure.

A pot is told once a month and never again. What everybody else together knows, with the pot, of one member's month:
the odds between any two amounts shift by a factor of e to the `noise` at most (differential privacy, Dwork and others
2006; two-sided geometric noise, Ghosh and others 2009). It holds for one month; twelve months add up.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from random import Random
from typing import Final

import msgspec

from engine.points import Book, Entry, PotRule, Rule, period_of

_WEEKS: Final = 5
_PER_MONTH: Final = {"day": 31, "week": _WEEKS, "month": 1, "year": 1}


class Pot(msgspec.Struct, frozen=True, kw_only=True):
    """The points of a team in a month as they are told; None where too few took part."""

    month: str
    points: int | None


def most_of_one(book: Book) -> int:
    """The most that one member can put into a pot in a month."""
    return sum(rule.points * min(rule.most, _PER_MONTH[rule.every]) for rule in _rules(book))


def share(book: Book, entries: Iterable[Entry], month: str) -> int:
    """What one resident put into a pot in that month."""
    sorts = set(book.pot.sorts)
    return sum(entry.points for entry in entries if entry.sort in sorts and f"{entry.on:%Y-%m}" == month)


def told(book: Book, month: str, shares: Sequence[int], rng: Random) -> Pot:
    """The pot of those who were members for the whole month, by their shares."""
    if len(shares) < book.pot.fewest:
        return Pot(month=month, points=None)
    most = most_of_one(book)
    exact = sum(min(max(one, 0), most) for one in shares)
    return Pot(month=month, points=_rounded(exact + _noise(_stay(book.pot, most), rng), book.pot.round))


def due(month: str, rule: PotRule, today: date) -> bool:
    """Whether the month is over for so long that what was measured in it has arrived."""
    last = period_of("month", date.fromisoformat(f"{month}-01")).last
    return today > last + timedelta(days=rule.after_days)


def odds(book: Book, difference: int) -> float:
    """By how much the chances of any one told amount may differ where the true sums differ by so many points."""
    return math.exp(abs(difference) * book.pot.noise / most_of_one(book))


def _rules(book: Book) -> list[Rule]:
    return [rule for rule in book.rule if rule.sort in book.pot.sorts]


def _stay(rule: PotRule, most: int) -> float:
    """With which chance the noise goes one point further."""
    return math.exp(-rule.noise / most)


def _noise(stay: float, rng: Random) -> int:
    return _geometric(stay, rng) - _geometric(stay, rng)


def _geometric(stay: float, rng: Random) -> int:
    steps = 0
    # Step by step: a logarithm of a random float has holes through which the sum could be seen (Mironov 2012).
    while rng.random() < stay:
        steps += 1
    return steps


def _rounded(points: int, to: int) -> int:
    return max(0, (points + to // 2) // to * to)
