"""What the read API serves: each kind of resource with its search parameters and where their values stand (R4 4.0.1).

Everything else - what is understood, what the CapabilityStatement and the OpenAPI document promise - follows from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

# `owner` is a reference to the patient, who is the same for everything a program can reach.
Sort = Literal["token", "date", "reference", "string", "owner"]


class Parameter(msgspec.Struct, frozen=True):
    """The type of a search parameter and the paths of its values in a resource."""

    sort: Sort
    paths: tuple[str, ...] = ()

    @property
    def fhir_type(self) -> str:
        """Its type as FHIR calls it."""
        return "reference" if self.sort == "owner" else self.sort


def _token(*paths: str) -> Parameter:
    return Parameter("token", paths)


def _date(*paths: str) -> Parameter:
    return Parameter("date", paths)


_ID: Final = _token("id")
# Its value is not in the body but beside it, where it is exact.
_UPDATED: Final = _date("meta.lastUpdated")
_OWNER: Final = Parameter("owner")
_BOTH: Final = {"patient": _OWNER, "subject": _OWNER}
_NAMES: Final = {
    "name": Parameter("string", ("name.text", "name.family", "name.given")),
    "family": Parameter("string", ("name.family",)), "given": Parameter("string", ("name.given",)),
}  # fmt: skip
_STATUS: Final = {"status": _token("status")}
_CATEGORY: Final = {"category": _token("category")}
_CODE: Final = {"code": _token("code")}
_EFFECTIVE: Final = _date("effectiveDateTime", "effectivePeriod", "effectiveInstant")
_DRUG: Final = {"code": _token("medicationCodeableConcept")}
_CLINICAL: Final = {
    "clinical-status": _token("clinicalStatus"), "verification-status": _token("verificationStatus"),
}  # fmt: skip
_OWN: Final[Mapping[str, Mapping[str, Parameter]]] = {
    "Patient": {**_NAMES, "birthdate": _date("birthDate"), "gender": _token("gender"), "active": _token("active")},
    "Observation": {
        **_BOTH, **_CODE, **_CATEGORY, **_STATUS, "date": _EFFECTIVE, "device": Parameter("reference", ("device",)),
        "component-code": _token("component.code"), "combo-code": _token("code", "component.code"),
        "derived-from": Parameter("reference", ("derivedFrom",)),
    },
    "DiagnosticReport": {
        **_BOTH, **_CODE, **_CATEGORY, **_STATUS, "date": _EFFECTIVE, "issued": _date("issued"),
        "result": Parameter("reference", ("result",)),
    },
    "Condition": {
        **_BOTH, **_CODE, **_CATEGORY, **_CLINICAL, "onset-date": _date("onsetDateTime", "onsetPeriod"),
        "recorded-date": _date("recordedDate"),
    },
    "MedicationRequest": {**_BOTH, **_DRUG, **_STATUS, "intent": _token("intent"), "authoredon": _date("authoredOn")},
    "MedicationStatement": {**_BOTH, **_DRUG, **_STATUS, "effective": _EFFECTIVE},
    "AllergyIntolerance": {
        "patient": _OWNER, **_CODE, **_CATEGORY, **_CLINICAL, "date": _date("recordedDate"), "type": _token("type"),
    },
    "DocumentReference": {**_BOTH, **_CATEGORY, **_STATUS, "type": _token("type"), "date": _date("date")},
    "Device": {"patient": _OWNER, **_STATUS, "type": _token("type")},
    "Goal": {
        **_BOTH, **_CATEGORY, "lifecycle-status": _token("lifecycleStatus"), "start-date": _date("startDate"),
        "target-date": _date("target.dueDate"),
    },
    "CarePlan": {**_BOTH, **_CATEGORY, **_STATUS, "date": _date("period"), "intent": _token("intent")},
    "Communication": {**_BOTH, **_CATEGORY, **_STATUS, "sent": _date("sent"), "received": _date("received")},
    "Consent": {
        "patient": _OWNER, **_CATEGORY, **_STATUS, "scope": _token("scope"), "date": _date("dateTime"),
        "period": _date("provision.period"),
    },
    "Provenance": {
        "patient": _OWNER, "target": Parameter("reference", ("target",)), "recorded": _date("recorded"),
    },
    "QuestionnaireResponse": {**_BOTH, **_STATUS, "authored": _date("authored")},
    "Practitioner": _NAMES,
}  # fmt: skip
# R4 gives Provenance no identifier to search by, and a resource none to have.
_NAMELESS: Final = frozenset({"Provenance"})
TABLE: Final[Mapping[str, Mapping[str, Parameter]]] = {
    kind: {"_id": _ID, "_lastUpdated": _UPDATED, **({} if kind in _NAMELESS else {"identifier": _token("identifier")}),
           **own}
    for kind, own in _OWN.items()
}  # fmt: skip
MODIFIERS: Final[Mapping[Sort, frozenset[str]]] = {
    "token": frozenset({"", "not", "missing"}), "date": frozenset({"", "missing"}),
    "reference": frozenset({"", "missing"}), "string": frozenset({"", "exact", "contains", "missing"}),
    "owner": frozenset({"", "Patient"}),
}  # fmt: skip


def values_at(body: Any, paths: tuple[str, ...]) -> Iterator[Any]:
    """Every value at any of the dotted `paths` of a resource, lists opened."""
    for path in paths:
        reached = [body]
        for name in path.split("."):
            reached = [inner for one in reached for inner in _opened(one, name)]
        yield from reached


def _opened(value: Any, name: str) -> list[Any]:
    found = value.get(name) if isinstance(value, dict) else None
    if found is None:
        return []
    return found if isinstance(found, list) else [found]
