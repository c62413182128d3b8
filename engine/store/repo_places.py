"""Municipalities, households and gateways: which home a reading comes from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from engine.municipalities import REGION
from engine.refusal import Refusal
from engine.store.database import insert_new
from engine.store.instants import to_micros
from engine.store.tables import GATEWAY, GATEWAY_STATE, HOUSEHOLD, MUNICIPALITY
from engine.store.tables_spots import SPOT
from engine.store.tallies import note_people_changed

ZONE = "Asia/Tokyo"


class Household(msgspec.Struct, frozen=True, kw_only=True):
    """A home: its municipality's code and its IANA zone."""

    id: str
    municipality_code: str
    zone: str = ZONE


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway and the household it was enrolled to."""

    id: str
    household_id: str
    label: str = ""


def seed_municipalities(connection: Connection) -> int:
    """Makes the region's municipalities known; how many were new. `migrate` has done it already."""
    rows = [{"code": code, "name": name, "zone": ZONE} for code, name in REGION.items()]
    return insert_new(connection, MUNICIPALITY, rows)


def municipalities(connection: Connection) -> dict[str, str]:
    """The name of every municipality by its code."""
    query = select(MUNICIPALITY.c.code, MUNICIPALITY.c.name).order_by(MUNICIPALITY.c.code)
    return {row.code: row.name for row in connection.execute(query)}


def add_household(connection: Connection, household: Household, now: datetime) -> Refusal | None:
    """Stores a new household; refused `unknown-municipality` or `exists`."""
    if household.municipality_code not in municipalities(connection):
        return Refusal("unknown-municipality", f"{household.municipality_code} is not a municipality of this region")
    row = msgspec.structs.asdict(household) | {"created_at": to_micros(now)}
    if not insert_new(connection, HOUSEHOLD, [row]):
        return Refusal("exists", f"household {household.id} is already there")
    return None


def household(connection: Connection, id: str) -> Household | None:  # noqa: A002
    """The household of that id."""
    row = connection.execute(select(HOUSEHOLD).where(HOUSEHOLD.c.id == id)).mappings().first()
    return None if row is None else _household(row)


def households(connection: Connection) -> list[Household]:
    """Every household people live in, oldest first; nobody lives at a public spot."""
    lived_in = HOUSEHOLD.c.id.not_in(select(SPOT.c.household_id))
    query = select(HOUSEHOLD).where(lived_in).order_by(HOUSEHOLD.c.created_at, HOUSEHOLD.c.id)
    return [_household(row) for row in connection.execute(query).mappings()]


def enrol_gateway(connection: Connection, gateway: Gateway, now: datetime) -> Refusal | None:
    """Ties a gateway to a household, or gives it a new label; to another home is refused `elsewhere`.

    Refused `unknown-household` when there is no such home. A gateway's old readings stay with their household.
    """
    if household(connection, gateway.household_id) is None:
        return Refusal("unknown-household", f"there is no household {gateway.household_id}")
    known = connection.execute(
        select(GATEWAY.c.household_id, GATEWAY.c.label).where(GATEWAY.c.id == gateway.id)
    ).first()
    if known is None:
        connection.execute(insert(GATEWAY), msgspec.structs.asdict(gateway) | {"created_at": to_micros(now)})
        note_people_changed(connection)
    elif known.household_id != gateway.household_id:
        return Refusal("elsewhere", f"gateway {gateway.id} belongs to another household")
    elif known.label != gateway.label:
        connection.execute(update(GATEWAY).where(GATEWAY.c.id == gateway.id).values(label=gateway.label))
    return None


def dismiss_gateway(connection: Connection, gateway: str) -> bool:
    """Ends the enrolment of a gateway: what it says from now on is refused; whether there was one to end.

    That of a public measuring spot stays.
    """
    of_spot = select(GATEWAY.c.id).join(SPOT, SPOT.c.household_id == GATEWAY.c.household_id)
    if connection.execute(of_spot.where(GATEWAY.c.id == gateway)).first() is not None:
        return False
    connection.execute(delete(GATEWAY_STATE).where(GATEWAY_STATE.c.gateway_id == gateway))
    gone = connection.execute(delete(GATEWAY).where(GATEWAY.c.id == gateway)).rowcount == 1
    note_people_changed(connection)
    return gone


def gateways(connection: Connection, household: str | None = None) -> list[Gateway]:
    """Every gateway, or those of one household, oldest first."""
    query = select(GATEWAY).order_by(GATEWAY.c.created_at, GATEWAY.c.id)
    if household is not None:
        query = query.where(GATEWAY.c.household_id == household)
    found = connection.execute(query).mappings()
    return [Gateway(id=row["id"], household_id=row["household_id"], label=row["label"]) for row in found]


def _household(row: Any) -> Household:
    return Household(id=row["id"], municipality_code=row["municipality_code"], zone=row["zone"])
