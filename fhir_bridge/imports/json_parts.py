"""Parts of a FHIR resource that came as JSON: nothing is where it should be until it was looked at."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.imports.numbers import said
from fhir_bridge.imports.dates import fhir_moment
from fhir_bridge.imports.model import Coding, DocumentError

Json = Mapping[str, Any]
_MOST_DIGITS: Final = 8
_DAYS: Final = {"d": 1, "wk": 7, "mo": 30}
_MOST_DAYS: Final = 3660
_INSTANCE: Final = "resourceInstance-identifier"
_PLACES: Final = ("Medication-RPGroupNumber", "MedicationAdministrationIndex")
_WITHHELD: Final = frozenset({"UNINFORMED", "UNDELIVERED"})


def word(resource: Json, name: str) -> str:
    """The text of that name, "" where there is none."""
    value = resource.get(name)
    return value if isinstance(value, str) else ""


def mapping(resource: Json, name: str) -> Json:
    """The object of that name, empty where there is none."""
    value = resource.get(name)
    return value if isinstance(value, dict) else {}


def listed(resource: Json, name: str) -> list[Json]:
    """The objects of the list of that name."""
    value = resource.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def texts(value: Any) -> list[str]:
    """The texts of a list."""
    return [part for part in value if isinstance(part, str)] if isinstance(value, list) else []


def status_codes(resource: Json, name: str) -> frozenset[str]:
    """The codes of a coded status."""
    return frozenset(word(coding, "code") for coding in listed(mapping(resource, name), "coding"))


def withheld(resource: Json) -> bool:
    """Whether the house said that the person was not told of this (未告知), or is not to be given it (未提供)."""
    return any(word(tag, "code") in _WITHHELD for tag in listed(mapping(resource, "meta"), "tag"))


def uncommon(resource: Json) -> bool:
    """Whether it carries what may change its meaning and nobody here knows: FHIR forbids to pass over that."""
    return bool(resource.get("modifierExtension")) or bool(resource.get("implicitRules"))


def key_of(resource: Json) -> str:
    """What the house calls this resource wherever it stands, "" where it has no name of its own.

    In a prescription of JP Core the numbers of group and order name a medicine only together with the prescription's.
    """
    identifiers = [(word(one, "system"), word(one, "value")) for one in listed(resource, "identifier")]
    named = {system: f"{system}|{value}" for system, value in identifiers if value}
    alone = word(resource, "resourceType").startswith("Medication")
    instance = next((name for system, name in named.items() if system.endswith(_INSTANCE)), "")
    if instance and not alone:
        return instance
    return "&".join(sorted(named.values())) if any(not system.endswith(_PLACES) for system in named) else ""


def spoken(concept: Json) -> str:
    """How people call a concept: its text, else the first name of a coding."""
    names = (word(one, "display") for one in listed(concept, "coding"))
    return word(concept, "text") or next(filter(None, names), "")


def codings_of(concept: Json, place: str) -> tuple[Coding, ...]:
    """The codings of a concept, each with a name; raises DocumentError not-fhir where there is neither."""
    text = word(concept, "text")
    found = [Coding(word(one, "system"), word(one, "code"), word(one, "display") or text)
             for one in listed(concept, "coding")]  # fmt: skip
    if not found and not text:
        raise DocumentError("not-fhir", "something without a code or a name", place)
    return tuple(found) or (Coding(name=text),)


def decimal_of(value: Any, place: str) -> Decimal:
    """A JSON number with the digits it was written with; raises DocumentError not-fhir for what is no number of use."""
    found = Decimal(repr(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(found, Decimal):
        raise DocumentError("not-fhir", "a quantity without a number", place)
    # Written out, 1e999999999 would fill the memory.
    if not found.is_finite() or found.adjusted() > _MOST_DIGITS:
        raise DocumentError("not-fhir", "a number larger than anything measured", f"{place}.value")
    return found


def value_of(part: Json, place: str) -> tuple[str, str, Coding | None]:
    """The value as text, its unit and its code; nothing where none was measured."""
    quantity = part.get("valueQuantity")
    if quantity is not None:
        return (*quantity_of(quantity, f"{place}.valueQuantity"), None)
    concept = mapping(part, "valueCodeableConcept")
    if concept:
        first = next(iter(listed(concept, "coding")), {})
        choice = Coding(word(first, "system"), word(first, "code"), word(first, "display") or word(concept, "text"))
        return word(concept, "text") or choice.name, "", choice
    if part.get("valueInteger") is not None:
        return said(decimal_of(part["valueInteger"], f"{place}.valueInteger")), "", None
    return word(part, "valueString"), "", None


def quantity_of(quantity: Any, place: str) -> tuple[str, str]:
    """Number and unit of a quantity as it was written."""
    value = decimal_of(quantity.get("value") if isinstance(quantity, dict) else None, place)
    return f"{word(quantity, 'comparator')}{said(value)}", word(quantity, "code") or word(quantity, "unit")


def span_of(duration: Json) -> timedelta | None:
    """How long a duration in days, weeks or months is, None for anything else."""
    value = duration.get("value")
    if not isinstance(value, int | float | Decimal) or isinstance(value, bool):
        return None
    unit = word(duration, "code") or ("d" if word(duration, "unit") in {"日", "日分", "day", "days"} else "")
    days = value * _DAYS.get(unit, 0)
    return timedelta(days=int(days)) if 0 < days <= _MOST_DAYS else None


def ending(period: Json, zone: ZoneInfo) -> datetime | None:
    """The end of a period; a day alone ends when it is over."""
    text = word(period, "end")
    at = fhir_moment(text, zone)
    return at + timedelta(days=1) if at is not None and "T" not in text else at
