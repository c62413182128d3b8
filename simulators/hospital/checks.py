"""Refuses what R4 refuses: structure by the R4B models, and what those let through (bindings, targets, invariants).

Structure answers 400, a broken rule 422, each with its place. Facts: FHIR R4 4.0.1, resource pages and vital signs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from simulators.hospital.outcomes import RefusedError
from simulators.hospital.words import Resource

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_DEEPEST = 40
_REQUEST = {"draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"}
_EVENT = {
    "preparation", "in-progress", "not-done", "on-hold", "stopped", "completed", "entered-in-error", "unknown",
}  # fmt: skip
_FINDING = {
    "registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown",
}  # fmt: skip
_STATUSES = {
    "CarePlan": _REQUEST, "Communication": _EVENT, "CommunicationRequest": _REQUEST, "Procedure": _EVENT,
    "Composition": {"preliminary", "final", "amended", "entered-in-error"},
    "Consent": {"draft", "proposed", "active", "rejected", "inactive", "entered-in-error"},
    "DetectedIssue": _FINDING,
    "Device": {"active", "inactive", "entered-in-error", "unknown"},
    "DiagnosticReport": _FINDING | {"partial", "appended"},
    "DocumentReference": {"current", "superseded", "entered-in-error"},
    "MedicationRequest": {
        "active", "on-hold", "cancelled", "completed", "entered-in-error", "stopped", "draft", "unknown",
    },
    "Observation": _FINDING,
    "QuestionnaireResponse": {"in-progress", "completed", "amended", "entered-in-error", "stopped"},
    "RiskAssessment": _FINDING,
    "Task": {
        "draft", "requested", "received", "accepted", "rejected", "ready", "cancelled", "in-progress", "on-hold",
        "failed", "completed", "entered-in-error",
    },
}  # fmt: skip
_PERSONS = {"Practitioner", "PractitionerRole", "Organization", "CareTeam", "Patient", "RelatedPerson"}
_TARGETS = {
    ("Observation", "subject"): {"Patient", "Group", "Device", "Location"},
    ("Observation", "performer"): _PERSONS,
    ("Observation", "device"): {"Device", "DeviceMetric"},
    ("DiagnosticReport", "subject"): {"Patient", "Group", "Device", "Location"},
    ("DiagnosticReport", "result"): {"Observation"},
    ("MedicationRequest", "subject"): {"Patient", "Group"},
    ("Condition", "subject"): {"Patient", "Group"},
    ("Communication", "subject"): {"Patient", "Group"},
    ("CommunicationRequest", "subject"): {"Patient", "Group"},
    ("Goal", "subject"): {"Patient", "Group", "Organization"},
}
_LOINC = "http://loinc.org"
_UCUM = "http://unitsofmeasure.org"
_SIGNS = {
    "85353-1", "9279-1", "8867-4", "2708-6", "8310-5", "8302-2", "9843-4", "29463-7", "39156-5", "85354-9",
}  # fmt: skip


def check(body: Resource, kind: str) -> None:
    """Raises RefusedError unless `body` is a resource of `kind` as R4 wants it."""
    if body.get("resourceType") != kind:
        raise RefusedError(400, f"resourceType is not {kind}", place=kind)
    if "id" in body:
        check_id(str(body["id"]), f"{kind}.id")
    for place, why in _shape(body, kind, 0):
        raise RefusedError(400, why, place=place)
    _structure(body, kind)
    status = body.get("status")
    if kind in _STATUSES and status is not None and status not in _STATUSES[kind]:
        raise RefusedError(422, f"status {status!r} is not in the required value set", place=f"{kind}.status")
    for (of, name), targets in _TARGETS.items():
        if of == kind:
            _check_targets(body.get(name), f"{kind}.{name}", targets)
    if kind == "Observation":
        _check_observation(body)


def check_id(value: str, place: str) -> None:
    """Raises RefusedError (400) unless `value` can be a logical id."""
    if not _ID.fullmatch(value):
        raise RefusedError(400, f"{value!r} is not an id of 1-64 letters, digits, hyphens and full stops", place=place)


def _structure(body: Resource, kind: str) -> None:
    try:
        get_fhir_model_class(kind).model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join((kind, *(str(part) for part in first["loc"])))
        raise RefusedError(400, first["msg"], place=place) from None
    except (KeyError, ValueError, TypeError) as error:
        # An unknown type inside the resource ends in a KeyError of the model's own table.
        raise RefusedError(400, f"not a {kind}: {error}", place=kind) from None


def _shape(value: Any, place: str, depth: int) -> Iterator[tuple[str, str]]:
    """What JSON of FHIR never holds: emptiness, nulls outside lists, numbers as texts, abysses."""
    if depth > _DEEPEST:
        yield place, "nested too deeply"
    elif value is None or value in ("", {}, []):
        yield place, "empty values are not allowed"
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name.endswith("Quantity") and isinstance(inner, dict) and isinstance(inner.get("value"), str):
                yield f"{place}.{name}.value", "a decimal is a JSON number"
            yield from _shape(inner, f"{place}.{name}", depth + 1)
    elif isinstance(value, list):
        # A null in a list keeps the place of a primitive that has only extensions.
        for index, inner in enumerate(one for one in value if one is not None):
            yield from _shape(inner, f"{place}[{index}]", depth + 1)


def _check_targets(value: Any, place: str, targets: set[str]) -> None:
    for one in value if isinstance(value, list) else [value]:
        reference = one.get("reference", "") if isinstance(one, dict) else ""
        found = re.search(r"(?:^|/)([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/\d+)?$", reference)
        if found and found[1] not in targets:
            raise RefusedError(422, f"a reference to {found[1]} is not allowed here", place=place)


def _check_observation(body: Resource) -> None:
    has_value = any(name.startswith("value") for name in body)
    if has_value and "dataAbsentReason" in body:
        raise RefusedError(422, "obs-6: dataAbsentReason stands only where no value does", place="Observation")
    parts = body.get("component", [])
    codes = [(coding.get("system"), coding.get("code")) for coding in body["code"].get("coding", [])]
    inner = [(one.get("system"), one.get("code")) for part in parts for one in part["code"].get("coding", [])]
    if has_value and set(codes) & set(inner):
        raise RefusedError(422, "obs-7: a component has the code of the whole, which has a value", place="Observation")
    if any(system == _LOINC and code in _SIGNS for system, code in codes):
        _check_sign(body, has_value=has_value)


def _check_sign(body: Resource, *, has_value: bool) -> None:
    """R4 imposes the vital signs profile on these LOINC codes whatever meta.profile says."""
    categories = {one.get("code") for each in body.get("category", []) for one in each.get("coding", [])}
    if "vital-signs" not in categories:
        raise RefusedError(422, "a vital sign has the category vital-signs", place="Observation.category")
    for name in ("subject", "effective"):
        if not any(key.startswith(name) for key in body):
            raise RefusedError(422, f"a vital sign has {name}", place=f"Observation.{name}")
    if not has_value and not any(name in body for name in ("dataAbsentReason", "component", "hasMember")):
        raise RefusedError(422, "vs-2: no value, no component, no reason why", place="Observation")
    quantity = body.get("valueQuantity")
    if quantity and quantity.get("system") != _UCUM:
        raise RefusedError(422, "a vital sign is measured in UCUM", place="Observation.valueQuantity.system")
    if quantity and not isinstance(quantity.get("value"), (int, Decimal)):
        raise RefusedError(422, "a measured vital sign has a number", place="Observation.valueQuantity.value")
