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

# Our own names. An unregistered URN resolves nowhere and claims nobody's domain.
IDENTIFIER_SYSTEM: Final = "urn:minato-phr:observation"
KIND_SYSTEM: Final = "urn:minato-phr:kind"
TAG_SYSTEM: Final = "urn:minato-phr:tag"

LOINC: Final = "http://loinc.org"
MDC: Final = "urn:iso:std:iso:11073:10101"
UCUM: Final = "http://unitsofmeasure.org"
# JP Core 1.1.2 and JP-CLINS both mark the OID as the preferred name of the MEDIS observation codes.
MEDIS: Final = {
    "medis_body": "http://jpfhir.jp/fhir/core/CodeSystem/JP_ObservationBodyMeasurementCode_CS",
    "medis_vital": "urn:oid:1.2.392.200119.4.804",
}
HL7_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
JP_CATEGORY: Final = "http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS"
JP_CATEGORY2: Final = {
    "body-measurement": "http://jpfhir.jp/fhir/core/CodeSystem/JP_ObservationBodyMeasurementCategory_CS",
    "vital-signs": "http://jpfhir.jp/fhir/core/CodeSystem/JP_ObservationVitalSignsCategory_CS",
}
PHD_CATEGORY: Final = "http://hl7.org/fhir/uv/phd/CodeSystem/PhdObservationCategories"
HL7_PROFILE: Final = "http://hl7.org/fhir/StructureDefinition/"
JP_PROFILE: Final = {
    "body-measurement": "http://jpfhir.jp/fhir/core/StructureDefinition/JP_Observation_BodyMeasurement",
    "vital-signs": "http://jpfhir.jp/fhir/core/StructureDefinition/JP_Observation_VitalSigns",
}
PHD_NUMERIC: Final = "http://hl7.org/fhir/uv/phd/StructureDefinition/PhdNumericObservation"
PHD_COMPOUND: Final = "http://hl7.org/fhir/uv/phd/StructureDefinition/PhdCompoundNumericObservation"
GATEWAY_EXTENSION: Final = "http://hl7.org/fhir/StructureDefinition/observation-gatewayDevice"
ABSENT_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"

UNIT_TEXT: Final = {
    "mm[Hg]": "mmHg", "Cel": "℃", "/min": "回/分", "kg/m2": "kg/m²", "kcal/d": "kcal/日", "kcal/(24.h)": "kcal/日",
    "{level}": "レベル", "{steps}": "歩", "{steps}/d": "歩/日", "min": "分", "a": "歳", "Ohm": "Ω",
}  # fmt: skip
CLOCK_NOTES: Final = {
    "unknown": "測定した機器の時計が正しくないため、日時は目安です。",
    "sequence": "日時は、機器の記録番号の順から推定したものです。",
}
# The two sides of a blood pressure that the R4 profile requires even where the device gave none.
REQUIRED_COMPONENTS: Final = {"blood-pressure": ("systolic", "diastolic")}


# The components of each panel, in the order of the table of kinds.
PARTS: Final = {
    panel: {part.code: part for part in KINDS.values() if part.panel == panel}
    for panel in dict.fromkeys(kind.panel for kind in KINDS.values() if kind.panel)
}


class Shape(msgspec.Struct, frozen=True):
    """What decides everything of an Observation but its ids, times and numbers."""

    kind: str
    phd: bool
    preliminary: bool
    experimental: bool
    time_quality: str
    device: bool
    gateway: bool
    period: bool
    sources: int
    parts: tuple[str, ...]


Slots = Mapping[str, Any]  # id, identifier, patient, gateway, device, start, at, source0..., value or one per component


def assemble(shape: Shape, slots: Slots) -> dict[str, Any]:
    """The whole Observation of `shape` as JSON values, what varies taken from `slots`."""
    kind = KINDS[shape.kind]
    patient = {"reference": f"Patient/{slots['patient']}"}
    note = CLOCK_NOTES.get(shape.time_quality)
    elements = {
        "resourceType": "Observation",
        "id": slots["id"],
        "meta": _meta(kind, shape),
        "extension": _gateway(shape, slots),
        "identifier": [{"system": IDENTIFIER_SYSTEM, "value": slots["identifier"]}],
        "status": "preliminary" if shape.preliminary else "final",
        "category": _categories(kind, phd=shape.phd),
        "code": _concept(kind),
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
        meta["tag"] = [{"system": TAG_SYSTEM, "code": "experimental", "display": "unverified device family"}]
    return meta


def _categories(kind: Kind, *, phd: bool) -> list[dict[str, Any]]:
    # One coding an entry: JP Core and PHD slice categories by coding.system and each allows its own exactly once.
    codings = [(HL7_CATEGORY, kind.category), (JP_CATEGORY, kind.jp_category)]
    if kind.jp_category2 and kind.jp_category in JP_CATEGORY2:
        codings.append((JP_CATEGORY2[kind.jp_category], kind.jp_category2))
    if phd:
        codings.append((PHD_CATEGORY, "phd"))
    return [{"coding": [{"system": system, "code": code}]} for system, code in codings]


def _concept(kind: Kind) -> dict[str, Any]:
    # LOINC stands first: readers that look at the first coding only (they exist) then still see what R4 asks for.
    codings = [{"system": LOINC, "code": code} for code in (kind.loinc, kind.loinc_also) if code]
    if kind.mdc is not None:
        codings.append({"system": MDC, "code": str(kind.mdc)})
    if kind.medis and kind.medis_system:
        codings.append({"system": MEDIS[kind.medis_system], "code": kind.medis})
    if not codings:
        codings.append({"system": KIND_SYSTEM, "code": kind.code, "display": kind.en})
    return {"coding": codings, "text": kind.ja}
