"""Chooses what leaves next and marks it as sent, in the transaction that asks the gate a last time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from engine.observation_values import Measured, UnbuildableError
from engine.store import audit, repo_outbox, repo_push
from engine.store.database import Connection
from engine.store.instants import to_micros
from engine.store.repo_owing import BRIDGE
from engine.store.repo_push import WRONG, Owed
from fhir_bridge.abilities import Strategy
from fhir_bridge.gate import doors
from fhir_bridge.plan import digest_of
from fhir_bridge.plan_debts import ACTOR, Scope
from fhir_bridge.push_bodies import mistake, observation, values_of, zones_of
from fhir_bridge.push_devices import Fleet, fleet_of

# A row whose reading changed under it waits so long for the planner at most.
_REPLAN: Final = timedelta(seconds=5)
# Failures after which the server is asked what it has before anything else is sent.
ASK_FIRST: Final = frozenset({"several", "found", "version-1", "version-2", "version-3"})
How = Literal["send", "look"]


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, and how many `entries` go into one request.

    `lease` is how long a request may take at most, `unsure` how long the server may still be at work on one whose
    answer was lost; pauses between tries grow from `pause` to `longest`.
    """

    lease: float = 300.0
    unsure: float = 60.0
    pause: float = 2.0
    longest: float = 3600.0
    entries: int = 50


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is on its way: its body, the digest of what it says, and whether the server is asked first.

    `copies` of it were found over there and taken back.
    """

    row: Owed
    body: bytes
    digest: str
    how: How = "send"
    copies: int = 0


class _Sorted(msgspec.Struct, kw_only=True):
    """What a claim makes of the rows it looked at."""

    parcels: list[Parcel] = []
    shut: dict[str, list[tuple[Owed, str]]] = {}
    stale: list[Owed] = []
    bad: list[tuple[Owed, str]] = []
    held: list[tuple[Owed, datetime]] = []


def claim(
    connection: Connection, scope: Scope, strategies: Mapping[str, Strategy], pace: Pace, now: datetime,
    *, most: int | None = None,
) -> list[Parcel]:  # fmt: skip
    """What may leave now, marked as sent; devices go alone, before the first Observation that names them.

    Whatever the gate refuses is withdrawn here. Two bridges on one database never claim the same.
    """
    audit.take_turn(connection)
    rows = repo_push.heads(connection, scope.network, now, pace.entries if most is None else most)
    if not rows:
        return []
    sorting = _Sorted(parcels=[], shut={}, stale=[], bad=[], held=[])
    open_rows = _through_gate(connection, scope, rows, now, sorting)
    zones = zones_of(connection, [row.resident_id for row in open_rows])
    values = values_of(connection, [row for row in open_rows if row.wants != WRONG], zones, now)
    fleet = fleet_of(connection, scope.network, values.values(), now)
    for row in open_rows:
        _pack(row, values.get(row.seq), zones[row.resident_id], fleet, sorting, now)
    _write_down(connection, scope, sorting, now)
    going = fleet.parcels or sorting.parcels
    parcels = [
        Parcel(row=row, body=body, digest=digest, how=_how(row, strategies))
        for row, body, digest in ((one.row, one.body, one.digest) for one in going)
    ]
    _send_off(connection, scope, parcels, pace, now)
    return [msgspec.structs.replace(one, row=_sent(one.row, now)) for one in parcels]


def _through_gate(
    connection: Connection, scope: Scope, rows: Sequence[Owed], now: datetime, sorting: _Sorted
) -> list[Owed]:
    found = doors(connection, {row.resident_id for row in rows}, scope.network, test_patients=scope.test_patients)
    passed = []
    for row in rows:
        door = found[row.resident_id]
        taken_back = row.wants == WRONG
        refusal = (door.refuses_taking_back if taken_back else door.refuses)(row.kind, now)
        if refusal is not None:
            sorting.shut.setdefault(row.resident_id, []).append((row, refusal.code))
        elif not taken_back and door.link is not None and door.link.remote_id != row.patient:
            sorting.stale.append(row)
        else:
            passed.append(row)
    return passed


def _pack(
    row: Owed, value: Measured | None, zone: ZoneInfo, fleet: Fleet, sorting: _Sorted, now: datetime,
) -> None:  # fmt: skip
    try:
        if row.wants == WRONG:
            sorting.parcels.append(Parcel(row=row, body=mistake(row, zone), digest=""))
        elif value is None:
            sorting.stale.append(row)
        elif (until := fleet.waits(value)) is not None:
            sorting.held.append((row, max(until, now)))
        else:
            body = observation(row, value, zone, fleet.there)
            said = value if value.day is None else msgspec.structs.replace(value, measured_at=row.measured_at)
            sorting.parcels.append(Parcel(row=row, body=body, digest=digest_of(said)))
    except UnbuildableError as error:
        sorting.bad.append((row, error.code))


def _write_down(connection: Connection, scope: Scope, sorting: _Sorted, now: datetime) -> None:
    for resident, rows in sorting.shut.items():
        for row, code in rows:
            repo_push.change(connection, row.seq, now, state="withdrawn", code=code)
        _note(
            connection, "bridge-withdraw", ACTOR, resident, [scope.network, *(row.identifier for row, _ in rows)], now
        )
    for row in sorting.stale:
        repo_push.change(connection, row.seq, now, due_at=now + _REPLAN)
    repo_outbox.put(connection, BRIDGE, [row.reading_id or row.resident_id for row in sorting.stale], now)
    for row, code in sorting.bad:
        repo_push.change(connection, row.seq, now, state="dead", code=code)
    for row, until in sorting.held:
        if until > now:
            repo_push.change(connection, row.seq, now, due_at=until)


def _send_off(connection: Connection, scope: Scope, parcels: Sequence[Parcel], pace: Pace, now: datetime) -> None:
    repo_push.take(connection, (one.row for one in parcels), now, timedelta(seconds=pace.lease))
    told: dict[str, list[str]] = {}
    for one in parcels:
        # A repeat tells the network nothing it was not told already.
        if one.row.resident_id and not one.row.attempts:
            told.setdefault(one.row.resident_id, []).append(f"{one.row.identifier} {one.digest}")
    for resident, said in sorted(told.items()):
        _note(connection, "export-bridge", scope.network, resident, [scope.network, *said], now)


def _note(connection: Connection, action: str, actor: str, resident: str, detail: Iterable[str], now: datetime) -> None:
    entry = audit.Entry(
        at=to_micros(now), actor=actor, os_user=ACTOR, action=action, subject=resident,
        detail_hash=audit.detail_hash(list(detail)),
    )  # fmt: skip
    audit.append(connection, entry)


def _how(row: Owed, strategies: Mapping[str, Strategy]) -> How:
    way = strategies.get(row.type)
    # An id that the server gave is believed only after a look at what stands there.
    named = way != "put" and row.says is not None
    unknown = way == "search" and row.remote_id is None
    doubt = row.code in ASK_FIRST or (row.wants == WRONG and row.says is None)
    return "look" if named or unknown or doubt else "send"


def _sent(row: Owed, now: datetime) -> Owed:
    return msgspec.structs.replace(row, state="sent", sent_at=now, attempts=row.attempts + 1)
