"""Bundles of resources, and their bytes: every digit of a number as it was measured."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from fhir_bridge.resources.made import pruned

Body = dict[str, Any]
# Of documents and collections: ids that are the same for the same content, and belong to no other name space.
_SPACE: Final = uuid.UUID("6d8f6f7e-8f4e-5a55-9d0c-3f3f7b0a7c11")
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a search: the resource and where it can be read."""

    url: str
    body: Mapping[str, Any]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a batch: the resource, how it is sent, and on which condition."""

    body: Mapping[str, Any]
    method: str
    url: str
    if_match: str | None = None
    if_none_exist: str | None = None


def encode(body: Mapping[str, Any]) -> bytes:
    """JSON in which a Decimal keeps all its digits: 62.30 stays 62.30."""
    return _ENCODER.encode(body)


def searchset(found: Iterable[Found], links: Mapping[str, str], total: int | None = None) -> Body:
    """The answer to a search: what matched, `links` (self, next …) by relation, `total` where it is known."""
    entries = [{"fullUrl": one.url, "resource": one.body, "search": {"mode": "match"}} for one in found]
    return pruned({
        "resourceType": "Bundle", "type": "searchset", "total": total,
        "link": [{"relation": name, "url": url} for name, url in links.items()], "entry": entries,
    })  # fmt: skip


def collection(resources: Sequence[Mapping[str, Any]], now: datetime, name: str) -> Body:
    """Resources that belong together; `name` makes the identifier."""
    return _whole("collection", resources, now, name)


def document(composition: Mapping[str, Any], resources: Sequence[Mapping[str, Any]], now: datetime, name: str) -> Body:
    """A FHIR document: the Composition first, then all it refers to, each resource once."""
    return _whole("document", [composition, *resources], now, name)


def batch(requests: Iterable[Request]) -> Body:
    """Requests that are carried out each by itself."""
    return pruned({"resourceType": "Bundle", "type": "batch", "entry": [_asked(one) for one in requests]})


def urn_of(type_: str, name: str) -> str:
    """The full URL of a resource inside a document or collection: a UUID made of its type and id."""
    return f"urn:uuid:{uuid.uuid5(_SPACE, f'{type_}/{name}')}"


def _whole(kind: str, resources: Sequence[Mapping[str, Any]], now: datetime, name: str) -> Body:
    once = {(one["resourceType"], one["id"]): one for one in resources}
    urls = {f"{type_}/{id_}": urn_of(type_, id_) for type_, id_ in once}
    entries = [
        {"fullUrl": urls[f"{type_}/{id_}"], "resource": _pointed(one, urls)} for (type_, id_), one in once.items()
    ]
    return pruned({
        "resourceType": "Bundle", "id": str(uuid.uuid5(_SPACE, f"{kind}|{name}")), "type": kind,
        "identifier": {"system": "urn:ietf:rfc:3986", "value": urn_of("Bundle", f"{kind}|{name}")},
        "timestamp": now.isoformat(timespec="seconds"), "entry": entries,
    })  # fmt: skip


def _pointed(value: Any, urls: Mapping[str, str]) -> Any:
    """`value` with references to what is in the Bundle as the full URLs they have there."""
    if isinstance(value, Mapping):
        return {
            name: urls.get(one, one) if name == "reference" and isinstance(one, str) else _pointed(one, urls)
            for name, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_pointed(one, urls) for one in value]
    return value


def _asked(one: Request) -> Body:
    conditions = {"ifMatch": one.if_match, "ifNoneExist": one.if_none_exist}
    return {"resource": one.body, "request": {"method": one.method, "url": one.url} | conditions}
