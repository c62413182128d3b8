"""The search parameters the server knows: their type and where in a resource their values stand (FHIR R4 4.0.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

Sort = Literal["token", "date", "reference", "string"]


class Parameter(msgspec.Struct, frozen=True):
    """The type of a search parameter and the paths of its values."""

    sort: Sort
    paths: tuple[str, ...]


_EFFECTIVE = Parameter("date", ("effectiveDateTime", "effectivePeriod", "effectiveInstant"))
_RECORDED = Parameter("date", ("recordedDate",))
_EVERY = {
    "_id": Parameter("token", ("id",)),
    "_lastUpdated": Parameter("date", ("meta.lastUpdated",)),
    "identifier": Parameter("token", ("identifier",)),
}
_STATUS = Parameter("token", ("status",))
_CATEGORY = Parameter("token", ("category",))
_CODE = Parameter("token", ("code",))
_SUBJECT = {"subject": Parameter("reference", ("subject",)), "patient": Parameter("reference", ("subject",))}
_PATIENT = {"patient": Parameter("reference", ("patient",))}
_DRUG = {"code": Parameter("token", ("medicationCodeableConcept",)), "status": _STATUS}
_STATED = {"status": _STATUS, "category": _CATEGORY, "code": _CODE}

_TABLE: dict[str, dict[str, Parameter]] = {
    "AllergyIntolerance": {**_PATIENT, "code": _CODE, "category": _CATEGORY, "date": _RECORDED},
    "AuditEvent": {
        "date": Parameter("date", ("recorded",)), "patient": Parameter("reference", ("agent.who", "entity.what")),
    },
    "CarePlan": {**_SUBJECT, "status": _STATUS, "category": _CATEGORY, "date": Parameter("date", ("period",))},
    "Communication": {
        **_SUBJECT, "status": _STATUS, "category": _CATEGORY, "sent": Parameter("date", ("sent",)),
        "based-on": Parameter("reference", ("basedOn",)),
    },
    "CommunicationRequest": {
        **_SUBJECT, "status": _STATUS, "category": _CATEGORY, "authored": Parameter("date", ("authoredOn",)),
    },
    "Composition": {**_SUBJECT, "status": _STATUS, "category": _CATEGORY, "date": Parameter("date", ("date",))},
    "Condition": {
        **_SUBJECT, "code": _CODE, "category": _CATEGORY, "clinical-status": Parameter("token", ("clinicalStatus",)),
        "recorded-date": _RECORDED,
        "onset-date": Parameter("date", ("onsetDateTime", "onsetPeriod")),
    },
    "Consent": {**_PATIENT, "status": _STATUS, "category": _CATEGORY, "date": Parameter("date", ("dateTime",))},
    "DetectedIssue": {
        **_PATIENT, "code": _CODE, "identified": Parameter("date", ("identifiedDateTime", "identifiedPeriod")),
    },
    "Device": {**_PATIENT, "status": _STATUS, "type": Parameter("token", ("type",))},
    "DiagnosticReport": {**_SUBJECT, **_STATED, "date": _EFFECTIVE, "issued": Parameter("date", ("issued",))},
    "DocumentReference": {
        **_SUBJECT, "status": _STATUS, "category": _CATEGORY, "type": Parameter("token", ("type",)),
        "date": Parameter("date", ("date",)),
    },
    "Encounter": {**_SUBJECT, "status": _STATUS, "date": Parameter("date", ("period",))},
    "Goal": {**_SUBJECT, "category": _CATEGORY, "start-date": Parameter("date", ("startDate",))},
    "Immunization": {**_PATIENT, "status": _STATUS, "date": Parameter("date", ("occurrenceDateTime",))},
    "MedicationDispense": {**_SUBJECT, **_DRUG, "whenhandedover": Parameter("date", ("whenHandedOver",))},
    "MedicationRequest": {**_SUBJECT, **_DRUG, "category": _CATEGORY, "authoredon": Parameter("date", ("authoredOn",))},
    "MedicationStatement": {**_SUBJECT, **_DRUG, "category": _CATEGORY, "effective": _EFFECTIVE},
    "Observation": {**_SUBJECT, **_STATED, "date": _EFFECTIVE, "device": Parameter("reference", ("device",))},
    "Patient": {
        "family": Parameter("string", ("name.family",)), "given": Parameter("string", ("name.given",)),
        "name": Parameter("string", ("name.family", "name.given", "name.text")),
        "birthdate": Parameter("date", ("birthDate",)), "gender": Parameter("token", ("gender",)),
        "active": Parameter("token", ("active",)),
    },
    "Procedure": {**_SUBJECT, **_STATED, "date": Parameter("date", ("performedDateTime", "performedPeriod"))},
    "Provenance": {"target": Parameter("reference", ("target",)), "recorded": Parameter("date", ("recorded",))},
    "QuestionnaireResponse": {**_SUBJECT, "status": _STATUS, "authored": Parameter("date", ("authored",))},
    "RiskAssessment": {**_SUBJECT, "date": Parameter("date", ("occurrenceDateTime", "occurrencePeriod"))},
    "Specimen": _SUBJECT,
    "Task": {
        "subject": Parameter("reference", ("for",)), "patient": Parameter("reference", ("for",)), "status": _STATUS,
        "code": _CODE, "focus": Parameter("reference", ("focus",)), "modified": Parameter("date", ("lastModified",)),
    },
}  # fmt: skip


def parameter(kind: str, name: str) -> Parameter | None:
    """The parameter `name` of resources of `kind`, or None when the server does not know it."""
    return _EVERY.get(name) or _TABLE.get(kind, {}).get(name)


def parameters_of(kind: str) -> dict[str, Sort]:
    """Names and types of all parameters of `kind`."""
    return {name: known.sort for name, known in {**_EVERY, **_TABLE.get(kind, {})}.items()}


def values_at(resource: Any, paths: tuple[str, ...]) -> Iterator[Any]:
    """Every value at any of the dotted `paths`, lists opened."""
    for path in paths:
        yield from _walk(resource, path.split("."))


def _walk(value: Any, names: list[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for one in value:
            yield from _walk(one, names)
    elif not names:
        yield value
    elif isinstance(value, dict) and names[0] in value:
        yield from _walk(value[names[0]], names[1:])
