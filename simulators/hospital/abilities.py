"""What a hospital's server can do and where its limits are, as data; the CapabilityStatement says the same."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from simulators.hospital.parameters import parameters_of

TYPES = (
    "AllergyIntolerance", "AuditEvent", "CarePlan", "Communication", "CommunicationRequest", "Composition",
    "Condition", "Consent", "DetectedIssue", "Device", "DiagnosticReport", "DocumentReference", "Encounter", "Goal",
    "Immunization", "MedicationDispense", "MedicationRequest", "MedicationStatement", "Observation", "Organization",
    "Patient", "Practitioner", "Procedure", "Provenance", "QuestionnaireResponse", "RiskAssessment", "Specimen", "Task",
)  # fmt: skip


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """The make of a server; the defaults are a friendly one.

    `atomic` False lets `gap` seconds pass between the search and the write of a conditional create, as several public
    servers do. Without `conditional_create` an If-None-Exist is ignored, not refused: a client must read /metadata.
    `conflict` and `over` are the statuses of a wrong If-Match and of a too long Bundle. `zone` (minutes east of UTC)
    is what a search by a bare date means. `integrity` refuses references to what is not there.
    """

    fhir_version: str = "4.0.1"
    types: tuple[str, ...] = TYPES
    update_create: bool = True
    conditional_create: bool = True
    atomic: bool = True
    gap: float = 0.02
    batch: bool = True
    transaction: bool = True
    entries: int = 100
    conflict: Literal[409, 412] = 412
    over: Literal[400, 413] = 413
    largest: int = 5_000_000
    page: int = 20
    most_page: int = 200
    zone: int = 0
    integrity: bool = True
    token_seconds: int = 300


def capability(abilities: Abilities, base: str, *, secured: bool) -> dict[str, Any]:
    """The CapabilityStatement of a server at `base`."""
    modes = [mode for mode in ("batch", "transaction") if getattr(abilities, mode)]
    rest: dict[str, Any] = {"mode": "server", "resource": [_type(abilities, kind) for kind in abilities.types]}
    if secured:
        service = "http://terminology.hl7.org/CodeSystem/restful-security-service"
        rest["security"] = {"service": [{"coding": [{"system": service, "code": "SMART-on-FHIR"}]}]}
    if modes:
        rest["interaction"] = [{"code": mode} for mode in modes]
    return {
        "resourceType": "CapabilityStatement", "status": "active", "date": "2026-01-01", "kind": "instance",
        "implementation": {"description": "Stand-in of a hospital network", "url": base},
        "software": {"name": "simulators.hospital"},
        "fhirVersion": abilities.fhir_version, "format": ["application/fhir+json"], "rest": [rest],
    }  # fmt: skip


def _type(abilities: Abilities, kind: str) -> dict[str, Any]:
    does = ("read", "vread", "history-instance", "search-type", "create", "update")
    return {
        "type": kind, "versioning": "versioned", "readHistory": True, "updateCreate": abilities.update_create,
        "interaction": [{"code": code} for code in does],
        "conditionalCreate": abilities.conditional_create, "conditionalUpdate": False,
        "searchParam": [{"name": name, "type": sort} for name, sort in sorted(parameters_of(kind).items())],
    }  # fmt: skip
