"""A doctor's or nurse's word that a resident may see a fact or an entry: given once, kept with its audit entry."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from engine.contract.ids import is_id
from engine.store import audit
from engine.store.database import insert_new
from engine.store.instants import from_micros, to_micros
from engine.store.repo_facts import By
from engine.store.tables_bridge import CARE_ENTRY
from engine.store.tables_clinical import FACT
from engine.store.tables_desk import FACT_RELEASE

_MINE: Final = (FACT, CARE_ENTRY)


def release(connection: Connection, fact: str, by: By, now: datetime) -> bool:
    """Lets the resident see `fact` (or an entry, by its id) from now on; False where it was released before."""
    row = {"fact_id": fact, "by": by.actor, "at": to_micros(now)}
    if not insert_new(connection, FACT_RELEASE, [row]):
        return False
    action = "entry-release" if is_id(fact, "e") else "fact-release"
    entry = audit.Entry(at=to_micros(now), actor=by.actor, os_user=by.os_user, action=action, subject=fact)
    audit.append(connection, entry)
    return True


def released(connection: Connection, facts: Iterable[str]) -> dict[str, datetime]:
    """Which of these facts and entries were released, and when."""
    query = select(FACT_RELEASE.c.fact_id, FACT_RELEASE.c.at).where(FACT_RELEASE.c.fact_id.in_(sorted(set(facts))))
    return {row.fact_id: from_micros(row.at) for row in connection.execute(query)}


def released_to(connection: Connection, resident: str) -> dict[str, datetime]:
    """Every fact and every entry of one resident that was released, and when."""
    found: dict[str, datetime] = {}
    for table in _MINE:
        query = select(FACT_RELEASE.c.fact_id, FACT_RELEASE.c.at).join(table, table.c.id == FACT_RELEASE.c.fact_id)
        rows = connection.execute(query.where(table.c.resident_id == resident))
        found |= {row.fact_id: from_micros(row.at) for row in rows}
    return found
