"""Reads: which entities a query means, and which page of them. What this broker does not know it refuses, aloud."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from simulators.hospital.words import write_json
from simulators.platform.attributes import tell_entity
from simulators.platform.entities import Kept
from simulators.platform.refusals import bad_request
from simulators.platform.syntax import check_text

_PAGE, _MOST = 20, 1000
_KNOWN = {"id", "idPattern", "type", "q", "attrs", "options", "limit", "offset"}
_OPTIONS = {"count", "keyValues"}
_STATEMENT = re.compile(r"([!-~]+?)(==|!=)(.+)")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A query, checked; `statements` are (attribute, whether it is wanted, values)."""

    ids: frozenset[str] = frozenset()
    pattern: str = ""
    types: frozenset[str] = frozenset()
    statements: tuple[tuple[str, bool, frozenset[str]], ...] = ()
    attributes: frozenset[str] = frozenset()
    options: frozenset[str] = frozenset()
    limit: int = _PAGE
    offset: int = 0


def read_query(parameters: Mapping[str, str]) -> Asked:
    """The query in the parameters of an address; raises RefusedError (400) for what is wrong or unknown."""
    if unknown := sorted(parameters.keys() - _KNOWN):
        raise bad_request(f"unknown parameters: {unknown}")
    for name, value in parameters.items():
        if not value:
            raise bad_request(f"{name} is empty")
        # Quotes and equal signs belong to the query language; a pattern is brackets by nature.
        if name not in {"q", "idPattern"}:
            check_text(name, value)
    if "id" in parameters and "idPattern" in parameters:
        raise bad_request("id and idPattern exclude each other")
    options = _words(parameters, "options")
    if not options <= _OPTIONS:
        raise bad_request(f"options are {sorted(_OPTIONS)}")
    limit = _number(parameters, "limit", _PAGE)
    if not 1 <= limit <= _MOST:
        raise bad_request(f"limit is from 1 to {_MOST}")
    return Asked(
        ids=_words(parameters, "id"), pattern=_pattern(parameters.get("idPattern", "")),
        types=_words(parameters, "type"), statements=_statements(parameters.get("q", "")),
        attributes=_words(parameters, "attrs"), options=options, limit=limit, offset=_number(parameters, "offset", 0),
    )  # fmt: skip


def meets(asked: Asked, kept: Kept) -> bool:
    """Whether an entity is among those a query means."""
    if asked.ids and kept.key.id not in asked.ids:
        return False
    if asked.types and kept.key.type not in asked.types:
        return False
    if asked.pattern and not re.search(asked.pattern, kept.key.id):
        return False
    for name, wanted, values in asked.statements:
        if name not in kept.attributes or (_shown(kept.attributes[name]["value"]) in values) != wanted:
            return False
    return True


def page(asked: Asked, found: list[Kept]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """One page of what was found, and its headers."""
    bare = "keyValues" in asked.options
    some = found[asked.offset : asked.offset + asked.limit]
    told = [tell_entity(one.key.id, one.key.type, one.attributes, bare=bare, only=asked.attributes) for one in some]
    return told, {"Fiware-Total-Count": str(len(found))} if "count" in asked.options else {}


def _words(parameters: Mapping[str, str], name: str) -> frozenset[str]:
    return frozenset(parameters[name].split(",")) if name in parameters else frozenset()


def _number(parameters: Mapping[str, str], name: str, default: int) -> int:
    said = parameters.get(name, str(default))
    if not re.fullmatch(r"\d{1,9}", said, re.ASCII):
        raise bad_request(f"{name} is a number")
    return int(said)


def _pattern(said: str) -> str:
    try:
        return re.compile(said).pattern
    except re.error:
        raise bad_request("idPattern is no regular expression") from None


def _statements(said: str) -> tuple[tuple[str, bool, frozenset[str]], ...]:
    read = []
    for statement in filter(None, said.split(";")):
        found = _STATEMENT.fullmatch(statement)
        if not found:
            raise bad_request(f"this broker compares with == and != only: {statement}")
        read.append((found[1], found[2] == "==", frozenset(part.strip("'") for part in found[3].split(","))))
    return tuple(read)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else write_json(value).decode()
