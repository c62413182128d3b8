"""A doctor's or nurse's word that a resident may see a fact: given once, kept with its audit entry."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, select

from engine.store import audit
from engine.store.database import insert_new
from engine.store.instants import from_micros, to_micros
from engine.store.repo_facts import By
from engine.store.tables_clinical import FACT
from engine.store.tables_desk import FACT_RELEASE


def release(connection: Connection, fact: str, by: By, now: datetime) -> bool:
    """Lets the resident see `fact` from now on; False where it was released before."""
    row = {"fact_id": fact, "by": by.actor, "at": to_micros(now)}
    if not insert_new(connection, FACT_RELEASE, [row]):
        return False
    entry = audit.Entry(at=to_micros(now), actor=by.actor, os_user=by.os_user, action="fact-release", subject=fact)
    audit.append(connection, entry)
    return True


def released(connection: Connection, facts: Iterable[str]) -> dict[str, datetime]:
    """Which of these facts were released, and when."""
    query = select(FACT_RELEASE.c.fact_id, FACT_RELEASE.c.at).where(FACT_RELEASE.c.fact_id.in_(sorted(set(facts))))
    return {row.fact_id: from_micros(row.at) for row in connection.execute(query)}


def released_to(connection: Connection, resident: str) -> dict[str, datetime]:
    """Every fact of one resident that was released, and when."""
    query = select(FACT_RELEASE.c.fact_id, FACT_RELEASE.c.at).join(FACT, FACT.c.id == FACT_RELEASE.c.fact_id)
    found = connection.execute(query.where(FACT.c.resident_id == resident))
    return {row.fact_id: from_micros(row.at) for row in found}
