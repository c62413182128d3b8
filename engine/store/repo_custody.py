"""Which devices and gateways of a home are on loan there, as intake needs to know it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from engine.custody import Custody, Lent
from engine.refusal import Refusal
from engine.store.instants import from_micros
from engine.store.tables import DEVICE, GATEWAY, RESIDENT
from engine.store.tables_loans import LOAN, LOAN_SLOT


def of_homes(connection: Connection, homes: Iterable[str]) -> dict[str, Custody]:
    """The loans that concern the devices and gateways of these homes; homes without any are left out."""
    wanted = sorted(set(homes))
    devices = _devices(connection, wanted)
    gateways = _gateways(connection, wanted)
    return {
        home: Custody({name: tuple(loans) for name, loans in devices[home].items()}, gateways.get(home, {}))
        for home in {*devices, *gateways}
    }


def is_leaving(connection: Connection, device: str) -> Refusal | None:
    """Refused `given-back` while a device's last loan is over and a gateway here has not given it up yet."""
    query = select(LOAN.c.asset, LOAN.c.returned_at, LOAN.c.wiped_at).where(LOAN.c.device_id == device)
    last = connection.execute(query.order_by(LOAN.c.seq.desc()).limit(1)).first()
    if last is None or last.returned_at is None or last.wiped_at is not None:
        return None
    return Refusal("given-back", f"device {device} was lent as {last.asset} and given back")


def given_back(connection: Connection, homes: Collection[str]) -> frozenset[str]:
    """The devices of these homes whose last loan is over: back, lost or broken."""
    newest = select(func.max(LOAN.c.seq)).where(LOAN.c.device_id.is_not(None)).group_by(LOAN.c.device_id)
    query = select(LOAN.c.device_id).join(DEVICE, DEVICE.c.id == LOAN.c.device_id)
    query = query.where(DEVICE.c.household_id.in_(homes), LOAN.c.returned_at.is_not(None), LOAN.c.seq.in_(newest))
    return frozenset(connection.execute(query).scalars())


def _devices(connection: Connection, homes: list[str]) -> dict[str, dict[str, list[Lent]]]:
    found: dict[str, dict[str, list[Lent]]] = defaultdict(lambda: defaultdict(list))
    query = select(LOAN, DEVICE.c.household_id).join(DEVICE, DEVICE.c.id == LOAN.c.device_id)
    rows = connection.execute(query.where(DEVICE.c.household_id.in_(homes)).order_by(LOAN.c.lent_at, LOAN.c.seq)).all()
    held = _held(connection, [row.seq for row in rows])
    for row in rows:
        slots = held.get(row.seq, [])
        since = {one.slot: from_micros(one.since) for one in slots if one.since}
        until = None if row.returned_at is None else from_micros(row.returned_at)
        lent = Lent(from_micros(row.lent_at), until, {one.slot: one.resident_id for one in slots}, since)
        found[row.household_id][row.device_id].append(lent)
    for home, device, begun in _unnamed(connection, homes):
        if device not in found[home]:
            found[home][device].append(Lent(begun))
    return found


def _unnamed(connection: Connection, homes: list[str]) -> list[tuple[str, str, datetime]]:
    """Devices that came into a home while something is on loan there of which nobody said which device it is.

    Any of them may be it, so of none is anything taken from before.
    """
    query = select(RESIDENT.c.household_id, DEVICE.c.id, LOAN.c.lent_at)
    query = query.select_from(LOAN).join(RESIDENT, RESIDENT.c.id == LOAN.c.resident_id)
    query = query.join(DEVICE, DEVICE.c.household_id == RESIDENT.c.household_id)
    query = query.where(RESIDENT.c.household_id.in_(homes), LOAN.c.returned_at.is_(None), LOAN.c.sort != "gateway")
    # An address on a label that was mistyped names a device that never comes.
    unknown = LOAN.c.device_id.is_(None) | LOAN.c.device_id.not_in(select(DEVICE.c.id))
    query = query.where(unknown, DEVICE.c.first_seen >= LOAN.c.lent_at)
    rows = connection.execute(query.order_by(LOAN.c.lent_at.desc())).all()
    return [(row.household_id, row.id, from_micros(row.lent_at)) for row in rows]


def _held(connection: Connection, loans: list[int]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in connection.execute(select(LOAN_SLOT).where(LOAN_SLOT.c.loan.in_(loans))) if loans else ():
        found[row.loan].append(row)
    return found


def _gateways(connection: Connection, homes: list[str]) -> dict[str, dict[str, datetime]]:
    """Gateways that were given back and are not enrolled anew since."""
    query = select(LOAN.c.gateway_id, LOAN.c.returned_at, LOAN.c.lent_at, GATEWAY.c.household_id)
    query = query.join(GATEWAY, GATEWAY.c.id == LOAN.c.gateway_id).where(GATEWAY.c.household_id.in_(homes))
    rows = connection.execute(query.order_by(LOAN.c.lent_at, LOAN.c.seq)).all()
    newest = {row.gateway_id: row for row in rows}
    found: dict[str, dict[str, datetime]] = defaultdict(dict)
    for name, row in newest.items():
        if row.returned_at is not None:
            found[row.household_id][name] = from_micros(row.returned_at)
    return found
