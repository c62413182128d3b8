"""Entities as requests write them and as answers tell them, in both formats: whole (normalized) and keyValues."""

from __future__ import annotations

from typing import Any

import msgspec

from simulators.platform.instants import told_instant
from simulators.platform.places import check_one_place, check_place
from simulators.platform.refusals import bad_request
from simulators.platform.syntax import check_name, check_text, check_value

Attributes = dict[str, dict[str, Any]]
_PARTS = {"type", "value", "metadata"}
_INSTANTS = {"DateTime", "ISO8601"}


class Written(msgspec.Struct, frozen=True):
    """An entity of a request that broke no rule: `type` is "" where none was said."""

    id: str
    type: str
    attributes: Attributes


def read_entity(said: Any, *, bare: bool) -> Written:
    """The entity a request writes (`bare`: keyValues); raises RefusedError (400, 413) for what no entity may be."""
    if not isinstance(said, dict):
        raise bad_request("an entity is an object")
    id_ = check_name("an entity id", said.get("id"))
    kind = check_name("an entity type", said["type"]) if "type" in said else ""
    attributes = {
        check_name("an attribute name", name): _bare(name, value) if bare else _whole(name, value)
        for name, value in said.items()
        if name not in {"id", "type"}
    }
    check_one_place(attributes)
    return Written(id_, kind, attributes)


def tell_entity(id_: str, kind: str, attributes: Attributes, *, bare: bool, only: frozenset[str]) -> dict[str, Any]:
    """An entity as answers tell it, with the attributes `only` where some are named."""
    told: dict[str, Any] = {"id": id_, "type": kind}
    for name, attribute in attributes.items():
        if not only or name in only:
            told[name] = attribute["value"] if bare else attribute
    return told


def _bare(name: str, value: Any) -> dict[str, Any]:
    check_value(name, value)
    return {"type": _type_of(value), "value": value, "metadata": {}}


def _whole(name: str, said: Any) -> dict[str, Any]:
    if not isinstance(said, dict) or not said.keys() <= _PARTS:
        raise bad_request(f"{name}: an attribute is an object of type, value and metadata")
    metadata = said.get("metadata", {})
    if not isinstance(metadata, dict):
        raise bad_request(f"{name}: metadata is an object")
    return _typed(name, said) | {
        "metadata": {check_name("a metadata name", item): _metadata(item, one) for item, one in metadata.items()}
    }


def _metadata(name: str, said: Any) -> dict[str, Any]:
    if not isinstance(said, dict) or not said.keys() <= {"type", "value"}:
        raise bad_request(f"{name}: metadata is an object of type and value")
    return _typed(name, said)


def _typed(name: str, said: dict[str, Any]) -> dict[str, Any]:
    value = said.get("value")
    kind = check_name(f"the type of {name}", said["type"]) if "type" in said else _type_of(value)
    check_value(name, value)
    if kind in _INSTANTS and value is not None:
        value = told_instant(check_text(name, value)) if isinstance(value, str) else None
        if value is None:
            raise bad_request(f"{name}: not an instant of ISO 8601")
    check_place(name, kind, value)
    return {"type": kind, "value": value}


def _type_of(value: Any) -> str:
    """The type of a value that says none (FIWARE-NGSI v2, "Partial Representations")."""
    if value is None:
        return "None"
    if isinstance(value, str):
        return "Text"
    # A bool is an int to Python.
    if isinstance(value, bool):
        return "Boolean"
    return "StructuredValue" if isinstance(value, dict | list) else "Number"
