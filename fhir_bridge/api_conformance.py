"""What the read API says of itself: CapabilityStatement, SMART configuration, OpenAPI; from one table. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.grants import NARROWED
from fhir_bridge.api_parameters import MODIFIERS, TABLE, Parameter

VERSION: Final = "4.0.1"
_FHIR: Final = "application/fhir+json"
# The day the table was last changed; a statement that said today would be a new one every day.
_DATE: Final = "2026-11-22"
_SECURITY: Final = (
    "Every request but this one carries a bearer token that the resident made for the program (Authorization: Bearer). "
    "Scopes are those of SMART App Launch 2: patient/<type>.rs, narrowed by category or code. There is no app launch."
)
_ON_READ: Final = "the resource's edition; send it as If-None-Match to hear 304 while nothing changed"


def capability_statement(base: str, program: str) -> dict[str, Any]:
    """The CapabilityStatement of the API at `base`; `program` is this program's version."""
    return {
        "resourceType": "CapabilityStatement", "status": "active", "date": _DATE, "kind": "instance",
        "publisher": "Minato PHR", "software": {"name": "Minato PHR", "version": program},
        "implementation": {"description": "A resident's own record, read by programs they let read", "url": base},
        "fhirVersion": VERSION, "format": ["json", _FHIR],
        "rest": [{
            "mode": "server",
            "documentation": "A token reads one resident. Unknown parameters are left out of the answered search, or "
            "refused with Prefer: handling=strict.",
            "security": {"cors": False, "description": _SECURITY},
            "resource": [_resource(kind, known) for kind, known in TABLE.items()],
        }],
    }  # fmt: skip


def smart_configuration(base: str, desk: str) -> dict[str, Any]:
    """The SMART configuration: scopes, and the page at `desk` where residents give and take them.

    There is no authorization and no token endpoint: a token is made by its resident, on that page.
    """
    kinds = ("*", *TABLE)
    return {
        "capabilities": ["permission-patient", "permission-v1", "permission-v2"],
        "scopes_supported": [f"patient/{kind}.rs" for kind in kinds], "management_endpoint": f"{desk}/me/apps",
        "grant_types_supported": [], "response_types_supported": [], "issuer": base,
    }  # fmt: skip


def open_api(base: str) -> dict[str, Any]:
    """The OpenAPI 3 document of the API, for programs that know no FHIR."""
    paths: dict[str, Any] = {"/metadata": {"get": _operation("metadata", {}, ["200", "406"], opened=True)}}
    for kind, known in TABLE.items():
        queries = [_query(name, one) for name, one in known.items()] + _CONTROLS
        codes = ["200", "400", "401", "403", "406", "429"]
        paths[f"/{kind}"] = {"get": _operation(f"search{kind}", {"parameters": queries}, codes)}
        paths[f"/{kind}/_search"] = {"post": _operation(f"searchForm{kind}", {"requestBody": _form(queries)}, codes)}
        read = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "pattern": _ID}}
        known_edition = {"name": "If-None-Match", "in": "header", "schema": {"type": "string"}, "description": _ON_READ}
        paths[f"/{kind}/{{id}}"] = {
            "get": _operation(f"read{kind}", {"parameters": [read, known_edition]}, [*codes, "304", "404"])
        }
    return {
        "openapi": "3.0.3", "info": {"title": "Minato PHR read API (FHIR R4)", "version": _DATE}, "paths": paths,
        "servers": [{"url": base}], "security": [{"token": []}],
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }  # fmt: skip


_ID: Final = "^[A-Za-z0-9.-]{1,64}$"
_CONTROLS: Final[list[dict[str, Any]]] = [
    {"name": "_count", "in": "query", "schema": {"type": "integer", "minimum": 0, "maximum": 1000}},
    {"name": "_sort", "in": "query", "schema": {"type": "string"}},
    {"name": "_summary", "in": "query", "schema": {"type": "string", "enum": ["count", "false"]}},
    {"name": "_total", "in": "query", "schema": {"type": "string", "enum": ["none", "estimate", "accurate"]}},
    {"name": "_format", "in": "query", "schema": {"type": "string", "enum": ["json", _FHIR]}},
    {"name": "_page", "in": "query", "schema": {"type": "string"}},
]
_EXAMPLES: Final[Mapping[str, str]] = {
    "date": "^(eq|ne|gt|lt|ge|le|sa|eb|ap)?[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|1[0-9]|2[0-8]))?)?$"
}  # fmt: skip


def _resource(kind: str, known: Mapping[str, Parameter]) -> dict[str, Any]:
    narrowed = ", ".join(sorted(NARROWED.get(kind, ())))
    return {
        "type": kind, "interaction": [{"code": "read"}, {"code": "search-type"}], "versioning": "versioned",
        "readHistory": False, "updateCreate": False, "conditionalCreate": False, "conditionalRead": "not-match",
        "conditionalUpdate": False, "conditionalDelete": "not-supported",
        "searchParam": [_parameter(name, one) for name, one in known.items()],
        **({"documentation": f"Scopes can be narrowed by {narrowed}."} if narrowed else {}),
    }  # fmt: skip


def _parameter(name: str, one: Parameter) -> dict[str, Any]:
    shared = {"_id": "Resource-id", "_lastUpdated": "Resource-lastUpdated"}.get(name)
    definition = {"definition": f"http://hl7.org/fhir/SearchParameter/{shared}"} if shared else {}
    modifiers = ", ".join(f":{word}" for word in sorted(MODIFIERS[one.sort]) if word)
    said = {"documentation": f"modifiers {modifiers}"} if modifiers else {}
    return {"name": name, **definition, "type": one.fhir_type, **said}


def _query(name: str, one: Parameter) -> dict[str, Any]:
    schema = {"type": "string"} | ({"pattern": _EXAMPLES[one.sort]} if one.sort in _EXAMPLES else {})
    return {"name": name, "in": "query", "schema": schema}


def _form(queries: list[dict[str, Any]]) -> dict[str, Any]:
    fields = {one["name"]: one["schema"] for one in queries}
    schema = {"type": "object", "properties": fields, "additionalProperties": False}
    return {"content": {"application/x-www-form-urlencoded": {"schema": schema}}}


def _operation(name: str, more: dict[str, Any], codes: list[str], *, opened: bool = False) -> dict[str, Any]:
    content = {_FHIR: {"schema": {"type": "object", "required": ["resourceType"]}}}
    answers = {
        code: {"description": "not changed"} if code == "304" else {"description": "FHIR R4", "content": content}
        for code in codes
    }
    return {"operationId": name, "responses": answers, **({"security": []} if opened else {}), **more}
