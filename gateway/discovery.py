"""Home Assistant's MQTT discovery, read: what a sender says of itself becomes a proposed map (pure).

Facts: home-assistant.io, integrations/mqtt, "MQTT Discovery": topics `<prefix>/<component>/[<node>/]<object>/config`
and `<prefix>/device/<object>/config`, the abbreviations, `~` as base topic, an empty payload for removal. Templates are
read, never run: only a plain value or a path into the JSON, with float, int or round behind it. Everything else is
refused by name.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from gateway.mirror import MapError, MirrorMap, Spot, map_of

PREFIX: Final = "homeassistant"
MAX_CONFIG: Final = 256 * 1024
_TOPIC: Final = re.compile(r"[^/]+/([a-z_]+)/(?:([A-Za-z0-9_-]+)/)?([A-Za-z0-9_-]+)/config")
_SHORT: Final = {
    "stat_t": "state_topic", "val_tpl": "value_template", "unit_of_meas": "unit_of_measurement",
    "dev_cla": "device_class", "dev": "device", "uniq_id": "unique_id", "obj_id": "object_id", "cmps": "components",
    "p": "platform", "o": "origin", "def_ent_id": "default_entity_id",
}  # fmt: skip
_SHORT_DEVICE: Final = {"ids": "identifiers", "mf": "manufacturer", "mdl": "model", "cns": "connections"}
_PATH: Final = r"(?:\.[A-Za-z_][A-Za-z0-9_]*|\[[0-9]{1,4}\]|\['[^'\\]*'\]|\[\"[^\"\\]*\"\])"
_FILTER: Final = r"\|\s*(?:float|int|round)\s*(?:\(\s*-?[0-9.]*\s*\))?\s*"
_TEMPLATE: Final = re.compile(rf"\s*\{{\{{-?\s*(?:value|value_json({_PATH}+))\s*(?:{_FILTER})*-?\}}\}}\s*")
_STEP: Final = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\[([0-9]+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
_UNITS: Final = {
    "°C": "Cel", "°F": "[degF]", "bpm": "/min", "BPM": "/min", "beats/min": "/min", "br/min": "/min", "brpm": "/min",
    "breaths/min": "/min", "rpm": "/min", "/min": "/min", "kg": "kg", "lb": "[lb_av]", "lbs": "[lb_av]", "g": "g",
    "%": "%", "ppm": "[ppm]", "hPa": "mbar", "mbar": "mbar", "mmHg": "mm[Hg]", "kPa": "kPa", "steps": "{steps}",
    "m": "m", "km": "km", "cm": "cm", "in": "[in_i]",
}  # fmt: skip
_CLASSES: Final = {
    "humidity": "room-humidity", "carbon_dioxide": "co2", "battery": "battery", "weight": "body-weight",
    "atmospheric_pressure": "air-pressure",
}  # fmt: skip
# The first line whose words occur in the entity's names and whose unit fits decides; words are whole or Japanese.
_WORDS: Final = (
    (r"resp|breath|呼吸", "/min", "respiratory-rate"),
    (r"heart|pulse|hr|bpm|心拍|脈拍", "/min", "heart-rate"),
    (r"systolic|収縮期", "mm[Hg]", "systolic"),
    (r"diastolic|拡張期", "mm[Hg]", "diastolic"),
    (r"spo2|oxygen|酸素", "%", "spo2"),
    (r"fat|脂肪", "%", "body-fat"),
    (r"step|steps|歩数", "{steps}", "steps-total"),
    (r"body|fever|体温", "Cel", "body-temperature"),
    (r"skin|forehead|皮膚", "Cel", "skin-temperature"),
    (r"humidity|湿度", "%", "room-humidity"),
    (r"co2", "[ppm]", "co2"),
)

Role = Literal["value", "quality", "person", "confidence"]


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a sender offers: where its value stands and what we take it for."""

    device: str
    name: str
    topic: str
    pointer: str
    role: Role
    kind: str = ""
    unit: str = ""
    maker: str | None = None
    model: str | None = None


class Discovered(msgspec.Struct, frozen=True, kw_only=True):
    """What one message offers and what is refused, by name: component, no-state-topic, template, unit or no-kind.

    A whole message is refused with the name "" and not-discovery, message-shape or removed (an empty payload).
    """

    entities: tuple[Entity, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()


def discover(topic: str, payload: bytes) -> Discovered:
    """What a retained discovery message offers; total."""
    place = _TOPIC.fullmatch(topic)
    if place is None:
        return Discovered(refused=(("", "not-discovery"),))
    if not payload:
        return Discovered(refused=(("", "removed"),))
    try:
        config = json.loads(payload[: MAX_CONFIG + 1]) if len(payload) <= MAX_CONFIG else None
    except (ValueError, RecursionError):
        config = None
    if not isinstance(config, dict):
        return Discovered(refused=(("", "message-shape"),))
    config = _long(config, _SHORT)
    if place[1] == "device":
        parts = config.get("components")
        components = parts if isinstance(parts, dict) else {}
        shared = {name: config[name] for name in ("device", "state_topic", "~") if name in config}
        items = [(str(name), shared | _long(part, _SHORT)) for name, part in components.items()]
    else:
        items = [(place[3], {"platform": place[1]} | config)]
    read = [_entity(name, item, place[2] or place[3]) for name, item in items]
    return Discovered(
        entities=tuple(item for item in read if isinstance(item, Entity)),
        refused=tuple((name, item) for (name, _), item in zip(items, read, strict=True) if isinstance(item, str)),
    )


def propose(entities: Iterable[Entity]) -> tuple[MirrorMap, ...]:
    """One map for each device and state topic, values in the order they were offered; the first of a kind counts.

    A proposal binds no person and takes values for a camera's: both are for people to decide.
    """
    groups: dict[tuple[str, str], list[Entity]] = {}
    for entity in entities:
        groups.setdefault((entity.device, entity.topic), []).append(entity)
    found = []
    for (device, topic), parts in groups.items():
        spots = {
            e.kind: Spot(pointer=e.pointer, kind=e.kind, unit=e.unit) for e in reversed(parts) if e.role == "value"
        }
        others = {e.role: e.pointer for e in reversed(parts) if e.role != "value"}
        if spots:
            first = parts[0]
            made = MirrorMap(
                name=_slug(device, topic), device=device[:200], maker=first.maker, model=first.model, topic=topic,
                values=tuple(reversed(spots.values())), quality=others.get("quality"), person=others.get("person"),
                confidence=others.get("confidence"),
            )  # fmt: skip
            found += _usable(made)
    return tuple(found)


def _usable(made: MirrorMap) -> list[MirrorMap]:
    """The map, if it can be one: a sender may call its topic anything."""
    try:
        return [map_of(msgspec.to_builtins(made))]
    except MapError:
        return []


def _long(part: object, names: Mapping[str, str]) -> dict[str, Any]:
    """The entry with its abbreviations spelt out; nothing of what is no entry."""
    return {names.get(key, key): value for key, value in part.items()} if isinstance(part, dict) else {}


def _entity(name: str, config: dict[str, Any], node: str) -> Entity | str:
    """The entity, or the code why it cannot be read."""
    if config.get("platform") != "sensor":
        return "component"
    topic = _state_topic(config)
    if topic is None:
        return "no-state-topic"
    pointer = pointer_of(config.get("value_template"))
    if pointer is None:
        return "template"
    meaning = _meaning(config, name)
    if isinstance(meaning, str):
        return meaning
    role, kind, unit = meaning
    device = _long(config.get("device"), _SHORT_DEVICE)
    ids = device.get("identifiers")
    return Entity(
        device=_text(ids[0] if isinstance(ids, list) and ids else ids) or node, name=name, topic=topic,
        pointer=pointer, role=role, kind=kind, unit=unit, maker=_text(device.get("manufacturer")),
        model=_text(device.get("model")) or _text(device.get("name")),
    )  # fmt: skip


def _state_topic(config: dict[str, Any]) -> str | None:
    """The state topic with its base put in; `~` stands at one end of it."""
    topic, base = config.get("state_topic"), config.get("~")
    if not isinstance(topic, str) or not topic:
        return None
    if isinstance(base, str) and topic.startswith("~"):
        topic = base + topic[1:]
    elif isinstance(base, str) and topic.endswith("~"):
        topic = topic[:-1] + base
    return None if set("+#\0") & set(topic) or len(topic) > 200 else topic  # noqa: PLR2004 - as a map's topic


def pointer_of(template: object) -> str | None:
    """The JSON pointer a value template stands for; None for one that is more than a path."""
    if template is None:
        return ""
    found = _TEMPLATE.fullmatch(template) if isinstance(template, str) else None
    if found is None:
        return None
    steps = [next(part for part in step if part) if any(step) else "" for step in _STEP.findall(found[1] or "")]
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def _meaning(config: dict[str, Any], name: str) -> tuple[Role, str, str] | str:
    """Role, kind and unit, or no-kind or unit."""
    said = " ".join(str(config.get(key) or "") for key in ("name", "object_id", "unique_id", "default_entity_id"))
    words = f"{name} {said}".lower()
    spelt = config.get("unit_of_measurement")
    if not spelt:
        roles: tuple[tuple[str, Role], ...] = (
            ("quality", "quality"), ("confidence", "confidence"), ("person|user|face", "person"),
        )  # fmt: skip
        return next(((role, "", "") for pattern, role in roles if _speaks(words, pattern)), "no-kind")
    unit = _UNITS.get(spelt) if isinstance(spelt, str) else None
    if unit is None:
        return "unit"
    kind = _CLASSES.get(str(config.get("device_class")))
    if kind is None:
        same = "Cel" if unit == "[degF]" else unit
        kind = next((kind for pattern, of, kind in _WORDS if of == same and _speaks(words, pattern)), None)
    if kind is None and config.get("device_class") == "temperature":
        kind = "room-temperature"
    return ("value", kind, unit) if kind else "no-kind"


def _speaks(words: str, pattern: str) -> bool:
    return re.search(rf"(?<![a-z])(?:{pattern})", words) is not None


def _text(said: object) -> str | None:
    """A device's word about itself, fit for the wire."""
    text = re.sub(r"[\x00-\x1f\x7f]", " ", said).strip()[:64] if isinstance(said, str) else ""
    return text or None


def _slug(device: str, topic: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")[:36] or "sender"
    return f"{words}-{hashlib.sha256(topic.encode()).hexdigest()[:6]}"
