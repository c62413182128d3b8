"""Devices of a household, what they are, and whose user slots they hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, insert, select, update

from engine.contract.wire import Binding, DeviceNote
from engine.refusal import Refusal
from engine.store.database import upsert
from engine.store.instants import from_micros, to_micros
from engine.store.repo_custody import is_leaving
from engine.store.repo_residents import households_known
from engine.store.tables import BINDING, DEVICE
from engine.store.tallies import note_people_changed

WHOLE: Final = -1


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A device, and the resident of each user slot (slot None: the whole device is one person's)."""

    id: str
    household_id: str
    profile: str
    maker: str | None
    model: str | None
    serial: str | None
    firmware: str | None
    battery: int | None
    experimental: bool
    first_seen: datetime
    last_seen: datetime
    bindings: tuple[Binding, ...] = ()


class Noted(msgspec.Struct, frozen=True):
    """What became of a device note: each binding is kept or refused by itself."""

    new: bool
    refused: tuple[tuple[Binding, Refusal], ...] = ()


def note(connection: Connection, household: str, said: DeviceNote, now: datetime) -> Noted | Refusal:
    """Stores what a gateway of `household` says of a device: identity and battery where told, slots as told.

    What a note leaves out stays as it was. Refused `elsewhere` when the device is another household's; a binding to a
    resident outside the household is refused `not-in-household`, to nobody `unknown-resident`, and the rest is kept.
    """
    query = select(DEVICE.c.household_id, DEVICE.c.experimental).where(DEVICE.c.id == said.device)
    known = connection.execute(query).first()
    if known is not None and known.household_id != household:
        return Refusal("elsewhere", f"device {said.device} belongs to another household")
    at = to_micros(now)
    if known is None:
        row = _identity(said) | {"id": said.device, "household_id": household, "first_seen": at, "last_seen": at}
        connection.execute(insert(DEVICE), row)
    else:
        told = {name: value for name, value in _identity(said).items() if value is not None}
        connection.execute(update(DEVICE).where(DEVICE.c.id == said.device).values(told | {"last_seen": at}))
    if known is None or bool(known.experimental) != said.experimental:
        note_people_changed(connection)
    return Noted(known is None, bind(connection, household, said.device, said.bindings, now))


def bind(
    connection: Connection, household: str, device: str, bindings: Iterable[Binding], now: datetime
) -> tuple[tuple[Binding, Refusal], ...]:
    """Gives slots to residents of `household`, replacing who had them; what was refused, with reasons.

    A slot taken over from somebody else is the new resident's from `now` on; one that nobody had always was theirs.
    Nobody gets a slot of a lent device that was given back and that a gateway here has not given up yet: `given-back`.
    """
    wanted = list(bindings)
    homes = households_known(connection, [item.resident for item in wanted])
    leaving = is_leaving(connection, device)
    judged = [(item, leaving or _refusal(item.resident, household, homes)) for item in wanted]
    held = _held(connection, device)
    rows = [
        # Of a slot that was somebody else's, only what is measured from now on is theirs.
        {"device_id": device, "slot": slot, "resident_id": item.resident, "since": to_micros(now) * (slot in held)}
        for slot, item in {_slot(item): item for item, reason in judged if reason is None}.items()
        if held.get(slot) != item.resident
    ]
    if rows:
        upsert(connection, BINDING, rows)
        note_people_changed(connection)
    return tuple((item, reason) for item, reason in judged if reason is not None)


def hands_over(connection: Connection, said: DeviceNote) -> bool:
    """Whether `said` gives somebody's slot to somebody else: what was heard before it is to be judged before it."""
    held = _held(connection, said.device) if said.bindings else {}
    return any(held.get(_slot(item), item.resident) != item.resident for item in said.bindings)


def devices(connection: Connection, household: str | None = None) -> list[Device]:
    """Every device, or those of one household, first seen first."""
    query = select(DEVICE).order_by(DEVICE.c.first_seen, DEVICE.c.id)
    bound = select(BINDING).order_by(BINDING.c.slot)
    if household is not None:
        query = query.where(DEVICE.c.household_id == household)
        bound = bound.join(DEVICE, DEVICE.c.id == BINDING.c.device_id).where(DEVICE.c.household_id == household)
    slots: dict[str, list[Binding]] = {}
    for row in connection.execute(bound):
        slot = None if row.slot == WHOLE else row.slot
        slots.setdefault(row.device_id, []).append(Binding(slot, row.resident_id))
    return [_device(row, tuple(slots.get(row["id"], ()))) for row in connection.execute(query).mappings()]


def of(connection: Connection, ids: Collection[str]) -> dict[str, Device]:
    """Those of these devices there are, without their bindings."""
    rows = connection.execute(select(DEVICE).where(DEVICE.c.id.in_(sorted(set(ids))))).mappings()
    return {row["id"]: _device(row, ()) for row in rows}


def _identity(said: DeviceNote) -> dict[str, Any]:
    names = ("profile", "maker", "model", "serial", "firmware", "battery", "experimental")
    # Devices pad their texts with NUL, which PostgreSQL cannot store and nobody can read.
    return {name: value.replace("\0", "") if isinstance(value := getattr(said, name), str) else value for name in names}


def _refusal(resident: str, household: str, homes: dict[str, str | None]) -> Refusal | None:
    if resident not in homes:
        return Refusal("unknown-resident", f"there is no resident {resident}")
    if homes[resident] != household:
        return Refusal("not-in-household", f"resident {resident} does not live in this household")
    return None


def _slot(item: Binding) -> int:
    return WHOLE if item.slot is None else item.slot


def _held(connection: Connection, device: str) -> dict[int, str]:
    """The resident of each bound slot."""
    query = select(BINDING.c.slot, BINDING.c.resident_id).where(BINDING.c.device_id == device)
    return {row.slot: row.resident_id for row in connection.execute(query)}


def _device(row: Any, bindings: tuple[Binding, ...]) -> Device:
    fields = {name: row[name] for name in Device.__struct_fields__ if name != "bindings"}
    fields |= {"first_seen": from_micros(row["first_seen"]), "last_seen": from_micros(row["last_seen"])}
    return Device(**fields, bindings=bindings)
