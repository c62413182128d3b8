"""The engine at work: subscribe, decode, intake, one transaction, and only then the acknowledgement.

One thread does it all, so the order is the program's order: a reading is committed before its id is acknowledged to
the gateway, and only then is the message given back to the broker. Whatever dies in between is delivered again.
"""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from engine import loans_orders, rosters
from engine.contract import topics, wire
from engine.contract.reading import Reading
from engine.evaluate import evaluate_next, hurry, look_after
from engine.household import Household, present
from engine.intake import Accepted, Refused, Unassigned, accept, open_to_numbers
from engine.service_forgetting import FORGOTTEN, Slots, is_late, is_theirs, tell
from engine.service_link import Delivery, Link
from engine.service_notes import hands_over, note, reply
from engine.showing import pay
from engine.spots import NO_VISIT
from engine.standing import OFF, Automatic
from engine.store import repo_closing, repo_shows, tallies
from engine.store.database import Connection, Engine, StoreError, write
from engine.store.households import change_token, households_of
from engine.store.readings import Bad, Heard, recent_of, remember, write_batch
from engine.store.repo_weighings import Weighings
from engine.urgent import asks_again, ending
from engine.visiting import LEAVES, Guests
from engine.visiting import hear as hear_visitor

BATCH = 500
QUIET_SECONDS = 0.5
# However much is measured, what a person signed for goes out, and somebody is looked at anew, as often as this.
TURN_SECONDS = 5.0
LOOK_SECONDS = 60.0
ACK_IDS = 500


class Answer(msgspec.Struct, frozen=True):
    """What a gateway is told after the commit."""

    gateway: str
    ids: tuple[str, ...] = ()
    refused: tuple[wire.RefusedId, ...] = ()
    bad: wire.Bad | None = None
    known: wire.Known | None = None


class Handled(msgspec.Struct, frozen=True):
    """What one transaction did, and what may be answered once it is committed."""

    heard: tuple[Heard, ...]
    answers: tuple[Answer, ...]


class Facts:
    """Households by gateway, read anew when the store says that something about people changed or a consent ends."""

    def __init__(self) -> None:
        self._token = -1
        self._until: datetime | None = None
        self._homes: dict[str, Household | None] = {}
        self._erased: Slots | None = None

    def of(self, connection: Connection, gateways: set[str], now: datetime) -> dict[str, Household | None]:
        """The household of each gateway, None for one that was never enrolled."""
        token = change_token(connection)
        if token != self._token or (self._until is not None and now >= self._until):
            self._token, self._until, self._homes, self._erased = token, None, {}, None
        missing = gateways - self._homes.keys()
        if missing:
            found = households_of(connection, missing, now)
            self._homes.update((gateway, found.get(gateway)) for gateway in missing)
            ends = [home.until for home in found.values() if home.until is not None]
            self._until = min([*ends, *([self._until] if self._until else [])], default=None)
        return self._homes

    def erased(self, connection: Connection) -> Slots:
        """The user slots of people who were erased, as of the last look at the households."""
        if self._erased is None:
            self._erased = repo_closing.erased_slots(connection)
        return self._erased


def handle(connection: Connection, facts: Facts, deliveries: Sequence[Delivery], now: datetime) -> Handled:
    """Bring everything in `deliveries` into the store; the answers may be sent once the transaction is committed.

    Total: foreign topics and payloads become counted refusals.
    """
    spoken: list[tuple[str, Reading | wire.Malformed]] = []
    bads: list[Bad] = []
    visitors: list[Answer] = []
    heard: list[Heard] = []
    for item in deliveries:
        place = topics.split_up(item.topic)
        if spoken and place is not None and hands_over(connection, place[1], item.payload):
            # What was said before a slot changed hands is the former owner's.
            heard += _filed(connection, facts, spoken, now)
            spoken = []
        if place is None:
            tallies.add(connection, {("bad-message", "foreign-topic"): 1})
        elif place[1] == "reading":
            _read(place[0], item.payload, spoken, bads)
        elif place[1] == "reply":
            reply(connection, place[0], item.payload, now)
        elif place[1] in LEAVES:
            known = hear_visitor(connection, *place, item.payload, now)
            visitors += [Answer(place[0], known=known)] if known else []
        else:
            note(connection, facts, place, item.payload, now)
    heard += _filed(connection, facts, spoken, now)
    write_batch(connection, [], bads, now)
    return Handled(tuple(heard), (*visitors, *_answers(heard, bads)))


def _filed(connection: Connection, facts: Facts, spoken: Sequence[tuple[str, Any]], now: datetime) -> list[Heard]:
    heard = _judge(connection, facts, spoken, now) if spoken else []
    if heard:
        write_batch(connection, heard, [], now)
        # A red flag that is not surely somebody's: the mirrors of the home ask for another measurement.
        for home in {item.household for item in heard if item.household and asks_again(item.outcome, now)}:
            repo_shows.owe_home(connection, home, now)
    return heard


def _read(gateway: str, payload: bytes, spoken: list[tuple[str, Any]], bads: list[Bad]) -> None:
    found = wire.decode_readings(payload)
    if isinstance(found, wire.Unreadable):
        bads.append(Bad(gateway, found.sha256, found.code, len(payload)))
    else:
        spoken.extend((gateway, reading) for reading in found)


def _judge(
    connection: Connection, facts: Facts, spoken: Sequence[tuple[str, Reading | wire.Malformed]], now: datetime
) -> list[Heard]:
    homes = facts.of(connection, {gateway for gateway, _ in spoken}, now) if spoken else {}
    recent = recent_of(connection, [item for _, item in spoken if isinstance(item, Reading)])
    weighings, guests = Weighings(connection), Guests(connection, now)
    erased = facts.erased(connection)
    heard: list[Heard] = []
    for gateway, item in spoken:
        home = homes.get(gateway)
        if isinstance(item, wire.Malformed):
            # What a stranger measured at a spot, or where nobody lets us record, is kept nowhere, also when unreadable.
            strange = home is not None and (home.spot or not home.recording)
            strange |= is_theirs(item.content, erased)
            item = msgspec.structs.replace(item, content=b"") if strange else item  # noqa: PLW2901
            heard.append(Heard(gateway, None, item))
            continue
        if erased and is_late(item, home, erased):
            heard.append(Heard(gateway, None, Refused(item, FORGOTTEN, keep=False)))
            continue
        fitting = None
        if home and home.spot:
            guest = guests.home_of(gateway, home, item)
            if guest is None:
                heard.append(Heard(gateway, None, Refused(item, NO_VISIT, keep=False)))
                continue
            home = guest
        there = present(home, item) if home else None
        if there and open_to_numbers(item, there) and item.id not in recent.digests:
            fitting = weighings.fitting(there, item, heard)
        outcome = accept(item, gateway, home, recent, now, fitting) if home else Refused(item, "unknown-gateway")
        remember(recent, gateway, outcome)
        known = recent.digests.get(item.id) if isinstance(outcome, Accepted | Unassigned) else None
        heard.append(Heard(gateway, home.id if home else None, outcome, known))
    return heard


def _answers(heard: Sequence[Heard], bads: Sequence[Bad]) -> list[Answer]:
    ids: dict[str, list[str]] = defaultdict(list)
    refused: dict[str, list[wire.RefusedId]] = defaultdict(list)
    for item in heard:
        match item.outcome:
            case wire.Malformed(id=name, code=code):
                refused[item.gateway].append(wire.RefusedId(name, code))
            case Refused(reading=reading, code=code):
                name = reading.id
                refused[item.gateway].append(wire.RefusedId(name, code))
            case outcome:
                name = outcome.reading.id
        ids[item.gateway].append(name)
    answers = [Answer(gateway, tuple(names), tuple(refused[gateway])) for gateway, names in ids.items()]
    return answers + [Answer(bad.gateway, bad=wire.Bad(bad=bad.sha256, code=bad.code)) for bad in bads]


class Service:
    """Runs until told to stop; `clock` gives the time that is written into rows.

    `automatic` is what the operator lets leave without a person deciding each time.
    """

    def __init__(
        self,
        engine: Engine,
        link: Link,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        automatic: Automatic = OFF,
    ) -> None:
        self._engine = engine
        self._link = link
        self._clock = clock
        self._automatic = automatic
        self._facts = Facts()
        self._busy_at = 0.0
        self._looked_at = 0.0
        self._turned_at = time.monotonic()
        self._red: set[str] = set()
        self.handled = 0

    def run(self, stop: Callable[[], bool]) -> None:
        """Work until `stop()` is true; raises LinkError when the broker refuses the engine's account."""
        while not stop():
            self.step()
        self._link.close()

    def step(self, wait: float = 0.1) -> int:
        """One turn: a batch of messages, and, when nothing came for a while or for long, one resident's evaluation."""
        deliveries = self._link.pump(wait, BATCH)
        if deliveries:
            self._busy_at = time.monotonic()
            self._take(deliveries)
        self._rush()
        if self._has_time(bool(deliveries)):
            self._turned_at = time.monotonic()
            with suppress(StoreError):  # a busy database: the debt stays in the outbox
                evaluate_next(self._engine, self._clock(), self._automatic)
                self._show()
                self._forget()
        if time.monotonic() - self._looked_at > LOOK_SECONDS:
            self._looked_at = time.monotonic()
            with suppress(StoreError):  # the next minute comes
                look_after(self._engine, self._clock(), self._automatic)
        return len(deliveries)

    def _has_time(self, busy: bool) -> bool:
        now = time.monotonic()
        quiet = not busy and now - self._busy_at > QUIET_SECONDS
        return quiet or now - self._turned_at > TURN_SECONDS

    def _hurry(self, heard: Sequence[Heard]) -> None:
        """Look at once at whoever sent a red flag: a confirmed one may have to be told within a minute."""
        now = self._clock()
        owners = {
            end.resident
            for item in heard
            if not isinstance(item.outcome, wire.Malformed)
            and (end := ending(item.outcome, now))
            and end.way == "urgent"
        }
        self._red |= {one for one in owners if one}
        self._rush()

    def _rush(self) -> None:
        for one in sorted(self._red):
            with suppress(StoreError):  # a busy database: at the next step, before all who wait
                hurry(self._engine, [one], self._clock(), self._automatic)
                self._red.discard(one)

    def _show(self) -> None:
        """Hand over the lines mirrors may show, and who lives in a home; away from the broker they stay owed."""
        if not self._link.subscribed:
            return
        shown = pay(self._engine, self._clock(), self._link.publish)
        if rosters.pay(self._engine, self._clock(), self._link.publish) or shown:
            self._link.flush(1.0)

    def _forget(self) -> None:
        """Say what gateways shall forget and give up; whoever is away is told again until they answer."""
        if not self._link.subscribed:
            return
        said = tell(self._engine, self._clock(), self._link.publish)
        if loans_orders.tell(self._engine, self._clock(), self._link.publish) or said:
            self._link.flush(1.0)

    def _take(self, deliveries: list[Delivery]) -> None:
        try:
            with write(self._engine) as connection:
                done = handle(connection, self._facts, deliveries, self._clock())
        except StoreError:
            # Nothing was committed: a new connection makes the broker deliver all of it again.
            self._facts = Facts()
            self._link.drop()
            return
        except Exception:  # noqa: BLE001 - one message that trips a bug must not stop the readings of a whole town
            self._facts = Facts()
            if len(deliveries) > 1:
                for item in deliveries:
                    self._take([item])
                return
            done = Handled((), self._park(deliveries[0]))
        for answer in done.answers:
            self._tell(answer)
        self._link.flush(1.0)
        self._link.acknowledge(deliveries)
        self.handled += len(deliveries)
        self._hurry(done.heard)

    def _park(self, item: Delivery) -> tuple[Answer, ...]:
        """Count the culprit and answer `bad`, so that the gateway halves the batch or keeps it where people see it."""
        place = topics.split_up(item.topic)
        found = Bad(
            place[0] if place else "", hashlib.sha256(item.payload).hexdigest(), "engine-bug", len(item.payload)
        )
        with write(self._engine) as connection:
            write_batch(connection, [], [found], self._clock())
        return tuple(_answers([], [found]))

    def _tell(self, answer: Answer) -> None:
        topic = topics.down(answer.gateway, "ack")
        if answer.known is not None:
            self._link.publish(topics.down(answer.gateway, "who"), wire.encode(answer.known))
        if answer.bad is not None:
            self._link.publish(topic, wire.encode(answer.bad))
        for start in range(0, len(answer.ids), ACK_IDS):
            ids = answer.ids[start : start + ACK_IDS]
            named = frozenset(ids)
            refused = tuple(item for item in answer.refused if item.id in named)
            self._link.publish(topic, wire.encode(wire.Ack(ids=ids, refused=refused)))
