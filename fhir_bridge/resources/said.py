"""What somebody said is there, as FHIR: a condition, a class of medicine, an allergy, a goal they chose."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from engine.clinical import holds
from engine.clinical_codes import catalogue
from engine.explained import explanations
from fhir_bridge.holdings import Holdings
from fhir_bridge.resources.facts import TOLD_BY, Told, code_of, identifiers, own_resource, told, type_of
from fhir_bridge.resources.made import Body, Resource, claims, concept, gone, hl7, moment, own, patient, resource

_ALLERGY: Final = {"allergy.to-medicine": "medication", "allergy.to-food": "food", "allergy.to-latex": "environment"}
_UNVERIFIED: Final = frozenset({"resident", "family", "nurse", "derived"})


def conditions(holdings: Holdings) -> Iterator[Resource]:
    """What somebody said is there."""
    for one in _said(holdings, "Condition"):
        yield resource("Condition", one.fact.id, one.since, partial(_condition, one, holdings))


def statements(holdings: Holdings) -> Iterator[Resource]:
    """Medicines of a class that somebody said are taken."""
    for one in _said(holdings, "MedicationStatement"):
        yield resource("MedicationStatement", one.fact.id, one.since, partial(_statement, one, holdings))


def allergies(holdings: Holdings) -> Iterator[Resource]:
    """Allergies that somebody said are there."""
    for one in _said(holdings, "AllergyIntolerance"):
        yield resource("AllergyIntolerance", one.fact.id, one.since, partial(_allergy, one, holdings))


def wishes(holdings: Holdings) -> Iterator[Resource]:
    """The goals a person chose; a newer choice ends the one before it."""
    said = sorted(_said(holdings, "Goal"), key=lambda one: (one.fact.at, one.fact.recorded_at, one.fact.id))
    sound = [one for one in said if not one.wrong]
    for one in said:
        after = next((later for later in sound if later.fact.at > one.fact.at), None)
        since = one.since if after is None else max(one.since, after.since)
        yield resource("Goal", one.fact.id, since, partial(_wish, one, holdings, ended=after is not None))


def _said(holdings: Holdings, kind: str) -> Iterator[Told]:
    return (one for one in told(holdings) if type_of(one.fact) == kind and own_resource(one, holdings))


def _notes(one: Told) -> list[Body]:
    note = TOLD_BY.get(one.fact.source)
    return [{"text": note}] if note and not one.wrong else []


def _about(one: Told) -> Body:
    return gone() if one.wrong else code_of(catalogue()[one.fact.code])


def _verified(one: Told, table: str) -> Body:
    """How sure it is that it is there: a house's own record, or somebody's word."""
    sure = "unconfirmed" if one.fact.source in _UNVERIFIED else "confirmed"
    return concept([hl7(table, "entered-in-error" if one.wrong else sure)])


def _condition(one: Told, holdings: Holdings) -> Body:
    fact = one.fact
    alive = "active" if holds(fact, holdings.now) else "inactive"
    return {
        "meta": claims("JP_Condition"),
        "identifier": identifiers(fact, holdings),
        "clinicalStatus": None if one.wrong else concept([hl7("condition-clinical", alive)]),
        "verificationStatus": _verified(one, "condition-ver-status"),
        "category": [concept([hl7("condition-category", "problem-list-item")])],
        "code": _about(one),
        "subject": patient(fact.resident),
        "recordedDate": moment(fact.at, holdings.zone),
        "asserter": patient(fact.resident) if fact.source == "resident" else None,
        "note": _notes(one),
    }


def _statement(one: Told, holdings: Holdings) -> Body:
    fact = one.fact
    # A yes that nobody repeated counts as a yes for the rules; whether it is still taken, nobody knows.
    alive = "active" if holds(fact, holdings.now) else "unknown"
    return {
        "identifier": identifiers(fact, holdings),
        "status": "entered-in-error" if one.wrong else alive,
        "medicationCodeableConcept": _about(one),
        "subject": patient(fact.resident),
        "effectiveDateTime": moment(fact.at, holdings.zone),
        "dateAsserted": moment(fact.recorded_at, holdings.zone),
        "informationSource": patient(fact.resident) if fact.source == "resident" else None,
        "note": _notes(one),
    }


def _allergy(one: Told, holdings: Holdings) -> Body:
    fact = one.fact
    alive = "active" if holds(fact, holdings.now) else "inactive"
    kind = _ALLERGY.get(fact.code)
    return {
        "meta": claims("JP_AllergyIntolerance"),
        "identifier": identifiers(fact, holdings),
        "clinicalStatus": None if one.wrong else concept([hl7("allergyintolerance-clinical", alive)]),
        "verificationStatus": _verified(one, "allergyintolerance-verification"),
        "category": [kind] if kind and not one.wrong else [],
        "code": _about(one),
        "patient": patient(fact.resident),
        "recordedDate": moment(fact.at, holdings.zone),
        "asserter": patient(fact.resident) if fact.source == "resident" else None,
    }


def _wish(one: Told, holdings: Holdings, *, ended: bool) -> Body:
    fact = one.fact
    words = explanations()[fact.code].values.get(fact.value)
    chosen = concept([own(f"choice:{fact.code}", fact.value)], words[0] if words else fact.value)
    alive = "active" if holds(fact, holdings.now) and not ended else "completed"
    return {
        "identifier": identifiers(fact, holdings),
        "lifecycleStatus": "entered-in-error" if one.wrong else alive,
        "description": gone() if one.wrong else chosen,
        "subject": patient(fact.resident),
        "startDate": fact.at.astimezone(holdings.zone).date().isoformat(),
        "statusDate": fact.at.astimezone(holdings.zone).date().isoformat(),
        "expressedBy": patient(fact.resident),
    }
