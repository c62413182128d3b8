"""What an event in somebody's life leaves elsewhere in the store: slots, ways in, what was measured since. Its SQL."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from engine.assignment import WEIGHED, WHOLE
from engine.situation import Home
from engine.store import repo_cards, repo_codes, repo_emergency, repo_grants, repo_sessions, repo_teams
from engine.store.database import insert_new
from engine.store.filing import By
from engine.store.instants import to_micros
from engine.store.tables import BINDING, DEVICE, MEASUREMENT, READING, RESIDENT
from engine.store.tallies import note_people_changed

# More than a year of one person's measurements.
_MOST: Final = 20_000
_HEARD: Final = ("ble", "mqtt")


def home_of(connection: Connection, resident: str) -> Home:
    """Where a resident lives now, who keeps them, and which device slots are theirs."""
    place = connection.execute(
        select(RESIDENT.c.municipality_code, RESIDENT.c.household_id).where(RESIDENT.c.id == resident)
    ).one()
    slots = (BINDING.c.device_id, BINDING.c.slot, BINDING.c.since)
    held = connection.execute(select(*slots).where(BINDING.c.resident_id == resident).order_by(*slots))
    keeper = repo_teams.keepers(connection, [resident]).get(resident)
    return Home(
        municipality=place.municipality_code, household=place.household_id, team=keeper.team if keeper else None,
        staff=keeper.staff if keeper else None,
        bindings=tuple((row.device_id, row.slot, row.since) for row in held),
    )  # fmt: skip


def give_back(connection: Connection, resident: str, home: Home) -> int:
    """Binds to `resident` again the slots that nobody else was given since, of devices of that home; how many."""
    mine = select(DEVICE.c.id).where(DEVICE.c.household_id == home.household)
    here = set(connection.execute(mine).scalars())
    rows = [
        {"device_id": device, "slot": slot, "resident_id": resident, "since": since}
        for device, slot, since in home.bindings if device in here
    ]  # fmt: skip
    note_people_changed(connection)
    return insert_new(connection, BINDING, rows) if rows else 0


def measured(
    connection: Connection, resident: str, household: str | None, since: datetime, until: datetime | None
) -> dict[str, str | None]:
    """What devices of that household measured from then on and is filed under `resident`, with how surely.

    Of every household, and by hand, too, where `household` is None.
    """
    theirs = (READING.c.resident_id == resident) & (READING.c.outcome == "accepted")
    theirs &= READING.c.measured_at >= to_micros(since)
    if until is not None:
        theirs &= READING.c.measured_at < to_micros(until)
    if household is not None:
        theirs &= (READING.c.household_id == household) & READING.c.source.in_(_HEARD)
    query = select(READING.c.id, READING.c.certainty).where(theirs).order_by(READING.c.id).limit(_MOST)
    return {row.id: row.certainty for row in connection.execute(query)}


def brought(connection: Connection, resident: str, readings: Collection[str], back: datetime) -> set[str]:
    """Those of these readings that came from their own device, other than a scale, only when they were `back`."""
    theirs = select(BINDING.c.device_id).where(BINDING.c.resident_id == resident)
    columns = (BINDING.c.device_id, BINDING.c.resident_id, BINDING.c.slot)
    held = connection.execute(select(*columns).where(BINDING.c.device_id.in_(theirs))).all()
    shared = {row.device_id for row in held if row.resident_id != resident}
    own = {row.device_id for row in held if row.resident_id == resident and row.slot == WHOLE} - shared
    weighed = select(MEASUREMENT.c.reading_id).where(MEASUREMENT.c.kind == WEIGHED)
    late = (READING.c.received_at >= to_micros(back)) & READING.c.device_id.in_(own) & READING.c.id.not_in(weighed)
    found: set[str] = set()
    for part in _parts(sorted(readings)):
        found |= set(connection.execute(select(READING.c.id).where(READING.c.id.in_(part), late)).scalars())
    return found


def unclaimed(connection: Connection, readings: Sequence[str]) -> list[str]:
    """Those of these readings that are still nobody's."""
    query = select(READING.c.id).where(READING.c.outcome == "unassigned")
    found: list[str] = []
    for part in _parts(readings):
        found += connection.execute(query.where(READING.c.id.in_(part)).order_by(READING.c.id)).scalars()
    return found


def close(connection: Connection, resident: str, by: By, now: datetime, *, ways_in: bool) -> None:
    """Ends every card and program that shows something of a resident; with `ways_in` also their own ways to sign in."""
    for card in repo_emergency.of(connection, resident):
        repo_emergency.revoke(connection, card.id, resident, by, now)
    repo_cards.revoke_of(connection, resident, now, by)
    if not ways_in:
        return
    for grant in repo_grants.of(connection, resident):
        repo_grants.revoke(connection, grant, by, now)
    for code in repo_codes.of(connection, resident):
        repo_codes.revoke(connection, code.id, resident, now, by)
    repo_sessions.end_of(connection, resident, now)


def _parts(readings: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(readings), 500):
        yield readings[start : start + 500]
