"""The second, optional door to MQTT (paho): the home's own broker, where mirrors and room sensors speak.

One thread does it all: a message is in the journal before it is acknowledged (QoS 1, by hand), and when the journal
fails the connection is dropped, so that the broker delivers it again. MQTT 3.1.1, which every home broker speaks.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from paho.mqtt.client import MQTT_ERR_SUCCESS, Client, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from gateway.journal import JournalError
from gateway.log import log
from gateway.outflow import patience
from gateway.settings import BrokerAddress
from gateway.stage import Out

KEEPALIVE: Final = 30
CONNECT_TIMEOUT: Final = 10.0
TURN: Final = 0.2
# What a resumed session had in store comes at once; later messages are new.
BACKLOG: Final = 5.0
MOST_WAITING: Final = 1000


class Listener(Protocol):
    """What the connection serves; every method is called from the connection's own thread."""

    def filters(self) -> frozenset[str]:
        """The topics to listen to."""

    def hear(self, topic: str, payload: bytes, *, retained: bool, late: bool) -> None:
        """Take a message in for good; raises JournalError when it could not be kept."""

    def turn(self, *, fresh: bool) -> list[Out]:
        """What is to be published now; `fresh` once after each connect."""

    def last_words(self) -> list[Out]:
        """What is to be published before the gateway goes."""


class HomeLink:
    """Keeps the gateway connected to the home's broker; `start` and `stop` once each."""

    def __init__(self, broker: BrokerAddress, gateway: str, listener: Listener) -> None:
        self._broker, self._gateway, self._listener = broker, gateway, listener
        self._thread = threading.Thread(target=self._live, name="home", daemon=True)
        self._stopping = threading.Event()
        self._state = "away"
        self._late_until = 0.0
        self._broken = False
        self.connected = threading.Event()

    def start(self) -> None:
        """Begin to connect, in a thread of its own."""
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Say the last words, disconnect and end the thread; what is not acknowledged stays at the broker."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _live(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                stood = self._serve()
            except (OSError, ssl.SSLError, ValueError) as error:
                log("home_broker_unreachable", kind=type(error).__name__)
                stood = False
            except Exception as error:  # noqa: BLE001 - the broker keeps what we did not acknowledge: go on
                log("home_failed", kind=type(error).__name__)
                stood = False
            self.connected.clear()
            failures = 0 if stood else failures + 1
            self._stopping.wait(patience(failures, 0.2, 30.0))

    def _serve(self) -> bool:
        """One connection from CONNECT to its end; whether it ever stood."""
        self._state, self._broken = "away", False
        client = self._client()
        client.connect(self._broker.host, self._broker.port, KEEPALIVE)
        deadline = time.monotonic() + CONNECT_TIMEOUT
        while self._state == "away" and time.monotonic() < deadline and not self._stopping.is_set():
            if client.loop(TURN) != MQTT_ERR_SUCCESS:
                break
        stood = self._state == "connected"
        try:
            if stood:
                log("home_broker_connected")
                self._pump(client)
            elif not self._stopping.is_set():
                log("home_broker_refused", reason=self._state)
        finally:
            client.disconnect()
            client.loop(0)
        return stood

    def _client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2, f"phr-home-{self._gateway}", clean_session=False, protocol=MQTTv311,
            manual_ack=True,
        )  # fmt: skip
        broker = self._broker
        if broker.tls:
            client.tls_set(ca_certs=broker.ca_file, certfile=broker.cert_file, keyfile=broker.key_file)
        if broker.username is not None:
            client.username_pw_set(broker.username, broker.password)
        client.max_queued_messages_set(MOST_WAITING)
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        client.on_subscribe = lambda *_: self.connected.set()
        return client

    def _on_connect(self, _client: Client, _user: Any, flags: Any, reason: Any, _properties: Any) -> None:
        self._state = str(reason) if reason.is_failure else "connected"
        self._late_until = time.monotonic() + (BACKLOG if flags.session_present else 0.0)

    def _on_message(self, client: Client, _user: Any, message: MQTTMessage) -> None:
        if self._broken:
            return
        try:
            late = not message.retain and time.monotonic() < self._late_until
            self._listener.hear(message.topic, bytes(message.payload), retained=message.retain, late=late)
        except UnicodeDecodeError:
            log("home_message_refused", code="topic")
        except JournalError as error:
            log("journal_failed", code=error.code)
            self._broken = True
            return
        client.ack(message.mid, message.qos)

    def _pump(self, client: Client) -> None:
        """Listen and speak until the connection or the gateway ends."""
        listening: frozenset[str] = frozenset()
        fresh = True
        while not self._stopping.is_set() and not self._broken:
            wanted = self._listener.filters()
            _each(client.unsubscribe, listening - wanted)
            _each(lambda item: client.subscribe(item, qos=1), wanted - listening)
            listening = wanted
            for out in self._listener.turn(fresh=fresh):
                client.publish(out.topic, out.payload, qos=1, retain=out.retain)
            fresh = False
            if not wanted:
                self.connected.set()
            if client.loop(TURN) != MQTT_ERR_SUCCESS:
                return
        for out in self._listener.last_words() if self._stopping.is_set() else ():
            client.publish(out.topic, out.payload, qos=1, retain=out.retain)
        client.loop(TURN)


def _each(act: Callable[[str], object], topics: frozenset[str]) -> None:
    for item in sorted(topics):
        act(item)
