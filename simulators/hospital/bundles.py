"""Batch and transaction: many interactions in one request, each for itself or all together."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from simulators.hospital.interactions import House, existing, interact, settle
from simulators.hospital.outcomes import RefusedError
from simulators.hospital.references import replaced
from simulators.hospital.words import Asked, Resource, Told, split_target

_CONDITIONS = {
    "ifMatch": "if-match", "ifNoneExist": "if-none-exist", "ifNoneMatch": "if-none-match",
}  # fmt: skip
_ORDER = ("DELETE", "POST", "PUT", "PATCH", "GET")


def run_bundle(house: House, asked: Asked) -> Told:
    """Carry out a Bundle; raises RefusedError when it is refused as a whole."""
    body = asked.resource or {}
    if body.get("resourceType") != "Bundle":
        raise RefusedError(400, "only a Bundle is sent to the base", place="Bundle")
    sort = body.get("type")
    if sort not in {"batch", "transaction"}:
        raise RefusedError(400, f"a Bundle of type {sort!r} is not carried out", place="Bundle.type")
    if not getattr(house.abilities, sort):
        raise RefusedError(405, f"this server does no {sort}", place="Bundle.type")
    entries = body.get("entry", [])
    most = min(asked.most or house.abilities.entries, house.abilities.entries)
    if not isinstance(entries, list):
        raise RefusedError(400, "entry is a list", place="Bundle.entry")
    if len(entries) > most:
        raise RefusedError(house.abilities.over, f"at most {most} entries are taken", place="Bundle.entry")
    single = [_single(house, entry, index, asked) for index, entry in enumerate(entries)]
    told = _batch(house, single) if sort == "batch" else _transaction(house, single, entries)
    answer: Resource = {"resourceType": "Bundle", "type": f"{sort}-response"}
    if told:
        answer["entry"] = [_entry(one, request) for one, request in zip(told, single, strict=True)]
    return Told(status=200, resource=answer, stored=tuple(place for one in told for place in one.stored))


def _single(house: House, entry: Any, index: int, whole: Asked) -> Asked:
    """The interaction an entry asks for."""
    place = f"Bundle.entry[{index}].request"
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(request, dict) or request.get("method") not in _ORDER or not isinstance(request.get("url"), str):
        raise RefusedError(400, "an entry has a request with a method and a url", place=place)
    split = split_target(request["url"].removeprefix(f"{house.base}/"))
    parts = tuple(part for part in split.path.split("/") if part)
    if not parts:
        raise RefusedError(400, "a Bundle in a Bundle is not carried out", place=place)
    headers = {header: str(request[name]) for name, header in _CONDITIONS.items() if name in request}
    return Asked(
        method=request["method"], parts=parts, query=tuple(parse_qsl(split.query)), headers=headers,
        resource=entry.get("resource"), scopes=whole.scopes,
    )  # fmt: skip


def _batch(house: House, single: list[Asked]) -> list[Told]:
    told = []
    for one in single:
        try:
            told.append(interact(house, one))
        except RefusedError as refused:
            told.append(Told(status=refused.status, resource=refused.outcome()))
    return told


def _transaction(house: House, single: list[Asked], entries: list[Resource]) -> list[Told]:
    """All or nothing: ids are set aside first so that entries can refer to each other in any order."""
    told: dict[int, Told] = {}
    with house.records.together():
        aside = _set_aside(house, single)
        places = {str(entry.get("fullUrl")): place for entry, place in zip(entries, aside, strict=True) if place}
        replace = _replacing(house, places)
        for index in sorted(range(len(single)), key=lambda index: _ORDER.index(single[index].method)):
            one, place = single[index], aside[index]
            ready = msgspec.structs.replace(
                one, within=True, set_aside=place.rpartition("/")[2], resource=replaced(one.resource, replace)
            )  # fmt: skip
            try:
                told[index] = interact(house, ready)
            except RefusedError as refused:
                where = f"Bundle.entry[{index}]"
                raise RefusedError(refused.status, f"{where}: {refused.why}", place=where) from None
        for done in told.values():
            for place in done.stored:
                kind, id_, *_ = place.split("/")
                version = house.records.current(kind, id_)
                assert version is not None
                if kind != "Patient":
                    settle(house, version.body)
    return [told[index] for index in range(len(single))]


def _set_aside(house: House, single: list[Asked]) -> list[str]:
    """`Type/id` each written entry will have: its own, an existing one, or a fresh one; empty for reads."""
    aside: list[str] = []
    seen: dict[tuple[str, str], str] = {}
    for one in single:
        kind = one.parts[0]
        if one.method == "PUT":
            aside.append("/".join(one.parts[:2]))
        elif one.method == "POST":
            criteria = one.headers.get("if-none-exist", "") if house.abilities.conditional_create else ""
            known = kind in house.abilities.types
            hit = existing(house, kind, criteria) if criteria and known else None
            place = f"{kind}/{hit.id}" if hit else seen.get((kind, criteria), "")
            place = place or f"{kind}/{house.records.fresh_id(kind)}"
            if criteria:
                seen[kind, criteria] = place
            aside.append(place)
        else:
            aside.append("")
    return aside


def _replacing(house: House, places: dict[str, str]) -> Callable[[str], str]:
    """Puts the place of an entry for its fullUrl, and for a conditional reference the one resource it means."""

    def replace(text: str) -> str:
        if text in places:
            return places[text]
        kind, mark, criteria = text.partition("?")
        if not mark or kind not in house.abilities.types:
            return text
        hit = existing(house, kind, criteria)
        if hit is None:
            raise RefusedError(412, f"nothing meets the reference {text!r}")
        return f"{kind}/{hit.id}"

    return replace


def _entry(told: Told, asked: Asked) -> dict[str, Any]:
    response: dict[str, Any] = {"status": f"{told.status} {HTTPStatus(told.status).phrase}"}
    if "Location" in told.headers:
        response["location"] = told.headers["Location"]
    if "ETag" in told.headers:
        response["etag"] = told.headers["ETag"]
    if told.resource and told.resource.get("resourceType") == "OperationOutcome":
        return {"response": response | {"outcome": told.resource}}
    if told.resource and asked.method == "GET":
        return {"resource": told.resource, "response": response}
    return {"response": response}
