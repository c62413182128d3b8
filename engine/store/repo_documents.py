"""Which files readings of a resident came from: the form, how many, and of which days."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Connection, func, select

from engine.store.instants import from_micros
from engine.store.tables import READING

_MARK = "import-"


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """The readings of one form of file; `form` names the program it came from, `taken` when the last one came in."""

    form: str
    count: int
    first: datetime
    last: datetime
    taken: datetime


def imported(connection: Connection, resident: str) -> list[Imported]:
    """What files brought of a resident's readings, newest first."""
    counted = select(
        READING.c.profile, func.count(), func.min(READING.c.measured_at), func.max(READING.c.measured_at),
        func.max(READING.c.stored_at),
    )  # fmt: skip
    mine = (READING.c.resident_id == resident) & (READING.c.source == "import")
    rows = connection.execute(counted.where(mine).group_by(READING.c.profile))
    found = [
        Imported(
            form=profile.removeprefix(_MARK), count=count, first=from_micros(first), last=from_micros(last),
            taken=from_micros(taken),
        )
        for profile, count, first, last, taken in rows
    ]  # fmt: skip
    return sorted(found, key=lambda one: one.taken, reverse=True)
