"""Measures of support: who is hidden now. Whoever shows a resident to household or family asks here first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from engine import protection
from engine.consent import Event
from engine.people import Resident
from engine.protection import Protection
from engine.store import repo_residents
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.tables import RESIDENT
from engine.store.tables_rights import PROTECTION


def shielded(connection: Connection, residents: Iterable[str], when: datetime) -> frozenset[str]:
    """Those of `residents` whom household and family must not find at `when`."""
    return frozenset(name for name, found in _of(connection, residents).items() if _holds(found, when))


def counting(connection: Connection, resident: str, events: Iterable[Event], when: datetime) -> list[Event]:
    """What of the resident's words about others' looks counts at `when`: nothing under a measure, then what came after.

    What somebody agreed to before they had to hide opens nothing when the measure runs out unnoticed.
    """
    measures = _of(connection, [resident]).get(resident, [])
    if _holds(measures, when):
        return []
    since = protection.heard_from(measures, when)
    return [event for event in events if since is None or event.at >= since]


def masked(connection: Connection, person: Resident, when: datetime) -> Resident:
    """`person` without address, telephone and emergency contact while hidden; for reading, never to be stored."""
    return masked_all(connection, [person], when)[0]


def masked_all(connection: Connection, people: Collection[Resident], when: datetime) -> list[Resident]:
    """The same of many at once, in their order."""
    hidden = shielded(connection, [person.id for person in people], when)
    return [
        msgspec.structs.replace(person, address=None, phone=None, emergency_contact=None)
        if person.id in hidden
        else person
        for person in people
    ]


def of(connection: Connection, resident: str) -> list[Protection]:
    """Every measure there ever was of a resident, oldest first."""
    return _of(connection, [resident]).get(resident, [])


def standing(
    connection: Connection, towns: Collection[str] | None, when: datetime
) -> list[tuple[Protection, Resident]]:
    """The measures that hold in these towns (None: all), with whom they hide; the first to end first."""
    query = select(PROTECTION).join(RESIDENT, RESIDENT.c.id == PROTECTION.c.resident_id)
    if towns is not None:
        query = query.where(RESIDENT.c.municipality_code.in_(sorted(towns)))
    found = [_protection(row) for row in connection.execute(query).mappings()]
    held = [one for one in found if protection.holds(one, when)]
    people = {person.id: person for person in repo_residents.get_many(connection, {one.resident for one in held})}
    ordered = sorted(held, key=lambda one: (protection.end_of(one), one.id))
    return [(one, people[one.resident]) for one in ordered]


def _of(connection: Connection, residents: Iterable[str]) -> dict[str, list[Protection]]:
    names, found = sorted(set(residents)), defaultdict(list)
    for some in parts_of(names):
        part = PROTECTION.c.resident_id.in_(some)
        query = select(PROTECTION).where(part).order_by(PROTECTION.c.since, PROTECTION.c.id)
        for row in connection.execute(query).mappings():
            found[row["resident_id"]].append(_protection(row))
    return dict(found)


def _holds(measures: Iterable[Protection], when: datetime) -> bool:
    return any(protection.holds(one, when) for one in measures)


def row_of(measure: Protection) -> dict[str, Any]:
    """A measure as its table keeps it."""
    row = msgspec.structs.asdict(measure)
    row["resident_id"] = row.pop("resident")
    for name in ("since", "until", "at", "ended_at"):
        row[name] = None if row[name] is None else to_micros(row[name])
    return row


def _protection(row: Any) -> Protection:
    ended = None if row["ended_at"] is None else from_micros(row["ended_at"])
    return Protection(
        id=row["id"], resident=row["resident_id"], since=from_micros(row["since"]), until=from_micros(row["until"]),
        seen=row["seen"], by=row["by"], at=from_micros(row["at"]), ended_at=ended,
        ended_by=row["ended_by"], version=row["version"],
    )  # fmt: skip
