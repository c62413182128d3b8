"""Home Assistant's MQTT discovery, spoken: retained configs of what this gateway may tell its own home (pure).

Everybody in a home can read its broker. So only the gateway's health, batteries and the rooms' climate are announced;
a person's values only while that person has agreed to have them shown (`mirror-display`), and then as the engine
sends them for the mirrors. What is no longer to be said is removed by an empty retained message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from engine.contract.kinds import KINDS, ROOM
from engine.contract.reading import Reading
from engine.contract.wire import DeviceNote, Health, Show
from gateway.discovery import PREFIX
from gateway.stage import Out

ROOT: Final = "phr-home"
UNITS: Final = {"Cel": "°C", "kg": "kg", "%": "%", "[ppm]": "ppm", "mbar": "hPa", "{steps}/d": "steps", "/min": "bpm"}
CLASSES: Final = {
    "room-temperature": "temperature", "room-humidity": "humidity", "co2": "carbon_dioxide", "battery": "battery",
    "air-pressure": "atmospheric_pressure", "body-weight": "weight",
}  # fmt: skip
_ROOM: Final = frozenset(kind.code for kind in ROOM)


def configs(
    gateway: str, version: str, notes: Iterable[DeviceNote], rooms: Mapping[str, frozenset[str]], shows: Iterable[Show]
) -> dict[str, bytes]:
    """Every config that should stand at the broker, by topic; `rooms` names the room kinds heard of a device."""
    own = {"identifiers": [f"phr_{gateway}"], "name": "Minato PHR gateway", "sw_version": version}
    found = [_config(gateway, gateway, "journal", own, "Journal", {"state_class": "measurement"})]
    for note in notes:
        kinds = rooms.get(note.device, frozenset()) | ({"battery"} if note.battery is not None else set())
        for kind in sorted(kinds & _ROOM):
            found += [_config(gateway, note.device, kind, _device(gateway, note), KINDS[kind].en, _kind(kind))]
    for show in shows:
        name = show.resident
        person = {"identifiers": [f"phr_{name}"], "name": f"Resident {name}", "via_device": f"phr_{gateway}"}
        for value in show.values:
            found += [_config(gateway, name, value.kind, person, KINDS[value.kind].en, _kind(value.kind))]
    return dict(found)


def changes(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[Out]:
    """What to publish so that `after` stands where `before` stood."""
    gone = [Out(topic, b"", retain=True) for topic in sorted(before.keys() - after.keys())]
    return gone + [
        Out(topic, after[topic], retain=True) for topic in sorted(after) if before.get(topic) != after[topic]
    ]


def state_topic(gateway: str, subject: str) -> str:
    """Where the values of the gateway itself, a device or a resident are told."""
    return f"{ROOT}/{gateway}/{subject}"


def health_state(gateway: str, health: Health) -> Out:
    """The gateway's own state; nobody's, so it may be retained."""
    return Out(state_topic(gateway, gateway), _json({"journal": health.journal}), retain=True)


def device_state(gateway: str, note: DeviceNote, room: Mapping[str, str]) -> list[Out]:
    """A device's battery and the room values last heard of it."""
    values: dict[str, Any] = {kind: _number(value) for kind, value in room.items()}
    values |= {"battery": note.battery} if note.battery is not None else {}
    return [Out(state_topic(gateway, note.device), _json(values), retain=True)] if values else []


def resident_state(gateway: str, show: Show) -> Out:
    """What a person has agreed to have shown; never retained."""
    return Out(state_topic(gateway, show.resident), _json({item.kind: _number(item.value) for item in show.values}))


def room_values(reading: Reading) -> dict[str, str]:
    """The room's part of a reading, in its kinds' own units."""
    return {v.kind: v.value for v in reading.values if v.kind in _ROOM and v.unit == KINDS[v.kind].unit}


def _config(
    gateway: str, subject: str, kind: str, device: Mapping[str, Any], name: str, more: Mapping[str, Any]
) -> tuple[str, bytes]:
    unique = f"phr_{subject}_{kind}"
    said = {
        "name": name,
        "unique_id": unique,
        "state_topic": state_topic(gateway, subject),
        "value_template": f"{{{{ value_json['{kind}'] }}}}",
        **more,
        "device": dict(device),
        "origin": {"name": "Minato PHR"},
    }
    return f"{PREFIX}/sensor/{gateway}/{unique}/config", _json(said)


def _kind(code: str) -> dict[str, Any]:
    unit, of = UNITS.get(KINDS[code].unit), CLASSES.get(code)
    said: dict[str, Any] = {"unit_of_measurement": unit} if unit else {}
    return said | ({"device_class": of} if of else {}) | {"state_class": "measurement"}


def _device(gateway: str, note: DeviceNote) -> dict[str, Any]:
    told = {"manufacturer": note.maker, "model": note.model, "sw_version": note.firmware}
    said = {"identifiers": [f"phr_{note.device}"], "name": note.model or note.profile, "via_device": f"phr_{gateway}"}
    return said | {name: value for name, value in told.items() if value is not None}


def _number(text: str) -> msgspec.Raw:
    """The digits as they are: 62.30 stays 62.30."""
    return msgspec.Raw(text.encode())


def _json(said: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(said)
