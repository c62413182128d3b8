"""A resident's data as FHIR R4 resources: plain values in, plain values out, one function for each type."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Final

from fhir_bridge.holdings import TYPES, Holdings
from fhir_bridge.resources import advice, answers, consents, entries, facts, home, persons, plans, said, trail
from fhir_bridge.resources.made import Resource

__all__ = ["RESOURCES", "STAFF_ONLY", "TYPES", "Resource", "resources_of"]

Makes = Callable[[Holdings], Iterator[Resource]]


def _both(*makers: Makes) -> Makes:
    return lambda holdings: chain.from_iterable(make(holdings) for make in makers)


RESOURCES: Final[Mapping[str, Makes]] = {
    "Patient": persons.patients,
    "Observation": _both(home.observations, facts.observations),
    "DiagnosticReport": entries.reports,
    "Condition": _both(entries.conditions, said.conditions),
    "MedicationRequest": entries.requests,
    "MedicationStatement": _both(entries.statements, said.statements),
    "AllergyIntolerance": _both(entries.allergies, said.allergies),
    "DocumentReference": entries.documents,
    "Device": persons.devices,
    "Goal": plans.goals,
    "CarePlan": plans.plans,
    "Communication": advice.communications,
    "CommunicationRequest": advice.requests,
    "Task": advice.tasks,
    "DetectedIssue": advice.issues,
    "QuestionnaireResponse": answers.responses,
    "Consent": consents.consents,
    "Provenance": trail.provenances,
    "AuditEvent": trail.events,
    "Practitioner": advice.practitioners,
}
# The work of the desk and the chain of who looked: residents have pages of their own for what of it is theirs.
STAFF_ONLY: Final = frozenset({"CommunicationRequest", "Task", "DetectedIssue", "AuditEvent"})


def resources_of(name: str, holdings: Holdings) -> Iterator[Resource]:
    """Every resource of one type that the holdings make, in no particular order; KeyError for a type we do not make.

    Of what is disclosed to a resident the types of the desk make none.
    """
    make = RESOURCES[name]
    return iter(()) if holdings.disclosed and name in STAFF_ONLY else make(holdings)
