"""What `fhir.resources` lets through although FHIR R4 forbids it, plus what this product asks of an Observation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from engine.contract.kinds import KINDS, Kind
from engine.contract.units import accepts
from engine.observation_templates import KIND_SYSTEM, LOINC, MDC, UCUM
from engine.observation_values import FHIR_ID

STATUSES: Final = frozenset(
    {"registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"}
)
_MEMBERS: Final = ("Observation", "QuestionnaireResponse", "MolecularSequence")
TARGETS: Final[dict[str, tuple[str, ...]]] = {
    "subject": ("Patient",),
    "device": ("Device", "DeviceMetric"),
    "performer": ("Practitioner", "PractitionerRole", "Organization", "CareTeam", "Patient", "RelatedPerson"),
    "hasMember": _MEMBERS,
    "derivedFrom": ("DocumentReference", "ImagingStudy", "Media", *_MEMBERS),
    "encounter": ("Encounter",),
    "specimen": ("Specimen",),
}
_BLOOD_PRESSURE: Final = "85354-9"
_SIDES: Final = {"8480-6": "systolic", "8462-4": "diastolic"}
_PERIOD: Final = ("start", "end")


class Problem(msgspec.Struct, frozen=True):
    """One finding: a stable `code`, the element it is about and what was found there."""

    code: str
    path: str
    found: str = ""


def check(observation: Mapping[str, Any]) -> list[Problem]:
    """Every problem of a parsed Observation, empty when there is none; total on any JSON object.

    Quantities of kinds we know must be in a unit we can convert; of others the unit is not judged.
    """
    return [
        *_head(observation),
        *_references(observation),
        *_concepts(observation),
        *_result(observation, ""),
        *_time(observation),
        *_blood_pressure(observation),
    ]


def _head(observation: Mapping[str, Any]) -> Iterator[Problem]:
    if observation.get("resourceType") != "Observation":
        yield Problem("not-an-observation", "resourceType", str(observation.get("resourceType")))
    status = observation.get("status")
    if not isinstance(status, str) or status not in STATUSES:
        yield Problem("status", "status", str(status))
    identity = observation.get("id")
    if identity is not None and not (isinstance(identity, str) and FHIR_ID.fullmatch(identity)):
        yield Problem("id", "id", str(identity))
    pairs = [(item.get("system"), item.get("value")) for item in _objects(observation.get("identifier"))]
    yield from _repeated(pairs, "identifier")


def _references(observation: Mapping[str, Any]) -> Iterator[Problem]:
    if not isinstance(observation.get("subject"), Mapping):
        yield Problem("no-subject", "subject")
    for name, targets in TARGETS.items():
        found = observation.get(name)
        for item in _objects(found if isinstance(found, list) else [found]):
            yield from _reference(item, name, targets)


def _reference(item: Mapping[str, Any], name: str, targets: tuple[str, ...]) -> Iterator[Problem]:
    literal, kind = item.get("reference"), item.get("type")
    if isinstance(literal, str):
        if literal.startswith(("#", "urn:")):
            return  # contained or opaque: the type cannot be seen here
        path = literal.partition("/_history/")[0].split("/")
        kind = path[-2] if len(path) > 1 else ""
    if kind is not None and kind not in targets:
        yield Problem("reference-type", name, str(literal or kind))
    if literal is None and not isinstance(item.get("identifier"), Mapping):
        yield Problem("empty-reference", name)


def _concepts(observation: Mapping[str, Any]) -> Iterator[Problem]:
    categories = _objects(observation.get("category"))
    if not categories:
        yield Problem("no-category", "category")
    everything = [coding for item in categories for coding in _codings(item)]
    yield from _repeated([(coding.get("system"), coding.get("code")) for coding in everything], "category")
    for item in categories:
        yield from _concept(item, "category")
    yield from _concept(observation.get("code"), "code")
    own = _codings(observation.get("code"))
    yield from _repeated([(coding.get("system"), coding.get("code")) for coding in own], "code")
    components = _objects(observation.get("component"))
    firsts = [_codings(item.get("code"))[:1] for item in components]
    yield from _repeated([(coding[0].get("system"), coding[0].get("code")) for coding in firsts if coding], "component")
    for item in components:
        yield from _concept(item.get("code"), "component.code")


def _concept(concept: Any, path: str) -> Iterator[Problem]:
    codings = _codings(concept)
    text = concept.get("text") if isinstance(concept, Mapping) else None
    if not codings and not text:
        yield Problem("empty-concept", path)
    if any(not coding.get("code") or not coding.get("system") for coding in codings):
        yield Problem("empty-coding", path)


def _result(element: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Exactly one of value and reason for its absence, and for a whole Observation parts may stand for the value."""
    values = [name for name in element if name.startswith("value") and element[name] is not None]
    absent = element.get("dataAbsentReason") is not None
    parts = _objects(element.get("component")) if not path else []
    if len(values) > 1:
        yield Problem("many-values", f"{path}value[x]", " ".join(values))
    if values and absent:
        yield Problem("value-and-absent", f"{path}dataAbsentReason")
    if not values and not absent and not parts and not (not path and element.get("hasMember")):
        yield Problem("no-value", f"{path}value[x]")
    if absent:
        yield from _concept(element["dataAbsentReason"], f"{path}dataAbsentReason")
    if "valueQuantity" in values:
        yield from _quantity(element["valueQuantity"], _kinds_of(element.get("code")), f"{path}valueQuantity")
    for part in parts:
        yield from _result(part, "component.")


def _quantity(found: Any, kinds: list[Kind], path: str) -> Iterator[Problem]:
    if not isinstance(found, Mapping):
        yield Problem("not-a-quantity", path, str(found))
        return
    value = found.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not Decimal(value).is_finite():
        yield Problem("not-a-number", path, str(value))
    unit = found.get("code")
    if found.get("system") != UCUM or not isinstance(unit, str) or not unit:
        yield Problem("no-unit", path, str(unit))
    elif kinds and not any(accepts(unit, kind.unit) for kind in kinds):
        yield Problem("unit", path, unit)


def _time(observation: Mapping[str, Any]) -> Iterator[Problem]:
    names = [name for name in observation if name.startswith("effective") and observation[name] is not None]
    if len(names) != 1:
        yield Problem("no-time" if not names else "many-times", "effective[x]", " ".join(names))
        return
    found = observation[names[0]]
    moments = [found.get(side) for side in _PERIOD] if isinstance(found, Mapping) else [found]
    if names[0] == "effectiveTiming":
        return
    if any(not _zoned(moment) for moment in moments if moment is not None) or not any(moments):
        yield Problem("no-zone", names[0], str(found))


def _zoned(moment: Any) -> bool:
    """Whether `moment` is an instant: a bare date means another day in another server's zone."""
    return isinstance(moment, str) and "T" in moment and (moment.endswith("Z") or moment[-6:-5] in {"+", "-"})


def _blood_pressure(observation: Mapping[str, Any]) -> Iterator[Problem]:
    """The R4 profile `bp`: each side exactly once, in mm[Hg] or absent with a reason."""
    if _BLOOD_PRESSURE not in _codes(observation.get("code"), LOINC):
        return
    components = _objects(observation.get("component"))
    for code, side in _SIDES.items():
        found = [item for item in components if code in _codes(item.get("code"), LOINC)]
        if len(found) != 1:
            yield Problem("bp-side", "component", f"{side} x{len(found)}")
        for item in found:
            value = item.get("valueQuantity")
            if isinstance(value, Mapping) and value.get("code") != "mm[Hg]":
                yield Problem("bp-unit", "component", str(value.get("code")))


def _kinds_of(concept: Any) -> list[Kind]:
    """The kinds a concept can mean: by LOINC or our own code, by MDC only where neither is given (it is coarser)."""
    loinc, own, mdc = (_codes(concept, system) for system in (LOINC, KIND_SYSTEM, MDC))
    exact = [kind for kind in KINDS.values() if {kind.loinc, kind.loinc_also} & loinc or kind.code in own]
    return exact or [kind for kind in KINDS.values() if kind.mdc is not None and str(kind.mdc) in mdc]


def _codes(concept: Any, system: str) -> set[str]:
    codes = [coding.get("code") for coding in _codings(concept) if coding.get("system") == system]
    return {code for code in codes if isinstance(code, str)}


def _codings(concept: Any) -> list[Mapping[str, Any]]:
    return _objects(concept.get("coding")) if isinstance(concept, Mapping) else []


def _objects(found: Any) -> list[Mapping[str, Any]]:
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _repeated(pairs: Iterable[tuple[Any, Any]], path: str) -> Iterator[Problem]:
    texts = [f"{system}|{code}" for system, code in pairs]
    yield from (Problem("duplicate", path, text) for text in sorted(set(texts)) if texts.count(text) > 1)
