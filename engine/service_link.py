"""The engine's door to MQTT: paho driven from one thread by its socket, so that nothing is acknowledged before commit.

MQTT 5 where the broker speaks it, else 3.1.1. Acknowledgements of an earlier connection are dropped: the broker
delivers those messages again, and a packet id may already belong to another one.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from engine.contract import topics

SESSION_SECONDS = 7 * 24 * 3600
WINDOW = 1000
KEEPALIVE = 30
CONNECT_TIMEOUT = 5.0
BACKOFF = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
GROUP = "$share/engine/"


class Broker(msgspec.Struct, frozen=True):
    """Where the broker is and who we are there; `url` is `mqtt://host:port` or `mqtts://host:port`.

    `mqtt5` False skips the attempt at MQTT 5, for a broker known not to speak it.
    `shared` makes several engine processes split the readings (MQTT 5 brokers that support `$share` only).
    """

    url: str
    username: str | None = None
    password: str | None = None
    client_id: str = "phr-engine"
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    mqtt5: bool = True
    shared: bool = False


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """A message of connection `generation`, to be acknowledged by its `mid` once committed (QoS 1)."""

    generation: int
    mid: int
    qos: int
    topic: str
    payload: bytes


class LinkError(Exception):
    """The broker refuses us for good; `code` is not-authorized or bad-url."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Link:
    """One subscriber connection; `pump` gathers deliveries, `acknowledge` gives them back after commit."""

    def __init__(self, broker: Broker, clock: Callable[[], float] = time.monotonic) -> None:
        self._broker = broker
        self._clock = clock
        self._inbox: list[Delivery] = []
        self._generation = 0
        self._connected = False
        self._subscribed = False
        self._refused: str | None = None
        self._failures = 0
        self._retry_at = 0.0
        self._misc_at = 0.0
        self._protocol = mqtt.MQTTv5 if broker.mqtt5 else mqtt.MQTTv311
        self._client: mqtt.Client | None = None

    @property
    def subscribed(self) -> bool:
        """Whether the broker has granted the subscription; from now on nothing of QoS 1 passes by."""
        return self._connected and self._subscribed

    def pump(self, wait: float, limit: int) -> list[Delivery]:
        """Up to `limit` messages, waiting at most `wait` seconds for the first; keeps the connection alive."""
        if not self._ensure():
            time.sleep(min(wait, 0.05))
            return []
        assert self._client is not None
        self._turn(wait)
        while self._inbox and len(self._inbox) < limit and self._connected:
            before = len(self._inbox)
            # The socket does not block: asking it before each packet costs more than an empty read at the end.
            self._client.loop_read()
            if len(self._inbox) == before and not self._readable():
                break
        taken, self._inbox = self._inbox[:limit], self._inbox[limit:]
        return taken

    def acknowledge(self, deliveries: list[Delivery]) -> None:
        """Give committed messages back to the broker; those of an earlier connection are passed over."""
        if self._client is None:
            return
        for item in deliveries:
            if item.qos and item.generation == self._generation and self._connected:
                self._client.ack(item.mid, item.qos)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Queue a QoS 1 message; one that is lost with the connection is said again when the gateway asks again."""
        if self._client is not None and self._connected:
            self._client.publish(topic, payload, qos=1, retain=retain)

    def flush(self, seconds: float) -> None:
        """Write out what is queued, for at most `seconds`."""
        end = self._clock() + seconds
        while self._client is not None and self._connected and self._client.want_write() and self._clock() < end:
            self._client.loop_write()

    def drop(self) -> None:
        """Break the connection so that everything unacknowledged is delivered again (after a failed commit)."""
        if self._client is not None:
            self._close("dropped")

    def close(self) -> None:
        """Say goodbye; the session stays at the broker."""
        if self._client is not None and self._connected:
            self.flush(1.0)
            self._drain(1.0)
            self._client.disconnect()
            self.flush(1.0)
        self._close("closed")

    def _drain(self, seconds: float) -> None:
        """Read what is on its way: closing over unread bytes resets the connection and our last words with it."""
        end = self._clock() + seconds
        while self._client is not None and self._connected and self._clock() < end and self._readable(0.05):
            self._client.loop_read()

    def _ensure(self) -> bool:
        if self._client is not None and self._client.socket() is not None:
            return True
        if self._refused:
            raise LinkError("not-authorized", f"the broker refused the engine: {self._refused}")
        if self._clock() < self._retry_at:
            return False
        self._open()
        return self._client is not None

    def _open(self) -> None:
        client = self._make()
        place = urlsplit(self._broker.url)
        options: dict[str, Any] = {"host": place.hostname or "127.0.0.1", "port": place.port or 1883}
        if self._protocol == mqtt.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_SECONDS
            properties.ReceiveMaximum = WINDOW
            options |= {"clean_start": False, "properties": properties}
        self._client = client
        try:
            client.connect(keepalive=KEEPALIVE, **options)
        except (OSError, ValueError):
            self._close("unreachable")
            return
        end = self._clock() + CONNECT_TIMEOUT
        while not self._connected and client.socket() is not None and self._clock() < end:
            self._turn(0.05)
        if not self._connected:
            # A broker that knows only 3.1.1 closes the socket without a word that a version 5 client can read.
            newer = self._broker.mqtt5 and self._protocol == mqtt.MQTTv311
            self._protocol = mqtt.MQTTv5 if newer else mqtt.MQTTv311
            self._close("no CONNACK")

    def _make(self) -> mqtt.Client:
        session: dict[str, Any] = {} if self._protocol == mqtt.MQTTv5 else {"clean_session": False}
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, self._broker.client_id, protocol=self._protocol, manual_ack=True, **session
        )
        if self._broker.username:
            client.username_pw_set(self._broker.username, self._broker.password)
        if urlsplit(self._broker.url).scheme == "mqtts":
            client.tls_set(self._broker.ca_file, self._broker.cert_file, self._broker.key_file)
        client.max_inflight_messages_set(WINDOW)
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        return client

    def _on_connect(self, client: mqtt.Client, _user: Any, _flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            if "uthoriz" in str(reason) or "password" in str(reason):
                self._refused = str(reason)
            return
        self._generation += 1
        self._connected = True
        self._subscribed = False
        self._failures = 0
        self._inbox.clear()
        client.subscribe(self._filter(properties), qos=1)

    def _filter(self, properties: Any) -> str:
        """Shared only where a version 5 CONNACK does not deny it; a 3.1.1 SUBACK grants it and delivers nothing."""
        if self._broker.shared and self._protocol == mqtt.MQTTv5:
            available = getattr(properties, "SharedSubscriptionAvailable", 1)
            if available:
                return GROUP + topics.ALL_UP
        return topics.ALL_UP

    def _on_message(self, _client: mqtt.Client, _user: Any, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        self._inbox.append(Delivery(self._generation, message.mid, message.qos, topic, bytes(message.payload)))

    def _on_subscribe(self, *_: Any) -> None:
        self._subscribed = True

    def _on_disconnect(self, *_: Any) -> None:
        self._connected = False

    def _turn(self, wait: float) -> None:
        """Wait for the socket, read one packet, write what is queued, and look after keep-alives once a second."""
        client = self._client
        assert client is not None
        sock = client.socket()
        if sock is None:
            self._close("lost")
            return
        writers = [sock] if client.want_write() else []
        pending = getattr(sock, "pending", lambda: 0)()
        try:
            readable, writable, _ = select.select([sock], writers, [], 0 if pending else wait)
        except (OSError, ValueError):
            self._close("lost")
            return
        rc = client.loop_read() if readable or pending else mqtt.MQTT_ERR_SUCCESS
        if writable and client.socket() is not None:
            client.loop_write()
        if self._clock() >= self._misc_at:
            self._misc_at = self._clock() + 1.0
            rc = client.loop_misc() or rc
        if rc != mqtt.MQTT_ERR_SUCCESS or client.socket() is None:
            self._close("lost")

    def _readable(self, wait: float = 0.0) -> bool:
        sock = self._client.socket() if self._client else None
        if sock is None:
            return False
        if getattr(sock, "pending", lambda: 0)():
            return True
        try:
            return bool(select.select([sock], [], [], wait)[0])
        except (OSError, ValueError):
            return False

    def _close(self, _why: str) -> None:
        client, self._client = self._client, None
        self._connected = False
        self._inbox.clear()
        self._retry_at = self._clock() + BACKOFF[min(self._failures, len(BACKOFF) - 1)]
        self._failures += 1
        sock = client.socket() if client else None
        if sock is not None:
            sock.close()
