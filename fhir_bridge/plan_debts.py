"""Pays the debts of the outbox: what changed is compared with what a network was told, in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from engine.contract.ids import is_id
from engine.observation_derived import STEP_TOTALS, step_summaries
from engine.observation_values import Measured, fold, identifier_of
from engine.observations import observable
from engine.store import audit, repo_links, repo_measured, repo_networks, repo_outbox, repo_push
from engine.store.database import Connection
from engine.store.instants import to_micros
from engine.store.repo_owing import BRIDGE
from engine.store.repo_push import Owed
from fhir_bridge.gate import Door, doors
from fhir_bridge.plan import Standing, Step, digest_of, plan

ACTOR: Final = "bridge"
ZONE: Final = "Asia/Tokyo"
_MOST: Final = 200
# A total of steps is told apart from the one before it, which may be days older.
_BEFORE: Final = timedelta(days=3)
_LATE: Final = timedelta(days=8)


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Which network is planned for, and whether only for test patients (their patient numbers)."""

    network: str
    test_patients: frozenset[str] = frozenset()


class _Look(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a transaction knows while it plans."""

    connection: Connection
    scope: Scope
    now: datetime
    doors: dict[str, Door]
    backfilled: Mapping[str, tuple[datetime, datetime]]

    def door(self, resident: str) -> Door:
        if resident not in self.doors:
            asked = self.scope
            found = doors(self.connection, [resident], asked.network, test_patients=asked.test_patients)
            self.doors.update(found)
        return self.doors[resident]

    def floor(self, resident: str, kind: str) -> datetime | None:
        """From when on what was measured may be told for the first time; None: not at all."""
        since = self.door(resident).open_since(kind, self.now)
        if since is None:
            return None
        first, asked = self.backfilled.get(resident, (since, self.now))
        return min(first, since) if since <= asked else since

    def shut(self, row: Owed) -> str | None:
        refusal = self.door(row.resident_id).refuses_taking_back(row.kind, self.now)
        return None if refusal is None else refusal.code


def pay(connection: Connection, scope: Scope, now: datetime, most: int = _MOST) -> int:
    """Pays up to `most` debts in the caller's transaction; how many were taken, 0 when nothing is owed."""
    debts = repo_outbox.take(connection, BRIDGE, most)
    if not debts:
        return 0
    look = _look(connection, scope, now)
    people = [debt.key for debt in debts if is_id(debt.key, "r")]
    for resident in people:
        _look_over(look, resident)
    _plan_readings(look, [debt.key for debt in debts if not is_id(debt.key, "r")])
    repo_outbox.done(connection, debts)
    return len(debts)


def turn_day(connection: Connection, scope: Scope, now: datetime) -> bool:
    """Plans the days that are over, once a day; whether it was not done yet today."""
    today = now.astimezone(ZoneInfo(ZONE)).date().isoformat()
    if repo_networks.known(connection, scope.network).said.get("day") == today:
        return False
    look = _look(connection, scope, now)
    for link in repo_links.linked(connection, scope.network):
        _plan_days(look, link.resident, now - _LATE)
    repo_networks.keep(connection, scope.network, now, day=today)
    return True


def backfill(connection: Connection, scope: Scope, residents: Collection[str], since: datetime, now: datetime) -> None:
    """Lets what was measured from `since` on be told, too, and owes a look at these residents."""
    known = repo_networks.known(connection, scope.network).said.get("since", {})
    asked = known | {resident: [since.isoformat(), now.isoformat()] for resident in residents}
    repo_networks.keep(connection, scope.network, now, since=asked)
    repo_outbox.put(connection, BRIDGE, residents, now)


def days_since(connection: Connection, resident: str, since: datetime, zone: ZoneInfo, now: datetime) -> list[Measured]:
    """The steps of a resident's civil days from the one of `since` on, and maybe of some days before it."""
    stored = repo_measured.measured_of(connection, resident, since=since - _BEFORE)
    return list(step_summaries([one for one in stored if one.kind in STEP_TOTALS], zone, now))


def _look(connection: Connection, scope: Scope, now: datetime) -> _Look:
    said = repo_networks.known(connection, scope.network).said.get("since", {})
    found = {name: (datetime.fromisoformat(one[0]), datetime.fromisoformat(one[1])) for name, one in said.items()}
    return _Look(connection=connection, scope=scope, now=now, doors={}, backfilled=found)


def _look_over(look: _Look, resident: str) -> None:
    """What may not be told any more is purged; every reading that may be concerned is owed a look of its own."""
    purged = [
        row.identifier for row in repo_push.open_of(look.connection, look.scope.network, resident) if _purge(look, row)
    ]
    if purged:
        entry = audit.Entry(
            at=to_micros(look.now), actor=ACTOR, os_user=ACTOR, action="bridge-withdraw", subject=resident,
            detail_hash=audit.detail_hash([look.scope.network, *purged]),
        )  # fmt: skip
        audit.append(look.connection, entry)
    door = look.door(resident)
    since = door.link.at if door.link is not None and door.linked else None
    if since is not None and resident in look.backfilled:
        since = min(since, look.backfilled[resident][0])
    readings = repo_push.readings_of(look.connection, look.scope.network, resident, since)
    repo_outbox.put(look.connection, BRIDGE, readings, look.now)
    if since is not None:
        _plan_days(look, resident, since)


def _purge(look: _Look, row: Owed) -> bool:
    code = look.shut(row)
    # What is on its way right now is settled by whoever sent it.
    if code is None or (row.state == "sent" and row.due_at > look.now):
        return False
    repo_push.change(look.connection, row.seq, look.now, state="withdrawn", code=code)
    return True


def _plan_readings(look: _Look, readings: Collection[str]) -> None:
    owners = repo_push.owners_of(look.connection, readings)
    rows = repo_push.of_readings(look.connection, look.scope.network, readings)
    measured: dict[str, list[Measured]] = defaultdict(list)
    by_owner: dict[str, list[str]] = defaultdict(list)
    for reading, owner in owners.items():
        by_owner[owner].append(reading)
    for owner, theirs in by_owner.items():
        for value in repo_measured.measured_of(look.connection, owner, readings=theirs):
            measured[value.reading_id or ""].append(value)
    for reading in sorted(set(readings)):
        things = _things(look, reading, owners.get(reading), measured.get(reading, []), rows.get(reading, []))
        for thing, told in things:
            _carry_out(look, plan(thing, told, look.scope.network, look.now, look.shut))
    for resident, since in _counted(look, readings).items():
        _plan_days(look, resident, since)


def _things(
    look: _Look, reading: str, owner: str | None, values: list[Measured], rows: Iterable[Owed]
) -> list[tuple[Standing, list[Owed]]]:
    """Every observable of a reading as it stands, with what was ever owed of it."""
    told = {kind: list(group) for kind, group in groupby(sorted(rows, key=_by_kind), key=lambda row: row.kind)}
    folded = {one.kind: one for one in fold(values) if observable(one.kind) and one.kind not in STEP_TOTALS}
    found = []
    for kind in sorted(told.keys() | folded.keys()):
        value, before = folded.get(kind), told.get(kind, [])
        if value is None:
            first = before[0]
            thing = _standing(look, owner, kind, f"{reading}.{kind}", first.device_id, first.measured_at)
            thing = msgspec.structs.replace(thing, reading=reading)
        else:
            thing = _standing(look, owner, kind, identifier_of(value), value.device_id or "", value.measured_at)
            floor = look.floor(value.resident_id, kind)
            fit = not value.preliminary and not value.experimental
            thing = msgspec.structs.replace(
                thing, reading=reading, digest=digest_of(value),
                open=fit and floor is not None and value.measured_at >= floor,
            )  # fmt: skip
        found.append((thing, before))
    return found


def _standing(look: _Look, owner: str | None, kind: str, base: str, device: str, measured_at: datetime) -> Standing:
    door = look.door(owner) if owner else None
    return Standing(
        base=base, kind=kind, reading="", device=device, measured_at=measured_at, resident=owner,
        patient=door.link.remote_id if door and door.linked and door.link else None,
        mistaken=door.mistaken if door else False,
    )  # fmt: skip


def _by_kind(row: Owed) -> tuple[str, int]:
    return row.kind, row.turn


def _counted(look: _Look, readings: Collection[str]) -> dict[str, datetime]:
    """Whose days these readings may change, and since when: everybody's at home, as a reading may have moved."""
    return repo_push.walkers_of(look.connection, look.scope.network, readings)


def _plan_days(look: _Look, resident: str, since: datetime) -> None:
    """The civil days of a resident from the one of `since` on that are over, as summaries of steps."""
    zone = ZoneInfo(repo_measured.zone_of(look.connection, resident) or ZONE)
    first = since.astimezone(zone).date()
    over = days_since(look.connection, resident, since, zone, look.now)
    days = {one.day: one for one in over if one.day is not None and one.day >= first}
    told = {
        rows[0].measured_at.astimezone(zone).date(): rows
        for rows in repo_push.days_of(look.connection, look.scope.network, resident).values()
    }
    for day in sorted(days.keys() | {one for one in told if one >= first}):
        thing = _day(look, resident, day, days.get(day), zone)
        if thing is not None:
            _carry_out(look, plan(thing, told.get(day, []), look.scope.network, look.now, look.shut))


def _day(look: _Look, resident: str, day: date, value: Measured | None, zone: ZoneInfo) -> Standing | None:
    """A day as it stands; None while it is not over or rests on what nobody confirmed."""
    kind = "steps-day"
    begins = datetime.combine(day, datetime.min.time(), zone)
    ends = datetime.combine(day + timedelta(days=1), datetime.min.time(), zone) - timedelta(seconds=1)
    if value is None:
        # What was counted that day is somebody else's now.
        return _standing(look, None, kind, f"{resident}.{kind}.{day.isoformat()}", "", ends)
    if value.preliminary or value.experimental:
        return None
    floor = look.floor(resident, kind)
    thing = _standing(look, resident, kind, identifier_of(value), "", ends)
    return msgspec.structs.replace(thing, digest=digest_of(msgspec.structs.replace(value, measured_at=ends)),
                                   open=floor is not None and begins >= floor)  # fmt: skip


def _carry_out(look: _Look, changes: Iterable[Owed | Step]) -> None:
    fresh = []
    for one in changes:
        if isinstance(one, Owed):
            fresh.append(one)
            continue
        values: dict[str, Any] = {"wants": one.wants, "state": one.state, "code": one.code, "outcome": None}
        if one.state != "sent":
            values |= {"due_at": look.now, "attempts": 0}
        repo_push.change(look.connection, one.seq, look.now, **values)
    repo_push.add(look.connection, fresh)
