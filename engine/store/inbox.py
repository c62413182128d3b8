"""Readings of nobody yet: shown to people, given to their owner with time and values kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, delete, select, update

from engine.assignment import holder_of
from engine.intake import Household
from engine.refusal import Refusal
from engine.store import audit, repo_outbox, tallies
from engine.store.households import household_of
from engine.store.instants import from_micros, to_micros
from engine.store.readings import EVALUATE
from engine.store.tables import MEASUREMENT, READING


class Waiting(msgspec.Struct, frozen=True):
    """A reading that waits for an owner; `values` are (kind, value, unit)."""

    id: str
    household: str
    device: str
    slot: int | None
    measured_at: datetime
    values: tuple[tuple[str, str, str], ...]


def waiting(connection: Connection, household: str | None = None, limit: int = 200) -> list[Waiting]:
    """Up to `limit` readings of nobody, newest first: of one household or of all."""
    query = select(READING).where(READING.c.outcome == "unassigned").order_by(READING.c.measured_at.desc()).limit(limit)
    if household is not None:
        query = query.where(READING.c.household_id == household)
    rows = connection.execute(query).all()
    said: dict[str, list[tuple[str, str, str]]] = {}
    for row in connection.execute(select(MEASUREMENT).where(MEASUREMENT.c.reading_id.in_([row.id for row in rows]))):
        said.setdefault(row.reading_id, []).append((row.kind, row.value, row.unit))
    return [
        Waiting(
            row.id,
            row.household_id,
            row.device_id,
            row.user_slot,
            from_micros(row.measured_at),
            tuple(said.get(row.id, ())),
        )
        for row in rows
    ]


def assign(
    connection: Connection, reading: str, resident: str, now: datetime, *, actor: str, os_user: str
) -> Refusal | None:
    """Give a waiting reading to `resident`, whom a person named; the reason when that cannot be.

    Refused: `unknown-reading`, `already-assigned`, `not-in-household`, `no-consent`.
    """
    row = connection.execute(select(READING).where(READING.c.id == reading)).first()
    if row is None:
        return Refusal("unknown-reading", f"there is no reading {reading}")
    if row.outcome != "unassigned":
        return Refusal("already-assigned", f"reading {reading} already has an owner")
    home = household_of(connection, row.household_id, now)
    if resident not in home.residents:
        return Refusal("not-in-household", f"resident {resident} does not live where this was measured")
    if resident not in home.recording:
        return Refusal("no-consent", f"resident {resident} does not let us record")
    _give(connection, [reading], resident, home, now)
    entry = audit.Entry(
        at=to_micros(now),
        actor=actor,
        os_user=os_user,
        action="reading-assign",
        subject=reading,
        detail_hash=audit.detail_hash([reading, resident]),
    )
    audit.append(connection, entry)
    return None


def adopt(connection: Connection, device: str, home: Household, now: datetime) -> int:
    """Give what waits of a device that was unknown until now to those its first note names; how many.

    Nobody could have been asked about these readings yet, so the bindings made at pairing hold for them, too. What a
    resident does not let us record stays nobody's.
    """
    facts = home.devices.get(device)
    if facts is None or not facts.bindings:
        return 0
    mine = (READING.c.device_id == device) & (READING.c.household_id == home.id)
    mine &= (READING.c.outcome == "unassigned") & (READING.c.source == "ble")
    owners: dict[str, list[str]] = {}
    for row in connection.execute(select(READING.c.id, READING.c.user_slot).where(mine)):
        owner = holder_of(row.user_slot, facts.bindings)
        if owner in home.recording:
            owners.setdefault(owner, []).append(row.id)
    for owner, ids in owners.items():
        _give(connection, ids, owner, home, now)
    count = sum(len(ids) for ids in owners.values())
    tallies.add(connection, {("adopted", ""): count} if count else {})
    return count


def _give(connection: Connection, ids: Sequence[str], owner: str, home: Household, now: datetime) -> None:
    """Make readings the owner's, without the kinds the owner withholds, and have the owner looked at anew."""
    withheld = home.withheld.get(owner, frozenset())
    mine = MEASUREMENT.c.reading_id.in_(ids)
    if withheld:
        connection.execute(delete(MEASUREMENT).where(mine, MEASUREMENT.c.kind.in_(withheld)))
    connection.execute(update(MEASUREMENT).where(mine).values(resident_id=owner))
    given = {"resident_id": owner, "certainty": "sure", "outcome": "accepted"}
    connection.execute(update(READING).where(READING.c.id.in_(ids)).values(given))
    repo_outbox.put(connection, EVALUATE, [owner], now)
