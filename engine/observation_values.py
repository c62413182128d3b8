"""What an Observation is made from: a measured value, its identifier and the ids of FHIR resources."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from typing import Final, Literal

import msgspec

from engine.contract.ids import ALPHABET
from engine.contract.kinds import KINDS
from engine.contract.reading import TimeQuality

FHIR_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")
ID_LENGTH: Final = 52  # all 256 bits of the digest in base32
_GROUPS: Final = 64  # 52 rounded up to a power of two
_LETTERS: Final = ALPHABET.encode().ljust(256)
_SPREAD: Final = tuple(
    (
        3 << level,
        sum((1 << (5 << level)) - 1 << at for at in range(0, 8 * _GROUPS, 16 << level)),
        sum((1 << (5 << level)) - 1 << at for at in range(8 << level, 8 * _GROUPS, 16 << level)),
    )
    for level in range(5, -1, -1)
)


class UnbuildableError(ValueError):
    """No Observation can be made of this value; `code` is the stable reason."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One value of one kind, or a panel of them in `components`, ready to be said in FHIR.

    `value` is in `unit`, the unit of the kind, with the digits to be shown; None only for a panel. `day` marks a day
    summary, whose period is that civil day. `period_start`..`measured_at` is the period of an interval. `device_id`
    and `gateway_id` are None where no device of ours measured. `preliminary`: the value or whose it is was not
    confirmed. `derived_from` holds the identifiers (`<reading id>.<kind>`) of the Observations it was computed from.
    `sensor` tells what sensed a pulse that no cuff did: "oximeter".
    """

    reading_id: str | None
    resident_id: str
    device_id: str | None
    gateway_id: str | None
    kind: str
    value: Decimal | None
    unit: str
    measured_at: datetime
    period_start: datetime | None = None
    day: date | None = None
    time_quality: TimeQuality = "device"
    experimental: bool = False
    preliminary: bool = False
    derived_from: tuple[str, ...] = ()
    components: tuple[tuple[str, Decimal], ...] = ()
    sensor: Literal["oximeter"] | None = None


def identifier_of(measured: Measured, turn: int = 1) -> str:
    """`<reading id>.<kind>`, or `<resident>.<kind>.<local date>` for a day summary; a later `turn` adds `.<turn>`.

    A turn is a new Observation of the same value, told anew after the former was taken back (about another person).
    Raises UnbuildableError "bad-id" for a value that has neither or whose ids could not stand in FHIR.
    """
    again = f".{turn}" if turn > 1 else ""
    if measured.day is not None:
        return fhir_text(f"{measured.resident_id}.{measured.kind}.{measured.day.isoformat()}{again}")
    return fhir_text(f"{measured.reading_id}.{measured.kind}{again}" if measured.reading_id else "")


def fhir_text(identity: str) -> str:
    """`identity` itself; raises UnbuildableError "bad-id" when it is no FHIR id (1-64 letters, digits, `-`, `.`)."""
    if not FHIR_ID.fullmatch(identity):
        raise UnbuildableError("bad-id", repr(identity))
    return identity


@lru_cache(maxsize=16_384)
def steady_id(identity: str) -> str:
    """`fhir_text` for the ids that come again and again: residents, devices, gateways."""
    return fhir_text(identity)


def fhir_id(identifier: str) -> str:
    """The logical id of the Observation with `identifier`: base32 of its sha256, the same wherever it is computed."""
    # base64.b32encode takes longer than all the rest of an Observation; this spreads the digest's 52 groups of five
    # bits to one byte each, halving the groups six times, and gives the same letters (a test compares them).
    bits = int.from_bytes(hashlib.sha256(identifier.encode()).digest()) << 64
    for shift, stay, move in _SPREAD:
        bits = bits & stay | bits << shift & move
    return bits.to_bytes(_GROUPS).translate(_LETTERS)[:ID_LENGTH].decode()


def fold(rows: Iterable[Measured]) -> Iterator[Measured]:
    """`rows` with the components of a panel (systolic, diastolic, mean) joined into the panel; the rest stays.

    A pulse that was read with an oxygen saturation is an oximeter's.
    Rows of one reading must stand next to each other, as a query ordered by reading gives them.
    """
    for _, group in groupby(rows, key=lambda row: row.reading_id):
        yield from _fold_reading(tuple(group))


def _fold_reading(rows: tuple[Measured, ...]) -> Iterator[Measured]:
    panels: dict[str, list[Measured]] = {}
    by_light = any(row.kind == "spo2" for row in rows)
    for row in rows:
        kind = KINDS.get(row.kind)
        if by_light and row.kind == "pulse-rate":
            yield msgspec.structs.replace(row, sensor="oximeter")
        elif kind is None or kind.panel is None:
            yield row
        else:
            panels.setdefault(kind.panel, []).append(row)
    for panel, members in panels.items():
        first = members[0]
        values = tuple((row.kind, row.value) for row in members if row.value is not None)
        yield msgspec.structs.replace(first, kind=panel, value=None, unit=KINDS[panel].unit, components=values)
