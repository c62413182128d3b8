"""What is owed to networks resource by resource: planned, sent, confirmed, dead or withdrawn; never forgotten.

A resource's identifier is its own for ever. The bodies are not kept: they are made anew from the readings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection, Select, case, func, select, update

from engine.store.database import insert_new
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.tables import GATEWAY_STATE, MEASUREMENT, READING, RESIDENT
from engine.store.tables_bridge import CARE_LINK, PUSH

State = Literal["pending", "sent", "confirmed", "dead", "withdrawn"]
OBSERVATION: Final = "Observation"
DEVICE: Final = "Device"
WRONG: Final = "entered-in-error"
_OPEN: Final = ("pending", "sent")
_FURTHEST: Final = timedelta(days=1)
# A device's readings follow each other; what no device measured follows in the order of its person.
_LANE: Final = case((PUSH.c.device_id == "", PUSH.c.resident_id), else_=PUSH.c.device_id)


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """One resource owed to a network (see `tables_bridge.Push`); `seq` 0 until it is stored."""

    network: str
    type: str
    identifier: str
    turn: int
    resident_id: str
    patient: str
    reading_id: str
    device_id: str
    kind: str
    measured_at: datetime
    wants: str
    says: str | None = None
    state: State = "pending"
    due_at: datetime
    attempts: int = 0
    remote_id: str | None = None
    version: str | None = None
    digest: str | None = None
    code: str | None = None
    outcome: str | None = None
    created_at: datetime
    updated_at: datetime
    sent_at: datetime | None = None
    confirmed_at: datetime | None = None
    seq: int = 0

    @property
    def lane(self) -> str:
        """In whose order it goes out."""
        return self.device_id or self.resident_id

    @property
    def maybe_told(self) -> bool:
        """Whether the network may know it: it said so, or a request with it left (one before a refusal, maybe)."""
        return self.says is not None or self.sent_at is not None

    def waits(self, now: datetime) -> bool:
        """Whether its time has not come; one further ahead than anything waits was set by a clock that was wrong."""
        return now < self.due_at <= now + _FURTHEST


_INSTANTS: Final = ("measured_at", "due_at", "created_at", "updated_at", "sent_at", "confirmed_at")


def add(connection: Connection, rows: Sequence[Owed]) -> int:
    """Owes these unless their identifiers are owed already; how many are new."""
    return insert_new(connection, PUSH, [_values(msgspec.structs.asdict(row)) for row in rows])


def change(connection: Connection, seq: int, now: datetime, **values: Any) -> None:
    """Sets columns of one row; instants are datetimes."""
    said = _values({**values, "updated_at": now})
    connection.execute(update(PUSH).where(PUSH.c.seq == seq).values(said))


def get(connection: Connection, seq: int) -> Owed | None:
    """One row, None when there is none."""
    row = connection.execute(select(PUSH).where(PUSH.c.seq == seq)).first()
    return None if row is None else _owed(row)


def of_readings(connection: Connection, network: str, readings: Collection[str]) -> dict[str, list[Owed]]:
    """What was ever owed of these readings, by reading, the first turn first."""
    found: dict[str, list[Owed]] = defaultdict(list)
    names = sorted(set(readings))
    for some in parts_of(names):
        mine = (PUSH.c.network == network) & PUSH.c.reading_id.in_(some)
        for row in connection.execute(select(PUSH).where(mine).order_by(PUSH.c.turn, PUSH.c.seq)):
            found[row.reading_id].append(_owed(row))
    return dict(found)


def days_of(connection: Connection, network: str, resident: str) -> dict[str, list[Owed]]:
    """What was ever owed of a resident's days, by the identifier of the first turn."""
    mine = (PUSH.c.network == network) & (PUSH.c.resident_id == resident)
    mine &= (PUSH.c.type == OBSERVATION) & (PUSH.c.reading_id == "")
    found: dict[str, list[Owed]] = defaultdict(list)
    for row in connection.execute(select(PUSH).where(mine).order_by(PUSH.c.turn)):
        owed = _owed(row)
        found[owed.identifier if owed.turn == 1 else owed.identifier.rpartition(".")[0]].append(owed)
    return dict(found)


def device(connection: Connection, network: str, device: str) -> Owed | None:
    """What is owed of a device or gateway itself."""
    mine = (PUSH.c.network == network) & (PUSH.c.type == DEVICE) & (PUSH.c.identifier == device)
    row = connection.execute(select(PUSH).where(mine)).first()
    return None if row is None else _owed(row)


def kinds_of_device(connection: Connection, device: str) -> list[str]:
    """The kinds a device ever measured."""
    query = select(MEASUREMENT.c.kind).where(MEASUREMENT.c.device_id == device).distinct()
    return sorted(connection.execute(query).scalars())


def gateway_versions(connection: Connection, gateways: Collection[str]) -> dict[str, str]:
    """The software each of these gateways last said it runs; those that never said are left out."""
    query = select(GATEWAY_STATE.c.gateway_id, GATEWAY_STATE.c.health)
    rows = connection.execute(query.where(GATEWAY_STATE.c.gateway_id.in_(sorted(set(gateways)))))
    said = {row.gateway_id: msgspec.json.decode(row.health).get("version") for row in rows}
    return {name: str(version) for name, version in said.items() if version}


def open_of(connection: Connection, network: str, resident: str) -> list[Owed]:
    """What of a resident still waits to be sent, or to be known as sent."""
    mine = (PUSH.c.network == network) & (PUSH.c.resident_id == resident) & PUSH.c.state.in_(_OPEN)
    return _listed(connection, select(PUSH).where(mine).order_by(PUSH.c.seq))


def readings_of(connection: Connection, network: str, resident: str, since: datetime | None) -> list[str]:
    """The readings of a resident from `since` on (None: none), and all that were ever owed as theirs."""
    told = select(PUSH.c.reading_id).where(
        PUSH.c.network == network, PUSH.c.resident_id == resident, PUSH.c.reading_id != ""
    )
    found = set(connection.execute(told).scalars())
    if since is not None:
        fresh = select(READING.c.id).where(READING.c.resident_id == resident, READING.c.outcome == "accepted")
        found |= set(connection.execute(fresh.where(READING.c.measured_at >= to_micros(since))).scalars())
    return sorted(found)


def owners_of(connection: Connection, readings: Collection[str]) -> dict[str, str]:
    """Whose each reading surely is; nobody's and assumed ones are left out."""
    found: dict[str, str] = {}
    names = sorted(set(readings))
    for some in parts_of(names):
        mine = READING.c.id.in_(some) & (READING.c.outcome == "accepted")
        mine &= (READING.c.certainty == "sure") & READING.c.resident_id.is_not(None)
        query = select(READING.c.id, READING.c.resident_id).where(mine)
        found |= {row.id: row.resident_id for row in connection.execute(query)}
    return found


def walkers_of(connection: Connection, network: str, readings: Collection[str]) -> dict[str, datetime]:
    """Who of the linked lives where these readings counted steps, and since when the earliest of them counted."""
    found: dict[str, datetime] = {}
    names = sorted(set(readings))
    for some in parts_of(names):
        counted = select(MEASUREMENT.c.household_id, func.min(MEASUREMENT.c.measured_at).label("at")).where(
            MEASUREMENT.c.reading_id.in_(some),
            MEASUREMENT.c.kind.in_(("steps-total", "steps-day")),
        )
        counted_at = counted.group_by(MEASUREMENT.c.household_id).subquery()
        query = (
            select(RESIDENT.c.id, counted_at.c.at)
            .join(counted_at, counted_at.c.household_id == RESIDENT.c.household_id)
            .join(CARE_LINK, (CARE_LINK.c.resident_id == RESIDENT.c.id) & (CARE_LINK.c.network == network))
            .where(CARE_LINK.c.state == "linked")
        )
        for row in connection.execute(query):
            at = from_micros(row.at)
            found[row.id] = min(at, found.get(row.id, at))
    return found


def heads(connection: Connection, network: str, now: datetime, limit: int) -> list[Owed]:
    """Up to `limit` Observations that may leave now: of every device the earliest reading that waits, as `ready`."""
    found: list[Owed] = []
    for rows in _lanes(connection, network):
        leaving = ready(rows, now)
        if found and len(found) + len(leaving) > limit:
            break
        found += leaving
    return found


def next_due(connection: Connection, network: str) -> datetime | None:
    """When the first device or person may send again, None when nothing waits."""
    return min((max(row.due_at for row in rows) for rows in _lanes(connection, network)), default=None)


def ready(rows: Sequence[Owed], now: datetime) -> list[Owed]:
    """Those of the earliest rows of one device that may leave: nothing while one is on its way or waits for its time.

    A mistake leaves first and alone, so that no value ever counts on two records.
    """
    if any(row.waits(now) for row in rows):
        return []
    return [row for row in rows if row.wants == WRONG] or list(rows)


def take(connection: Connection, rows: Iterable[Owed], now: datetime, lease: timedelta) -> None:
    """Marks rows as sent before the request leaves; until `now` + `lease` nobody else asks for them."""
    for row in rows:
        change(connection, row.seq, now, state="sent", sent_at=now, due_at=now + lease, attempts=row.attempts + 1)


def waiting(connection: Connection, network: str) -> list[Owed]:
    """The Observations that wait to leave or to be known as confirmed, the earliest measured first."""
    mine = (PUSH.c.network == network) & PUSH.c.state.in_(_OPEN) & (PUSH.c.type == OBSERVATION)
    return _listed(connection, select(PUSH).where(mine).order_by(PUSH.c.measured_at, PUSH.c.seq))


def oldest_open(connection: Connection, network: str) -> datetime | None:
    """Since when the oldest of what waits is owed, None when nothing waits."""
    mine = (PUSH.c.network == network) & PUSH.c.state.in_(_OPEN) & (PUSH.c.type == OBSERVATION)
    at = connection.execute(select(func.min(PUSH.c.created_at)).where(mine)).scalar()
    return None if at is None else from_micros(at)


def counts(connection: Connection, network: str, type_: str = OBSERVATION) -> dict[str, int]:
    """How many resources of a type are in which state."""
    mine = (PUSH.c.network == network) & (PUSH.c.type == type_)
    query = select(PUSH.c.state, func.count()).where(mine).group_by(PUSH.c.state)
    return {state: int(count) for state, count in connection.execute(query)}


def dead(connection: Connection, network: str, *, code: str | None = None, limit: int = 1000) -> list[Owed]:
    """What the network refused, the oldest first; of one reason if named."""
    mine = (PUSH.c.network == network) & (PUSH.c.state == "dead")
    if code is not None:
        mine &= PUSH.c.code == code
    return _listed(connection, select(PUSH).where(mine).order_by(PUSH.c.seq).limit(limit))


def told_between(connection: Connection, network: str, first: datetime, after: datetime) -> list[Owed]:
    """The Observations the network confirmed of what was measured from `first` until just before `after`."""
    mine = (PUSH.c.network == network) & (PUSH.c.type == OBSERVATION) & PUSH.c.says.is_not(None)
    mine &= (PUSH.c.measured_at >= to_micros(first)) & (PUSH.c.measured_at < to_micros(after))
    return _listed(connection, select(PUSH).where(mine).order_by(PUSH.c.seq))


def _lanes(connection: Connection, network: str) -> list[list[Owed]]:
    """The earliest reading that waits of each device (or person, where no device measured), the earliest first."""
    mine = (PUSH.c.network == network) & (PUSH.c.type == OBSERVATION) & PUSH.c.state.in_(_OPEN)
    lane = _LANE.label("lane")
    first = select(lane, func.min(PUSH.c.measured_at).label("first")).where(mine).group_by(lane).subquery()
    query = select(PUSH).join(first, (first.c.lane == _LANE) & (PUSH.c.measured_at == first.c.first)).where(mine)
    lanes: dict[str, list[Owed]] = defaultdict(list)
    for owed in _listed(connection, query.order_by(PUSH.c.measured_at, PUSH.c.seq)):
        lanes[owed.lane].append(owed)
    return list(lanes.values())


def _listed(connection: Connection, query: Select[Any]) -> list[Owed]:
    return [_owed(row) for row in connection.execute(query)]


def _values(said: dict[str, Any]) -> dict[str, Any]:
    values = {name: value for name, value in said.items() if name != "seq"}
    for name in _INSTANTS:
        if values.get(name) is not None:
            values[name] = to_micros(values[name])
    return values


def _owed(row: Any) -> Owed:
    fields = {name: getattr(row, name) for name in Owed.__struct_fields__}
    for name in _INSTANTS:
        if fields[name] is not None:
            fields[name] = from_micros(fields[name])
    return Owed(**fields)
