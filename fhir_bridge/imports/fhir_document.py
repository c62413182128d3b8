"""eCheckup and JP-CLINS documents: a FHIR R4 Bundle of one patient, taken apart; nothing is fetched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final
from zoneinfo import ZoneInfo

from engine.imports.numbers import exact_json
from engine.names import search_key
from fhir_bridge.imports.dates import fhir_moment
from fhir_bridge.imports.fhir_items import READ, items_of
from fhir_bridge.imports.json_parts import Json, listed, mapping, texts, word
from fhir_bridge.imports.model import MOST_ENTRIES, Document, DocumentError, Form, Item, Person

_TYPES: Final = frozenset({"document", "collection", "searchset"})
_SYLLABIC: Final = "SYL"
_REPRESENTATION: Final = "iso21090-EN-representation"


def document_of(data: bytes, zone: ZoneInfo) -> Document:
    """The Bundle in `data`.

    Raises DocumentError: damaged-json, not-fhir, no-person, several-people, other-person or too-many-entries.
    """
    bundle = _bundle(data)
    resources = list(_resources(bundle))
    place, patient = _patient(resources)
    names = _names_of(bundle, patient)
    beside = _beside(bundle)
    items: list[Item] = []
    others: Counter[str] = Counter()
    for where, resource in resources:
        kind = word(resource, "resourceType")
        if kind not in READ:
            others[kind[:40]] += kind != "Patient"
            continue
        if not _is_of(resource, patient, names):
            raise DocumentError("other-person", "a part of the document is of another patient", f"{where}.subject")
        items.extend(items_of(resource, where, zone, beside))
    edition = fhir_moment(word(bundle, "timestamp") or word(mapping(bundle, "meta"), "lastUpdated"), zone)
    return Document(
        form=_form(bundle, resources), source_id=_source_id(bundle, resources), edition=edition,
        person=_person(patient, place), items=tuple(items),
        others=tuple((name, count) for name, count in others.items() if count),
    )  # fmt: skip


def _bundle(data: bytes) -> Json:
    try:
        found = exact_json(data.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        raise DocumentError("damaged-json", "the document is no whole JSON", str(error)[:80]) from error
    if not isinstance(found, dict) or found.get("resourceType") != "Bundle" or word(found, "type") not in _TYPES:
        raise DocumentError("not-fhir", "the document is no FHIR Bundle of a document or collection", "Bundle.type")
    return found


def _resources(bundle: Json) -> Iterator[tuple[str, Json]]:
    entries = bundle.get("entry")
    if not isinstance(entries, list) or not entries:
        raise DocumentError("not-fhir", "the Bundle has no entries", "Bundle.entry")
    if len(entries) > MOST_ENTRIES:
        raise DocumentError("too-many-entries", f"more than {MOST_ENTRIES} entries", "Bundle.entry")
    for number, entry in enumerate(entries):
        place = f"Bundle.entry[{number}]"
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise DocumentError("not-fhir", "an entry holds no resource", place)
        yield f"{place}.resource", resource


def _beside(bundle: Json) -> dict[str, Json]:
    """Every resource by the names others may point to it."""
    found: dict[str, Json] = {}
    for entry in listed(bundle, "entry"):
        resource = mapping(entry, "resource")
        found[f"{word(resource, 'resourceType')}/{word(resource, 'id')}"] = resource
        found[word(entry, "fullUrl")] = resource
    return found


def _patient(resources: list[tuple[str, Json]]) -> tuple[str, Json]:
    """The one patient; JP-CLINS also writes the same one into each resource."""
    found = [(place, one) for place, one in resources if one["resourceType"] == "Patient"]
    if not found:
        raise DocumentError("no-person", "the document has no Patient", "Bundle.entry")
    if len(found) > 1:
        raise DocumentError("several-people", "the document has several Patients", found[1][0])
    return found[0]


def _names_of(bundle: Json, patient: Json) -> frozenset[str]:
    """Every way by which this Bundle may point to its patient."""
    names = {f"Patient/{word(patient, 'id')}"} if word(patient, "id") else set()
    for entry in listed(bundle, "entry"):
        if entry.get("resource") is patient and word(entry, "fullUrl"):
            names.add(word(entry, "fullUrl"))
    return frozenset(names)


def _is_of(resource: Json, patient: Json, names: frozenset[str]) -> bool:
    """Whether a resource is about the patient: whom it names at all, by whatever means, must be that one."""
    inside = {f"#{word(one, 'id')}": one for one in listed(resource, "contained")}
    numbers = {(word(one, "system"), word(one, "value")) for one in listed(patient, "identifier")}
    for said in (resource[name] for name in ("subject", "patient") if resource.get(name) is not None):
        if not isinstance(said, dict):
            return False
        reference = word(said, "reference")
        number = mapping(said, "identifier")
        if reference in inside:
            agrees = inside[reference].get("resourceType") == "Patient" and _same(inside[reference], patient)
        elif reference:
            agrees = reference in names
        else:
            agrees = not number or (word(number, "system"), word(number, "value")) in numbers
        if not agrees:
            return False
    return True


def _same(one: Json, patient: Json) -> bool:
    """Whether a contained patient says nothing else than the document's."""
    first, second = _person(one, ""), _person(patient, "")
    pairs = (
        (search_key(first.kana), search_key(second.kana)), (search_key(first.name), search_key(second.name)),
        (first.birth, second.birth), (first.sex, second.sex),
    )  # fmt: skip
    return all(not said or not known or said == known for said, known in pairs)


def _person(patient: Json, place: str) -> Person:
    kana, name = "", ""
    for one in listed(patient, "name"):
        whole = word(one, "text") or word(one, "family") + "".join(texts(one.get("given")))
        marks = {word(mark, "valueCode") for mark in listed(one, "extension")
                 if word(mark, "url").endswith(_REPRESENTATION)}  # fmt: skip
        if _SYLLABIC in marks:
            kana = kana or whole
        else:
            name = name or whole
    birth = word(patient, "birthDate").replace("-", "")
    return Person(place=place, kana=kana, name=name, birth=birth, sex=word(patient, "gender"))


def _form(bundle: Json, resources: list[tuple[str, Json]]) -> Form:
    """By the profiles the document claims."""
    claimed = [text for one in (bundle, *(resource for _, resource in resources))
               for text in texts(mapping(one, "meta").get("profile"))]  # fmt: skip
    if any("eCheckup" in text for text in claimed):
        return "echeckup"
    return "clins" if any("clins" in text.lower() or "/eCS/" in text for text in claimed) else "fhir"


def _source_id(bundle: Json, resources: list[tuple[str, Json]]) -> str:
    """The maker's own name of the document; without one what it was made from decides, not when it was written."""
    compositions = [one for _, one in resources if one["resourceType"] == "Composition"]
    for one in (bundle, *compositions):
        identifier = mapping(one, "identifier")
        if word(identifier, "value"):
            makers = [word(mark, "value") for _, other in resources if other["resourceType"] == "Organization"
                      for mark in listed(other, "identifier")]  # fmt: skip
            maker = makers[0] if makers else ""
            return f"{word(identifier, 'system')}|{word(identifier, 'value')}|{maker}"
    names = [word(mark, "value") for _, one in resources if one["resourceType"] in READ
             for mark in listed(one, "identifier")]  # fmt: skip
    return "|".join(sorted(filter(None, names))) or word(bundle, "id")
