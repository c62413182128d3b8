"""A synthetic city for the tests of statistics: people whose age, sex, BMI, interests and services are assumed shares.

The shares are orders of magnitude for Japan, written here by hand; they are not figures of Sakata.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from engine.refusal import Refusal
from fhir_bridge.aggregate import tallied
from fhir_bridge.aggregate_join import Body, Interest, Row
from fhir_bridge.privacy_ledger import Ledger
from fhir_bridge.privacy_release import Plan, Prepared, Tally, planned, prepare
from fhir_bridge.privacy_tables import AGE_7, BMI_4, Codes
from fhir_bridge.privacy_units import Partition, Period, whole_region

REGION_PEOPLE: Final = 137_000
UNIT: Final = "region-062049"
FIRST: Final = Period(2026, 1)
INTERESTS: Final = ("walking", "cooking", "sleep", "festival", "swimming", "garden", "reading", "travel", "bath", "ski")
SERVICES: Final = ("bus", "library", "market", "pool", "school", "shop", "tour")
CODES: Final = Codes(interests=INTERESTS, services=SERVICES)
_AGES: Final = (9, 12, 17, 19, 20, 15, 8)
_BMIS: Final = ((15, 68, 13, 4), (11, 67, 17, 5), (9, 65, 20.5, 5.5), (8, 64, 22.5, 5.5), (7, 64, 24.5, 4.5), (8, 66, 22.5, 3.5),
                (11, 67, 19.5, 2.5))  # fmt: skip
_STARTS: Final = ("16", "18.5", "25", "30")
_LIKED: Final = (32, 28, 25, 22, 20, 18, 16, 14, 12, 10)


class SeededLaplace:
    """Discrete Laplace noise as the difference of two geometric numbers, from a seed: for tests, never for a release."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    name = "seeded, for tests"

    def add(self, counts: Sequence[int], scale: float) -> list[int]:
        return [count + self._geometric(scale) - self._geometric(scale) for count in counts]

    def _geometric(self, scale: float) -> int:
        return int(-math.log(1 - self._rng.random()) * scale)


class Told:
    """Noise that is told beforehand."""

    name = "told, for tests"

    def __init__(self, *noise: int) -> None:
        self._noise = noise

    def add(self, counts: Sequence[int], scale: float) -> list[int]:
        return [count + self._noise[index % len(self._noise)] for index, count in enumerate(counts)]


def region() -> Partition:
    found = whole_region(REGION_PEOPLE)
    assert isinstance(found, Partition)
    return found


def ledger() -> Ledger:
    return Ledger(region(), FIRST)


def plan_for(people: int, period: Period = FIRST, codes: Codes = CODES) -> Plan:
    found = planned(ledger(), UNIT, period, people, codes)
    assert isinstance(found, Plan), found
    return found


def residents(people: int, seed: int) -> list[Row]:
    rng = random.Random(seed)
    return [_resident(rng, number) for number in range(people)]


def tally_of(rows: Sequence[Row], period: Period = FIRST) -> Tally:
    found = tallied(plan_for(len(rows), period), rows)
    assert isinstance(found, Tally), found
    return found


def drawn_of(rows: Sequence[Row], period: Period = FIRST, seed: int = 1) -> Prepared:
    found = prepare(ledger(), tally_of(rows, period), SeededLaplace(seed), day_after(period))
    assert not isinstance(found, Refusal), found
    return found


def day_after(period: Period, days: int = 10) -> date:
    return period.end + timedelta(days=days)


def _resident(rng: random.Random, number: int) -> Row:
    [age] = rng.choices(range(7), _AGES)
    [mass] = rng.choices(range(4), _BMIS[age])
    body = Body(
        number.to_bytes(32), int(AGE_7.starts[age]) + rng.randrange(10), rng.choice(("female", "male")),
        Decimal(_STARTS[mass]) + rng.randrange(20) / Decimal(10),
    )  # fmt: skip
    assert BMI_4.code(body.bmi) == BMI_4.codes[mass]
    liked = [code for code, share in zip(INTERESTS, _LIKED, strict=True) if rng.random() * 100 < share]
    rng.shuffle(liked)
    used = frozenset(code for code in SERVICES if rng.random() < 0.3)
    return Row(body, tuple(Interest(code, rank) for rank, code in enumerate(liked, 1)), used)
