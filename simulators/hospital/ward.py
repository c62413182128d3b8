"""The stand-in's own patients, for a person who tries it: the people of `phr demo` as a hospital would have them.

Everybody and everything here is invented. 佐藤 太郎 agrees with the demo's record, 佐藤 花子 has another birth date.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from simulators.hospital.words import Resource

SYSTEM: Final = "urn:minato-phr:choukai-net"
_JLAC10: Final = "urn:oid:1.2.392.200119.4.504"
_YJ: Final = "urn:oid:1.2.392.100495.20.1.73"
_ICD10: Final = "http://hl7.org/fhir/sid/icd-10"
_HL7: Final = "http://terminology.hl7.org/CodeSystem"
_WRITTEN: Final = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
# JLAC10, name, value, unit.
_LABS: Final = (
    ("3D046000001906202", "HbA1c", "5.8", "%"),
    ("3F077000002327101", "LDLコレステロール", "131", "mg/dL"),
    ("3C015000002327101", "クレアチニン", "0.84", "mg/dL"),
)


def ward(today: date) -> list[Resource]:
    """Two patients with their numbers at the network (1001, 1002), and what the hospital knows of the first."""
    day = (today - timedelta(days=40)).isoformat()
    taro, hanako = (
        ("taro", "1001", "佐藤", "太郎", "サトウ", "タロウ"),
        ("hanako", "1002", "佐藤", "花子", "サトウ", "ハナコ"),
    )
    return [
        _patient(*taro, birth="1960-04-12", sex="male"),
        _patient(*hanako, birth="1963-03-11", sex="female"),
        *(_lab(number, day, *one) for number, one in enumerate(_LABS, start=1)),
        _condition(),
        _medicine(day),
        _allergy(),
    ]


def _patient(id_: str, number: str, *name: str, birth: str, sex: str) -> Resource:
    family, given, family_kana, given_kana = name
    return {
        "resourceType": "Patient", "id": id_, "identifier": [{"system": SYSTEM, "value": number}], "active": True,
        "name": [_name("IDE", family, given), _name("SYL", family_kana, given_kana)],
        "birthDate": birth, "gender": sex,
    }  # fmt: skip


def _name(way: str, family: str, given: str) -> dict[str, Any]:
    return {
        "extension": [{"url": _WRITTEN, "valueCode": way}], "use": "official", "family": family, "given": [given],
    }  # fmt: skip


def _coded(system: str, code: str, text: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": text}], "text": text}


def _state(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"{_HL7}/{system}", "code": code}]}


def _lab(number: int, day: str, code: str, name: str, value: str, unit: str) -> Resource:
    return {
        "resourceType": "Observation", "id": f"lab-{number}", "status": "final",
        "category": [_state("observation-category", "laboratory")], "code": _coded(_JLAC10, code, name),
        "subject": {"reference": "Patient/taro"}, "effectiveDateTime": f"{day}T09:10:00+09:00",
        "valueQuantity": {
            "value": Decimal(value), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit,
        },
    }  # fmt: skip


def _condition() -> Resource:
    return {
        "resourceType": "Condition", "id": "condition-1", "subject": {"reference": "Patient/taro"},
        "clinicalStatus": _state("condition-clinical", "active"), "code": _coded(_ICD10, "I10", "高血圧症"),
        "onsetDateTime": "2019-06-03",
    }  # fmt: skip


def _medicine(day: str) -> Resource:
    return {
        "resourceType": "MedicationRequest", "id": "medicine-1", "status": "active", "intent": "order",
        "subject": {"reference": "Patient/taro"}, "authoredOn": f"{day}T09:30:00+09:00",
        "medicationCodeableConcept": _coded(_YJ, "2171022F1029", "アムロジピン錠5mg"),
        "dosageInstruction": [{"text": "1日1回 朝食後 28日分"}],
    }  # fmt: skip


def _allergy() -> Resource:
    return {
        "resourceType": "AllergyIntolerance", "id": "allergy-1", "patient": {"reference": "Patient/taro"},
        "clinicalStatus": _state("allergyintolerance-clinical", "active"),
        "verificationStatus": _state("allergyintolerance-verification", "confirmed"),
        "category": ["food"], "code": {"text": "そば"},
    }  # fmt: skip
