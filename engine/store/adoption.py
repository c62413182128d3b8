"""Readings that overtook the note that introduces their device: they become their owner's when the note arrives."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from engine.assignment import holder_of
from engine.intake import Household
from engine.store import repo_outbox, tallies
from engine.store.readings import EVALUATE
from engine.store.tables import MEASUREMENT, READING


def adopt(connection: Connection, device: str, home: Household, now: datetime) -> int:
    """Give what waits of a device that was unknown until now to those its first note names; how many.

    Nobody could have been asked about these readings yet, so the bindings made at pairing hold for them, too. What a
    resident does not let us record stays nobody's, and kinds they withhold are dropped.
    """
    facts = home.devices.get(device)
    if facts is None or not facts.bindings:
        return 0
    waiting = (READING.c.device_id == device) & (READING.c.household_id == home.id)
    waiting &= (READING.c.outcome == "unassigned") & (READING.c.source == "ble")
    owners: dict[str, list[str]] = {}
    for row in connection.execute(select(READING.c.id, READING.c.user_slot).where(waiting)):
        owner = holder_of(row.user_slot, facts.bindings)
        if owner in home.recording:
            owners.setdefault(owner, []).append(row.id)
    for owner, ids in owners.items():
        withheld = home.withheld.get(owner, frozenset())
        mine = MEASUREMENT.c.reading_id.in_(ids)
        if withheld:
            connection.execute(delete(MEASUREMENT).where(mine, MEASUREMENT.c.kind.in_(withheld)))
        connection.execute(update(MEASUREMENT).where(mine).values(resident_id=owner))
        given = {"resident_id": owner, "certainty": "sure", "outcome": "accepted"}
        connection.execute(update(READING).where(READING.c.id.in_(ids)).values(given))
    repo_outbox.put(connection, EVALUATE, owners, now)
    count = sum(len(ids) for ids in owners.values())
    tallies.add(connection, {("adopted", ""): count} if count else {})
    return count
