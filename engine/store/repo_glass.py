"""Looks into a record without the usual right to it: written down for good, shown to the resident, short."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, insert, select

from engine.contract.ids import new_id
from engine.store import audit
from engine.store.instants import from_micros, to_micros
from engine.store.tables import RESIDENT
from engine.store.tables_desk import BREAK_GLASS

LIFE: Final = timedelta(minutes=60)


class Glass(msgspec.Struct, frozen=True, kw_only=True):
    """One look: who broke the glass of whose record, why, and until when it stays open."""

    id: str
    staff: str
    resident: str
    reason: str
    at: datetime
    until: datetime


def smash(
    connection: Connection, staff: str, resident: str, reason: str, now: datetime, rng: Random, os_user: str
) -> Glass:
    """Opens a record to one person for an hour, with its audit entry; the reason is never empty."""
    glass = Glass(id=new_id("b", rng), staff=staff, resident=resident, reason=reason, at=now, until=now + LIFE)
    row = {
        "id": glass.id, "staff_id": staff, "resident_id": resident, "reason": reason, "at": to_micros(now),
        "until": to_micros(glass.until),
    }  # fmt: skip
    connection.execute(insert(BREAK_GLASS), row)
    entry = audit.Entry(
        at=to_micros(now), actor=staff, os_user=os_user, action="break-glass", subject=resident,
        detail_hash=audit.detail_hash([glass.id, reason]),
    )  # fmt: skip
    audit.append(connection, entry)
    return glass


def broken(connection: Connection, staff: str, resident: str, now: datetime) -> Glass | None:
    """The look of this person into this record that is still open."""
    return next((one for one in of(connection, resident) if one.staff == staff and now < one.until), None)


def of(connection: Connection, resident: str) -> list[Glass]:
    """Every look there ever was into one record, newest first."""
    query = select(BREAK_GLASS).where(BREAK_GLASS.c.resident_id == resident).order_by(BREAK_GLASS.c.at.desc())
    return [_glass(row) for row in connection.execute(query).mappings()]


def recent(connection: Connection, towns: frozenset[str] | None, since: datetime) -> list[Glass]:
    """The looks at residents of these towns (None: of all) since then, newest first: what is told as an alarm."""
    query = select(BREAK_GLASS).where(BREAK_GLASS.c.at >= to_micros(since)).order_by(BREAK_GLASS.c.at.desc())
    found = [_glass(row) for row in connection.execute(query).mappings()]
    if towns is None or not found:
        return found
    # Glass is broken rarely and residents are many: the few are looked up, not the many joined.
    ids = sorted({one.resident for one in found})
    there = select(RESIDENT.c.id).where(RESIDENT.c.id.in_(ids), RESIDENT.c.municipality_code.in_(sorted(towns)))
    near = {name for (name,) in connection.execute(there)}
    return [one for one in found if one.resident in near]


def _glass(row: Any) -> Glass:
    return Glass(
        id=row["id"], staff=row["staff_id"], resident=row["resident_id"], reason=row["reason"],
        at=from_micros(row["at"]), until=from_micros(row["until"]),
    )  # fmt: skip
