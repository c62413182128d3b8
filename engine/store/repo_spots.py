"""Public measuring spots: which homes are spots, who visits them, and how often a guess was wrong there."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from engine.cards import number_key
from engine.municipalities import REGION
from engine.refusal import Refusal
from engine.spots import GUESSES, Visit
from engine.store import audit, repo_places
from engine.store.database import insert_new
from engine.store.filing import By
from engine.store.instants import from_micros, to_micros
from engine.store.tables import GATEWAY, HOUSEHOLD, RESIDENT
from engine.store.tables_spots import SPOT, VISIT, WRONG_GUESS

# As long as a broker keeps what a gateway sent; after that only the audit trail knows of a visit.
REMEMBERED: Final = timedelta(days=7)


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway of a spot: its household without residents, the municipality, and where it stands."""

    gateway: str
    household: str
    municipality: str
    label: str


def add(connection: Connection, spot: Spot, now: datetime, by: By) -> Refusal | None:
    """Makes a new household a spot and enrols its gateway; refused `exists`, `unknown-municipality` or `elsewhere`."""
    home = repo_places.Household(id=spot.household, municipality_code=spot.municipality)
    refusal = repo_places.add_household(connection, home, now)
    if refusal is None:
        connection.execute(insert(SPOT), {"household_id": spot.household, "created_at": to_micros(now)})
        ears = repo_places.Gateway(id=spot.gateway, household_id=spot.household, label=spot.label)
        refusal = repo_places.enrol_gateway(connection, ears, now)
    if refusal is None:
        record(connection, "spot-add", spot.household, now, by, [spot.gateway])
    return refusal


def listed(connection: Connection) -> list[Spot]:
    """Every gateway of every spot, oldest first."""
    query = select(GATEWAY.c.id, GATEWAY.c.label, HOUSEHOLD.c.id.label("home"), HOUSEHOLD.c.municipality_code)
    query = query.join(SPOT, SPOT.c.household_id == GATEWAY.c.household_id)
    query = query.join(HOUSEHOLD, HOUSEHOLD.c.id == SPOT.c.household_id)
    return [
        Spot(gateway=row.id, household=row.home, municipality=row.municipality_code, label=row.label)
        for row in connection.execute(query.order_by(GATEWAY.c.created_at, GATEWAY.c.id))
    ]


def spot_of(connection: Connection, gateway: str) -> str | None:
    """The spot the gateway belongs to, None for a home's and for an unknown gateway."""
    query = select(SPOT.c.household_id).join(GATEWAY, GATEWAY.c.household_id == SPOT.c.household_id)
    return connection.execute(query.where(GATEWAY.c.id == gateway)).scalar()


def numbered(connection: Connection, number: str, birth: date) -> list[str]:
    """The active residents of the region with that number and birth date."""
    query = select(RESIDENT.c.id, RESIDENT.c.insured_number).where(
        RESIDENT.c.birth_date == birth.isoformat(), RESIDENT.c.status == "active",
        RESIDENT.c.insured_number.is_not(None), RESIDENT.c.municipality_code.in_(sorted(REGION)),
    )  # fmt: skip
    key = number_key(number)
    return [row.id for row in connection.execute(query) if key and number_key(row.insured_number) == key]


def visit(connection: Connection, id: str) -> Visit | None:  # noqa: A002
    """The visit of that id."""
    row = connection.execute(select(VISIT).where(VISIT.c.id == id)).mappings().first()
    return None if row is None else _visit(row)


def visits(connection: Connection, gateway: str, resident: str) -> list[Visit]:
    """A resident's visits at a gateway, the newest first."""
    query = select(VISIT).where(VISIT.c.gateway_id == gateway, VISIT.c.resident_id == resident)
    return [_visit(row) for row in connection.execute(query.order_by(VISIT.c.opened_at.desc())).mappings()]


def open_visit(connection: Connection, made: Visit, now: datetime, by: By) -> None:
    """Stores a visit with its audit entry, and forgets visits and guesses nobody can need any more."""
    connection.execute(delete(VISIT).where(VISIT.c.closes_at < to_micros(now - REMEMBERED)))
    connection.execute(delete(WRONG_GUESS).where(WRONG_GUESS.c.at < to_micros(now - REMEMBERED)))
    times = {"opened_at": to_micros(made.opened_at), "closes_at": to_micros(made.closes_at)}
    insert_new(connection, VISIT, [msgspec.structs.asdict(made) | times])
    record(connection, "visit-open", made.resident_id, now, by, [made.id, made.gateway_id])


def close_visits(connection: Connection, gateway: str, at: datetime, visit: str | None = None) -> int:
    """Ends a visit, or all that are open at the gateway, at the latest at `at`; how many."""
    open_ = (VISIT.c.gateway_id == gateway) & (VISIT.c.closes_at > to_micros(at))
    if visit is not None:
        open_ &= VISIT.c.id == visit
    return connection.execute(update(VISIT).where(open_).values(closes_at=to_micros(at))).rowcount


def note_wrong(connection: Connection, spot: str, now: datetime) -> None:
    """Remembers that a guess at a spot was wrong."""
    connection.execute(insert(WRONG_GUESS), {"spot_id": spot, "at": to_micros(now)})


def wrong(connection: Connection, spot: str) -> list[datetime]:
    """The last wrong guesses at a spot that matter, oldest first."""
    query = select(WRONG_GUESS.c.at).where(WRONG_GUESS.c.spot_id == spot)
    found = connection.execute(query.order_by(WRONG_GUESS.c.seq.desc()).limit(GUESSES)).scalars()
    return sorted(from_micros(at) for at in found)


def record(connection: Connection, action: str, subject: str, now: datetime, by: By, detail: object = "") -> None:
    """Adds what happened at a spot to the audit trail: ids only."""
    entry = audit.Entry(
        at=to_micros(now), actor=by.actor, os_user=by.os_user, action=action, subject=subject,
        detail_hash=audit.detail_hash(detail),
    )  # fmt: skip
    audit.append(connection, entry)


def _visit(row: Any) -> Visit:
    times = {"opened_at": from_micros(row["opened_at"]), "closes_at": from_micros(row["closes_at"])}
    return Visit(**(dict(row) | times))
