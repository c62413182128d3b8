"""What staff wrote down about a resident, perhaps beside a piece of advice; written once, never changed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from random import Random
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, insert, select

from engine.contract.ids import new_id
from engine.store import audit
from engine.store.instants import from_micros, to_micros
from engine.store.tables_desk import STAFF_NOTE

Kind = Literal["note", "watch"]


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """One note: `author` is who wrote it, `advice` the item it stands beside, if any."""

    id: str
    resident: str
    author: str
    at: datetime
    text: str
    kind: Kind = "note"
    advice: str | None = None


def add(
    connection: Connection,
    *,
    resident: str,
    author: str,
    text: str,
    now: datetime,
    rng: Random,
    os_user: str,
    kind: Kind = "note",
    advice: str | None = None,
) -> Note:
    """Keeps a note with its audit entry, which holds no word of it."""
    made = Note(
        id=new_id("n", rng), resident=resident, author=author, at=now, text=text, kind=kind, advice=advice
    )  # fmt: skip
    row = {
        "id": made.id, "resident_id": resident, "advice_id": advice, "kind": kind, "author": author,
        "at": to_micros(now), "text": text,
    }  # fmt: skip
    connection.execute(insert(STAFF_NOTE), row)
    entry = audit.Entry(
        at=to_micros(now), actor=author, os_user=os_user, action="note-add", subject=advice or resident,
        detail_hash=audit.detail_hash([made.id, kind, text]),
    )  # fmt: skip
    audit.append(connection, entry)
    return made


def of_resident(
    connection: Connection, resident: str, kinds: Collection[str] = ("note",), limit: int = 100
) -> list[Note]:
    """The newest notes of these kinds about one resident, newest first."""
    where = (STAFF_NOTE.c.resident_id == resident) & STAFF_NOTE.c.kind.in_(sorted(kinds))
    return _read(connection, where, limit)


def of_advice(connection: Connection, advice: str, limit: int = 100) -> list[Note]:
    """The newest notes beside one piece of advice, newest first."""
    return _read(connection, STAFF_NOTE.c.advice_id == advice, limit)


def _read(connection: Connection, where: Any, limit: int) -> list[Note]:
    query = select(STAFF_NOTE).where(where).order_by(STAFF_NOTE.c.at.desc(), STAFF_NOTE.c.id.desc()).limit(limit)
    return [
        Note(
            id=row["id"], resident=row["resident_id"], author=row["author"], at=from_micros(row["at"]),
            text=row["text"], kind=row["kind"], advice=row["advice_id"],
        )
        for row in connection.execute(query).mappings()
    ]  # fmt: skip
