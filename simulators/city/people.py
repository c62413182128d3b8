"""The inhabitants of a made-up city as values: who they are, what they agreed to and took back, and how they weigh.

Everything follows from the seed. Weights are made so that the last sound one of each half-year gives exactly the BMI
drawn for it; what must not be counted (somebody else's, undated, typed in, a camera's) comes after it and is far off.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from engine.consent_texts import Purpose
from engine.contract.ids import new_id
from engine.interests import OWN
from fhir_bridge.privacy_units import Period
from simulators.city.rows import Person, person

ZONE: Final = ZoneInfo("Asia/Tokyo")
FIRST: Final = Period(2026, 1)
Doubt = Literal["assumed", "undated", "unproven", "camera", "typed", "filed", "light"]
DOUBTS: Final[tuple[Doubt, ...]] = ("assumed", "undated", "unproven", "camera", "typed", "filed", "light")
# Assumed, like every share here; of a hundred people.
_NEEDED: Final[tuple[Purpose, ...]] = ("record", "advice", "nurse-review")
_KNOWN: Final = 0.6
_STORIES: Final = (("silent", 3), ("no", 3), ("until", 3), ("stopped", 6), ("returned", 3), ("yes", 82))
_LIVES: Final = (("died", 1), ("unmeasured", 2), ("unweighed", 2), ("whole", 95))
TOWNS: Final = (("062049", 71), ("064289", 14), ("064611", 9), ("064262", 6))
_NAMES: Final = (
    ("佐藤", "サトウ"), ("斎藤", "サイトウ"), ("伊藤", "イトウ"), ("髙橋", "タカハシ"), ("五十嵐", "イガラシ"),
    ("阿部", "アベ"), ("小松", "コマツ"), ("池田", "イケダ"), ("土門", "ドモン"), ("本間", "ホンマ"),
)  # fmt: skip
_GIVEN: Final = {
    "female": (("花子", "ハナコ"), ("美咲", "ミサキ"), ("恵子", "ケイコ"), ("陽子", "ヨウコ"), ("葵", "アオイ")),
    "male": (("太郎", "タロウ"), ("健", "ケン"), ("翔太", "ショウタ"), ("茂", "シゲル"), ("蓮", "レン")),
}


class Town(msgspec.Struct, frozen=True, kw_only=True):
    """What city is made: how many people, over how many half-years, how often each steps on a scale in one.

    With `histories` people withdraw, return, die, lack a height or a weight; without, everybody can be counted.
    """

    people: int
    seed: int = 1
    first: Period = FIRST
    periods: int = 1
    weighings: int = 6
    histories: bool = True

    @property
    def spans(self) -> tuple[Period, ...]:
        """The half-years in which people measure."""
        found = [self.first]
        while len(found) < self.periods:
            found.append(found[-1].next)
        return tuple(found)


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A yes or no to a purpose, for one service or all."""

    purpose: Purpose
    granted: bool
    at: datetime
    recipient: str | None = None
    until: datetime | None = None


class Weighing(msgspec.Struct, frozen=True, kw_only=True):
    """One weight in kg; `doubt` is why nobody may count it."""

    at: datetime
    kg: Decimal
    doubt: Doubt | None = None


class Inhabitant(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of the city: `person` as drawn, and everything a store would know of them."""

    id: str
    home: str
    town: str
    family: tuple[str, str]
    given: tuple[str, str]
    born: date
    height_cm: Decimal | None
    subject: str | None
    joined: datetime
    died: datetime | None
    person: Person
    said: tuple[Said, ...]
    weighings: tuple[Weighing, ...]


def inhabitants(town: Town) -> Iterator[Inhabitant]:
    """Everybody, homes together; the same for the same town."""
    rng = Random(town.seed)
    left = town.people
    while left:
        size = min(left, rng.choice((1, 1, 2, 2, 3, 4)))
        code = _one_of(rng, TOWNS)
        home, family = new_id("h", rng), rng.choice(_NAMES)
        for _ in range(size):
            yield _inhabitant(rng, town, home, code, family)
        left -= size


def holds(one: Inhabitant, purpose: str, recipient: str | None, when: datetime) -> bool:
    """Whether somebody's last word on a purpose was a yes that still holds: told anew, without the gate it checks."""
    heard = [said for said in one.said if said.purpose == purpose and said.at <= when]
    last = max((said for said in heard if said.recipient in {None, recipient}), key=lambda said: said.at, default=None)
    return last is not None and last.granted and (last.until is None or when < last.until)


def _inhabitant(rng: Random, town: Town, home: str, code: str, family: tuple[str, str]) -> Inhabitant:
    who = person(rng)
    end = town.first.end
    born = date(end.year - who.age, end.month, end.day) - timedelta(days=rng.randrange(1, 360))
    tall = Decimal(rng.randrange(1480, 1690) + (120 if who.sex == "male" else 0)) / 10
    life = _one_of(rng, _LIVES) if town.histories else "whole"
    joined = _moment(town.first.start - timedelta(days=rng.randrange(2, 700)), rng.randrange(8 * 60, 18 * 60))
    died = _within(rng, town) if life == "died" else None
    return Inhabitant(
        id=new_id("r", rng), home=home, town=code, family=family, given=rng.choice(_GIVEN[who.sex]), born=born,
        height_cm=None if life == "unmeasured" else tall,
        subject=new_id("r", rng)[2:] * 2 if rng.random() < _KNOWN else None,
        joined=joined, died=died, person=who, said=tuple(_said(rng, town, who, joined)),
        weighings=() if life == "unweighed" else tuple(_weighings(rng, town, who, tall, died)),
    )  # fmt: skip


def _said(rng: Random, town: Town, who: Person, joined: datetime) -> Iterator[Said]:
    for purpose in _NEEDED:
        yield Said(purpose=purpose, granted=True, at=joined)
    yield from _story(rng, town, joined, "open-statistics", None)
    if who.interests:
        yield from _story(rng, town, joined, "interest-link", OWN)
    for service in sorted(who.services):
        if rng.random() < _KNOWN:
            yield from _story(rng, town, joined, "interest-link", service)


def _story(rng: Random, town: Town, joined: datetime, purpose: Purpose, recipient: str | None) -> Iterator[Said]:
    """Most say yes and leave it at that; others never spoke, took it back, came back, or said until when."""
    story = _one_of(rng, _STORIES) if town.histories else "yes"
    moment = _within(rng, town)
    later = moment + timedelta(days=rng.randrange(1, 120), hours=rng.randrange(24))
    end = moment if story == "until" else None
    told = [(joined, story != "no", end)] if story != "silent" else []
    told += [(moment, False, None)] if story in {"stopped", "returned"} else []
    told += [(later, True, None)] if story == "returned" else []
    for at, granted, until in told:
        yield Said(purpose=purpose, granted=granted, at=at, recipient=recipient, until=until)


def _weighings(rng: Random, town: Town, who: Person, tall: Decimal, died: datetime | None) -> Iterator[Weighing]:
    body = who.bmi
    for period in town.spans:
        # Bands are left only by those near their edges.
        kg = (body * tall * tall / 10_000).quantize(Decimal("0.01"), ROUND_HALF_UP)
        days = sorted(rng.sample(range((period.end - period.start).days - 3), max(1, town.weighings)))
        for number, day in enumerate(days):
            last = number == len(days) - 1
            at = _moment(period.start + timedelta(days=day), rng.randrange(5 * 60, 9 * 60))
            if died is None or at < died:
                yield Weighing(at=at, kg=kg if last else kg + Decimal(rng.randrange(-80, 81)) / 100)
        if town.histories and rng.randrange(8) == 0:
            at = _moment(period.end - timedelta(days=1), rng.randrange(24 * 60))
            if died is None or at < died:
                doubt = rng.choice(DOUBTS)
                yield Weighing(at=at, kg=Decimal("7.5") if doubt == "light" else kg + 45, doubt=doubt)
        body += Decimal(rng.randrange(-3, 4)) / 10


def _one_of(rng: Random, shares: tuple[tuple[str, int], ...]) -> str:
    [found] = rng.choices([name for name, _ in shares], [share for _, share in shares])
    return found


def _within(rng: Random, town: Town) -> datetime:
    """Some instant of the half-years in which people measure, or soon after."""
    span = (town.spans[-1].end - town.first.start).days + 30
    return _moment(town.first.start + timedelta(days=rng.randrange(span)), rng.randrange(24 * 60))


def _moment(day: date, minute: int) -> datetime:
    return datetime.combine(day, time(minute // 60, minute % 60), ZONE)
