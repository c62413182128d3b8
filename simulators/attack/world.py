"""Releases of a made-up city, drawn with noise from a seed so that an attack can be repeated."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final, TypeVar

import msgspec

from engine.refusal import Refusal
from fhir_bridge.aggregate import tallied
from fhir_bridge.aggregate_join import Row
from fhir_bridge.privacy import Noise
from fhir_bridge.privacy_ledger import Ledger
from fhir_bridge.privacy_release import Plan, Release, Tally, planned, prepare, read
from fhir_bridge.privacy_tables import Codes
from fhir_bridge.privacy_units import Partition, Period, whole_region
from simulators.city.rows import CODES, REGION_PEOPLE

UNIT: Final = "region-062049"
FIRST: Final = Period(2026, 1)
TURNS: Final = (FIRST, FIRST.next, FIRST.next.next)
Place = tuple[str, tuple[str, ...]]
T = TypeVar("T")


class AttackError(Exception):
    """The world of an attack could not be made: its numbers ask for what no release may hold."""


class SeededLaplace:
    """Discrete Laplace noise as the difference of two geometric numbers, from a seed: never for a real release."""

    name = "seeded"

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def add(self, counts: Sequence[int], scale: float) -> list[int]:
        """`counts`, each with noise of its own."""
        return [count + self._geometric(scale) - self._geometric(scale) for count in counts]

    def _geometric(self, scale: float) -> int:
        return int(-math.log(1 - self._rng.random()) * scale)


class Series(msgspec.Struct, frozen=True):
    """Releases of consecutive periods about the same people, and what was true of each cell (never published)."""

    releases: tuple[Release, ...]
    true: dict[Place, int]


def region() -> Partition:
    """One publishing unit for all."""
    return _sure(whole_region(REGION_PEOPLE))


def ledger() -> Ledger:
    """A book nothing was charged to yet."""
    return Ledger(region(), FIRST)


def plan_for(people: int, period: Period = FIRST, codes: Codes = CODES) -> Plan:
    """What a release about so many people holds; raises AttackError where there is none."""
    return _sure(planned(ledger(), UNIT, period, people, codes))


def tally_of(rows: Sequence[Row], period: Period = FIRST) -> Tally:
    """The true counts; raises AttackError where they may not be counted."""
    return _sure(tallied(plan_for(len(rows), period), rows))


def series(rows: Sequence[Row], noise: Noise, periods: Sequence[Period] = TURNS) -> Series:
    """The releases of these periods if nobody comes or goes."""
    book = ledger()
    found: list[Release] = []
    true: dict[Place, int] = {}
    for period in periods:
        tally = tally_of(rows, period)
        made = _sure(prepare(book, tally, noise, day_after(period)))
        book = made.ledger
        found.append(_sure(read(made.content, made.sha256)))
        true |= true_of(tally)
    return Series(tuple(found), true)


def true_of(tally: Tally) -> dict[Place, int]:
    """The true count of every cell."""
    return {
        (table.id, at): count
        for table, counts in zip(tally.plan.tables, tally.counts, strict=True)
        for at, count in zip(table.cells, counts, strict=True)
    }


def day_after(period: Period, days: int = 10) -> date:
    """A day on which the period may be drawn."""
    return period.end + timedelta(days=days)


def _sure(found: T | Refusal) -> T:
    if isinstance(found, Refusal):
        raise AttackError(f"{found.code}: {found.message}")
    return found
