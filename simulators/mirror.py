"""A smart mirror that is not there: a camera's heart rate, breathing and temperature over MQTT, and a display.

The heart rate is what `engine.rppg` reads out of a synthetic face of `simulators.pulse_traces`, with its quality; a
trace that does not pass is told without a rate, as an honest mirror would. Breathing and temperature are drawn.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Self

import msgspec
import numpy as np
from paho.mqtt.client import MQTT_ERR_SUCCESS, Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from engine.rppg import Pulse, Trace, heart_rate
from gateway.discovery import PREFIX
from gateway.settings import BrokerAddress
from simulators.pulse_traces import pulse_trace

MAKER, MODEL = "Minato", "Simulated mirror"
START_SECONDS = 10.0
# Faces under bathroom light: most traces pass, some do not.
SNR_DB = (0.0, 12.0)


class MirrorError(RuntimeError):
    """The home's broker was not reached or did not let the mirror in."""


class SimulatedMirror:
    """One mirror at a home's broker; `look` is somebody before it, `shown` what its display was told.

    It has no thread of its own, so that a harness may fork beside it: it reads its socket when it is asked.
    """

    def __init__(self, broker: BrokerAddress, name: str, seed: int) -> None:
        self.name, self._broker = name, broker
        self.state, self.display = f"minato-mirror/{name}/state", f"minato-mirror/{name}/display"
        self._rng = np.random.default_rng(seed)
        self._shown: list[dict[str, Any]] = []
        self._events: set[str] = set()
        self._client = Client(CallbackAPIVersion.VERSION2, f"mirror-{name}", protocol=MQTTv311)
        if broker.username is not None:
            self._client.username_pw_set(broker.username, broker.password)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._events.add("listening")
        self._client.on_publish = lambda _c, _u, mid, _r, _p: self._events.add(f"taken {mid}")
        self._client.on_message = lambda _c, _u, message: self._shown.append(msgspec.json.decode(message.payload))

    def start(self) -> Self:
        """Connect and say what the mirror has; raises MirrorError."""
        try:
            self._client.connect(self._broker.host, self._broker.port)
        except OSError as error:
            raise MirrorError(f"no broker at {self._broker.host}:{self._broker.port}") from error
        if not self._until(lambda: "listening" in self._events, START_SECONDS):
            raise MirrorError("the home's broker does not let the mirror in")
        config = msgspec.json.encode(self.discovery())
        self._publish(f"{PREFIX}/device/{self.name}/config", config, retain=True)
        return self

    def stop(self) -> None:
        """Leave the broker."""
        self._client.disconnect()

    def shown(self, seconds: float) -> dict[str, Any] | None:
        """What the display is told next, waiting at most `seconds`; None when nothing came."""
        return self._shown.pop(0) if self._until(lambda: bool(self._shown), seconds) else None

    def _on_connect(self, client: Client, _user: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not reason.is_failure:
            client.subscribe(self.display, qos=1)

    def _until(self, done: Callable[[], bool], seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not done() and time.monotonic() < end:
            if self._client.loop(0.05) != MQTT_ERR_SUCCESS:
                break
        return done()

    def discovery(self) -> dict[str, Any]:
        """What it tells Home Assistant of itself, abbreviated as small devices do."""
        told = (
            ("heart_rate", "Heart rate", "vitals.hr | float", "bpm", None),
            ("respiration", "Respiration", "vitals['rr']", "br/min", None),
            ("body_temperature", "Body temperature", "vitals.temperature", "°C", "temperature"),
            ("room", "Room", "room", "°C", "temperature"),
            ("signal_quality", "Signal quality", "quality", None, None),
            ("person", "Person", "face.name", None, None),
            ("confidence", "Confidence", "face.confidence", None, None),
        )
        parts = {
            key: {"p": "sensor", "name": name, "val_tpl": f"{{{{ value_json.{path} }}}}"}
            | ({"unit_of_meas": unit} if unit else {})
            | ({"dev_cla": of} if of else {})
            for key, name, path, unit, of in told
        }
        return {
            "dev": {"ids": [f"minato-mirror-{self.name}"], "mf": MAKER, "mdl": MODEL},
            "o": {"name": "minato-phr simulators"},
            "~": f"minato-mirror/{self.name}",
            "stat_t": "~/state",
            "cmps": parts,
        }

    def map_for(self, people: dict[str, str]) -> dict[str, Any]:
        """The map by which a gateway understands this mirror; `people` binds its names to residents."""
        return {
            "v": 1, "name": self.name, "device": f"minato-mirror-{self.name}", "maker": MAKER, "model": MODEL,
            "topic": self.state, "quality": "/quality", "person": "/face/name", "confidence": "/face/confidence",
            "time": "/at", "display": self.display, "people": people,
            "values": [
                {"pointer": "/vitals/hr", "kind": "heart-rate", "unit": "/min"},
                {"pointer": "/vitals/rr", "kind": "respiratory-rate", "unit": "/min"},
                {"pointer": "/vitals/temperature", "kind": "body-temperature", "unit": "Cel"},
                {"pointer": "/room", "kind": "room-temperature", "unit": "Cel"},
            ],
        }  # fmt: skip

    def look(self, person: str | None, at: datetime, *, confidence: float = 0.995) -> dict[str, Any]:
        """Somebody stands before the mirror at `at` (aware); what it published, once the broker has it."""
        face = pulse_trace(self._rng, float(self._rng.uniform(*SNR_DB)))
        read = heart_rate(Trace(seconds=face.seconds, red=face.red, green=face.green, blue=face.blue))
        vitals: dict[str, float] = {
            "rr": round(float(self._rng.normal(15, 2)), 1),
            "temperature": round(float(self._rng.normal(36.4, 0.2)), 1),
        }
        quality = 0.0
        if isinstance(read, Pulse):
            quality = read.quality
            vitals |= {"hr": read.rate} if read.passes else {}
        said = {
            "at": at.isoformat(),
            "face": {"name": person, "confidence": confidence} if person else None,
            "vitals": vitals,
            "quality": quality,
            "room": round(float(self._rng.normal(21, 1)), 1),
        }
        self._publish(self.state, msgspec.json.encode(said))
        return said

    def _publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        taken = f"taken {self._client.publish(topic, payload, qos=1, retain=retain).mid}"
        if not self._until(lambda: taken in self._events, START_SECONDS):
            raise MirrorError("the home's broker went away")
        self._events.discard(taken)
