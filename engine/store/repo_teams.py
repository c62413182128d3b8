"""Teams of a municipality, and who looks after which resident; every change with its audit entry."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from random import Random

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from engine.contract.ids import new_id
from engine.names import keep
from engine.refusal import Refusal
from engine.store import audit
from engine.store.database import upsert
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.repo_facts import By
from engine.store.tables import RESIDENT
from engine.store.tables_desk import RESIDENT_TEAM, TEAM


class Team(msgspec.Struct, frozen=True, kw_only=True):
    """Nurses of one municipality who share residents; `residents` is how many they look after."""

    id: str
    municipality_code: str
    name: str
    residents: int = 0


class Keeper(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks after a resident: a team, one of its people, or both; since when and by whose word."""

    team: str | None
    staff: str | None
    at: datetime
    by: str


def add(connection: Connection, town: str, name: str, by: By, now: datetime, rng: Random) -> Team | Refusal:
    """A new team of that municipality; refused as `keep` refuses a name, or as `taken`."""
    kept = keep(name.strip())
    if isinstance(kept, Refusal):
        return msgspec.structs.replace(kept, field="name")
    if _taken(connection, town, kept):
        return Refusal("taken", f"there is a team {kept} already", "name")
    made = Team(id=new_id("t", rng), municipality_code=town, name=kept)
    row = {"id": made.id, "municipality_code": town, "name": kept, "created_at": to_micros(now)}
    connection.execute(insert(TEAM), row)
    _record(connection, "team-add", made.id, by, now)
    return made


def rename(connection: Connection, team: Team, name: str, by: By, now: datetime) -> Team | Refusal:
    """The team under another name; refused as `add` refuses."""
    kept = keep(name.strip())
    if isinstance(kept, Refusal):
        return msgspec.structs.replace(kept, field="name")
    if kept == team.name:
        return team
    if _taken(connection, team.municipality_code, kept):
        return Refusal("taken", f"there is a team {kept} already", "name")
    connection.execute(update(TEAM).where(TEAM.c.id == team.id).values(name=kept))
    _record(connection, "team-rename", team.id, by, now)
    return msgspec.structs.replace(team, name=kept)


def listed(connection: Connection, towns: Collection[str] | None) -> list[Team]:
    """The teams of these municipalities (None: all) by name, with how many residents each has."""
    size = (
        select(RESIDENT_TEAM.c.team_id, func.count().label("size")).group_by(RESIDENT_TEAM.c.team_id).subquery("sizes")
    )
    query = select(TEAM, func.coalesce(size.c.size, 0).label("residents"))
    query = query.join(size, size.c.team_id == TEAM.c.id, isouter=True)
    if towns is not None:
        query = query.where(TEAM.c.municipality_code.in_(sorted(towns)))
    return [
        Team(id=row.id, municipality_code=row.municipality_code, name=row.name, residents=row.residents)
        for row in connection.execute(query.order_by(TEAM.c.municipality_code, TEAM.c.name, TEAM.c.id))
    ]


def get(connection: Connection, id: str, towns: Collection[str] | None) -> Team | None:  # noqa: A002
    """The team of that id, if it belongs to one of these municipalities."""
    return next((team for team in listed(connection, towns) if team.id == id), None)


def assign(
    connection: Connection, residents: Iterable[str], team: str | None, staff: str | None, by: By, now: datetime
) -> int:
    """Gives residents to a team and perhaps one person (None: to nobody); how many. One audit entry for all of them.

    Its subject is the resident, or for several who got them, with the hash of their ids. That the team, the person and
    the residents belong together is for the caller to have made sure.
    """
    names = sorted(set(residents))
    rows = [
        {"resident_id": name, "team_id": team, "staff_id": staff, "at": to_micros(now), "by": by.actor}
        for name in names
    ]  # fmt: skip
    upsert(connection, RESIDENT_TEAM, rows)
    if len(names) == 1:
        _record(connection, "resident-assign", names[0], by, now, [team, staff])
    elif names:
        _record(connection, "residents-assign", team or staff or "nobody", by, now, [team, staff, *names])
    return len(names)


def keepers(connection: Connection, residents: Iterable[str]) -> dict[str, Keeper]:
    """Who looks after each of these residents; who has nobody is not in it."""
    names, found = sorted(set(residents)), {}
    for some in parts_of(names):
        part = RESIDENT_TEAM.c.resident_id.in_(some)
        for row in connection.execute(select(RESIDENT_TEAM).where(part)).mappings():
            if row["team_id"] or row["staff_id"]:
                found[row["resident_id"]] = Keeper(
                    team=row["team_id"], staff=row["staff_id"], at=from_micros(row["at"]), by=row["by"]
                )
    return found


def towns_of(connection: Connection, residents: Iterable[str]) -> frozenset[str]:
    """The municipalities these residents live in."""
    names, found = sorted(set(residents)), set()
    for some in parts_of(names):
        part = RESIDENT.c.id.in_(some)
        found |= set(connection.execute(select(RESIDENT.c.municipality_code).where(part).distinct()).scalars())
    return frozenset(found)


def _taken(connection: Connection, town: str, name: str) -> bool:
    mine = (TEAM.c.municipality_code == town) & (TEAM.c.name == name)
    return connection.execute(select(TEAM.c.id).where(mine)).first() is not None


def _record(
    connection: Connection, action: str, subject: str, by: By, now: datetime, detail: list[str | None] | None = None
) -> None:
    audit.note(connection, action, subject, by, now, detail or None)
