"""How advice was decided and who was reached: what the order of the queue looks at and learns from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Select, func, select

from engine.ranking_samples import Trace, verdict
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.tables import ADVICE, ADVICE_EVENT, BINDING, RESIDENT

_TELLING: Final = ("approve", "reject", "edit", "undo", "deliver")


class Whose(msgspec.Struct, frozen=True):
    """Of a resident, what fairness asks for."""

    municipality: str
    birth_date: date
    bound: bool


class Group(msgspec.Struct, frozen=True):
    """Active residents of a municipality born in one year, and how many of them advice was delivered to."""

    municipality: str
    born: int
    residents: int
    contacted: int


def traces(connection: Connection, residents: Iterable[str] | None = None, *, whole: bool = True) -> list[Trace]:
    """Every piece of advice with a decision that stands, of everybody or of these residents, oldest first.

    Without `whole` the evidence, which is large, is left empty.
    """
    if residents is None:
        return _traces(connection, None, whole=whole)
    return [one for part in parts_of(sorted(set(residents))) for one in _traces(connection, part, whole=whole)]


def _traces(connection: Connection, residents: Sequence[str] | None, *, whole: bool) -> list[Trace]:
    columns = [ADVICE.c.id, ADVICE.c.resident_id, ADVICE.c.topic, ADVICE.c.severity]
    query = select(*columns, *([ADVICE.c.evidence] if whole else [])).order_by(ADVICE.c.created_at, ADVICE.c.id)
    events = select(ADVICE_EVENT.c.advice_id, ADVICE_EVENT.c.command, ADVICE_EVENT.c.at)
    events = events.where(ADVICE_EVENT.c.command.in_(_TELLING)).order_by(ADVICE_EVENT.c.seq)
    if residents is not None:
        query = query.where(ADVICE.c.resident_id.in_(residents))
        events = events.join(ADVICE, ADVICE.c.id == ADVICE_EVENT.c.advice_id).where(ADVICE.c.resident_id.in_(residents))
    told: dict[str, list[tuple[str, datetime]]] = defaultdict(list)
    for row in connection.execute(events):
        told[row.advice_id].append((row.command, from_micros(row.at)))
    return list(_decided(connection, query, told, whole=whole))


def _decided(
    connection: Connection, query: Select[Any], told: dict[str, list[tuple[str, datetime]]], *, whole: bool
) -> Iterator[Trace]:
    for row in connection.execute(query):
        found = verdict(told[row.id]) if row.id in told else None
        if found is not None:
            yield Trace(
                advice=row.id, resident=row.resident_id, topic=row.topic, severity=row.severity,
                evidence=msgspec.json.decode(row.evidence) if whole else {}, accepted=found.accepted,
                decided_at=found.decided_at, delivered_at=found.delivered_at,
            )  # fmt: skip


def whose(connection: Connection, residents: Iterable[str]) -> dict[str, Whose]:
    """The people among these ids; `bound` tells whether any device slot is theirs."""
    found: dict[str, Whose] = {}
    for part in parts_of(sorted(set(residents))):
        bindings = select(BINDING.c.resident_id).where(BINDING.c.resident_id.in_(part)).distinct()
        bound = set(connection.execute(bindings).scalars())
        query = select(RESIDENT.c.id, RESIDENT.c.municipality_code, RESIDENT.c.birth_date)
        for row in connection.execute(query.where(RESIDENT.c.id.in_(part))):
            found[row.id] = Whose(row.municipality_code, date.fromisoformat(row.birth_date), row.id in bound)
    return found


def groups(connection: Connection, since: datetime) -> list[Group]:
    """Active residents and those advice was delivered to since then, counted by municipality and year of birth."""
    born = func.substr(RESIDENT.c.birth_date, 1, 4).label("born")
    place = RESIDENT.c.municipality_code
    people = select(place, born, func.count().label("n")).where(RESIDENT.c.status == "active").group_by(place, born)
    # What was delivered stays as it is: its last change is the delivery.
    out = (ADVICE.c.state == "delivered") & (ADVICE.c.updated_at >= to_micros(since))
    reached = (
        select(place, born, func.count(RESIDENT.c.id.distinct()).label("n"))
        .join(ADVICE, ADVICE.c.resident_id == RESIDENT.c.id)
        .where(RESIDENT.c.status == "active", out)
        .group_by(place, born)
    )
    contacted = {(row.municipality_code, row.born): row.n for row in connection.execute(reached)}
    return [
        Group(row.municipality_code, int(row.born), row.n, contacted.get((row.municipality_code, row.born), 0))
        for row in connection.execute(people.order_by(place, born))
    ]
