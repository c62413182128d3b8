"""What other houses told, as FHIR again: each thing in its newest edition, with its name at its house."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from engine.care_entries import UNSURE, Entry, Sort
from engine.observation_values import fhir_id
from fhir_bridge.holdings import Holdings
from fhir_bridge.resources.facts import observations
from fhir_bridge.resources.made import (
    Body,
    Resource,
    claims,
    coding,
    concept,
    gone,
    hl7,
    identifier,
    moment,
    origin,
    patient,
    plain,
    reference,
    resource,
)

# A medicine that its house told as taken or handed out, not as ordered.
_TAKEN: Final = ("MedicationStatement/", "MedicationDispense/")
_SURE: Final = frozenset({"hospital", "lab", "checkup"})


def conditions(holdings: Holdings) -> Iterator[Resource]:
    """Conditions as other houses keep them."""
    for entry in _of(holdings, "condition"):
        yield _made("Condition", entry, holdings, _condition(entry, holdings))


def requests(holdings: Holdings) -> Iterator[Resource]:
    """Medicines that were prescribed."""
    for entry in _of(holdings, "medication"):
        if not entry.remote.startswith(_TAKEN):
            yield _made("MedicationRequest", entry, holdings, _request(entry, holdings))


def statements(holdings: Holdings) -> Iterator[Resource]:
    """Medicines that were handed out, or that somebody takes."""
    for entry in _of(holdings, "medication"):
        if entry.remote.startswith(_TAKEN):
            yield _made("MedicationStatement", entry, holdings, _statement(entry, holdings))


def allergies(holdings: Holdings) -> Iterator[Resource]:
    """Allergies as other houses keep them."""
    for entry in _of(holdings, "allergy"):
        yield _made("AllergyIntolerance", entry, holdings, _allergy(entry, holdings))


def reports(holdings: Holdings) -> Iterator[Resource]:
    """Reports, with the results that came in the same thing."""
    results = [one.id for one in observations(holdings)]
    for entry in _of(holdings, "report"):
        mine = [name for name in results if holdings.origins.get(name) == (entry.origin, entry.remote)]
        yield _made("DiagnosticReport", entry, holdings, _report(entry, holdings, mine))


def documents(holdings: Holdings) -> Iterator[Resource]:
    """That there is a document; its bytes stay with those who keep it."""
    for entry in _of(holdings, "document"):
        yield _made("DocumentReference", entry, holdings, _document(entry, holdings))


def type_of_entry(entry: Entry) -> str:
    """The type of resource that tells this entry."""
    if entry.sort == "medication":
        return "MedicationStatement" if entry.remote.startswith(_TAKEN) else "MedicationRequest"
    kinds: dict[Sort, str] = {"condition": "Condition", "allergy": "AllergyIntolerance", "report": "DiagnosticReport",
                              "document": "DocumentReference"}  # fmt: skip
    return kinds[entry.sort]


def _of(holdings: Holdings, sort: Sort) -> Iterator[Entry]:
    return (entry for entry in holdings.entries if entry.sort == sort)


def name_of(entry: Entry) -> str:
    """The steady id of the thing an entry is an edition of: the same through all its editions."""
    return fhir_id(f"{entry.resident}|{entry.origin}|{entry.remote}")


def _made(type_: str, entry: Entry, holdings: Holdings, body: Body) -> Resource:
    since = holdings.since.get(entry.id, entry.recorded_at)
    frame = {"identifier": [identifier("entry", name_of(entry)), origin(entry.origin, entry.remote)]}
    return resource(type_, name_of(entry), since, lambda: frame | body)


def _name(entry: Entry) -> Body:
    if _wrong(entry):
        return gone()
    return concept([coding(one.system, one.code, one.display) for one in entry.codes], plain(entry.name) or "-")


def _wrong(entry: Entry) -> bool:
    return entry.status == "wrong"


def _over(entry: Entry, holdings: Holdings) -> bool:
    return entry.status == "past" or (entry.until is not None and entry.until <= holdings.now)


def _notes(entry: Entry) -> list[Body]:
    return [{"text": entry.detail}] if entry.detail and not _wrong(entry) else []


def _verification(entry: Entry, table: str) -> Body:
    # A house's own doubt stands before its words; it must not be told on as certain.
    sure = "confirmed" if entry.source in _SURE and not entry.detail.startswith(UNSURE) else "unconfirmed"
    return concept([hl7(table, "entered-in-error" if _wrong(entry) else sure)])


def _condition(entry: Entry, holdings: Holdings) -> Body:
    alive = "inactive" if _over(entry, holdings) else "active"
    ended = entry.until if alive == "inactive" else None
    return {
        "meta": claims("JP_Condition"),
        "clinicalStatus": None if _wrong(entry) else concept([hl7("condition-clinical", alive)]),
        "verificationStatus": _verification(entry, "condition-ver-status"),
        "category": [concept([hl7("condition-category", "problem-list-item")])],
        "code": _name(entry),
        "subject": patient(entry.resident),
        "onsetDateTime": None if _wrong(entry) else moment(entry.at, holdings.zone),
        "abatementDateTime": None if _wrong(entry) else moment(ended, holdings.zone),
        "recordedDate": moment(entry.recorded_at, holdings.zone),
        "note": _notes(entry),
    }


def _request(entry: Entry, holdings: Holdings) -> Body:
    alive = "completed" if _over(entry, holdings) else "active"
    # The numbers of a Japanese prescription (RP) are not among what is kept, so its profile is not claimed.
    return {
        "status": "entered-in-error" if _wrong(entry) else alive,
        "intent": "order",
        "reportedBoolean": True,
        "medicationCodeableConcept": _name(entry),
        "subject": patient(entry.resident),
        "authoredOn": moment(entry.at, holdings.zone),
        "dosageInstruction": _notes(entry),
        "dispenseRequest": {"validityPeriod": _span(entry, holdings)} if entry.until else None,
    }


def _span(entry: Entry, holdings: Holdings) -> Body:
    return {"start": moment(entry.at, holdings.zone), "end": moment(entry.until, holdings.zone)}


def _statement(entry: Entry, holdings: Holdings) -> Body:
    alive = "completed" if _over(entry, holdings) else "active"
    return {
        "status": "entered-in-error" if _wrong(entry) else alive,
        "medicationCodeableConcept": _name(entry),
        "subject": patient(entry.resident),
        "effectivePeriod": _span(entry, holdings),
        "dateAsserted": moment(entry.recorded_at, holdings.zone),
        "dosage": _notes(entry),
    }


def _allergy(entry: Entry, holdings: Holdings) -> Body:
    alive = "inactive" if _over(entry, holdings) else "active"
    return {
        "meta": claims("JP_AllergyIntolerance"),
        "clinicalStatus": None if _wrong(entry) else concept([hl7("allergyintolerance-clinical", alive)]),
        "verificationStatus": _verification(entry, "allergyintolerance-verification"),
        "code": _name(entry),
        "patient": patient(entry.resident),
        "onsetDateTime": None if _wrong(entry) else moment(entry.at, holdings.zone),
        "recordedDate": moment(entry.recorded_at, holdings.zone),
        "note": _notes(entry),
    }


def _report(entry: Entry, holdings: Holdings, results: Iterable[str]) -> Body:
    return {
        "meta": claims("JP_DiagnosticReport_Common"),
        "status": "entered-in-error" if _wrong(entry) else "final",
        "code": _name(entry),
        "subject": patient(entry.resident),
        "effectiveDateTime": moment(entry.at, holdings.zone),
        "issued": moment(entry.recorded_at, holdings.zone),
        "result": [reference("Observation", name) for name in results],
        "conclusion": None if _wrong(entry) else entry.detail,
    }


def _document(entry: Entry, holdings: Holdings) -> Body:
    status = "superseded" if _over(entry, holdings) else "current"
    attachment = {"title": _name(entry)["text"], "creation": moment(entry.at, holdings.zone)}
    return {
        "meta": claims("JP_DocumentReference"),
        "status": "entered-in-error" if _wrong(entry) else status,
        "type": _name(entry),
        "subject": patient(entry.resident),
        "date": moment(entry.recorded_at, holdings.zone),
        "description": None if _wrong(entry) else entry.detail,
        "content": [{"attachment": attachment}],
    }
