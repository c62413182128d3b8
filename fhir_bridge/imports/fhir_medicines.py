"""Medicines of FHIR R4: what was ordered, given or told, how it is taken, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from fhir_bridge.imports.dates import fhir_moment
from fhir_bridge.imports.json_parts import (
    Json,
    codings_of,
    ending,
    key_of,
    listed,
    mapping,
    quantity_of,
    span_of,
    spoken,
    word,
)
from fhir_bridge.imports.model import Coding, Item

_TAKEN: Final = frozenset({"active", "completed", "in-progress", "recorded", ""})
_ENDED: Final = frozenset({"stopped", "on-hold", "unknown"})
_DATES: Final = {
    "MedicationRequest": ("authoredOn",),
    "MedicationDispense": ("whenHandedOver", "whenPrepared"),
    "MedicationStatement": ("effectiveDateTime", "dateAsserted"),
}
# Orders that somebody gave; what was only thought of is none.
_ORDERS: Final = frozenset({"", "order", "original-order", "reflex-order", "filler-order", "instance-order"})
_PERIOD_OF_USE: Final = "PeriodOfUse"
_LONGEST: Final = 400


def medicine(resource: Json, place: str, zone: ZoneInfo, beside: Mapping[str, Json]) -> Item:
    """One medicine; a house that finished its order did not say that the person stopped taking it.

    JP-CLINS orders are always "completed": such a one holds until its supply ends, and is past where nobody says when.
    """
    kind, status = word(resource, "resourceType"), word(resource, "status")
    codes, called = _named(resource, place, beside)
    day = next(filter(None, (word(resource, name) for name in _DATES[kind])), "")
    day = day or word(mapping(resource, "effectivePeriod"), "start")
    at = fhir_moment(day, zone)
    until = _until(resource, at, zone)
    taken = status in _TAKEN and resource.get("doNotPerform") is not True
    finished = kind == "MedicationStatement" or until is None
    over = status in _ENDED or (status == "completed" and finished)
    state = "" if taken else "not-taken" if status in _ENDED else "withdrawn"
    if kind == "MedicationRequest" and word(resource, "intent") not in _ORDERS:
        state = "not-final"
    return Item(
        place=place, sort="medicine", codes=codes, at=at, day=day, state=state, over=over, until=until,
        key=key_of(resource), called=called, detail=dosage(resource, place)[:_LONGEST],
    )  # fmt: skip


def dosage(resource: Json, place: str = "") -> str:
    """How it is taken, in the words of the house; else the dose and the timing it wrote as codes."""
    found = []
    for one in listed(resource, "dosageInstruction") + listed(resource, "dosage"):
        doses = [_dose(rate, f"{place}.doseQuantity") for rate in listed(one, "doseAndRate")]
        timing = spoken(mapping(mapping(one, "timing"), "code"))
        found.append(word(one, "text") or " ".join(filter(None, [*doses, timing])))
    return " / ".join(filter(None, found)).strip()


def _dose(rate: Json, place: str) -> str:
    quantity = mapping(rate, "doseQuantity")
    if "value" not in quantity:
        return ""
    value, code = quantity_of(quantity, place)
    return f"{value}{word(quantity, 'unit') or code}"


def _named(resource: Json, place: str, beside: Mapping[str, Json]) -> tuple[tuple[Coding, ...], str]:
    concept = mapping(resource, "medicationCodeableConcept")
    elsewhere = mapping(resource, "medicationReference")
    if elsewhere and not concept:
        reference = word(elsewhere, "reference")
        inside = {f"#{word(one, 'id')}": one for one in listed(resource, "contained")}
        concept = mapping(inside.get(reference) or beside.get(reference) or {}, "code")
        if not concept:
            # What stands elsewhere and did not come along is known by what it is called here.
            return (Coding(code=reference, name=word(elsewhere, "display")),), word(elsewhere, "display")
    return codings_of(concept, f"{place}.medicationCodeableConcept"), spoken(concept)


def _until(resource: Json, at: datetime | None, zone: ZoneInfo) -> datetime | None:
    """The end somebody said: of the period of use, of the days of supply, or of the time it was told for."""
    for one in listed(resource, "dosageInstruction"):
        periods = [mapping(mark, "valuePeriod") for mark in listed(one, "extension")
                   if word(mark, "url").endswith(_PERIOD_OF_USE)]  # fmt: skip
        bounds = mapping(mapping(mapping(one, "timing"), "repeat"), "boundsPeriod")
        ends = [end for end in (ending(period, zone) for period in [*periods, bounds]) if end is not None]
        if ends:
            return max(ends)
        span = span_of(mapping(mapping(mapping(one, "timing"), "repeat"), "boundsDuration"))
        if at is not None and span is not None:
            return at + span
    told = ending(mapping(resource, "effectivePeriod"), zone)
    supply = mapping(mapping(resource, "dispenseRequest"), "expectedSupplyDuration")
    span = span_of(supply) or span_of(mapping(resource, "daysSupply"))
    return told or (at + span if at is not None and span is not None else None)
