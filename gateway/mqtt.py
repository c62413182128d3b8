"""The gateway's only door to MQTT (paho): readings out of the journal, the engine's answers back into it.

One client per connection, so that nothing lives in paho's queue that the journal does not know. All state belongs to
one thread; paho's callbacks only post into its inbox and therefore cannot fail. The broker's PUBACK is noted, no more:
rows go when the engine acknowledges, and are sent again with growing patience until then.
"""

from __future__ import annotations

import hashlib
import queue
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from paho.mqtt.client import MQTT_ERR_SUCCESS, Client, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from engine.contract import topics
from engine.contract.wire import Ack, Bad, DeviceNote, Health, State, decode_answer, encode
from gateway.journal import Journal, JournalError
from gateway.log import log
from gateway.mqtt_events import Connected, Event, Lost, Message, Reply, Taken
from gateway.outflow import Party, parties, patience
from gateway.settings import BrokerAddress

SESSION_EXPIRY: Final = 7 * 24 * 3600
KEEPALIVE: Final = 30
CONNECT_TIMEOUT: Final = 10.0
# A broker without MQTT 5 may keep silent instead of refusing: do not wait long before speaking 3.1.1.
PROBE_TIMEOUT: Final = 3.0
# Messages the broker has not taken, and readings the engine has not answered, at most.
MESSAGES: Final = 20
READINGS: Final = 1000
REMEMBERED: Final = 256


class Uplink:
    """Keeps the gateway connected and its journal drained; `start` and `stop` once each, `poke` from any thread."""

    def __init__(
        self,
        broker: BrokerAddress,
        gateway: str,
        journal: Journal,
        *,
        health: Callable[[], Health] | None = None,
        hear: Callable[[str, bytes], None] | None = None,
        retry: float = 10.0,
        retry_most: float = 300.0,
        health_every: float = 60.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._broker, self._gateway, self._journal, self._now = broker, gateway, journal, now
        self._health, self._hear = health, hear
        self._retry, self._retry_most, self._health_every = retry, retry_most, health_every
        self._inbox: queue.SimpleQueue[tuple[int, Event]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._live, name="uplink", daemon=True)
        self._stopping = threading.Event()
        self._protocol: MQTTProtocolVersion = MQTTv5 if broker.mqtt5 else MQTTv311
        self._generation = 0
        self._state: State = State(state="ready")
        self._notes: dict[str, bytes] = {}
        self._untold: set[str] = set()
        self._retold = self._answered = False
        self._mids: dict[int, tuple[str, ...]] = {}
        self._flying: dict[str, datetime] = {}
        self._payloads: dict[str, tuple[str, ...]] = {}
        self._next_health = self._next_hurry = datetime.min.replace(tzinfo=UTC)
        self._latest = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
        self.connected = threading.Event()

    def start(self) -> None:
        """Begin to connect, in a thread of its own."""
        self._thread.start()

    def poke(self) -> None:
        """There is something new in the journal."""
        self._inbox.put((0, None))

    def tell_state(self, state: State) -> None:
        """Publish the gateway's life, retained, now and at every connect."""
        self._state, self._retold = state, True
        self.poke()

    @property
    def state(self) -> str:
        """The word last told."""
        return self._state.state

    def tell_device(self, note: DeviceNote) -> None:
        """Publish what is known of a device, now and at every connect."""
        self._notes[note.device] = encode(note)
        self._untold.add(note.device)
        self.poke()

    def reply(self, payload: bytes, leaf: topics.Up = "reply") -> None:
        """Say something on `up/<leaf>` once; lost when the broker is away, the asker asks again."""
        self._inbox.put((0, Reply(payload, leaf)))

    def stop(self, timeout: float = 5.0) -> None:
        """Say `sleeping`, disconnect and end the thread; what is not acknowledged stays in the journal."""
        self._stopping.set()
        self.poke()
        if self._thread.is_alive():
            self._thread.join(timeout)

    # -- the thread

    def _live(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                failures = 0 if self._serve() else failures + 1
            except JournalError as error:
                log("journal_failed", code=error.code)
                failures += 1
            except Exception as error:  # noqa: BLE001 - the journal keeps everything, so going on is always right
                log("uplink_failed", kind=type(error).__name__)
                failures += 1
            self._stopping.wait(0 if failures == 0 else patience(failures - 1, 0.2, 30.0))

    def _serve(self) -> bool:
        """One connection from CONNECT to its end; whether it ever stood."""
        self._generation += 1
        self._mids.clear()
        self._flying.clear()
        self._answered = False
        client = self._client(self._generation)
        stood = False
        try:
            client.connect(self._broker.host, self._broker.port, KEEPALIVE, **self._clean())
            client.loop_start()
            connected = self._await_connack()
            if connected is None or not connected.ok:
                self._fall_back(connected)
                return False
            stood = True
            self._greet(client, connected)
            self._pump(client)
        except (OSError, ssl.SSLError, ValueError) as error:
            log("broker_unreachable", kind=type(error).__name__)
        finally:
            self.connected.clear()
            client.disconnect()
            client.loop_stop()
        return stood

    def _client(self, generation: int) -> Client:
        five = self._protocol == MQTTv5
        extra: dict[str, Any] = {} if five else {"clean_session": False}
        client = Client(CallbackAPIVersion.VERSION2, client_id=f"phr-{self._gateway}", protocol=self._protocol, **extra)
        broker = self._broker
        if broker.tls:
            client.tls_set(ca_certs=broker.ca_file, certfile=broker.cert_file, keyfile=broker.key_file)
        if broker.password is not None or broker.username is not None:
            client.username_pw_set(broker.username or self._gateway, broker.password)
        client.will_set(topics.up(self._gateway, "state"), encode(State(state="lost")), qos=1, retain=True)
        post = self._inbox.put
        client.on_connect = lambda _c, _u, flags, code, _p: post(
            (generation, Connected(not code.is_failure, str(code), flags.session_present))
        )
        client.on_disconnect = lambda _c, _u, _f, code, _p: post((generation, Lost(str(code))))
        client.on_publish = lambda _c, _u, mid, _r, _p: post((generation, Taken(mid)))
        client.on_message = lambda _c, _u, message: post((generation, Message(message.topic, bytes(message.payload))))
        return client

    def _clean(self) -> Mapping[str, Any]:
        if self._protocol != MQTTv5:
            return {}
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_EXPIRY
        properties.ReceiveMaximum = 1000
        return {"clean_start": False, "properties": properties}

    def _await_connack(self) -> Connected | None:
        patient = PROBE_TIMEOUT if self._protocol == MQTTv5 else CONNECT_TIMEOUT
        deadline = time.monotonic() + patient
        while (left := deadline - time.monotonic()) > 0 and not self._stopping.is_set():
            events = self._drain(left)
            for place, event in enumerate(events):
                if isinstance(event, Lost):
                    return None
                if isinstance(event, Connected):
                    # What the session had in store for us may have come in the same breath.
                    for later in events[place + 1 :]:
                        self._inbox.put((self._generation, later))
                    return event
        return None

    def _fall_back(self, connected: Connected | None) -> None:
        """Brokers without MQTT 5 close the socket or refuse the version: take turns until one is understood."""
        if connected is not None and "version" not in connected.reason.lower():
            log("broker_refused", reason=connected.reason)
            return
        self._protocol = MQTTv311 if self._protocol == MQTTv5 else MQTTv5

    def _greet(self, client: Client, connected: Connected) -> None:
        client.subscribe(topics.all_down(self._gateway), qos=1)
        log("broker_connected", protocol=int(self._protocol), resumed=int(connected.resumed))
        # Publishes of the last connection may be lost with it, whatever the broker had said.
        self._journal.hurry(self._now() + timedelta(seconds=1 if connected.resumed else 0))
        self._retold, self._untold = True, set(self._notes)
        self._next_health = self._now()
        self.connected.set()

    def _pump(self, client: Client) -> None:
        """Publish and listen until the connection or the gateway ends."""
        while not self._stopping.is_set():
            self._tell(client)
            wait = self._publish_due(client)
            events = self._drain(wait)
            for event in events:
                if isinstance(event, Reply):
                    self._say(client, event.leaf, event.payload)
            lost = self._take_in(events)
            if lost:
                log("broker_lost", reason=lost)
                return
        self._say(client, "state", encode(State(state="sleeping")), retain=True, wait=True)

    def _tell(self, client: Client) -> None:
        if self._retold:
            self._retold = False
            self._say(client, "state", encode(self._state), retain=True)
        for device in sorted(self._untold.copy()):
            self._untold.discard(device)
            self._say(client, "device", self._notes[device])
        every = timedelta(seconds=self._health_every)
        if self._health and not self._next_health - every <= self._now() < self._next_health:
            self._next_health = self._now() + every
            self._say(client, "health", encode(self._health()), retain=True)

    def _say(
        self, client: Client, leaf: topics.Up, payload: bytes, *, retain: bool = False, wait: bool = False
    ) -> None:
        info = client.publish(topics.up(self._gateway, leaf), payload, qos=1, retain=retain)
        if wait and info.rc == MQTT_ERR_SUCCESS:
            info.wait_for_publish(2.0)

    def _publish_due(self, client: Client) -> float:
        """Send what is due as far as the window allows; seconds until there may be more."""
        now = self._now()
        if now < self._latest - timedelta(seconds=5):
            # The clock was set back: what was due soon would now wait for ever.
            self._flying.clear()
            self._journal.hurry(now)
        self._latest = now
        self._flying = {name: due for name, due in self._flying.items() if due > now}
        room = READINGS - len(self._flying)
        if room <= 0 or len(self._mids) >= MESSAGES:
            return min(1.0, self._retry)
        due = self._journal.due(now, min(room, 500))
        if due and not self._answered:
            # Until the engine has answered it may have missed the notes, and the slots decide whose a reading is.
            self._untold.update(self._notes)
            self._tell(client)
        for party in parties(due):
            if len(self._mids) >= MESSAGES:
                return min(1.0, self._retry)
            self._send(client, party, now)
        return min(1.0, self._retry)

    def _send(self, client: Client, party: Party, now: datetime) -> None:
        due = now + timedelta(seconds=patience(party.attempts, self._retry, self._retry_most))
        self._journal.offer(party.ids, due)
        self._flying.update(dict.fromkeys(party.ids, due))
        self._payloads[hashlib.sha256(party.payload).hexdigest()] = party.ids
        while len(self._payloads) > REMEMBERED:
            self._payloads.pop(next(iter(self._payloads)))
        # Return code 4 (no connection) has queued the message all the same: never publish it a second time here.
        self._mids[client.publish(topics.up(self._gateway, "reading"), party.payload, qos=1).mid] = party.ids

    # -- what comes in

    def _drain(self, wait: float) -> list[Event]:
        """The events of this connection that came within `wait` seconds: the first one and all that wait behind it."""
        found: list[Event] = []
        try:
            item = self._inbox.get(timeout=max(wait, 0.0))
            while True:
                if item[0] in (0, self._generation):
                    found.append(item[1])
                item = self._inbox.get_nowait()
        except queue.Empty:
            return found

    def _take_in(self, events: list[Event]) -> str | None:
        """Act on what came; the reason when the connection is lost."""
        taken: list[str] = []
        lost = None
        for event in events:
            if isinstance(event, Taken):
                taken += self._mids.pop(event.mid, ())
            elif isinstance(event, Message):
                self._receive(event)
            elif isinstance(event, Lost):
                lost = event.reason
        if taken:
            self._journal.mark_sent(taken, self._now())
        return lost

    def _receive(self, message: Message) -> None:
        if message.topic != topics.down(self._gateway, "ack"):
            self._pass_on(message)
            return
        try:
            answer = decode_answer(message.payload)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            log("answer_unreadable", size=len(message.payload))
            return
        self._answered = True
        if isinstance(answer, Ack):
            self._acknowledged(answer)
        else:
            self._complained(answer)

    def _pass_on(self, message: Message) -> None:
        if self._hear is None:
            return
        try:
            self._hear(message.topic, message.payload)
        except Exception as error:  # noqa: BLE001 - whatever a command does, readings go on flowing
            log("message_failed", kind=type(error).__name__)

    def _acknowledged(self, ack: Ack) -> None:
        refused = [(item.id, item.code) for item in ack.refused]
        self._journal.forget(ack.ids, refused)
        for name in (*ack.ids, *dict(refused)):
            self._flying.pop(name, None)
        # The engine is awake: what it has not answered is tried again soon, not after minutes of grown patience.
        if self._now() >= self._next_hurry:
            self._next_hurry = self._now() + timedelta(seconds=self._retry)
            self._journal.hurry(self._next_hurry)

    def _complained(self, bad: Bad) -> None:
        ids = self._payloads.pop(bad.bad, ())
        for name in ids:
            self._flying.pop(name, None)
        if len(ids) == 1:
            log("reading_parked", reading=ids[0], code=bad.code)
            self._journal.park(ids[0], bad.code)
        elif ids:
            self._journal.halve(ids)
