"""The same broker spoken to in NGSI-LD: upserts of many entities, and reading them back; a batch may be done in part.

Facts: ETSI GS CIM 009, sections 5.6.8 (batch upsert), 5.7.2 (query), 6.15 (207 with what failed) and 4.14 (tenants).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from simulators.hospital.words import write_json
from simulators.platform.entities import Entities, Key
from simulators.platform.refusals import RefusedError, bad_request
from simulators.platform.scopes import tenant_of
from simulators.wire import Call, Said

UPSERT, READ = "/ngsi-ld/v1/entityOperations/upsert", "/ngsi-ld/v1/entities"
MEDIA = "application/ld+json"
_KNOWN = {"type", "id", "idPattern", "q", "limit", "offset", "count"}
_URI = re.compile(r"urn:[!-~]+|https?://[!-~]+")
_REFERS = re.compile(r'refRelease=="([^"]+)"')
_MOST = 1000
_JSON = {"Content-Type": "application/json"}


def is_linked(path: str) -> bool:
    """Whether an address is one of NGSI-LD."""
    return path in {UPSERT, READ}


def answer_linked(store: Entities, call: Call, path: str, parameters: Mapping[str, str], body: Any) -> Said:
    """What a request in NGSI-LD gets; raises RefusedError."""
    tenant = tenant_of({"fiware-service": call.headers.get("ngsild-tenant", "")})
    if path == UPSERT and call.method == "POST":
        if call.headers.get("content-type", "").partition(";")[0] != MEDIA:
            raise RefusedError(415, "UnsupportedMediaType", f"entities with an @context are {MEDIA}")
        option = parameters.get("options", "replace")
        if not parameters.keys() <= {"options"} or option not in {"replace", "update"}:
            raise bad_request("the only parameter is options: replace or update")
        return _upsert(store, call.number, tenant, body, replaces=option == "replace")
    if path == READ and call.method == "GET":
        return _read(store, tenant, parameters)
    raise RefusedError(405, "MethodNotAlowed", "not with this method")


def _upsert(store: Entities, number: int, tenant: str, said: Any, *, replaces: bool) -> Said:
    if not isinstance(said, list) or not said:
        raise bad_request("a batch is a list of entities")
    made: list[str] = []
    done: list[str] = []
    errors: list[dict[str, Any]] = []
    for entity in said:
        fault = _fault(entity)
        if fault:
            error = {"type": "BadRequestData", "title": fault, "status": 400}
            errors.append({"entityId": entity.get("id") if isinstance(entity, dict) else None, "error": error})
            continue
        key = Key(tenant, "/", entity["id"], entity["type"])
        with store.lock:
            (done if store.get(key) else made).append(key.id)
            kept = {name: _kept(one) for name, one in entity.items() if name not in {"id", "type", "@context"}}
            store.change(number, key, kept if replaces else (store.get(key) or {}) | kept)
    stored = (*made, *done)
    if errors:
        return Said(207, write_json({"success": list(stored), "errors": errors}), _JSON, stored)
    return Said(201, write_json(made), _JSON, stored) if made else Said(204, stored=stored)


def _fault(entity: Any) -> str:
    """Why an entity is not taken."""
    if not isinstance(entity, dict) or not _URI.fullmatch(str(entity.get("id"))) or not entity.get("type"):
        return "an entity has a type and a URI as its id"
    if not isinstance(entity.get("@context"), list | str | dict):
        return "an entity of this media type has its @context"
    for name, one in entity.items():
        if name in {"id", "type", "@context"}:
            continue
        if not isinstance(one, dict) or one.get("type") not in {"Property", "Relationship"}:
            return f"{name}: an attribute is a Property or a Relationship"
        if one.get("object" if one["type"] == "Relationship" else "value") is None:
            return f"{name}: nothing is null"
    return ""


def _kept(one: dict[str, Any]) -> dict[str, Any]:
    value = one["object"] if one["type"] == "Relationship" else one["value"]
    plain = value["@value"] if isinstance(value, dict) and "@value" in value else value
    return {"type": one["type"], "value": plain, "metadata": {}, "linked": one}


def _read(store: Entities, tenant: str, parameters: Mapping[str, str]) -> Said:
    if unknown := sorted(parameters.keys() - _KNOWN):
        raise bad_request(f"unknown parameters: {unknown}")
    refers = _REFERS.fullmatch(parameters["q"]) if "q" in parameters else None
    if "q" in parameters and refers is None:
        raise bad_request("this broker asks for refRelease only")
    found = [
        one
        for one in store.all(tenant)
        if one.key.type == parameters.get("type", one.key.type)
        and one.key.id == parameters.get("id", one.key.id)
        and re.search(parameters.get("idPattern", ""), one.key.id)
        and (refers is None or one.attributes.get("refRelease", {}).get("value") == refers[1])
    ]
    limit, offset = int(parameters.get("limit", "20")), int(parameters.get("offset", "0"))
    if not 1 <= limit <= _MOST:
        raise bad_request(f"limit is from 1 to {_MOST}")
    told = [
        {"id": one.key.id, "type": one.key.type} | {name: kept["linked"] for name, kept in one.attributes.items()}
        for one in found[offset : offset + limit]
    ]
    counted = {"NGSILD-Results-Count": str(len(found))} if parameters.get("count") == "true" else {}
    return Said(200, write_json(told), _JSON | counted)
