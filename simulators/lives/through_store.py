"""The same lives through the real store: messages of gateways as they come, and the hourly round of the engine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine, select

from engine import life_store
from engine.consent import Event, say
from engine.contract import wire
from engine.contract.topics import Up, up
from engine.life import Draft
from engine.life_typed import Ready
from engine.people import Resident
from engine.refusal import Refusal
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.situation import LifeEvent
from engine.store import (
    repo_consents,
    repo_family,
    repo_life,
    repo_outbox,
    repo_places,
    repo_residents,
    repo_watch_ears,
)
from engine.store.database import read, write
from engine.store.instants import from_micros
from engine.store.repo_facts import By
from engine.store.tables_following import WATCH_ALERT
from engine.watching_round import look
from simulators.lives.fates import HOURS
from simulators.lives.gateways import EARS_BEFORE, Word
from simulators.lives.homes import Home
from simulators.lives.known import SORTS, instant
from simulators.lives.messages import Message, Owned, Place, Said, messages, named, owned, place_of, told, until
from simulators.lives.town import Town
from simulators.lives.trial import Watch, walked
from simulators.lives.truth import Raised

_WHO: Final = By("simulator", "simulator")
_MUNICIPALITY: Final = "062049"
_PURPOSES: Final = ("record", "nurse-review")
_BORN: Final = date(1946, 4, 1)


class StoreError(Exception):
    """The store refused something a life needs; the code says what."""


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """The alerts that both ways raised, and those of only one of them."""

    homes: int
    both: int
    core_only: tuple[Raised, ...]
    store_only: tuple[Raised, ...]

    @property
    def agree(self) -> bool:
        """Whether they are alert for alert the same."""
        return not self.core_only and not self.store_only


def compare(engine: Engine, town: Town, homes: Sequence[Home], every: int = 1) -> Agreement:
    """The same homes through the pure core and a migrated store without people, with a look `every` so many hours."""
    moved = walked(town, homes)
    core = {_rounded(one) for home in homes for one in Watch(town, home, moved, every=every).run()}
    stored = {_rounded(one) for one in StoredLives(engine, town, homes, every).run()}
    return Agreement(
        homes=len(homes), both=len(core & stored), core_only=tuple(sorted(core - stored, key=_at)),
        store_only=tuple(sorted(stored - core, key=_at)),
    )  # fmt: skip


def _rounded(one: Raised) -> Raised:
    """To a hundredth of an hour: a store keeps microseconds, a number of hours does not."""
    return msgspec.structs.replace(one, since=round(one.since, 2))


class StoredLives:
    """A few homes of a town in a migrated store without people, hour by hour."""

    def __init__(self, engine: Engine, town: Town, homes: Sequence[Home], every: int = 1) -> None:
        self._engine, self._town, self._facts, self._rng = engine, town, Facts(), Random(1)
        self._every = every
        self._places = [place_of(home) for home in homes]
        self._words = {place.gateway: Word(town, place.home) for place in self._places}
        self._lost: set[str] = set()
        self._messages = sorted((one for place in self._places for one in messages(town, place)), key=_at)
        self._said = sorted((one for place in self._places for one in told(town, place)), key=_at)
        self._boxes = {one.id: (one, place.gateway) for place in self._places for one in owned(place)}
        self._slots: dict[str, list[wire.Binding]] = defaultdict(list)
        for one in (one for place in self._places for one in owned(place)):
            self._slots[one.id].append(one.slot)
        self._events: dict[tuple[str, float], LifeEvent] = {}
        self._next = {"messages": 0, "said": 0}

    def run(self) -> list[Raised]:
        """Everything until the end; what the round raised, in the order it did."""
        with write(self._engine) as connection:
            self._furnish(connection)
        first = int(self._town.fixed.learning_days * HOURS)
        ears = first - EARS_BEFORE
        # Until the ears open only what was measured matters, and that may come a day at a time.
        for hour in (*range(24, ears, 24), *range(ears, int(self._town.hours))):
            now = instant(self._town, float(hour))
            with write(self._engine) as connection:
                self._hear(connection, hour, now)
                self._tell(connection, hour, now)
                looks = hour >= first and hour % self._every == 0
                if ears <= hour and not looks:
                    repo_watch_ears.look(connection, [place.household for place in self._places], now)
            if looks:
                look(self._engine, now, moved=hour % 24 == 0)
        return self._raised()

    def _furnish(self, connection: Connection) -> None:
        begun = instant(self._town, -30 * HOURS)
        repo_places.seed_municipalities(connection)
        for place in self._places:
            home = repo_places.Household(id=place.household, municipality_code=_MUNICIPALITY)
            repo_places.add_household(connection, home, begun)
            gateway = repo_places.Gateway(id=place.gateway, household_id=place.household)
            repo_places.enrol_gateway(connection, gateway, begun)
            for name in place.residents:
                repo_residents.add(connection, _resident(name, place), begun, actor=_WHO.actor, os_user=_WHO.os_user)
                for purpose in _PURPOSES:
                    _agree(connection, name, purpose, None, begun)
            member = repo_family.add(connection, "家族", "child", "ja", begun, Random(place.home.number))
            _agree(connection, place.residents[0], "watch-over", member.id, begun)
        # Nothing is known of anybody yet: what their consent owed is paid.
        repo_outbox.done(connection, repo_outbox.take(connection, "evaluate", limit=10_000))
        notes = {name: (gateway, wire.encode(self._note(one))) for name, (one, gateway) in self._boxes.items()}
        self._handle(connection, ((gateway, "device", payload) for gateway, payload in notes.values()), begun)

    def _note(self, one: Owned, battery: int | None = None) -> wire.DeviceNote:
        return wire.DeviceNote(device=one.id, profile=one.profile, battery=battery, bindings=tuple(self._slots[one.id]))

    def _hear(self, connection: Connection, hour: int, now: datetime) -> None:
        """What the gateways told since the last hour, of others and of themselves."""
        for place in self._places:
            self._lose(connection, place.gateway, hour)
        coming: list[Message] = []
        while self._next["messages"] < len(self._messages) and self._messages[self._next["messages"]].at <= hour:
            coming.append(self._messages[self._next["messages"]])
            self._next["messages"] += 1
        self._handle(connection, self._packed(coming), now)
        self._handle(connection, self._words_at(hour), now)

    def _packed(self, coming: Iterable[Message]) -> Iterable[tuple[str, Up, bytes]]:
        last: dict[str, Message] = {}
        batches: dict[str, list[bytes]] = defaultdict(list)
        for one in coming:
            batches[one.gateway].append(wire.encode_reading(one.reading))
            device = one.reading.device
            if device not in last or one.reading.measured_at > last[device].reading.measured_at:
                last[device] = one
        for device, newest in sorted(last.items()):
            box, gateway = self._boxes[device]
            hours = (newest.reading.measured_at - instant(self._town, 0.0)) / timedelta(hours=1)
            yield gateway, "device", wire.encode(self._note(box, box.device.battery(hours)))
        for gateway, parts in sorted(batches.items()):
            for start in range(0, len(parts), wire.MAX_BATCH // 2):
                yield gateway, "reading", wire.encode_batch(parts[start : start + wire.MAX_BATCH // 2])

    def _lose(self, connection: Connection, gateway: str, hour: int) -> None:
        """The last will of a gateway that is not there any more, at the moment it went."""
        word = self._words[gateway]
        if word.told[hour] < hour and gateway not in self._lost:
            self._lost.add(gateway)
            at = instant(self._town, float(word.told[hour]))
            self._handle(connection, [(gateway, "state", wire.encode(wire.State(state="lost")))], at)

    def _words_at(self, hour: int) -> Iterable[tuple[str, Up, bytes]]:
        for gateway, word in self._words.items():
            if word.told[hour] < hour:
                continue
            if gateway in self._lost or hour <= HOURS:
                self._lost.discard(gateway)
                yield gateway, "state", wire.encode(wire.State(state="ready"))
            _, _, health = word.said(self._town, hour)
            said: dict[str, Any] = {"v": 1, "version": "1", **health}
            yield gateway, "health", msgspec.json.encode(said)

    def _handle(self, connection: Connection, parts: Iterable[tuple[str, Up, bytes]], now: datetime) -> None:
        heard = [
            Delivery(1, number, 1, up(gateway, leaf), payload)
            for number, (gateway, leaf, payload) in enumerate(parts, 1)
        ]
        if heard:
            handle(connection, self._facts, heard, now)

    def _tell(self, connection: Connection, hour: int, now: datetime) -> None:
        while self._next["said"] < len(self._said) and self._said[self._next["said"]].at <= hour:
            self._record(connection, self._said[self._next["said"]], now)
            self._next["said"] += 1

    def _record(self, connection: Connection, said: Said, now: datetime) -> None:
        begin = instant(self._town, said.span.start)
        key = (said.resident, said.span.start)
        if said.end:
            done = life_store.end(
                connection, self._events[key], instant(self._town, said.span.end), _WHO, now, self._rng
            )
        else:
            person = repo_residents.get(connection, said.resident)
            assert person is not None
            lasts = until(self._town, said)
            draft = Draft(
                id=named("f", *key), by=_WHO.actor, sort=SORTS[said.span.sort], since=begin,
                until=None if lasts is None else begin + lasts,
            )  # fmt: skip
            done = life_store.record(connection, person, Ready(draft=draft), _WHO, now, self._rng)
        if isinstance(done, Refusal):
            raise StoreError(f"{said.span.sort} of {said.resident}: {done.code}: {done.message}")
        kept = repo_life.get(connection, done.event.id)
        assert kept is not None
        self._events[key] = kept

    def _raised(self) -> list[Raised]:
        numbers = {place.residents[0]: place.home.number for place in self._places}
        begin = instant(self._town, 0.0)
        with read(self._engine) as connection:
            rows = connection.execute(select(WATCH_ALERT).order_by(WATCH_ALERT.c.seq)).mappings().all()
        return [
            Raised(
                home=numbers[row["resident_id"]], sort=row["sort"],
                since=(from_micros(row["since"]) - begin) / timedelta(hours=1),
                at=(from_micros(row["at"]) - begin) / timedelta(hours=1),
                cause=msgspec.json.decode(row["evidence"])["cause"],
            )
            for row in rows
        ]  # fmt: skip


def _at(one: Message | Said | Raised) -> float:
    return one.at


def _resident(name: str, place: Place) -> Resident:
    return Resident(
        id=name, household_id=place.household, municipality_code=_MUNICIPALITY, family_name="見本",
        given_name=f"{place.home.number}", family_kana="ミホン", given_kana="ヒト", birth_date=_BORN, sex="female",
    )  # fmt: skip


def _agree(connection: Connection, resident: str, purpose: str, recipient: str | None, at: datetime) -> None:
    asked = {"resident": resident, "purpose": purpose, "recipient": recipient, "granted": True, "at": at}
    event = say(msgspec.convert(asked, Event))
    if isinstance(event, Refusal):
        raise StoreError(f"{purpose}: {event.code}")
    repo_consents.append(connection, event, os_user=_WHO.os_user)
