"""Search results page by page: `next` only within the origin, never in a circle, each resource byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from fhir_bridge.client_answers import Failure, Found, Page, version_in
from fhir_bridge.client_network import Network, joined, same_origin
from fhir_bridge.client_wire import Received, read_json

Params = Mapping[str, str | Sequence[str]]


class _Link(msgspec.Struct):
    relation: str = ""
    url: str = ""


class _Mode(msgspec.Struct, frozen=True):
    mode: str = "match"


class _Entry(msgspec.Struct):
    resource: msgspec.Raw = msgspec.Raw()
    search: _Mode = _Mode()


class _Searchset(msgspec.Struct, rename="camel"):
    resource_type: str = ""
    type: str = ""
    total: int | None = None
    link: list[_Link] = []
    entry: list[_Entry] = []


_decode = msgspec.json.Decoder(_Searchset).decode


def query(params: Params) -> str:
    """Search parameters as they stand in an address: `+09:00` arrives as it is; several values repeat the name."""
    pairs = [(name, one) for name, said in params.items() for one in ([said] if isinstance(said, str) else said)]
    return urlencode(pairs, quote_via=quote, safe="")


def pages(
    network: Network, first: str, fetch: Callable[[str], Received | Failure]
) -> Iterator[Page | Failure]:  # fmt: skip
    """Each page of the search at address `first`; a Failure ends it (foreign-next, loop, too-many, or of the wire)."""
    url, seen = first, set[str]()
    while True:
        seen.add(url)
        told = fetch(url)
        if isinstance(told, Failure):
            yield told
            return
        read = read_page(told)
        if isinstance(read, Failure):
            yield read
            return
        page, following = read
        yield page
        if following is None:
            return
        url = joined(url, following)
        if why := _stopped(url, seen, network):
            yield Failure(kind="refused", code=why, request=told.request)
            return


def _stopped(url: str, seen: set[str], network: Network) -> str:
    if not same_origin(url, network.base):
        return "foreign-next"
    if url in seen:
        return "loop"
    return "too-many" if len(seen) >= network.limits.pages else ""


def read_page(told: Received) -> tuple[Page, str | None] | Failure:
    """A page and the address of the next one; a Failure when this is no search result."""
    try:
        said = _decode(told.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        said = _Searchset()
    if said.resource_type != "Bundle" or said.type != "searchset":
        return Failure(kind="retry", code="garbage", status=told.status, request=told.request)
    # What the server says about the search stands among the results, and is none of them.
    results = [entry for entry in said.entry if entry.search.mode != "outcome"]
    read = [(_found(entry), entry) for entry in results]
    found = tuple(one for one, _ in read if one)
    odd = tuple(bytes(entry.resource) for one, entry in read if one is None)
    following = next((link.url for link in said.link if link.relation == "next" and link.url), None)
    return Page(found=found, total=said.total, odd=odd, last=following is None), following


def _found(entry: _Entry) -> Found | None:
    raw = bytes(entry.resource)
    body: Any = read_json(raw) if raw else None
    if not isinstance(body, dict):
        return None
    kind, id_ = body.get("resourceType"), body.get("id")
    if not isinstance(kind, str) or not isinstance(id_, str):
        return None
    meta = body.get("meta")
    updated = meta.get("lastUpdated") if isinstance(meta, dict) else None
    return Found(
        kind=kind, id=id_, version=version_in(body),
        last_updated=updated if isinstance(updated, str) else None, body=body, raw=raw, mode=entry.search.mode,
    )  # fmt: skip
