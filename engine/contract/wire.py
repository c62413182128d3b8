"""Versioned JSON, strict both ways: what is not understood is refused with a code, never guessed.

Every payload is a JSON object with `"v": 1`. Limits: 64 KiB a message, 100 readings a batch.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeVar

import msgspec

from engine.contract.reading import END, DeviceId, Instant, Number, Reading, ReadingId, ResidentId, Word

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

VERSION: Final = 1
MAX_MESSAGE: Final = 64 * 1024
MAX_BATCH: Final = 100
MAX_BATCH_BYTES: Final = 48 * 1024
# Nobody measures longer at a public spot: what is heard later is not the person who identified there.
LONGEST_VISIT: Final = timedelta(minutes=5)
Version = Literal[1]
Sha256 = Annotated[str, msgspec.Meta(pattern=rf"^[0-9a-f]{{64}}{END}")]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
T = TypeVar("T", bound=msgspec.Struct)
_ID = re.compile(r"[a-z2-7]{26}")


class _Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    v: Version = 1


class RefusedId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reading the engine stored but will not use, and why."""

    id: ReadingId
    code: Word


class Ack(_Message, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The engine's promise that every id in `ids` is committed, whatever became of it."""

    ids: tuple[ReadingId, ...]
    refused: tuple[RefusedId, ...] = ()


class Bad(_Message, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The engine's answer to a message without readable ids: the payload's sha256 and a reason code."""

    bad: Sha256
    code: Word


class Binding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose user slot this is; `slot` None means the whole device belongs to one resident."""

    slot: Annotated[int, msgspec.Meta(ge=0, le=255)] | None
    resident: ResidentId


class DeviceNote(_Message, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device of the household: identity from Device Information, battery in percent, slots bound at pairing."""

    device: DeviceId
    profile: Word
    maker: Word | None = None
    model: Word | None = None
    serial: Word | None = None
    firmware: Word | None = None
    battery: Percent | None = None
    experimental: bool = False
    bindings: tuple[Binding, ...] = ()


class State(_Message, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A gateway's life: ready, sleeping, lost (its last will) or alert."""

    state: Literal["ready", "sleeping", "lost", "alert"]


class Health(_Message, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A gateway's health without health data: uptime in seconds, journal rows, clock offset in seconds.

    `adverts` were heard and `scan_restarts` were needed since the start: an ear that hears nothing shows here.
    """

    version: str
    at: Instant
    uptime: float
    journal: int
    parked: int = 0
    unknown_adverts: int = 0
    adverts: int = 0
    scan_restarts: int = 0
    clock_offset: float | None = None


class Roster(_Message, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The opaque ids of the people of a household."""

    residents: tuple[ResidentId, ...]


class Shown(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value a mirror may show, in its kind's unit."""

    kind: Word
    value: Number
    unit: Word
    at: Instant


class Show(_Message, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a mirror may show to a resident it has identified, up to `until`; without lines nothing may be shown."""

    resident: ResidentId
    until: Instant
    ja: Annotated[tuple[str, ...], msgspec.Meta(max_length=6)] = ()
    en: Annotated[tuple[str, ...], msgspec.Meta(max_length=6)] = ()
    values: tuple[Shown, ...] = ()


VisitId = Annotated[str, msgspec.Meta(pattern=rf"^v-[a-z2-7]{{13}}{END}")]
CardSecret = Annotated[str, msgspec.Meta(pattern=rf"^[a-z2-7]{{26}}{END}")]


class Who(_Message, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A public measuring spot asks who stands there, by the secret of a card or by number and birth date.

    `visit` is the id the visit is going to have, so that a question asked twice opens one visit.
    """

    visit: VisitId
    at: Instant
    card: CardSecret | None = None
    number: Word | None = None
    birth: date | None = None


class Known(_Message, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who it is and up to when they may measure there, or the code why nobody may.

    `call` is what a screen may show of the person. Codes: unknown, no-consent, paused, clock, not-a-spot.
    """

    visit: VisitId
    resident: ResidentId | None = None
    call: Word | None = None
    until: Instant | None = None
    code: Word | None = None


class Left(_Message, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The visit is over: nothing measured later is that person's."""

    visit: VisitId
    at: Instant


class _One(Reading, frozen=True, kw_only=True, forbid_unknown_fields=True):
    v: Version


class _Batch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    v: Version
    readings: Annotated[tuple[Reading, ...], msgspec.Meta(min_length=1, max_length=MAX_BATCH)]


class _RawBatch(msgspec.Struct, frozen=True):
    v: msgspec.Raw
    readings: list[msgspec.Raw]


class _Identified(msgspec.Struct, frozen=True):
    id: str


class Unreadable(msgspec.Struct, frozen=True):
    """A message none of whose readings has a readable id: answer `bad`."""

    code: str
    sha256: str


class Malformed(msgspec.Struct, frozen=True):
    """A reading whose id is readable but whose content breaks the contract; `content` is kept as it came."""

    id: str
    code: str
    content: bytes


_encode = msgspec.json.Encoder().encode
_decode_one = msgspec.json.Decoder(_One).decode
_decode_batch = msgspec.json.Decoder(_Batch).decode
_decode_reading = msgspec.json.Decoder(Reading).decode
_decode_raw = msgspec.json.Decoder(_RawBatch).decode
_decode_id = msgspec.json.Decoder(_Identified).decode
_FIELDS = Reading.__struct_fields__


def encode(message: Ack | Bad | DeviceNote | State | Health | Roster | Show | Who | Known | Left) -> bytes:
    """The JSON of a message other than readings."""
    return _encode(message)


def encode_reading(reading: Reading) -> bytes:
    """The JSON of one reading, `v` first."""
    return b'{"v":1,' + _encode(reading)[1:]


def encode_batch(readings: Iterable[bytes]) -> bytes:
    """A batch message out of readings already encoded by `encode_reading`."""
    return b'{"v":1,"readings":[' + b",".join(b"{" + item[len(b'{"v":1,') :] for item in readings) + b"]}"


def decode(payload: bytes, shape: type[T]) -> T:
    """The message in `payload`; raises msgspec.ValidationError or DecodeError when it is not exactly that."""
    return msgspec.json.decode(payload, type=shape)


def decode_answer(payload: bytes) -> Ack | Bad:
    """What the engine said on `down/ack`; raises msgspec.MsgspecError when it is neither form."""
    try:
        return decode(payload, Ack)
    except msgspec.ValidationError:
        return decode(payload, Bad)


def decode_readings(payload: bytes) -> Sequence[Reading | Malformed] | Unreadable:
    """The readings of an `up/reading` message, each strict; one bad reading does not spoil its batch.

    Total: random, oversized or foreign bytes give `Unreadable` with a code, never an exception.
    """
    if len(payload) > MAX_MESSAGE:
        return _unreadable("too-large", payload)
    try:
        if b'"readings"' in payload[:64]:
            return _decode_batch(payload).readings
        return (_plain(_decode_one(payload)),)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _salvage(payload)


def _plain(one: _One) -> Reading:
    return Reading(**{name: getattr(one, name) for name in _FIELDS})


def _salvage(payload: bytes) -> Sequence[Reading | Malformed] | Unreadable:
    """The slow path: find the ids by hand, so that whatever can be acknowledged is."""
    try:
        raw = _decode_raw(payload)
        version, items = bytes(raw.v), [bytes(item) for item in raw.readings]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        version, items = _single(payload)
    found = [_read_item(item, version) for item in items[:MAX_BATCH]]
    if len(items) > MAX_BATCH:
        return _unreadable("too-many", payload)
    kept = [item for item in found if item is not None]
    # A batch with even one reading that cannot be named is answered `bad`: the gateway halves it until it stands alone.
    return kept if kept and len(kept) == len(found) else _unreadable("malformed", payload)


def _single(payload: bytes) -> tuple[bytes, list[bytes]]:
    try:
        fields = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return b"", []
    version = bytes(fields.pop("v", msgspec.Raw(b"null")))
    return version, [_encode(fields)]


def _read_item(item: bytes, version: bytes) -> Reading | Malformed | None:
    try:
        name = _decode_id(item).id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not _ID.fullmatch(name):
        return None
    if version != b"1":
        return Malformed(name, "version", item)
    try:
        return _decode_reading(item)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Malformed(name, "malformed", item)


def _unreadable(code: str, payload: bytes) -> Unreadable:
    return Unreadable(code, hashlib.sha256(payload).hexdigest())


def schemas() -> dict[str, object]:
    """JSON Schema 2020-12 of every message, by topic leaf, from the same types that decode them."""
    shapes: dict[str, type] = {
        "reading": _One, "readings": _Batch, "ack": Ack, "bad": Bad, "device": DeviceNote, "state": State,
        "health": Health, "roster": Roster, "show": Show, "who": Who, "known": Known, "left": Left,
    }  # fmt: skip
    tops, components = msgspec.json.schema_components(shapes.values(), ref_template="#/$defs/{name}")
    for component in components.values():
        # Python 3.13 strips the indentation of docstrings, 3.11 does not: the schemas are the same on both.
        if "description" in component:
            component["description"] = inspect.cleandoc(component["description"])
    used = dict(zip(shapes, tops, strict=True))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "messages": used, "$defs": components}
