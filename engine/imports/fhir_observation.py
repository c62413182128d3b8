"""One foreign Observation as a record: identifiers, times, codes and units; what cannot be read is a fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.contract.ids import is_id
from engine.contract.kinds import KINDS, Kind
from engine.contract.reading import READING_ID_LENGTH, TimeQuality, Value, reading_id
from engine.imports.model import Item, Own, Record, fault
from engine.imports.moments import moment
from engine.imports.numbers import said, value_of
from engine.observation_templates import (
    CLOCK_NOTES,
    IDENTIFIER_SYSTEM,
    KIND_SYSTEM,
    LOINC,
    MDC,
    MEDIS,
    PARTS,
    TAG_SYSTEM,
)

_MOST_DIGITS: Final = 8
_USABLE: Final = frozenset({"final", "amended", "corrected", "preliminary"})
_BY_NOTE: Final[dict[str, TimeQuality]] = {
    CLOCK_NOTES["unknown"]: "unknown",
    CLOCK_NOTES["sequence"]: "sequence",
}
Json = Mapping[str, Any]


def _codes() -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for kind in KINDS.values():
        keys = [(KIND_SYSTEM, kind.code), (LOINC, kind.loinc), (LOINC, kind.loinc_also), (MDC, kind.mdc)]
        keys.append((MEDIS.get(kind.medis_system or "", ""), kind.medis))
        for system, code in keys:
            if code:
                found.setdefault((system, str(code)), []).append(kind.code)
    return found


_CODES: Final = _codes()


def record_of(found: Json, line: int, zone: ZoneInfo, identity: str | None, refusal: str | None) -> Item:
    """The record an Observation makes, or the fault; `identity` is ours, `refusal` says why the person is another.

    Raises AttributeError, TypeError, KeyError, IndexError or ValueError for what only looks like an Observation.
    """
    if refusal or found.get("status") not in _USABLE:
        return fault(line, refusal or "status", "" if refusal else str(found.get("status")))
    span = _span(found, zone)
    values = _values(found)
    if span is None or isinstance(values, str):
        return fault(line, values if isinstance(values, str) else "unreadable-date", _title(found))
    own = _own(found, identity)
    origin = "" if own else _origin(found)
    return Record(line=line, origin=origin, at=span[1], start=span[0], values=values, own=own)


def identity_of(found: Json) -> str | None:
    """The identifier our own export gave, None for anybody else's Observation."""
    names = [i.get("value") for i in found.get("identifier", []) if i.get("system") == IDENTIFIER_SYSTEM]
    return str(names[0]) if names else None


def _own(found: Json, identity: str | None) -> Own | None:
    if identity is None:
        return None
    name = identity.split(".")[0]
    tags = [tag.get("code") for tag in found.get("meta", {}).get("tag", []) if tag.get("system") == TAG_SYSTEM]
    notes = [_BY_NOTE.get(note.get("text", "")) for note in found.get("note", [])]
    device = str(found.get("device", {}).get("reference", "")).rsplit("/", 1)[-1]
    summary = is_id(name, "r")
    if not summary and (len(name) != READING_ID_LENGTH or not name.isalnum()):
        raise ValueError(identity)
    return Own(
        id=reading_id("", None, identity, b"") if summary else name, device=device if is_id(device, "d") else None,
        time_quality=next((note for note in notes if note), "device"), experimental="experimental" in tags,
        preliminary=found.get("status") == "preliminary", summary=summary,
    )  # fmt: skip


def _span(found: Json, zone: ZoneInfo) -> tuple[datetime | None, datetime] | None:
    period = found.get("effectivePeriod")
    if isinstance(period, dict):
        start = moment(str(period.get("start", "")), ("iso",), zone)
        end = moment(str(period.get("end", period.get("start", ""))), ("iso",), zone)
        return None if end is None or (start is not None and start > end) else (start, end)
    text = str(found.get("effectiveDateTime") or found.get("effectiveInstant") or "")
    at = moment(text, ("iso",), zone)
    return None if at is None else (None, at)


def _values(found: Json) -> tuple[Value, ...] | str:
    """The values, or the code why there are none."""
    parts = found.get("component") or []
    if not parts:
        value = _value(found)
        return value if isinstance(value, str) else (value,)
    spoken = [_value(part) for part in parts if "dataAbsentReason" not in part]
    values = tuple(value for value in spoken if isinstance(value, Value))
    codes = [value for value in spoken if isinstance(value, str)]
    return values or (codes[0] if codes else "no-value")


def _value(found: Json) -> Value | str:
    quantity = found.get("valueQuantity")
    if not isinstance(quantity, dict) or not isinstance(quantity.get("value"), Decimal):
        return "no-value"
    amount = quantity["value"]
    # Written out, 1e999999999 would fill the memory.
    if quantity.get("comparator") or amount.adjusted() > _MOST_DIGITS:
        return "comparator" if quantity.get("comparator") else "not-a-number"
    return _in_kind(amount, str(quantity.get("code") or quantity.get("unit") or ""), _kinds(found.get("code", {})))


def _in_kind(amount: Decimal, unit: str, kinds: list[Kind]) -> Value | str:
    """The value as the first of `kinds` whose unit it can have."""
    for kind in kinds:
        if kind.code in PARTS or not kind.observed:
            continue
        if unit == kind.unit:
            return Value(kind.code, said(amount), unit)
        value = value_of(kind.code, amount, unit)
        if value is not None:
            return value
    return "unknown-unit" if kinds else "unknown-code"


def _kinds(concept: Json) -> list[Kind]:
    """The kinds these codings may mean, those that most codings agree on first."""
    votes: Counter[str] = Counter()
    for coding in concept.get("coding", []):
        votes.update(_CODES.get((str(coding.get("system")), str(coding.get("code"))), []))
    order = list(KINDS)
    return [KINDS[name] for name in sorted(votes, key=lambda name: (-votes[name], order.index(name)))]


def _title(found: Json) -> str:
    concept = found.get("code", {})
    codes = [f"{c.get('system', '')} {c.get('code', '')}" for c in concept.get("coding", [])]
    return str(concept.get("text") or ", ".join(codes))


def _origin(found: Json) -> str:
    device = found.get("device")
    return str(device.get("display") or device.get("reference") or "") if isinstance(device, dict) else ""
