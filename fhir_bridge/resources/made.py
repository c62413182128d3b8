"""What every resource is made with: ids, references, codings, instants; and the resource itself, its body made late."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.contract.ids import is_id
from engine.observation_devices import ENGINE_ID
from engine.observation_names import LOINC
from engine.observation_values import steady_id

# Unregistered URNs of our own: they resolve nowhere and claim nobody's domain.
OURS: Final = "urn:minato-phr:"
TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem/"
JP_STRUCTURE: Final = "http://jpfhir.jp/fhir/core/StructureDefinition/"

Body = dict[str, Any]
_CODE: Final = re.compile(r"[!-~]+( [!-~]+)*")
_URI: Final = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class Resource:
    """A resource by type and id, when it became as it is, and its body: JSON values, numbers as Decimal."""

    type: str
    id: str
    last_updated: datetime
    make: Callable[[], Body]
    heading: Callable[[], Body] | None = None

    @property
    def head(self) -> Body:
        """What searches look at, as it stands in the body; made without the rest where that is much cheaper."""
        return self.body if self.heading is None else self.heading()

    @cached_property
    def body(self) -> Body:
        """The whole resource, made when first asked for; `meta` holds neither a version nor an instant."""
        return self.make()


def resource(type_: str, name: str, at: datetime, make: Callable[[], Mapping[str, Any]]) -> Resource:
    """A resource whose body is what `make` gives, under its type and id, without what is empty."""
    whole = steady_id(name)
    return Resource(type_, whole, at, lambda: pruned({"resourceType": type_, "id": whole} | dict(make())))


def pruned(body: Mapping[str, Any]) -> Body:
    """`body` without members that say nothing: FHIR allows no null, no empty list and no empty object."""
    found: Body = {}
    for name, value in body.items():
        kept = _kept(value)
        if kept is not None and kept not in ("", [], {}):
            found[name] = kept
    return found


def _kept(value: Any) -> Any:
    if isinstance(value, Mapping):
        return pruned(value)
    if isinstance(value, str):
        return value if value.isprintable() and not value.isspace() else plain(value)
    if isinstance(value, list | tuple):
        parts = (_kept(one) for one in value)
        return [one for one in parts if one is not None and one not in ("", [], {})]
    return value


def plain(text: str) -> str:
    """What other houses write, as FHIR can hold it: no control characters, no halves of characters, nothing blank."""
    whole = text.encode(errors="replace").decode()
    return "".join(one if one.isprintable() or one == "\n" else " " for one in whole).strip()


def reference(type_: str, name: str, display: str = "") -> Body:
    """A reference to a resource beside this one."""
    return {"reference": f"{type_}/{name}", "display": display}


def patient(resident: str) -> Body:
    """The person all this is about."""
    return reference("Patient", resident)


def identifier(kind: str, value: str) -> Body:
    """An identifier of ours; `kind` names the table it is unique in."""
    return {"system": f"{OURS}{kind}", "value": value}


def origin(where: str, remote: str) -> Body:
    """The name that another house gave to the thing, under a system that names the house."""
    return {"system": f"{OURS}origin:{where}", "value": remote}


def coding(system: str, code: str, display: str = "") -> Body:
    """One coding, as far as FHIR can hold it: a code has no blanks but single ones, a system none at all."""
    if not _CODE.fullmatch(code) or not _URI.fullmatch(system):
        code, system = " ".join(plain(code).split()), "".join(plain(system).split())
    return {"system": system, "code": code, "display": display}


def own(table: str, code: str, display: str = "") -> Body:
    """A coding of one of our own tables."""
    return coding(f"{OURS}{table}", code, display)


def hl7(table: str, code: str, display: str = "") -> Body:
    """A coding of one of HL7's terminology tables."""
    return coding(f"{TERMINOLOGY}{table}", code, display)


def loinc(code: str) -> list[Body]:
    """A LOINC coding, none for a code that is not there."""
    return [coding(LOINC, code)] if code else []


def concept(codings: Sequence[Body], text: str = "") -> Body:
    """A CodeableConcept."""
    return {"coding": list(codings), "text": text}


def gone() -> Body:
    """What stands where a thing had its name: it was told in error, and may be another person's."""
    return concept([], "取り消された記録")


def moment(at: datetime | None, zone: ZoneInfo) -> str | None:
    """An instant as FHIR writes it, on the clock of the person's home, to the second."""
    return None if at is None else at.astimezone(zone).isoformat(timespec="seconds")


def claims(*profiles: str) -> Body:
    """The meta of a resource that claims these profiles of JP Core."""
    return {"profile": [f"{JP_STRUCTURE}{one}" for one in profiles]}


def somebody(who: str, name: str = "") -> Body:
    """Who did something: our own staff by reference, the engine as its Device, anybody else by name or id only."""
    if is_id(who, "s"):
        return reference("Practitioner", who, name)
    if who == "engine":
        return reference("Device", ENGINE_ID)
    return {"identifier": identifier("actor", who), "display": name} if who else {}
