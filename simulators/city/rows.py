"""The people of a made-up city as the statistics count them: age, sex, BMI, interests and services by assumed shares.

The shares are orders of magnitude for Japan, written here by hand; they are not figures of Sakata.
"""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Final

import msgspec

from engine.interests import codes
from fhir_bridge.aggregate_join import Body, Interest, Row
from fhir_bridge.privacy_tables import AGE_7, Codes

# The four municipalities together, rounded.
REGION_PEOPLE: Final = 137_000
INTERESTS: Final = codes()
SERVICES: Final = ("bus", "library", "market", "pool", "school", "shop", "tour")
CODES: Final = Codes(interests=INTERESTS, services=SERVICES)
_AGES: Final = (9, 12, 17, 19, 20, 15, 8)
_BMIS: Final = (
    (15, 68, 13, 4), (11, 67, 17, 5), (9, 65, 20.5, 5.5), (8, 64, 22.5, 5.5), (7, 64, 24.5, 4.5), (8, 66, 22.5, 3.5),
    (11, 67, 19.5, 2.5),
)  # fmt: skip
_STARTS: Final = ("16", "18.5", "25", "30")
_LIKED: Final = (32, 28, 25, 22, 20, 18, 16, 14, 12, 10)


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One inhabitant: age in years, BMI, interests by their own order, and services they use."""

    age: int
    sex: str
    bmi: Decimal
    interests: tuple[str, ...]
    services: frozenset[str]


def person(rng: random.Random) -> Person:
    """An inhabitant of 20 years or more."""
    [age] = rng.choices(range(7), _AGES)
    [mass] = rng.choices(range(4), _BMIS[age])
    years, sex = int(AGE_7.starts[age]) + rng.randrange(10), rng.choice(("female", "male"))
    bmi = Decimal(_STARTS[mass]) + rng.randrange(20) / Decimal(10)
    liked = [code for code, share in zip(INTERESTS, _LIKED, strict=True) if rng.random() * 100 < share]
    rng.shuffle(liked)
    used = frozenset(code for code in SERVICES if rng.random() < 0.3)  # noqa: PLR2004 - an assumed share
    return Person(age=years, sex=sex, bmi=bmi, interests=tuple(liked), services=used)


def rows(people: int, seed: int) -> list[Row]:
    """So many inhabitants as a release counts them; the same for the same seed."""
    rng = random.Random(seed)
    return [_row(person(rng), number) for number in range(people)]


def _row(one: Person, number: int) -> Row:
    body = Body(number.to_bytes(32), one.age, one.sex, one.bmi)
    return Row(body, tuple(Interest(code, rank) for rank, code in enumerate(one.interests, 1)), one.services)
