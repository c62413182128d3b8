"""The unchanging part of every Observation: codes, categories and profile claims per kind.

Sources: HL7 FHIR R4 (vital signs, observation-gatewayDevice), HL7 PHD 2.0.0 and JP Core 1.1.2 profiles. Units are UCUM.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec
import orjson

from engine.contract.kinds import KINDS, Kind
from engine.observation_clock import CLOCK_REFERENCE, clock_fault
from engine.observation_names import (
    ABSENT_SYSTEM,
    CLOCK_NOTES,
    GATEWAY_EXTENSION,
    HL7_CATEGORY,
    HL7_PROFILE,
    IDENTIFIER_SYSTEM,
    JP_CATEGORY,
    JP_CATEGORY2,
    JP_PROFILE,
    KIND_SYSTEM,
    LOINC,
    MDC,
    MEDIS,
    PHD_CATEGORY,
    PHD_COMPOUND,
    PHD_NUMERIC,
    REQUIRED_COMPONENTS,
    TAG_SYSTEM,
    UCUM,
    UNIT_TEXT,
    UNPROVEN_TAG,
)

__all__ = [
    "CLOCK_NOTES", "IDENTIFIER_SYSTEM", "KIND_SYSTEM", "LOINC", "MDC", "MEDIS", "PARTS", "TAG_SYSTEM", "UCUM", "Shape",
    "Slots", "assemble", "fill", "template",
]  # fmt: skip

# The components of each panel, in the order of the table of kinds.
PARTS: Final = {
    panel: {part.code: part for part in KINDS.values() if part.panel == panel}
    for panel in dict.fromkeys(kind.panel for kind in KINDS.values() if kind.panel)
}


# IEEE 11073-10101 tells a pulse by what senses it: MDC_PULS_OXIM_PULS_RATE for MDC_PULS_RATE_NON_INV of a cuff.
SENSED: Final[dict[tuple[str, str | None], int]] = {("pulse-rate", "oximeter"): 149530}


class Shape(msgspec.Struct, frozen=True):
    """What decides everything of an Observation but its ids, times and numbers."""

    kind: str
    phd: bool
    status: str
    experimental: bool
    time_quality: str
    device: bool
    gateway: bool
    period: bool
    sources: int
    parts: tuple[str, ...]
    sensor: str | None


Slots = Mapping[str, Any]  # id, identifier, patient, gateway, device, start, at, source0..., value or one per component


def assemble(shape: Shape, slots: Slots) -> dict[str, Any]:
    """The whole Observation of `shape` as JSON values, what varies taken from `slots`."""
    kind = KINDS[shape.kind]
    patient = {"reference": f"Patient/{slots['patient']}"}
    note = CLOCK_NOTES.get(shape.time_quality)
    doubted = note is not None and shape.phd
    elements = {
        "resourceType": "Observation",
        "id": slots["id"],
        "meta": _meta(kind, shape),
        "contained": [clock_fault(slots["device"], slots["gateway"], slots["at"])] if doubted else [],
        "extension": [*_gateway(shape, slots), *([CLOCK_REFERENCE] if doubted else [])],
        "identifier": [{"system": IDENTIFIER_SYSTEM, "value": slots["identifier"]}],
        "status": shape.status,
        "category": _categories(kind, phd=shape.phd),
        "code": _concept(kind, shape.sensor),
        "subject": patient,
        "effectivePeriod": {"start": slots["start"], "end": slots["at"]} if shape.period else None,
        "effectiveDateTime": None if shape.period else slots["at"],
        "performer": [patient],
        "valueQuantity": None if shape.parts else _quantity(slots["value"], kind.unit),
        "note": [{"text": note}] if note else None,
        "device": {"reference": f"Device/{slots['device']}"} if shape.device else None,
        "derivedFrom": [{"reference": f"Observation/{slots[f'source{n}']}"} for n in range(shape.sources)],
        "component": list(_components(kind, shape, slots)),
    }
    return {name: value for name, value in elements.items() if value not in (None, [], {})}


@lru_cache(maxsize=4096)
def template(shape: Shape) -> tuple[bytes, tuple[tuple[str, bytes], ...]]:
    """JSON of `shape` cut at its slots: the start, then each slot's name with the text that follows it.

    A whole sample of the shape has been accepted by fhir.resources (R4B, which is R4 for an Observation).
    """
    # The package costs a third of a second and 36 MB; a process that builds no Observation never loads it.
    from fhir.resources.R4B.observation import Observation

    numbers = shape.parts or ("value",)
    words = ("id", "identifier", "patient", "gateway", "device", *(f"source{n}" for n in range(shape.sources)))
    sample = dict.fromkeys(words, "sample") | dict.fromkeys(("start", "at"), "2026-01-01T00:00:00+09:00")
    Observation.model_validate(assemble(shape, sample | dict.fromkeys(numbers, KINDS[shape.kind].low)))
    holes = {name: f"~{name}~" for name in (*words, "start", "at", *numbers)}
    text = orjson.dumps(assemble(shape, holes)).decode()
    for name in numbers:
        text = text.replace(f'"~{name}~"', f"~{name}~")
    start, *rest = text.split("~")
    return start.encode(), tuple((name, after.encode()) for name, after in zip(rest[::2], rest[1::2], strict=True))


def fill(cut: tuple[bytes, tuple[tuple[str, bytes], ...]], slots: Mapping[str, str]) -> bytes:
    """The JSON of a template with its slots filled; the texts must need no JSON escapes, as ids and numbers do not."""
    start, rest = cut
    pieces = [start]
    for name, after in rest:
        pieces += (slots[name].encode(), after)
    return b"".join(pieces)


def _quantity(value: Any, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": UNIT_TEXT.get(unit, unit), "system": UCUM, "code": unit}


def _gateway(shape: Shape, slots: Slots) -> list[dict[str, Any]]:
    if not shape.gateway:
        return []
    return [{"url": GATEWAY_EXTENSION, "valueReference": {"reference": f"Device/{slots['gateway']}"}}]


def _components(kind: Kind, shape: Shape, slots: Slots) -> Iterator[dict[str, Any]]:
    for part in PARTS.get(kind.code, {}).values():
        if part.code in shape.parts:
            yield {"code": _concept(part), "valueQuantity": _quantity(slots[part.code], part.unit)}
        elif part.code in REQUIRED_COMPONENTS.get(kind.code, ()):
            absent = {"coding": [{"system": ABSENT_SYSTEM, "code": "unknown"}]}
            yield {"code": _concept(part), "dataAbsentReason": absent}


def _meta(kind: Kind, shape: Shape) -> dict[str, Any]:
    profiles = [HL7_PROFILE + kind.hl7_profile] if kind.hl7_profile else []
    if kind.jp_category in JP_PROFILE:
        profiles.append(JP_PROFILE[kind.jp_category])
    if shape.phd:
        profiles.append(PHD_COMPOUND if kind.code in PARTS else PHD_NUMERIC)
    meta: dict[str, Any] = {"profile": profiles} if profiles else {}
    if shape.experimental:
        meta["tag"] = [{"system": TAG_SYSTEM} | UNPROVEN_TAG]
    return meta


def _categories(kind: Kind, *, phd: bool) -> list[dict[str, Any]]:
    # One coding an entry: JP Core and PHD slice categories by coding.system and each allows its own exactly once.
    codings = [(HL7_CATEGORY, kind.category), (JP_CATEGORY, kind.jp_category)]
    if kind.jp_category2 and kind.jp_category in JP_CATEGORY2:
        codings.append((JP_CATEGORY2[kind.jp_category], kind.jp_category2))
    if phd:
        codings.append((PHD_CATEGORY, "phd"))
    return [{"coding": [{"system": system, "code": code}]} for system, code in codings]


def _concept(kind: Kind, sensor: str | None = None) -> dict[str, Any]:
    # LOINC stands first: readers that look at the first coding only (they exist) then still see what R4 asks for.
    codings = [{"system": LOINC, "code": code} for code in (kind.loinc, kind.loinc_also) if code]
    if kind.mdc is not None:
        codings.append({"system": MDC, "code": str(SENSED.get((kind.code, sensor), kind.mdc))})
    if kind.medis and kind.medis_system:
        codings.append({"system": MEDIS[kind.medis_system], "code": kind.medis})
    if not codings:
        codings.append({"system": KIND_SYSTEM, "code": kind.code, "display": kind.en})
    return {"coding": codings, "text": kind.ja}
