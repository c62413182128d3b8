"""Residents as a caseload: a page of them in kana order, when each was last looked at, whose devices fell silent.

Everything is looked up by an index for the people of one page, so that a town of 40,000 costs no more than a village.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, and_, exists, func, or_, select, tuple_

from engine.names import search_key
from engine.people import Resident
from engine.situation import is_excused
from engine.store import repo_life, repo_residents
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.tables import ADVICE, AUDIT, BINDING, DEVICE, MEASUREMENT, READING, RESIDENT
from engine.store.tables_desk import CONTACT, RESIDENT_TEAM

# The audit entry of whoever opens a record; nobody but staff can.
VIEW: Final = "record-view"
# The order of a Japanese list, from an index; two people of one reading stand by their ids.
_KANA: Final = (RESIDENT.c.kana_key, RESIDENT.c.id)


class Want(msgspec.Struct, frozen=True, kw_only=True):
    """Which residents: of which towns (None: all), kept by whom, unseen or silent since when; None asks for nothing.

    `unkept` are those nobody looks after, `measured_since` those of whom one of `kinds` was measured since. Nobody is
    silent who was in hospital or a care home, as known at the time `at`, for some of that time.
    """

    towns: frozenset[str] | None = frozenset()
    team: str | None = None
    staff: str | None = None
    unkept: bool = False
    unseen_since: datetime | None = None
    silent_since: datetime | None = None
    at: datetime | None = None
    measured_since: datetime | None = None
    kinds: tuple[str, ...] = ("body-weight",)


class Last(msgspec.Struct, frozen=True, kw_only=True):
    """When something last happened to a resident, None for never; `silent` how many of their devices are not heard."""

    reading: datetime | None = None
    contact: datetime | None = None
    view: datetime | None = None
    advice: datetime | None = None
    devices: int = 0
    silent: int = 0

    @property
    def looked_at(self) -> datetime | None:
        """The newest of what staff did for them."""
        return max((at for at in (self.contact, self.view, self.advice) if at is not None), default=None)


def page(connection: Connection, want: Want, *, after: str | None = None, limit: int = 50) -> list[Resident]:
    """Up to `limit` active residents in kana order, those that follow the resident `after`."""
    return repo_residents.get_many(connection, ids(connection, want, after=after, limit=limit))


def ids(connection: Connection, want: Want, *, after: str | None = None, limit: int | None = None) -> list[str]:
    """The ids of the residents of a page, or of all that are wanted, in kana order."""
    query = select(RESIDENT.c.id).where(_wanted(want)).order_by(*_KANA).limit(limit)
    if after is not None:
        last = connection.execute(select(*_KANA).where(RESIDENT.c.id == after)).first()
        if last is not None:
            query = query.where(tuple_(*_KANA) > tuple_(*last))
    return list(connection.execute(query).scalars())


def count(connection: Connection, want: Want) -> int:
    """How many residents are wanted."""
    return connection.execute(select(func.count()).select_from(RESIDENT).where(_wanted(want))).scalar_one()


def search(connection: Connection, towns: Collection[str] | None, text: str, *, limit: int = 50) -> list[Resident]:
    """Up to `limit` residents of these towns whose name, kana or alias contains `text`, however it is typed."""
    key = search_key(text)
    if not key:
        return []
    where = RESIDENT.c.search_key.contains(key, autoescape=True) & _in_towns(towns)
    found = connection.execute(select(RESIDENT.c.id).where(where).order_by(*_KANA).limit(limit)).scalars()
    return repo_residents.get_many(connection, found)


def last_of(connection: Connection, residents: Iterable[str], now: datetime, silence: timedelta) -> dict[str, Last]:
    """When each of these residents was last measured, reached, looked at and told something."""
    names = sorted(set(residents))
    reading = _newest(connection, READING.c.resident_id, READING.c.measured_at, names)
    contact = _newest(connection, CONTACT.c.resident_id, CONTACT.c.at, names)
    view = _newest(connection, AUDIT.c.subject, AUDIT.c.at, names, AUDIT.c.action == VIEW)
    told = ADVICE.c.state == "delivered"
    advice = _newest(connection, ADVICE.c.resident_id, ADVICE.c.updated_at, names, told)
    devices = _heard(connection, names, now - silence)
    lived = repo_life.situations(connection, devices)
    excused = {name for name in devices if is_excused(lived[name], now, silence)}
    devices = {name: (count, 0 if name in excused else quiet) for name, (count, quiet) in devices.items()}
    return {
        name: Last(
            reading=reading.get(name), contact=contact.get(name), view=view.get(name), advice=advice.get(name),
            devices=devices.get(name, (0, 0))[0], silent=devices.get(name, (0, 0))[1],
        )
        for name in names
    }  # fmt: skip


def values_of(
    connection: Connection, residents: Sequence[str], kind: str, since: datetime, until: datetime
) -> dict[str, list[tuple[datetime, float]]]:
    """What is surely theirs and surely of its time, by resident, oldest first: from nothing else is a trend said."""
    found: dict[str, list[tuple[datetime, float]]] = {name: [] for name in residents}
    query = (
        select(MEASUREMENT.c.resident_id, MEASUREMENT.c.measured_at, MEASUREMENT.c.value)
        .join(READING, READING.c.id == MEASUREMENT.c.reading_id)
        .where(READING.c.certainty == "sure", READING.c.experimental.is_(False), READING.c.quality.is_(None))
        .where(READING.c.time_quality != "unknown", MEASUREMENT.c.kind == kind)
        .where(MEASUREMENT.c.measured_at > to_micros(since), MEASUREMENT.c.measured_at <= to_micros(until))
        .order_by(MEASUREMENT.c.measured_at)
    )
    for some in parts_of(residents):
        part = MEASUREMENT.c.resident_id.in_(some)
        for row in connection.execute(query.where(part)):
            found[row.resident_id].append((from_micros(row.measured_at), float(row.value)))
    return found


def _wanted(want: Want) -> Any:
    """The condition of a page; every part of it is answered by an index of the other table."""
    parts = [RESIDENT.c.status == "active", _in_towns(want.towns)]
    kept = RESIDENT_TEAM.c.resident_id == RESIDENT.c.id
    if want.team is not None:
        parts.append(exists().where(kept, RESIDENT_TEAM.c.team_id == want.team))
    if want.staff is not None:
        parts.append(exists().where(kept, RESIDENT_TEAM.c.staff_id == want.staff))
    if want.unkept:
        somebody = or_(RESIDENT_TEAM.c.team_id.is_not(None), RESIDENT_TEAM.c.staff_id.is_not(None))
        parts.append(~exists().where(kept, somebody))
    if want.unseen_since is not None:
        parts.append(_unseen(to_micros(want.unseen_since)))
    if want.silent_since is not None:
        parts.append(_silent(to_micros(want.silent_since)))
        parts.append(~repo_life.excuses(RESIDENT.c.id, want.silent_since, want.at or want.silent_since))
    if want.measured_since is not None:
        since = MEASUREMENT.c.measured_at > to_micros(want.measured_since)
        mine = MEASUREMENT.c.resident_id == RESIDENT.c.id
        parts.append(or_(*(exists().where(mine, MEASUREMENT.c.kind == kind, since) for kind in want.kinds)))
    return and_(*parts)


def _unseen(since: int) -> Any:
    """Nobody reached them, opened their record, or had anything delivered to them since."""
    # Read once by state and date: asked person by person, the planner reads all that was delivered for everybody.
    told = select(ADVICE.c.resident_id).where(ADVICE.c.state == "delivered", ADVICE.c.updated_at > since)
    reached = (CONTACT.c.resident_id == RESIDENT.c.id) & (CONTACT.c.at > since)
    opened = (AUDIT.c.subject == RESIDENT.c.id) & (AUDIT.c.action == VIEW) & (AUDIT.c.at > since)
    return RESIDENT.c.id.not_in(told) & ~exists().where(reached) & ~exists().where(opened)


def _silent(since: int) -> Any:
    """Some device of theirs was not heard since."""
    mine = (BINDING.c.resident_id == RESIDENT.c.id) & (DEVICE.c.id == BINDING.c.device_id)
    return exists().where(mine, DEVICE.c.last_seen <= since)


def _in_towns(towns: Collection[str] | None) -> Any:
    if towns is None:
        return RESIDENT.c.id.is_not(None)
    return RESIDENT.c.municipality_code.in_(sorted(towns))


def _newest(
    connection: Connection, whose: Any, at: Any, names: Sequence[str], also: Any = None
) -> dict[str, datetime]:  # fmt: skip
    query = select(whose, func.max(at)).group_by(whose)
    if also is not None:
        query = query.where(also)
    found: dict[str, datetime] = {}
    for some in parts_of(names):
        for name, moment in connection.execute(query.where(whose.in_(some))):
            found[name] = from_micros(moment)
    return found


def _heard(connection: Connection, names: Sequence[str], since: datetime) -> dict[str, tuple[int, int]]:
    """How many devices each has, and how many of them were not heard since."""
    quiet: dict[str, dict[str, bool]] = {}
    query = select(BINDING.c.resident_id, DEVICE.c.id, DEVICE.c.last_seen)
    query = query.join(DEVICE, DEVICE.c.id == BINDING.c.device_id)
    for some in parts_of(names):
        part = BINDING.c.resident_id.in_(some)
        for name, device, seen in connection.execute(query.where(part)):
            quiet.setdefault(name, {})[device] = seen <= to_micros(since)
    return {name: (len(devices), sum(devices.values())) for name, devices in quiet.items()}
