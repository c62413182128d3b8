"""Whom the statistics may count and with what: read in a few statements for the whole city, once a release.

The database finds the last sound weight of the period by walking an index backwards, so that years of weighings cost
no more than a day. Nothing here decides who is counted; that is the statistics' own rule.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Numeric, Text, and_, cast, func, or_, select

from engine.consent import Event
from engine.consent_texts import Purpose
from engine.store.instants import from_micros, to_micros
from engine.store.tables import CONSENT, MEASUREMENT, READING, RESIDENT, TALLY
from engine.store.tables_rights import CLOSURE, LIFE_EVENT, ONE_ID
from engine.store.tables_statistics import HELD_INTEREST

WEIGHED: Final = "body-weight"
# What a device of somebody's home told a gateway of ours; what was typed in or came as a file nobody has confirmed.
HEARD: Final = ("bonded", "broadcast")


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """One record of a resident: what the register says, and the last sound weight of the period, None without any."""

    id: str
    born: date
    sex: str
    height_cm: Decimal | None
    height_on: date | None
    municipality: str
    status: str
    closing: bool
    weighed_at: datetime | None
    kg: Decimal | None


class Span(msgspec.Struct, frozen=True):
    """The instants a weight must lie in: from the first, before the second; and the weights in kg a scale can show."""

    start: datetime
    end: datetime
    least: Decimal
    most: Decimal


def everybody(connection: Connection, span: Span, same: Mapping[str, Collection[str]]) -> dict[str, Counted]:
    """Who ever said anything about open statistics, each with the last sound weight in `span`, by id.

    Other records of the same people (`same_people`) are here, too.
    """
    spoke = select(CONSENT.c.resident_id).where(CONSENT.c.purpose == "open-statistics")
    return _read(connection, or_(RESIDENT.c.id.in_(spoke), RESIDENT.c.id.in_(sorted(same))), span)


def records(connection: Connection, ids: Collection[str], span: Span) -> dict[str, Counted]:
    """These residents (at most some hundreds), each with the last sound weight in `span`, by id."""
    return _read(connection, RESIDENT.c.id.in_(sorted(ids)), span)


def same_people(connection: Connection) -> dict[str, tuple[str, ...]]:
    """All ids of a person, by each of them, for those who have several.

    Two records are one person's when the insured number, the birth date and the kana of the name are the same; twins
    share the first two.
    """
    key = (RESIDENT.c.birth_date, RESIDENT.c.kana_key)
    numbered = RESIDENT.c.insured_number.is_not(None)
    alike = select(*key).where(numbered).group_by(*key).having(func.count() > 1).subquery()
    both = (alike.c.birth_date == RESIDENT.c.birth_date) & (alike.c.kana_key == RESIDENT.c.kana_key)
    query = select(RESIDENT.c.id, RESIDENT.c.insured_number, *key).join(alike, both).where(numbered)
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for name, number, born, kana in connection.execute(query.order_by(RESIDENT.c.id)):
        if plain := _plain(number):
            groups[plain, born, kana].append(name)
    return {name: tuple(ids) for ids in groups.values() if len(ids) > 1 for name in ids}


def words(connection: Connection, purpose: Purpose, recipient: str | None = None) -> Mapping[str, list[Event]]:
    """What everybody ever said about a purpose, by resident; with `recipient` only what concerns that one or all."""
    consent = CONSENT.c
    query = select(
        consent.resident_id, consent.granted, consent.at, consent.until, consent.recipient, consent.kind, consent.seq
    ).where(consent.purpose == purpose)
    if recipient is not None:
        query = query.where(or_(consent.recipient.is_(None), consent.recipient == recipient))
    found: dict[str, list[Event]] = defaultdict(list)
    for who, granted, at, until, to, kind, seq in connection.execute(query):
        event = Event(
            resident=who, purpose=purpose, granted=granted, at=from_micros(at),
            until=None if until is None else from_micros(until), recipient=to, kind=kind, seq=seq,
        )  # fmt: skip
        found[who].append(event)
    return found


def eventful(connection: Connection) -> set[str]:
    """Of whose life anything was ever recorded, or who is registered as gone."""
    told = set(connection.execute(select(LIFE_EVENT.c.resident_id).distinct()).scalars())
    return told | set(connection.execute(select(RESIDENT.c.id).where(RESIDENT.c.status != "active")).scalars())


def stamp(connection: Connection) -> tuple[int, ...]:
    """What is no more the same once anybody said, chose, became or was asked to be forgotten anything.

    Weights are not in it: one that comes or is filed anew after it was read came too late for what read it.
    """
    people = select(func.sum(TALLY.c.count)).where(TALLY.c.outcome == "change")
    life = select(func.coalesce(func.sum(LIFE_EVENT.c.version), 0))
    tables = (CONSENT, LIFE_EVENT, CLOSURE, HELD_INTEREST, ONE_ID, RESIDENT)
    counts = [select(func.count()).select_from(table) for table in tables]
    ended = select(func.count()).where(ONE_ID.c.ended_at.is_not(None))
    return tuple(int(connection.execute(query).scalar() or 0) for query in (people, life, ended, *counts))


def subjects(connection: Connection) -> Mapping[str, Collection[str]]:
    """The names under which the city's identity provider knows residents today, as far as it does."""
    found: dict[str, list[str]] = defaultdict(list)
    live = select(ONE_ID.c.holder, ONE_ID.c.subject).where(ONE_ID.c.ended_at.is_(None))
    for holder, subject in connection.execute(live.order_by(ONE_ID.c.seq)):
        found[holder].append(subject)
    return found


def _read(connection: Connection, where: Any, span: Span) -> dict[str, Counted]:
    query = select(
        RESIDENT.c.id, RESIDENT.c.birth_date, RESIDENT.c.sex, RESIDENT.c.height_cm, RESIDENT.c.height_on,
        RESIDENT.c.municipality_code, RESIDENT.c.status, _closing(), _last_sound(span),
    ).where(where)  # fmt: skip
    return {row[0]: _counted(row) for row in connection.execute(query)}


def _plain(number: str) -> str:
    """An insured number however it was typed: full width, with blanks or hyphens."""
    kept = unicodedata.normalize("NFKC", number)
    return "".join(character for character in kept if character.isalnum()).upper()


def _closing() -> Any:
    asked = CLOSURE.c.state.in_(("asked", "erased")) & (CLOSURE.c.resident_id == RESIDENT.c.id)
    return select(CLOSURE.c.resident_id).where(asked).exists()


def _last_sound(span: Span) -> Any:
    """Instant and weight of the last weighing that is confirmed, dated, plausible and told by a device.

    As one text, "micros kg", so that the index is walked once; of one instant the heavier counts.
    """
    kg = cast(MEASUREMENT.c.value, Numeric)
    mine = and_(
        MEASUREMENT.c.resident_id == RESIDENT.c.id, MEASUREMENT.c.kind == WEIGHED,
        MEASUREMENT.c.measured_at >= to_micros(span.start), MEASUREMENT.c.measured_at < to_micros(span.end),
        kg >= span.least, kg <= span.most,
    )  # fmt: skip
    sound = and_(
        READING.c.outcome == "accepted", READING.c.certainty == "sure", READING.c.time_quality != "unknown",
        READING.c.experimental.is_(False), READING.c.quality.is_(None), READING.c.provenance.in_(HEARD),
    )  # fmt: skip
    told = cast(MEASUREMENT.c.measured_at, Text) + " " + MEASUREMENT.c.value
    query = select(told).join(READING, READING.c.id == MEASUREMENT.c.reading_id).where(mine, sound)
    ordered = query.order_by(MEASUREMENT.c.measured_at.desc(), kg.desc(), MEASUREMENT.c.reading_id)
    return ordered.limit(1).correlate(RESIDENT).scalar_subquery()


def _counted(row: Any) -> Counted:
    name, born, sex, tall, on, town, status, closing, last = row
    at, _, kg = (last or "").partition(" ")
    return Counted(
        id=name, born=date.fromisoformat(born), sex=sex, height_cm=None if tall is None else Decimal(tall),
        height_on=None if on is None else date.fromisoformat(on), municipality=town, status=status,
        closing=bool(closing), weighed_at=from_micros(int(at)) if at else None, kg=Decimal(kg) if at else None,
    )  # fmt: skip
