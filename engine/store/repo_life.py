"""What happened in residents' lives, as it is stored: read for many at once, written with its audit entry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, exists, insert, or_, select, update

from engine.situation import MOVES, SORTS, Detail, LifeEvent, Situation, effect
from engine.store import audit
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.repo_facts import By
from engine.store.tables import RESIDENT
from engine.store.tables_rights import LIFE_EVENT
from engine.store.tallies import note_people_changed

# A gateway's backlog is no older than this; what is, is asked about.
BACKLOG: Final = timedelta(days=400)


def situations(connection: Connection, residents: Iterable[str]) -> dict[str, Situation]:
    """The situation of each of these residents who exists, in two queries for 500 of them."""
    names = sorted(set(residents))
    found: dict[str, Situation] = {}
    for part in parts_of(names):
        events = _events(connection, LIFE_EVENT.c.resident_id.in_(part))
        query = select(RESIDENT.c.id, RESIDENT.c.status, RESIDENT.c.municipality_code, RESIDENT.c.household_id)
        for row in connection.execute(query.where(RESIDENT.c.id.in_(part))):
            found[row.id] = Situation(
                resident=row.id, status=row.status, municipality=row.municipality_code, household=row.household_id,
                events=tuple(events.get(row.id, ())),
            )  # fmt: skip
    return found


def situation(connection: Connection, resident: str) -> Situation:
    """The situation of one resident; of one that does not exist, one who left."""
    return situations(connection, [resident]).get(resident) or Situation(resident=resident, status="left")


def of(connection: Connection, resident: str) -> list[LifeEvent]:
    """Everything that was ever recorded of this resident's life, oldest first, taken back or not."""
    return _events(connection, LIFE_EVENT.c.resident_id == resident).get(resident, [])


def get(connection: Connection, id: str) -> LifeEvent | None:  # noqa: A002
    """The event of that id."""
    found = _events(connection, LIFE_EVENT.c.id == id)
    return next((event for events in found.values() for event in events), None)


def unfinished(connection: Connection, now: datetime, limit: int = 100) -> list[LifeEvent]:
    """Events whose beginning or end has come, and of which what follows is not done yet; oldest first."""
    at = to_micros(now)
    begun = LIFE_EVENT.c.detail.contains('"begun":true')
    over = LIFE_EVENT.c.detail.contains('"over":true')
    due = ((LIFE_EVENT.c.since <= at) & ~begun) | ((LIFE_EVENT.c.until <= at) & ~over)
    query = select(LIFE_EVENT).where(LIFE_EVENT.c.taken_back_at.is_(None), due)
    rows = connection.execute(query.order_by(LIFE_EVENT.c.since, LIFE_EVENT.c.id).limit(limit)).mappings()
    return [_event(row) for row in rows]


def moved_from(connection: Connection, homes: Collection[str], now: datetime) -> list[LifeEvent]:
    """The moves away from one of these households that are not so long ago that a backlog could not tell of before."""
    lately = LIFE_EVENT.c.sort.in_(sorted(MOVES)) & (LIFE_EVENT.c.since >= to_micros(now - BACKLOG))
    found: list[LifeEvent] = []
    names = sorted(homes)
    for start in range(0, len(names), 50):
        named = or_(*(LIFE_EVENT.c.detail.contains(f'"{home}"') for home in names[start : start + 50]))
        rows = connection.execute(select(LIFE_EVENT).where(lately, named, LIFE_EVENT.c.taken_back_at.is_(None)))
        found += [_event(row) for row in rows.mappings()]
    return [event for event in found if event.detail.before and event.detail.before.household in homes]


def excuses(resident: Any, since: datetime, now: datetime) -> Any:
    """A condition: the resident of that column was in hospital or a care home since, or moved: `is_excused` as SQL."""
    pausing = [sort for sort in SORTS if effect(sort, "watching") == "pause"]
    told = (LIFE_EVENT.c.resident_id == resident) & LIFE_EVENT.c.taken_back_at.is_(None)
    begun, from_then = LIFE_EVENT.c.since <= to_micros(now), to_micros(since)
    stay = LIFE_EVENT.c.sort.in_(pausing) & or_(LIFE_EVENT.c.until.is_(None), LIFE_EVENT.c.until > from_then)
    move = LIFE_EVENT.c.sort.in_(sorted(MOVES)) & (LIFE_EVENT.c.since > from_then)
    return exists().where(told, begun, or_(stay, move))


def add(connection: Connection, event: LifeEvent, by: By, now: datetime) -> None:
    """Stores a new event with its audit entry."""
    connection.execute(insert(LIFE_EVENT), _row(event))
    note_people_changed(connection)
    _record(connection, "life-record", event, by, now)


def change(connection: Connection, event: LifeEvent, by: By | None, now: datetime, action: str = "") -> bool:
    """Stores `event`, one version on, where it is as it was read; with an audit entry where somebody did it."""
    mine = (LIFE_EVENT.c.id == event.id) & (LIFE_EVENT.c.version == event.version)
    row = _row(msgspec.structs.replace(event, version=event.version + 1))
    if by is not None and event.taken_back_at is not None:
        row["taken_back_by"] = by.actor
    if connection.execute(update(LIFE_EVENT).where(mine).values(row)).rowcount != 1:
        return False
    note_people_changed(connection)
    if by is not None:
        _record(connection, action, event, by, now)
    return True


def _events(connection: Connection, where: Any) -> dict[str, list[LifeEvent]]:
    found: dict[str, list[LifeEvent]] = defaultdict(list)
    query = select(LIFE_EVENT).where(where).order_by(LIFE_EVENT.c.since, LIFE_EVENT.c.at, LIFE_EVENT.c.id)
    for row in connection.execute(query).mappings():
        found[row["resident_id"]].append(_event(row))
    return found


def _record(connection: Connection, action: str, event: LifeEvent, by: By, now: datetime) -> None:
    audit.note(connection, action, event.resident, by, now, [event.id, event.version])


def _row(event: LifeEvent) -> dict[str, Any]:
    return {
        "id": event.id, "resident_id": event.resident, "sort": event.sort, "since": to_micros(event.since),
        "until": None if event.until is None else to_micros(event.until),
        "detail": msgspec.json.encode(event.detail).decode(), "by": event.by, "at": to_micros(event.at),
        "taken_back_at": None if event.taken_back_at is None else to_micros(event.taken_back_at),
        "reason": event.reason, "version": event.version,
    }  # fmt: skip


def _event(row: Any) -> LifeEvent:
    until, back = row["until"], row["taken_back_at"]
    return LifeEvent(
        id=row["id"], resident=row["resident_id"], sort=row["sort"], since=from_micros(row["since"]),
        until=None if until is None else from_micros(until), detail=msgspec.json.decode(row["detail"], type=Detail),
        by=row["by"], at=from_micros(row["at"]), taken_back_at=None if back is None else from_micros(back),
        reason=row["reason"], version=row["version"],
    )  # fmt: skip
