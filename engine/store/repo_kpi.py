"""What the report of the service counts, read in bulk: nobody's values leave this module, only yes and no.

Whom the report counts is decided by consent and by what happened in people's lives, as everywhere; their health only
where they agreed to be counted in statistics.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, and_, exists, func, or_, select

from engine import clinical
from engine.consent import Event, permits
from engine.kpi import Outcome, Person, fiscal_year
from engine.people import age_on
from engine.signals import bmi
from engine.situation import Situation, gone, lived_in, refuses
from engine.store import repo_consents, repo_counted, repo_facts, repo_life
from engine.store.instants import to_micros
from engine.store.repo_counted import Counted, Span
from engine.store.tables import ADVICE, ADVICE_EVENT, CONSENT, READING, RESIDENT
from engine.store.tables_desk import WEB_SESSION

CHUNK: Final = 500
# Somebody is active who measured or looked in so many days.
LATELY: Final = timedelta(days=30)
_DAY: Final = 86_400_000_000
# What no scale says; the statistics believe the same.
_WEIGHTS: Final = (Decimal(10), Decimal(650))


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: now, in which zone, the fiscal years, and the outcomes."""

    now: datetime
    zone: ZoneInfo
    years: tuple[int, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def ends(self) -> tuple[datetime, ...]:
        """The instant at which each year is looked at: its end, or now."""
        return tuple(min(self.now, _april(year + 1, self.zone)) for year in self.years)

    @property
    def start(self) -> datetime:
        """The beginning of the present fiscal year."""
        return _april(fiscal_year(self.now.astimezone(self.zone).date()), self.zone)


class _Sets(msgspec.Struct, frozen=True):
    """Who did something, by resident id; `kept` by outcome."""

    active: frozenset[str]
    advised: frozenset[str]
    kept: Mapping[str, tuple[frozenset[str], frozenset[str]]]


def people(connection: Connection, asked: Question) -> Iterator[Person]:
    """Everybody who is or was registered, some hundreds at a time."""
    did = _Sets(_active(connection, asked.now), _advised(connection, asked), _kept(connection, asked))
    rows = connection.execute(
        select(RESIDENT.c.id, RESIDENT.c.sex, RESIDENT.c.birth_date).order_by(RESIDENT.c.id)
    ).all()  # fmt: skip
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        names = [row.id for row in part]
        records = repo_consents.events_of(connection, names, "record")
        lives = repo_life.situations(connection, names)
        here = [name for name in names if _registered(records.get(name, ()), lives[name], asked.now)]
        health = _health(connection, here, lives, {row.id: row for row in part}, asked)
        for name in names:
            held = tuple(_registered(records.get(name, ()), lives[name], end) for end in asked.ends)
            if any(held):
                used = {key: name in kept for key, (able, kept) in did.kept.items() if name in able}
                yield Person(
                    town=lived_in(lives[name], asked.now), registered=held, active=name in did.active,
                    advised=name in did.advised, outcomes=used | health.get(name, {}),
                )  # fmt: skip


def delivered(connection: Connection, asked: Question) -> dict[str, int]:
    """How many pieces of advice were delivered in the present fiscal year, by the town they were for."""
    query = select(ADVICE.c.municipality_code, func.count().label("n"))
    query = query.join(ADVICE_EVENT, ADVICE_EVENT.c.advice_id == ADVICE.c.id).where(*_delivered(asked))
    return {row.municipality_code: int(row.n) for row in connection.execute(query.group_by(ADVICE.c.municipality_code))}


def _delivered(asked: Question) -> tuple[Any, ...]:
    first = ADVICE_EVENT.c.from_state.is_distinct_from("delivered")
    since, until = to_micros(asked.start), to_micros(asked.now)
    return ADVICE_EVENT.c.at >= since, ADVICE_EVENT.c.at <= until, ADVICE_EVENT.c.to_state == "delivered", first


def _registered(said: Sequence[Event], life: Situation, when: datetime) -> bool:
    """Whether somebody has a record at an instant: they said yes and take part; a no to one kind is no end of it."""
    code = permits(said, "record", None, None, when).code
    return code in {"granted", "partly-withdrawn"} and gone(life, when) is None


def _active(connection: Connection, now: datetime) -> frozenset[str]:
    since, until = to_micros(now - LATELY), to_micros(now)
    mine = and_(
        READING.c.resident_id == RESIDENT.c.id, READING.c.measured_at >= since, READING.c.measured_at <= until,
        READING.c.outcome == "accepted",
    )  # fmt: skip
    looked = and_(WEB_SESSION.c.subject == RESIDENT.c.id, WEB_SESSION.c.seen >= since)
    query = select(RESIDENT.c.id).where(or_(exists().where(mine), exists().where(looked)))
    return frozenset(connection.execute(query).scalars())


def _advised(connection: Connection, asked: Question) -> frozenset[str]:
    query = select(ADVICE.c.resident_id).join(ADVICE_EVENT, ADVICE_EVENT.c.advice_id == ADVICE.c.id)
    return frozenset(connection.execute(query.where(*_delivered(asked)).distinct()).scalars())


def _kept(connection: Connection, asked: Question) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Per outcome of use: who registered long enough ago, and who of them measured in its days."""
    said = CONSENT.c.purpose == "record"
    first = select(CONSENT.c.resident_id, func.min(CONSENT.c.at).label("at")).where(said, CONSENT.c.granted.is_(True))
    began = first.group_by(CONSENT.c.resident_id).subquery()
    found = {}
    for one in asked.outcomes:
        start, end = one.measure.read_from_day, one.measure.read_to_day
        if start is None or end is None:
            continue
        able = select(began.c.resident_id).where(began.c.at + end * _DAY <= to_micros(asked.now))
        mine = and_(
            READING.c.resident_id == began.c.resident_id, READING.c.outcome == "accepted",
            READING.c.measured_at >= began.c.at + start * _DAY, READING.c.measured_at < began.c.at + end * _DAY,
        )  # fmt: skip
        whole = frozenset(connection.execute(able).scalars())
        found[one.id] = whole, frozenset(connection.execute(able.where(exists().where(mine))).scalars())
    return found


def _health(
    connection: Connection, names: Collection[str], lives: Mapping[str, Situation], rows: Mapping[str, Any],
    asked: Question,
) -> dict[str, dict[str, bool]]:  # fmt: skip
    """What holds of those who agreed to be counted: by resident and outcome, only where it is known."""
    agreed = repo_consents.events_of(connection, names, "open-statistics")
    today = asked.now.astimezone(asked.zone).date()
    ages = {
        name: age_on(date.fromisoformat(rows[name].birth_date), today) for name in names
        if permits(agreed.get(name, ()), "open-statistics", None, None, asked.now).granted
        and refuses(lives[name], "statistics", asked.now) is None
    }  # fmt: skip
    found: dict[str, dict[str, bool]] = {}
    for one in (each for each in asked.outcomes if each.needs == "open-statistics"):
        wanted = [name for name, age in ages.items() if one.is_of(rows[name].sex, age)]
        for name, holds in _holds(connection, one, wanted, asked).items():
            found.setdefault(name, {})[one.id] = holds
    return found


def _holds(connection: Connection, one: Outcome, names: Sequence[str], asked: Question) -> dict[str, bool]:
    measure = one.measure
    if measure.bmi_from is not None and measure.days is not None:
        span = Span(asked.now - timedelta(days=measure.days), asked.now, *_WEIGHTS)
        records = repo_counted.records(connection, names, span) if names else {}
        masses = {name: mass for name, record in records.items() if (mass := _mass(record)) is not None}
        return {name: mass >= measure.bmi_from for name, mass in masses.items()}
    if measure.answer is not None:
        facts = repo_facts.of(connection, names, codes=(measure.answer,))
        said = {name: clinical.standing(rows, asked.now).get(measure.answer, []) for name, rows in facts.items()}
        values = {name: clinical.answered(rows, asked.now).value for name, rows in said.items()}
        return {name: value == 1 for name, value in values.items() if value is not None}
    return {}


def _mass(record: Counted) -> Decimal | None:
    if record.closing or record.kg is None or not record.height_cm or record.height_cm <= 0:
        return None
    return bmi(record.kg, record.height_cm)


def _april(year: int, zone: ZoneInfo) -> datetime:
    return datetime.combine(date(year, 4, 1), time(), zone)
