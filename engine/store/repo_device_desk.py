"""The devices of a town as the help desk looks after them: what they are and when they were heard, never a value."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, exists, select, tuple_

from engine.names import search_key
from engine.store import audit, repo_devices, repo_life
from engine.store.instants import to_micros
from engine.store.repo_devices import WHOLE, Device
from engine.store.repo_facts import By
from engine.store.tables import BINDING, DEVICE, HOUSEHOLD, RESIDENT
from engine.store.tables_spots import SPOT
from engine.store.tallies import note_people_changed

_ORDER = (DEVICE.c.last_seen, DEVICE.c.id)


def page(
    connection: Connection,
    towns: Collection[str] | None,
    *,
    text: str = "",
    silent_since: datetime | None = None,
    now: datetime | None = None,
    battery: int | None = None,
    unbound: bool = False,
    after: str | None = None,
    limit: int = 50,
) -> list[Device]:
    """Up to `limit` devices of homes in these towns (None: all), the longest silent first.

    `text` is the name or kana of somebody in the home; `battery` keeps those at or below so many percent. No device is
    silent whose holders all were, until `now`, in hospital or a care home for some of that time.
    """
    query = select(DEVICE.c.id).join(HOUSEHOLD, HOUSEHOLD.c.id == DEVICE.c.household_id)
    query = query.where(DEVICE.c.household_id.not_in(select(SPOT.c.household_id)))
    if towns is not None:
        query = query.where(HOUSEHOLD.c.municipality_code.in_(sorted(towns)))
    span = None if silent_since is None else (silent_since, now or silent_since)
    for condition in _conditions(text, span, battery, unbound=unbound):
        query = query.where(condition)
    if after is not None:
        last = connection.execute(select(*_ORDER).where(DEVICE.c.id == after)).first()
        query = query if last is None else query.where(tuple_(*_ORDER) > tuple_(*last))
    return _read(connection, list(connection.execute(query.order_by(*_ORDER).limit(limit)).scalars()))


def get(connection: Connection, id: str, towns: Collection[str] | None) -> Device | None:  # noqa: A002
    """The device of that id, if its home lies in one of these towns."""
    query = select(DEVICE.c.id).join(HOUSEHOLD, HOUSEHOLD.c.id == DEVICE.c.household_id).where(DEVICE.c.id == id)
    if towns is not None:
        query = query.where(HOUSEHOLD.c.municipality_code.in_(sorted(towns)))
    return next(iter(_read(connection, list(connection.execute(query).scalars()))), None)


def unbind(connection: Connection, device: str, slot: int | None, by: By, now: datetime) -> bool:
    """Takes one slot (None: the whole device) from whoever had it, with its audit entry; readings stay theirs."""
    mine = (BINDING.c.device_id == device) & (BINDING.c.slot == (WHOLE if slot is None else slot))
    if connection.execute(delete(BINDING).where(mine)).rowcount != 1:
        return False
    note_people_changed(connection)
    entry = audit.Entry(
        at=to_micros(now), actor=by.actor, os_user=by.os_user, action="device-unbind", subject=device,
        detail_hash=audit.detail_hash([slot]),
    )  # fmt: skip
    audit.append(connection, entry)
    return True


def _conditions(
    text: str, silent: tuple[datetime, datetime] | None, battery: int | None, *, unbound: bool
) -> list[Any]:  # fmt: skip
    found: list[Any] = []
    key = search_key(text)
    if key:
        lives = (RESIDENT.c.household_id == DEVICE.c.household_id) & RESIDENT.c.search_key.contains(
            key, autoescape=True
        )  # fmt: skip
        found.append(exists().where(lives))
    if silent is not None:
        mine = BINDING.c.device_id == DEVICE.c.id
        missed = exists().where(mine, ~repo_life.excuses(BINDING.c.resident_id, *silent))
        found.append((DEVICE.c.last_seen <= to_micros(silent[0])) & (missed | ~exists().where(mine)))
    if battery is not None:
        found.append(DEVICE.c.battery <= battery)
    if unbound:
        found.append(~exists().where(BINDING.c.device_id == DEVICE.c.id))
    return found


def _read(connection: Connection, ids: list[str]) -> list[Device]:
    """These devices with their slots, in the order of the ids."""
    rows = connection.execute(select(DEVICE.c.household_id).where(DEVICE.c.id.in_(ids)).distinct()).scalars()
    found = {device.id: device for home in rows for device in repo_devices.devices(connection, home)}
    return [found[name] for name in ids]
