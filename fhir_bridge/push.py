"""Sends what is owed: planned from the outbox, claimed with the gate's leave, sent outside every transaction, settled.

A resource is stored at most once whatever is lost or killed: it leaves under an identifier of its own, by one bridge at
a time, and one whose answer was lost is asked again by the same way once the server is surely done with it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from random import Random, SystemRandom
from zoneinfo import ZoneInfo

import msgspec

from engine.store import repo_networks, repo_push
from engine.store.database import Connection, Engine, read
from engine.store.database import write as transaction
from fhir_bridge.abilities import Abilities, Strategy
from fhir_bridge.breaker import Breaker
from fhir_bridge.client import Client
from fhir_bridge.client_answers import Failure, Write
from fhir_bridge.client_network import Network, criteria
from fhir_bridge.plan_debts import ZONE, Scope, pay, turn_day
from fhir_bridge.push_bodies import id_of, with_id
from fhir_bridge.push_claim import Pace, Parcel, claim
from fhir_bridge.push_look import criteria_of, look
from fhir_bridge.push_settle import Result, settle

TYPES = ("Device", "Observation")


def _clock() -> datetime:
    return datetime.now(UTC)


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One round: how many left, what became of them, and why nothing could leave (`code`), with the seconds to wait."""

    sent: int = 0
    became: dict[str, int] = {}
    code: str | None = None
    wait: float | None = None


class Pusher:
    """One bridge at work; several may work on one database. `client` belongs to it alone."""

    def __init__(
        self, engine: Engine, client: Client, scope: Scope, pace: Pace | None = None, *,
        clock: Callable[[], datetime] = _clock, rng: Random | None = None,
    ) -> None:  # fmt: skip
        self.engine, self.client, self.scope, self.pace = engine, client, scope, pace or Pace()
        self.clock, self._rng = clock, rng or SystemRandom()
        self._turned: date | None = None

    def plan(self) -> int:
        """Pays all that the outbox owes the bridge; how many debts."""
        paid, today = 0, self.clock().astimezone(ZoneInfo(ZONE)).date()
        if today != self._turned:
            with transaction(self.engine) as connection:
                turn_day(connection, self.scope, self.clock())
            self._turned = today
        while True:
            with transaction(self.engine) as connection:
                step = pay(connection, self.scope, self.clock())
            if not step:
                return paid
            paid += step

    def round(self) -> Round:
        """Sends one request's worth of what may leave now; `sent` 0 when there is nothing or nothing may."""
        wait = self.client.breaker.wait(self.clock())
        if wait > 0:
            return Round(code="breaker", wait=wait)
        with read(self.engine) as connection:
            if not repo_push.heads(connection, self.scope.network, self.clock(), 1):
                return Round(wait=self._next(repo_push.next_due(connection, self.scope.network)))
        abilities = self.client.abilities()
        if isinstance(abilities, Failure):
            with transaction(self.engine) as connection:
                self._remember(connection)
            return Round(code=abilities.code, wait=max(self.pace.pause, self.client.breaker.wait(self.clock())))
        strategies = _strategies(abilities)
        if "Observation" not in strategies:
            return Round(code="unsupported", wait=self.pace.longest)
        with transaction(self.engine) as connection:
            # Single requests take their time, and a word of consent may be said between two of them.
            most = None if abilities.batch else 1
            parcels = claim(connection, self.scope, strategies, self.pace, self.clock(), most=most)
        if not parcels:
            return Round(wait=0.0)
        results = self._send(parcels, strategies)
        with transaction(self.engine) as connection:
            became = settle(connection, results, self.pace, self.clock(), self._rng)
            self._remember(connection)
        return Round(sent=len(parcels), became=dict(became))

    def push(self, stopping: Callable[[], bool] = lambda: False, *, until_empty: bool = False) -> Counter[str]:
        """Plans, then sends until nothing may leave now; with `until_empty` waits for what may leave later."""
        total: Counter[str] = Counter()
        self.plan()
        while not stopping():
            done = self.round()
            total.update({"sent": done.sent, **done.became})
            if done.sent or done.wait == 0:
                continue
            if done.code:
                total[done.code] += 1
            if not until_empty or done.wait is None:
                break
            time.sleep(min(max(done.wait, 0.005), 1.0))
            self.plan()
        return total

    def _send(self, parcels: Sequence[Parcel], strategies: Mapping[str, Strategy]) -> list[Result]:
        results: list[Result] = []
        ready: list[Parcel] = []
        for parcel in parcels:
            if parcel.how == "send":
                ready.append(parcel)
                continue
            found = look(self.client, parcel, strategies[parcel.row.type])
            if isinstance(found, Parcel):
                ready.append(found)
            else:
                results.append(Result(parcel, found))
        if ready:
            writes = [_write(one, strategies[one.row.type]) for one in ready]
            told = self.client.batch(writes)
            results += [
                Result(one, answer, posted=bool(write.if_none_exist))
                for one, write, answer in zip(ready, writes, told, strict=True)
            ]
        return results

    def _next(self, due: datetime | None) -> float | None:
        return None if due is None else max((due - self.clock()).total_seconds(), 0.05)

    def _remember(self, connection: Connection) -> None:
        """Keeps breaker and abilities for the next start."""
        said = {"breaker": msgspec.to_builtins(self.client.breaker)}
        if self.client.known is not None:
            said["abilities"] = msgspec.to_builtins(self.client.known)
        repo_networks.keep(connection, self.scope.network, self.clock(), **said)


def client_of(engine: Engine, network: Network, *, fresh: bool = True) -> Client:
    """A client that goes on where the last one stopped: with its breaker, and with the abilities unless `fresh`."""
    with read(engine) as connection:
        said = repo_networks.known(connection, network.name).said
    breaker = msgspec.convert(said["breaker"], Breaker) if "breaker" in said else None
    abilities = None if fresh or "abilities" not in said else msgspec.convert(said["abilities"], Abilities)
    return Client(network, breaker=breaker, abilities=abilities)


def _strategies(abilities: Abilities) -> dict[str, Strategy]:
    return {kind: way for kind in TYPES if (way := abilities.strategy(kind)) is not None}


def _write(parcel: Parcel, strategy: Strategy) -> Write:
    row = parcel.row
    if row.remote_id is not None:
        body = parcel.body if row.remote_id == id_of(row) else with_id(parcel.body, row.remote_id)
        return Write(kind=row.type, body=body, id=row.remote_id, if_match=row.version)
    if strategy == "put":
        return Write(kind=row.type, body=parcel.body, id=id_of(row), if_match=row.version)
    asked = criteria(**criteria_of(row)) if strategy == "conditional" else ""
    return Write(kind=row.type, body=with_id(parcel.body, None), if_none_exist=asked)
