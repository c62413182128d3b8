"""The device's word (Sample) and the gateway's word (Reading), and the id that ties every copy of one together."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Final, Literal

import msgspec

from engine.contract.ids import base32
from engine.contract.kinds import BY_QUANTITY, KINDS

Source = Literal["ble", "mqtt", "import", "manual"]
Provenance = Literal["bonded", "broadcast", "imported", "self-reported"]
TimeQuality = Literal["device", "sequence", "received", "unknown"]
READING_ID_LENGTH: Final = 26
_AS_NAMED: Final[Mapping[str, str]] = MappingProxyType({})

# `$` also matches before a final newline, in Python though not in JSON Schema: the lookahead closes that door in both.
END: Final = r"$(?!\n)"
ReadingId = Annotated[str, msgspec.Meta(pattern=rf"^[a-z2-7]{{26}}{END}")]
DeviceId = Annotated[str, msgspec.Meta(pattern=rf"^d-[a-z2-7]{{13}}{END}")]
ResidentId = Annotated[str, msgspec.Meta(pattern=rf"^r-[a-z2-7]{{13}}{END}")]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Number = Annotated[str, msgspec.Meta(pattern=rf"^-?(0|[1-9][0-9]{{0,11}})(\.[0-9]{{1,9}})?{END}")]
# No control characters: a NUL in a firmware string would be refused by PostgreSQL long after it was acknowledged.
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=rf"^[^\u0000-\u001f\u007f]+{END}")]


class Quantity(msgspec.Struct, frozen=True):
    """One value as the device put it: Decimal with the wire's digits, or bool, text or a list for what is no number."""

    value: Decimal | bool | str | list[int]
    unit: str


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What one decoded frame says. `time` is the device's wall clock without a zone, None when absent or unset.

    `quantities` uses the closed list of quantity names; `final` False is a preview that must never be stored.
    `stored` says that it comes out of the device's memory: without a trusted time nobody knows when it was made.
    """

    quantities: dict[str, Quantity]
    final: bool = True
    time: datetime | None = None
    user_slot: int | None = None
    sequence: int | None = None
    stored: bool = False


# gc=False: no cycle can be made of these, and a batch of thousands costs a third less when no collector walks it.
class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A kind with its value in the device's own digits and UCUM unit."""

    kind: Word
    value: Number
    unit: Word


class Reading(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Everything one measurement produced, with trusted instants (RFC 3339 with offset) and a time quality.

    `time_quality`: device = the device's clock was plausible; sequence = ordered by record number only; received =
    a live frame, the gateway's clock; unknown = a stored record whose device clock was wrong.
    """

    id: ReadingId
    device: DeviceId
    profile: Word
    firmware: Word | None = None
    source: Source = "ble"
    provenance: Provenance = "broadcast"
    user_slot: Annotated[int, msgspec.Meta(ge=0, le=255)] | None = None
    person_hint: ResidentId | None = None
    sequence: Annotated[int, msgspec.Meta(ge=0, le=0xFFFFFFFF)] | None = None
    quality: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    measured_at: Instant
    time_quality: TimeQuality
    period_start: Instant | None = None
    received_at: Instant
    values: Annotated[tuple[Value, ...], msgspec.Meta(min_length=1, max_length=40)]


def reading_id(device: str, slot: int | None, anchor: str, raw: bytes) -> str:
    """The 26-character id of a measurement; equal inputs give equal ids in every gateway of the home.

    `device` is the device's identity, `slot` its user slot or None, `anchor` the device time or sequence number when
    trusted, else the receive time minted at journalling, and `raw` the frame bytes.
    """
    head = f"{device}\0{'' if slot is None else slot}\0{anchor}\0".encode()
    return base32(hashlib.sha256(head + raw).digest(), READING_ID_LENGTH)


def values_of(sample: Sample, kinds: Mapping[str, str] = _AS_NAMED) -> tuple[Value, ...]:
    """The measurable quantities of `sample` as wire values, in the order of the table of kinds.

    `kinds` says where a quantity name means another kind than usual (a room sensor's temperature), "" being none.
    Text, flags and lists are not readings and are left out; digits are kept as the device sent them.
    """
    found: dict[str, Quantity] = {}
    for name, quantity in sample.quantities.items():
        code = kinds.get(name, BY_QUANTITY[name].code if name in BY_QUANTITY else "")
        if code and isinstance(quantity.value, Decimal):
            found[code] = quantity
    return tuple(Value(code, format(found[code].value, "f"), found[code].unit) for code in KINDS if code in found)
