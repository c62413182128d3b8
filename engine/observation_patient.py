"""A resident as a FHIR R4 Patient that satisfies JP Core: who it is, and no more than was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from engine.people import Resident

RESIDENT_SYSTEM: Final = "urn:minato-phr:resident"
JP_PATIENT: Final = "http://jpfhir.jp/fhir/core/StructureDefinition/JP_Patient"
_REPRESENTATION: Final = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"


def patient_of(person: Resident, *, contact: bool = False) -> dict[str, Any]:
    """The Patient of a resident, as JSON values; address and telephone only where `contact` asks for them."""
    patient: dict[str, Any] = {
        "resourceType": "Patient",
        "id": person.id,
        "meta": {"profile": [JP_PATIENT]},
        "identifier": [{"system": RESIDENT_SYSTEM, "value": person.id}],
        "name": [
            _name("IDE", person.family_name, person.given_name),
            _name("SYL", person.family_kana, person.given_kana),
        ],
        "gender": person.sex,
        "birthDate": person.birth_date.isoformat(),
    }
    if person.status == "deceased":
        patient["deceasedBoolean"] = True
    if contact and person.phone:
        patient["telecom"] = [{"system": "phone", "value": person.phone, "use": "home"}]
    if contact and person.address:
        patient["address"] = [{"text": person.address, "country": "JP"}]
    return patient


def _name(representation: str, family: str, given: str) -> dict[str, Any]:
    name: dict[str, Any] = {
        "extension": [{"url": _REPRESENTATION, "valueCode": representation}],
        "use": "usual",
        "text": f"{family} {given}".strip(),
        "family": family,
    }
    # Who has one name only has it as the family's.
    return name | ({"given": [given]} if given else {})
