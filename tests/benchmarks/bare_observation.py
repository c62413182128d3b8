"""The least that says the same weight in FHIR: one dict written out by hand, its unchanging parts shared, and orjson."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from engine.observations import Measured

_UCUM: Final = "http://unitsofmeasure.org"
_JP: Final = "http://jpfhir.jp/fhir/core/"
_META: Final = {
    "profile": [
        "http://hl7.org/fhir/StructureDefinition/bodyweight",
        f"{_JP}StructureDefinition/JP_Observation_BodyMeasurement",
        "http://hl7.org/fhir/uv/phd/StructureDefinition/PhdNumericObservation",
    ]
}
_CATEGORY: Final = [
    {"coding": [{"system": system, "code": code}]}
    for system, code in (
        ("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs"),
        (f"{_JP}CodeSystem/JP_SimpleObservationCategory_CS", "body-measurement"),
        (f"{_JP}CodeSystem/JP_ObservationBodyMeasurementCategory_CS", "weight"),
        ("http://hl7.org/fhir/uv/phd/CodeSystem/PhdObservationCategories", "phd"),
    )
]
_CODE: Final = {
    "coding": [
        {"system": "http://loinc.org", "code": "29463-7"},
        {"system": "urn:iso:std:iso:11073:10101", "code": "188736"},
        {"system": f"{_JP}CodeSystem/JP_ObservationBodyMeasurementCode_CS", "code": "31000296"},
    ],
    "text": "体重",
}
_GATEWAY: Final = "http://hl7.org/fhir/StructureDefinition/observation-gatewayDevice"


def weight(measured: Measured, zone: ZoneInfo) -> bytes:
    """The JSON of a weight that a device measured at a moment; nothing is checked."""
    name = f"{measured.reading_id}.body-weight"
    digest = base64.b32encode(hashlib.sha256(name.encode()).digest())
    patient = {"reference": f"Patient/{measured.resident_id}"}
    document: dict[str, Any] = {
        "resourceType": "Observation",
        "id": digest[:52].lower().decode(),
        "meta": _META,
        "extension": [{"url": _GATEWAY, "valueReference": {"reference": f"Device/{measured.gateway_id}"}}],
        "identifier": [{"system": "urn:minato-phr:observation", "value": name}],
        "status": "final",
        "category": _CATEGORY,
        "code": _CODE,
        "subject": patient,
        "effectiveDateTime": measured.measured_at.astimezone(zone).isoformat(),
        "performer": [patient],
        "valueQuantity": {
            "value": orjson.Fragment(str(measured.value)), "unit": "kg", "system": _UCUM, "code": "kg",
        },
        "device": {"reference": f"Device/{measured.device_id}"},
    }  # fmt: skip
    return orjson.dumps(document)
