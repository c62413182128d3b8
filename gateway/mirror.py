"""What a mirror or room sensor says over the home's own broker: a map of JSON pointers (RFC 6901) to kinds (pure).

A map says which topics, where in the message each value stands, and which of the mirror's own person names is which
resident. Reading a message is total: whatever the bytes, the answer is readings or a reason code. Nobody is guessed: a
name that is not in the map's table, or that the mirror is not sure of, is nobody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final, Literal, NoReturn

import msgspec

from engine.contract.kinds import KINDS, ROOM
from engine.contract.reading import END, ResidentId, Value
from engine.contract.units import accepts

PROFILE: Final = "mqtt-mirror"
MAX_PAYLOAD: Final = 64 * 1024
# Digits beyond these are the sender's binary floats, not its sensor.
MOST_DECIMALS: Final = 6
# The wire's most before the point.
MOST_DIGITS: Final = 12
# An epoch in milliseconds lies beyond every epoch in seconds that a device of ours can have.
MILLISECONDS_FROM: Final = 100_000_000_000
ROOM_EVERY: Final = 900
UNAVAILABLE: Final = frozenset({"", "unavailable", "unknown", "none", "nan"})
_ROOM: Final = frozenset(kind.code for kind in ROOM)
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?")
_POINTER: Final = re.compile(r"(/([^~/]|~[01])*)*")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,5}")

Name = Annotated[str, msgspec.Meta(pattern=rf"^[a-z0-9][a-z0-9-]{{0,47}}{END}")]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Pointer = Annotated[str, msgspec.Meta(max_length=200)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Part = Literal["camera", "body", "room"]


class MapError(ValueError):
    """A map that cannot be used: map-shape, map-topic, map-pointer, map-kind, map-unit, map-double or map-display."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Spot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one value stands, its kind and the unit it comes in; `camera` overrules the map's."""

    pointer: Pointer
    kind: str
    unit: str
    camera: bool | None = None


class MirrorMap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of message of one sender.

    `topic` may hold wildcards; what they stand for tells senders apart. `device` is the sender's identity, so that
    several maps can be one device's. `quality` points to a figure 0..1. Values of a camera are always preliminary;
    others are when their quality is below `threshold`. `people` binds the sender's own names to residents; a name
    counts when `confidence`, if given, points to at least `sure_of_person`. `display` is where the sender shows text.
    Of a sender that never stops talking one message in `every` seconds is kept for each person (a room's: 900).
    """

    v: Literal[1] = 1
    name: Name
    topic: Text
    values: tuple[Spot, ...] = ()
    device: Text | None = None
    maker: Text | None = None
    model: Text | None = None
    quality: Pointer | None = None
    threshold: Share = 0.8
    camera: bool = True
    person: Pointer | None = None
    confidence: Pointer | None = None
    # Below it an automatic assignment would be no more than assumed, and a mirror shows what it knows to all who look.
    sure_of_person: Share = 0.99
    people: Mapping[str, ResidentId] = {}
    time: Pointer | None = None
    every: Annotated[int, msgspec.Meta(ge=0, le=86_400)] | None = None
    display: Text | None = None
    display_seconds: Annotated[int, msgspec.Meta(ge=5, le=120)] = 20
    language: Literal["ja", "en"] = "ja"

    @property
    def room_only(self) -> bool:
        """Whether nothing of a body is in it."""
        return all(spot.kind in _ROOM for spot in self.values)

    @property
    def pause(self) -> int:
        """Seconds between two messages that are kept; a room changes slowly, and every message would be a row."""
        return self.every if self.every is not None else ROOM_EVERY if self.room_only else 0


class Portion(msgspec.Struct, frozen=True):
    """Values that become one reading: a camera's, another sensor's, or the room's; `quality` as the wire has it."""

    part: Part
    values: tuple[Value, ...]
    quality: float | None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a message says: readings by part, whose, when (None: not told), and values left out with their codes."""

    portions: tuple[Portion, ...]
    person: str | None = None
    time: datetime | None = None
    dropped: tuple[tuple[str, str], ...] = ()


class Untold(msgspec.Struct, frozen=True):
    """A message without a usable value; the person may still have been seen.

    Codes: message-size, message-shape, unavailable, no-values, or the code of the only value.
    """

    code: str
    person: str | None = None


def map_of(content: object) -> MirrorMap:
    """The map in decoded TOML or JSON; raises MapError for the first thing that cannot be."""
    try:
        found = msgspec.convert(content, MirrorMap)
    except msgspec.ValidationError as error:
        raise MapError("map-shape", str(error)) from error
    _check_topics(found)
    pointers = [spot.pointer for spot in found.values]
    for pointer in (*pointers, found.quality, found.person, found.confidence, found.time):
        if pointer is not None and not _POINTER.fullmatch(pointer):
            raise MapError("map-pointer", f"{pointer!r} is no JSON pointer (RFC 6901): it starts with / or is empty")
    for spot in found.values:
        _check_value(spot)
    kinds = [spot.kind for spot in found.values]
    if len(set(kinds)) < len(kinds):
        raise MapError("map-double", "each kind may stand in a map once")
    if not found.values and found.person is None:
        raise MapError("map-shape", "a map without values or a person says nothing")
    return found


def _check_topics(found: MirrorMap) -> None:
    levels = found.topic.split("/")
    wild = any(("+" in level and level != "+") or ("#" in level and level != "#") for level in levels)
    if wild or "#" in levels[:-1] or "\0" in found.topic:
        raise MapError("map-topic", f"{found.topic!r} is no MQTT topic filter")
    if found.display is not None and (
        set("+#\0") & set(found.display) or matched(found.topic, found.display) is not None
    ):
        # A text we show that came back as a measurement would go round for ever.
        raise MapError("map-display", "the display topic has no wildcards and is not one of the map's own topics")


def _check_value(spot: Spot) -> None:
    kind = KINDS.get(spot.kind)
    if kind is None:
        raise MapError("map-kind", f"there is no kind {spot.kind!r}")
    if not accepts(spot.unit, kind.unit):
        raise MapError("map-unit", f"{spot.kind} cannot come in {spot.unit!r}; its unit is {kind.unit}")


def matched(topic_filter: str, topic: str) -> tuple[str, ...] | None:
    """What the wildcards of `topic_filter` stand for in `topic`; None when it does not match."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    found: list[str] = []
    if topic.startswith("$") and wanted[0] in {"+", "#"}:
        return None
    for place, level in enumerate(wanted):
        if level == "#":
            return (*found, *levels[place:])
        if place >= len(levels) or level not in {"+", levels[place]}:
            return None
        found += [levels[place]] if level == "+" else []
    return tuple(found) if len(levels) == len(wanted) else None


def identity(found: MirrorMap, topic: str) -> str:
    """Who sent a message on `topic`: the map's device and what its wildcards stand for."""
    return "/".join((found.device or found.name, *(matched(found.topic, topic) or ())))


def look_up(document: object, pointer: str) -> object:
    """What `pointer` (RFC 6901) names in `document`; None where there is nothing."""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(name)
        elif isinstance(document, list) and _INDEX.fullmatch(name) and int(name) < len(document):
            document = document[int(name)]
        else:
            return None
    return document


def read_message(found: MirrorMap, payload: bytes) -> Told | Untold:
    """What `payload` says by the map; total."""
    if len(payload) > MAX_PAYLOAD:
        return Untold("message-size")
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        return Untold("message-shape")
    document = _document(text)
    if document is None:
        return Untold("unavailable" if text.strip().lower() in UNAVAILABLE else "message-shape")
    person = _person(found, document)
    numbers, dropped = _numbers(found, document)
    if not numbers:
        return Untold(dropped[0][1] if len(dropped) == 1 else "no-values", person)
    quality = _share(look_up(document, found.quality)) if found.quality is not None else None
    portions = tuple(_portions(found, numbers, quality))
    time = look_up(document, found.time) if found.time is not None else None
    return Told(portions=portions, person=person, time=_time(time), dropped=tuple(dropped))


def _document(text: str) -> object:
    def refuse(_: str) -> NoReturn:
        raise ValueError("JSON has no such number")

    try:
        return json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=refuse)
    except (ValueError, RecursionError, InvalidOperation):
        return None


def _numbers(found: MirrorMap, document: object) -> tuple[list[tuple[Spot, str]], list[tuple[str, str]]]:
    """The values in the wire's digits, and what was left out with its code; what is not there is not missed."""
    numbers, dropped = [], []
    for spot in found.values:
        raw = look_up(document, spot.pointer)
        if raw is None or (isinstance(raw, str) and raw.strip().lower() in UNAVAILABLE):
            continue
        number = _number(raw)
        text = None if number is None else _digits(number)
        if text is None:
            dropped.append((spot.pointer, "not-a-number"))
        else:
            numbers.append((spot, text))
    return numbers, dropped


def _number(raw: object) -> Decimal | None:
    if isinstance(raw, Decimal):
        return raw if raw.is_finite() else None
    # Home Assistant's states are texts.
    return Decimal(raw.strip()) if isinstance(raw, str) and _NUMBER.fullmatch(raw.strip()) else None


def _digits(number: Decimal) -> str | None:
    """The number as the wire writes it, None when it is too large for that."""
    if int(number.as_tuple().exponent) < -MOST_DECIMALS and number.adjusted() < MOST_DIGITS:
        number = round(number, MOST_DECIMALS).normalize()
    if number.adjusted() >= MOST_DIGITS:
        return None
    return format(number or abs(number), "f")


def _portions(found: MirrorMap, numbers: list[tuple[Spot, str]], quality: float | None) -> list[Portion]:
    parts: dict[Part, list[Value]] = {}
    for spot, text in numbers:
        by_camera = found.camera if spot.camera is None else spot.camera
        part: Part = "room" if spot.kind in _ROOM else "camera" if by_camera else "body"
        parts.setdefault(part, []).append(Value(spot.kind, text, spot.unit))
    poor = quality is not None and quality < found.threshold
    # On the wire a quality means preliminary: a camera's values always have one, good ones of other sensors none.
    figures: dict[Part, float | None] = {"camera": quality or 0.0, "body": quality if poor else None, "room": None}
    return [Portion(part, tuple(values), figures[part]) for part, values in sorted(parts.items())]


def _share(raw: object) -> float | None:
    """A figure 0..1; percent is not guessed, and what cannot be read is the worst there is."""
    number = _number(raw) if raw is not None else None
    return None if raw is None else float(number) if number is not None and 0 <= number <= 1 else 0.0


def _person(found: MirrorMap, document: object) -> str | None:
    if found.person is None:
        return None
    said: Any = look_up(document, found.person)
    name = format(said, "f") if isinstance(said, Decimal) else said
    if not isinstance(name, str):
        return None
    if found.confidence is not None and (_share(look_up(document, found.confidence)) or 0.0) < found.sure_of_person:
        return None
    return found.people.get(name)


def _time(raw: object) -> datetime | None:
    """An instant with its offset, or a wall clock without one; None for what is neither."""
    try:
        if isinstance(raw, Decimal):
            seconds = raw / 1000 if raw >= MILLISECONDS_FROM else raw
            return datetime.fromtimestamp(float(seconds), UTC)
        return datetime.fromisoformat(raw.strip()) if isinstance(raw, str) else None
    except (ValueError, OverflowError, OSError):
        return None
