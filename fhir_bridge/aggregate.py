"""From people to the true counts of a plan's cells: who may be counted, and never more than a stated number of times.

Whole persons only: what somebody measured, on how many devices and how often changes nothing but the band they are in.
Pure; nobody's row is ever written, logged or printed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.consent import Event, permits
from engine.people import age_on
from engine.refusal import Refusal
from engine.signals import bmi
from fhir_bridge.aggregate_join import Body, Row
from fhir_bridge.privacy_release import Plan, Tally
from fhir_bridge.privacy_tables import AGE_3, AGE_7, BMI_2, BMI_4, Table
from fhir_bridge.privacy_units import Period

LEAST_AGE: Final = 20
# What no scale and no birth register says; a row beyond is a mistake and would sit alone in its cell.
_HEIGHTS: Final = (Decimal(50), Decimal(272))
WEIGHTS: Final = (Decimal(10), Decimal(650))


class Weighed(msgspec.Struct, frozen=True):
    """One weight in kg; `sound` when it is confirmed, plausible, dated and surely this person's."""

    at: datetime
    kg: Decimal
    sound: bool


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What the house knows of a resident that a statistic may need; two records of one person are merged before."""

    born: date
    sex: str | None
    height_cm: Decimal | None
    weights: Sequence[Weighed]
    consents: Sequence[Event]
    alive: bool = True


def body_of(subject: Subject, token: bytes, period: Period, zone: ZoneInfo) -> Body | None:
    """The resident as they are counted in a period, None when they are not.

    Counted is who allows `open-statistics` at the cut-off, is alive and 20 or older, with a known height and a sound
    weight in the period; the last such weight counts.
    """
    cutoff = period.cutoff(zone)
    age = age_on(subject.born, period.end)
    last = max((w for w in subject.weights if _counts(w, period, zone)), key=lambda w: (w.at, w.kg), default=None)
    if not subject.alive or age < LEAST_AGE or last is None or not _known(subject.height_cm):
        return None
    if not permits(subject.consents, "open-statistics", None, None, cutoff).granted:
        return None
    assert subject.height_cm is not None  # it is known
    return Body(token, age, subject.sex, bmi(last.kg, subject.height_cm))


def may_link(consents: Iterable[Event], service: str, period: Period, zone: ZoneInfo) -> bool:
    """Whether what a service knows of somebody's interests may be joined with their record at the cut-off."""
    return permits(consents, "interest-link", service, None, period.cutoff(zone)).granted


def tallied(plan: Plan, rows: Iterable[Row]) -> Tally | Refusal:
    """The true counts of a plan's cells.

    Refused as `same-person-twice`, `population-too-small`, or `other-population` when the number of people would have
    chosen other grids than the plan's.
    """
    seen: set[bytes] = set()
    cells: list[Counter[tuple[str, ...]]] = [Counter() for _ in plan.tables]
    grids = [frozenset(table.cells) for table in plan.tables]
    for row in rows:
        if row.body.token in seen:
            return Refusal("same-person-twice", "records of one person must be merged before they are counted")
        seen.add(row.body.token)
        for table, grid, counter in zip(plan.tables, grids, cells, strict=True):
            counter.update(_kept(row, table, grid))
    people, mechanism = len(seen), plan.mechanism
    if people < mechanism.minimum:
        return Refusal("population-too-small", f"fewer than {mechanism.minimum} people can be counted")
    full = {table.grid for table in plan.tables if table.id == "T2"} == {"7x4"}
    if any(table.id == "T2" for table in plan.tables) and full != (people >= mechanism.full_from):
        return Refusal("other-population", "the plan was made for another number of people")
    counts = (tuple(counter[at] for at in table.cells) for table, counter in zip(plan.tables, cells, strict=True))
    return Tally(plan, people, tuple(counts))


def cells_of(row: Row, table: Table) -> list[tuple[str, ...]]:
    """The cells a person is counted in: distinct ones, at most the table's bound."""
    return _kept(row, table, frozenset(table.cells))


def _kept(row: Row, table: Table, grid: frozenset[tuple[str, ...]]) -> list[tuple[str, ...]]:
    found = [at for at in dict.fromkeys(_wanted(row, table)) if at in grid]
    return found[: table.bound]


def _wanted(row: Row, table: Table) -> Iterator[tuple[str, ...]]:
    """All cells a person belongs to, those that count first: their own ranking, then a hash nobody can foresee."""
    age, mass = Decimal(row.body.age), row.body.bmi
    fine = AGE_7.code(age), BMI_4.code(mass)
    middle = AGE_3.code(age), BMI_4.code(mass)
    coarse = fine if table.grid == "7x4" else (AGE_3.code(age), BMI_2.code(mass))
    if table.id == "T1":
        yield _named(*fine)
    elif table.id == "T3":
        yield _named(row.body.sex, *middle)
    elif table.id == "T2":
        ranked = sorted(row.interests, key=lambda one: (one.rank, _lot(row.body.token, one.code)))
        yield from (_named(*coarse, one.code) for one in ranked)
    else:
        used = row.services
        pairs = [at for at in table.cells if at[0] in used and at[1] in used]
        yield from sorted(pairs, key=lambda at: _lot(row.body.token, "+".join(at)))


def _named(*codes: str | None) -> tuple[str, ...]:
    # A code that is unknown (no sex told) makes a cell no grid has.
    return tuple(code or "" for code in codes)


def _lot(token: bytes, code: str) -> bytes:
    return hashlib.sha256(token + code.encode()).digest()


def _counts(weighed: Weighed, period: Period, zone: ZoneInfo) -> bool:
    return (
        weighed.sound
        and WEIGHTS[0] <= weighed.kg <= WEIGHTS[1]
        and period.start <= weighed.at.astimezone(zone).date() <= period.end
    )


def _known(height: Decimal | None) -> bool:
    return height is not None and _HEIGHTS[0] <= height <= _HEIGHTS[1]
