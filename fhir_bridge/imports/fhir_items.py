"""The clinical resources of FHIR R4 as items: values, codes, dates, and why some of them do not count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from fhir_bridge.imports.dates import fhir_moment
from fhir_bridge.imports.denials import denied_allergy, denied_other
from fhir_bridge.imports.fhir_medicines import medicine
from fhir_bridge.imports.json_parts import (
    Json,
    codings_of,
    key_of,
    listed,
    mapping,
    spoken,
    status_codes,
    texts,
    uncommon,
    value_of,
    withheld,
    word,
)
from fhir_bridge.imports.model import MOST_ENTRIES, Coding, DocumentError, Item

MEDICINES: Final = frozenset({"MedicationRequest", "MedicationDispense", "MedicationStatement"})
READ: Final = MEDICINES | {
    "Observation", "Condition", "AllergyIntolerance", "DiagnosticReport", "DocumentReference", "Composition",
}  # fmt: skip
_FINAL: Final = frozenset({"final", "amended", "corrected", "appended"})
_WRONG: Final = frozenset({"entered-in-error", "cancelled"})
_DOUBTED: Final = frozenset({"unconfirmed", "provisional", "differential"})
_REFUTED: Final = frozenset({"refuted", "entered-in-error"})
_PAST: Final = frozenset({"resolved", "remission", "inactive"})
_DOUBT_WORD: Final = "疑"
_CHECKUP_PROFILE: Final = "eCheckup"
_CHECKUP_CODES: Final = "1.2.392.200119.6.1005"
# What we told a network comes back when it is read.
_OURS: Final = "urn:minato-phr:"
_LONGEST: Final = 400


def items_of(resource: Json, place: str, zone: ZoneInfo, beside: Mapping[str, Json]) -> Iterator[Item]:
    """What one clinical resource says; raises DocumentError not-fhir with the place where it has no code.

    `beside` holds the resources it may point to, by reference.
    """
    kind = word(resource, "resourceType")
    if withheld(resource):
        # Not even what it is called: the person may stand beside who reads the report.
        yield Item(place=place, sort=_sort(kind), codes=(Coding(),), state="withheld", key=key_of(resource))
    elif kind == "Observation":
        yield from _observation(resource, place, zone)
    elif kind == "Condition":
        yield _condition(resource, place, zone)
    elif kind == "AllergyIntolerance":
        yield _allergy(resource, place, zone)
    elif kind in MEDICINES:
        found = medicine(resource, place, zone, beside)
        state = found.state or denied_other(found.called, found.codes) or _understood(resource)
        yield msgspec.structs.replace(found, state=state)
    elif kind in READ:
        yield _paper(resource, place, zone)


def _sort(kind: str) -> Any:
    sorts = {"Observation": "observation", "Condition": "condition", "AllergyIntolerance": "allergy",
             "DiagnosticReport": "report"}  # fmt: skip
    return sorts.get(kind, "medicine" if kind in MEDICINES else "document")


def _observation(resource: Json, place: str, zone: ZoneInfo) -> Iterator[Item]:
    state = "our-own" if _OURS in key_of(resource) else _finality(resource, place)
    # Of an unborn child or a donor, though it stands in this person's record.
    state = state or ("of-another-body" if resource.get("focus") else "") or _understood(resource)
    day = word(resource, "effectiveDateTime") or word(mapping(resource, "effectivePeriod"), "start")
    day = day or word(resource, "effectiveInstant")
    parts = listed(resource, "component")
    if len(parts) > MOST_ENTRIES:
        raise DocumentError("too-many-entries", "an Observation of too many parts", place)
    whole = not parts or any(name.startswith("value") for name in resource) or "dataAbsentReason" in resource
    measured = ([(resource, place)] if whole else []) + [
        (part, f"{place}.component[{number}]") for number, part in enumerate(parts)
    ]
    claimed = str(mapping(resource, "meta").get("profile", ""))
    for part, where in measured:
        text, unit, choice = value_of(part, where)
        codes = codings_of(mapping(part, "code"), f"{where}.code")
        yield Item(
            place=where, codes=codes, text=text, unit=unit, choice=choice, at=fhir_moment(day, zone), day=day,
            state=state or _value_state(part, text=bool(text or choice)), key=key_of(resource),
            checkup=_CHECKUP_PROFILE in claimed or any(_CHECKUP_CODES in coding.system for coding in codes),
        )  # fmt: skip


def _value_state(part: Json, *, text: bool) -> str:
    if "dataAbsentReason" in part or not text:
        return "not-done"
    return _understood(part)


def _understood(resource: Json) -> str:
    """What changes the meaning of all the rest and is not known to us may turn it around: it says nothing here."""
    return "not-understood" if uncommon(resource) else ""


def _finality(resource: Json, place: str) -> str:
    status = word(resource, "status")
    if not status:
        raise DocumentError("not-fhir", f"a {word(resource, 'resourceType')} without status", f"{place}.status")
    if status in _FINAL:
        return ""
    return "withdrawn" if status in _WRONG else "not-final"


def _condition(resource: Json, place: str, zone: ZoneInfo) -> Item:
    concept = mapping(resource, "code")
    codes = codings_of(concept, f"{place}.code")
    verified = status_codes(resource, "verificationStatus")
    doubtful = verified & _DOUBTED or any(_DOUBT_WORD in coding.name for coding in codes)
    state = "withdrawn" if verified & _REFUTED else "doubtful" if doubtful else ""
    state = state or denied_other(spoken(concept), codes) or _understood(resource)
    day = word(resource, "onsetDateTime") or word(resource, "recordedDate")
    over = bool(status_codes(resource, "clinicalStatus") & _PAST)
    return Item(
        place=place, sort="condition", codes=codes, at=fhir_moment(day, zone), day=day, state=state,
        over=over or any(name.startswith("abatement") for name in resource), key=key_of(resource),
        until=fhir_moment(word(resource, "abatementDateTime"), zone), called=spoken(concept),
        detail=_cut(" / ".join(word(note, "text") for note in listed(resource, "note"))),
    )  # fmt: skip


def _allergy(resource: Json, place: str, zone: ZoneInfo) -> Item:
    concept = mapping(resource, "code")
    codes = codings_of(concept, f"{place}.code")
    verified = status_codes(resource, "verificationStatus")
    over = bool(status_codes(resource, "clinicalStatus") & _PAST)
    kinds = texts(resource.get("category"))
    state = "withdrawn" if verified & _REFUTED else denied_allergy(spoken(concept), codes, kinds)
    # What we do not understand is a doubt, and a doubtful allergy stays where it is read.
    doubtful = verified & _DOUBTED or uncommon(resource)
    state = state or ("doubtful" if doubtful else "over" if over else "")
    day = word(resource, "recordedDate") or word(resource, "onsetDateTime")
    return Item(
        place=place, sort="allergy", codes=codes, choice=Coding(code=" ".join(kinds)), at=fhir_moment(day, zone),
        day=day, state=state, over=over, key=key_of(resource), called=spoken(concept),
        detail=_cut(_reactions(resource)),
    )  # fmt: skip


def _reactions(resource: Json) -> str:
    found = []
    for one in listed(resource, "reaction"):
        shown = [spoken(sign) for sign in listed(one, "manifestation")]
        found.append(" ".join(filter(None, [*shown, word(one, "description"), word(one, "severity")])))
    return " / ".join(filter(None, found))


def _paper(resource: Json, place: str, zone: ZoneInfo) -> Item:
    """A report, or a document as it is listed or as it heads itself."""
    kind = word(resource, "resourceType")
    concept = mapping(resource, "type") if kind != "DiagnosticReport" else mapping(resource, "code")
    title = word(resource, "title") or spoken(concept) or word(resource, "description")
    day, text = _dated(resource, zone), ""
    if kind == "DiagnosticReport":
        state, text = _finality(resource, place), word(resource, "conclusion")
    else:
        status = word(resource, "docStatus") or word(resource, "status")
        state = "withdrawn" if status in _WRONG else "not-final" if status == "preliminary" else ""
        text = word(resource, "description")
    if not title:
        raise DocumentError("not-fhir", "a report or document without a name", place)
    codes = codings_of(concept, place) if spoken(concept) or listed(concept, "coding") else (Coding(name=title),)
    over = word(resource, "status") == "superseded"
    return Item(
        place=place, sort="report" if kind == "DiagnosticReport" else "document", codes=codes, at=day, state=state,
        over=over, key=key_of(resource) or _single(resource), called=title, detail=_cut(text if text != title else ""),
    )  # fmt: skip


def _single(resource: Json) -> str:
    """The identifier of what has only one: a Composition, or a DocumentReference by its master identifier."""
    one = mapping(resource, "identifier") or mapping(resource, "masterIdentifier")
    return f"{word(one, 'system')}|{word(one, 'value')}" if word(one, "value") else ""


def _dated(resource: Json, zone: ZoneInfo) -> datetime | None:
    period = mapping(resource, "effectivePeriod") or mapping(mapping(resource, "context"), "period")
    days = (word(resource, "effectiveDateTime"), word(period, "start"), word(resource, "date"),
            word(resource, "issued"))  # fmt: skip
    return next((at for at in (fhir_moment(day, zone) for day in days if day) if at is not None), None)


def _cut(text: str) -> str:
    return text.strip()[:_LONGEST]
