"""Where people can be told that there is a message: mail addresses, LINE user ids, browsers; sealed, once an owner."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from random import Random
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from engine.contract.ids import new_id
from engine.sealing import Seal
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.tables_desk import ADDRESS


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """One address of a resident or family member, in the clear; usable once `verified_at` and until `failed_at`."""

    id: str
    owner: str
    channel: str
    address: str
    verified_at: datetime | None
    created_at: datetime
    failed_at: datetime | None = None


def add(
    connection: Connection, seal: Seal, owner: str, channel: str, address: str, now: datetime, rng: Random,
    *, verified: bool,
) -> Address:  # fmt: skip
    """Stores an address, in place of the same one given before."""
    digest = hashlib.sha256(f"{owner}\0{channel}\0{address}".encode()).hexdigest()
    connection.execute(delete(ADDRESS).where(ADDRESS.c.channel == channel, ADDRESS.c.digest == digest))
    made = Address(
        id=new_id("w", rng), owner=owner, channel=channel, address=address, verified_at=now if verified else None,
        created_at=now,
    )  # fmt: skip
    row = {
        "id": made.id, "owner": owner, "channel": channel, "address": seal.seal(address, made.id), "digest": digest,
        "verified_at": to_micros(now) if verified else None, "created_at": to_micros(now), "failed_at": None,
    }  # fmt: skip
    connection.execute(insert(ADDRESS), row)
    return made


def of(connection: Connection, seal: Seal, owner: str, channels: Iterable[str] | None = None) -> list[Address]:
    """Every address of one person that can still be opened, oldest first; of some channels if named."""
    query = select(ADDRESS).where(ADDRESS.c.owner == owner).order_by(ADDRESS.c.created_at, ADDRESS.c.id)
    if channels is not None:
        query = query.where(ADDRESS.c.channel.in_(sorted(channels)))
    found = (_address(row, seal) for row in connection.execute(query).mappings())
    return [one for one in found if one is not None]


def usable(connection: Connection, owners: Iterable[str]) -> dict[str, set[str]]:
    """By which channels each of these people can be told, without opening any address."""
    names, found = sorted(set(owners)), dict[str, set[str]]()
    good = ADDRESS.c.verified_at.is_not(None) & ADDRESS.c.failed_at.is_(None)
    for some in parts_of(names):
        query = select(ADDRESS.c.owner, ADDRESS.c.channel).where(good, ADDRESS.c.owner.in_(some))
        for row in connection.execute(query):
            found.setdefault(row.owner, set()).add(row.channel)
    return found


def verify(connection: Connection, id: str, now: datetime) -> None:  # noqa: A002
    """From now on messages may go there."""
    connection.execute(update(ADDRESS).where(ADDRESS.c.id == id).values(verified_at=to_micros(now), failed_at=None))


def fail(connection: Connection, id: str, now: datetime) -> None:  # noqa: A002
    """Nothing goes there any more."""
    connection.execute(update(ADDRESS).where(ADDRESS.c.id == id).values(failed_at=to_micros(now)))


def forget(connection: Connection, owner: str, id: str) -> bool:  # noqa: A002
    """Removes one address of its owner; whether it was there."""
    mine = (ADDRESS.c.id == id) & (ADDRESS.c.owner == owner)
    return connection.execute(delete(ADDRESS).where(mine)).rowcount == 1


def tried_since(connection: Connection, owner: str, channel: str, since: datetime) -> int:
    """How many addresses of a channel this person gave since then, also those that came to nothing."""
    mine = (ADDRESS.c.owner == owner) & (ADDRESS.c.channel == channel) & (ADDRESS.c.created_at >= to_micros(since))
    return int(connection.execute(select(func.count()).select_from(ADDRESS).where(mine)).scalar_one())


def _address(row: Any, seal: Seal) -> Address | None:
    plain = seal.open(row["address"], row["id"])
    if plain is None:
        return None
    fields = {name: row[name] for name in Address.__struct_fields__} | {"address": plain}
    for name in ("verified_at", "created_at", "failed_at"):
        fields[name] = None if row[name] is None else from_micros(row[name])
    return Address(**fields)
