"""Teams that collect points together, who belongs to one since when, and what each pot was told once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any, Final, Literal, get_args

import msgspec
from sqlalchemy import Connection, insert, select, update

from engine.municipalities import REGION
from engine.names import keep
from engine.people import Resident
from engine.points_pot import Pot
from engine.refusal import Refusal
from engine.store.database import insert_new
from engine.store.instants import to_micros
from engine.store.repo_facts import By
from engine.store.repo_points import note
from engine.store.tables_points import POINT_MEMBER, POINT_POT, POINT_TEAM

Sort = Literal["neighbourhood", "workplace"]
SORTS: Final[tuple[Sort, ...]] = get_args(Sort)


class Team(msgspec.Struct, frozen=True, kw_only=True):
    """A neighbourhood (自治会) or workplace (職場) of a municipality; `since` is when somebody asked for joined it."""

    number: int
    municipality: str
    sort: Sort
    name: str
    since: date | None = None


def add(connection: Connection, town: str, sort: str, name: str, by: By, now: datetime) -> Team | Refusal:
    """A new team; refused as `unknown-sort`, `foreign-municipality`, `taken`, or as `keep` refuses a name."""
    if sort not in SORTS:
        return Refusal("unknown-sort", f"sorts are {', '.join(SORTS)}", "sort")
    if town not in REGION:
        return Refusal("foreign-municipality", f"municipalities are {', '.join(REGION)}", "municipality")
    kept = keep(name.strip())
    if isinstance(kept, Refusal):
        return msgspec.structs.replace(kept, field="name")
    row = {"municipality_code": town, "sort": sort, "name": kept, "by": by.actor, "at": to_micros(now)}
    if not insert_new(connection, POINT_TEAM, [row]):
        return Refusal("taken", f"there is a team {kept} already", "name")
    [made] = [team for team in listed(connection, [town]) if team.name == kept]
    note(connection, "points-team-add", f"point-team-{made.number}", by, now)
    return made


def listed(connection: Connection, towns: Collection[str] | None) -> list[Team]:
    """The teams of these municipalities (None: all), by name; never how many are in them."""
    query = select(POINT_TEAM)
    if towns is not None:
        query = query.where(POINT_TEAM.c.municipality_code.in_(sorted(towns)))
    rows = connection.execute(query.order_by(POINT_TEAM.c.municipality_code, POINT_TEAM.c.name)).mappings()
    return [_team(row) for row in rows]


def get(connection: Connection, number: int) -> Team | None:
    """The team of that number."""
    row = connection.execute(select(POINT_TEAM).where(POINT_TEAM.c.seq == number)).mappings().first()
    return None if row is None else _team(row)


def of_resident(connection: Connection, resident: str) -> list[Team]:
    """The teams a resident belongs to now, with since when."""
    query = select(POINT_TEAM, POINT_MEMBER.c.since).join(POINT_MEMBER, POINT_MEMBER.c.team == POINT_TEAM.c.seq)
    query = query.where(POINT_MEMBER.c.resident_id == resident, POINT_MEMBER.c.until.is_(None))
    rows = connection.execute(query.order_by(POINT_TEAM.c.sort, POINT_TEAM.c.seq)).mappings()
    return [msgspec.structs.replace(_team(row), since=date.fromisoformat(row["since"])) for row in rows]


def ever_of(connection: Connection, resident: str) -> list[tuple[Team, date | None]]:
    """The teams a resident ever belonged to, each with since when and until when, oldest first."""
    query = select(POINT_TEAM, POINT_MEMBER.c.since, POINT_MEMBER.c.until)
    query = query.join(POINT_MEMBER, POINT_MEMBER.c.team == POINT_TEAM.c.seq)
    rows = connection.execute(query.where(POINT_MEMBER.c.resident_id == resident).order_by(POINT_MEMBER.c.seq))
    return [
        (msgspec.structs.replace(_team(row), since=date.fromisoformat(row["since"])),
         None if row["until"] is None else date.fromisoformat(row["until"]))
        for row in rows.mappings()
    ]  # fmt: skip


def open_to(connection: Connection, person: Resident) -> list[Team]:
    """The teams somebody may join: neighbourhoods of their town, workplaces anywhere, of sorts they are in none of."""
    taken = {team.sort for team in of_resident(connection, person.id)}
    return [
        team for team in listed(connection, None)
        if team.sort not in taken and (team.sort == "workplace" or team.municipality == person.municipality_code)
    ]  # fmt: skip


def join(connection: Connection, person: Resident, number: int, day: date, by: By, now: datetime) -> Team | Refusal:
    """Lets a resident into a team; refused as `unknown-team`, or `closed-team` where `open_to` does not offer it."""
    team = get(connection, number)
    if team is None:
        return Refusal("unknown-team", f"there is no team {number}", "team")
    if team not in open_to(connection, person):
        return Refusal("closed-team", "one neighbourhood of one's own town, and one workplace", "team")
    row = {"team": number, "resident_id": person.id, "since": day.isoformat(), "until": None}
    connection.execute(insert(POINT_MEMBER), row)
    note(connection, "points-team-join", person.id, by, now, [number])
    return msgspec.structs.replace(team, since=day)


def leave(connection: Connection, resident: str, number: int, day: date, by: By, now: datetime) -> Refusal | None:
    """Lets a resident out of a team from that day on; refused as `no-member`."""
    mine = (POINT_MEMBER.c.team == number) & (POINT_MEMBER.c.resident_id == resident) & POINT_MEMBER.c.until.is_(None)
    if not connection.execute(update(POINT_MEMBER).where(mine).values(until=day.isoformat())).rowcount:
        return Refusal("no-member", f"not in team {number}", "team")
    note(connection, "points-team-leave", resident, by, now, [number])
    return None


def members(connection: Connection, number: int, first: date, last: date) -> list[str]:
    """Who belonged to a team from `first` to `last`, all the time."""
    through = POINT_MEMBER.c.until.is_(None) | (POINT_MEMBER.c.until > last.isoformat())
    query = select(POINT_MEMBER.c.resident_id).where(
        POINT_MEMBER.c.team == number, POINT_MEMBER.c.since <= first.isoformat(), through
    )
    return sorted(set(connection.execute(query).scalars()))


def pots(connection: Connection, numbers: Iterable[int]) -> dict[int, list[Pot]]:
    """What was told of these teams, the newest month first."""
    wanted = sorted(set(numbers))
    found: dict[int, list[Pot]] = {number: [] for number in wanted}
    query = select(POINT_POT).where(POINT_POT.c.team.in_(wanted)).order_by(POINT_POT.c.month.desc())
    for row in connection.execute(query):
        found[row.team].append(Pot(month=row.month, points=row.points))
    return found


def tell(connection: Connection, number: int, pot: Pot, now: datetime) -> bool:
    """Keeps what is told of a month, once and for good; whether it was not told before."""
    row = {"team": number, "month": pot.month, "points": pot.points, "at": to_micros(now)}
    return insert_new(connection, POINT_POT, [row]) == 1


def _team(row: Any) -> Team:
    return Team(number=row["seq"], municipality=row["municipality_code"], sort=row["sort"], name=row["name"])
