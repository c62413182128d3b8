"""What can be done with one resource: read, vread, history, search, create, conditional create, update."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from simulators.hospital.abilities import Abilities
from simulators.hospital.checks import check, check_id
from simulators.hospital.consents import Consents
from simulators.hospital.journal import Version
from simulators.hospital.outcomes import RefusedError
from simulators.hospital.paging import Pages
from simulators.hospital.records import Records
from simulators.hospital.references import references_in, replaced
from simulators.hospital.searching import Search, find, patient_named, understand
from simulators.hospital.tokens import allows
from simulators.hospital.words import Asked, Resource, Told

_ETAG = re.compile(r'(?:W/)?"(\d+)"')


@dataclass
class House:
    """The parts that an interaction works with; `base` is the address of the interface."""

    abilities: Abilities
    records: Records
    consents: Consents
    pages: Pages
    base: str = ""


def interact(house: House, asked: Asked) -> Told:
    """Carry out one interaction; raises RefusedError."""
    kind = asked.parts[0]
    if kind not in house.abilities.types:
        raise RefusedError(404, f"this server has no {kind}")
    does = _DOES.get((asked.method, _shape(asked.parts[1:])))
    if does is None:
        raise RefusedError(405, f"{asked.method} is not supported here")
    return does(house, asked)


def settle(house: House, body: Resource) -> None:
    """Raises RefusedError when a resource refers to what is not there (422) or to whom has not agreed (403)."""
    if house.abilities.integrity:
        for kind, id_ in sorted(references_in(body)):
            if house.records.current(kind, id_) is None:
                raise RefusedError(422, f"there is no {kind}/{id_}", place=str(body["resourceType"]))
    house.consents.require(body)


def existing(house: House, kind: str, criteria: str) -> Version | None:
    """The one resource that meets the criteria of a conditional create; raises RefusedError (412) for several."""
    query = tuple(parse_qsl(criteria.partition("?")[2] or criteria, keep_blank_values=True))
    search = understand(kind, query, house.abilities)
    if not search.filters:
        raise RefusedError(412, "the criteria of the conditional create name nothing")
    found = find(search, house.records, house.base, house.abilities.zone)
    if len(found) > 1:
        raise RefusedError(412, f"{len(found)} resources meet the criteria")
    return found[0] if found else None


def _create(house: House, asked: Asked) -> Told:
    kind = asked.parts[0]
    _allow(asked, kind, "c")
    body = _checked(house, asked, kind)
    criteria = asked.headers.get("if-none-exist", "")
    if not criteria or not house.abilities.conditional_create:
        return _put_new(house, asked, body)
    if house.abilities.atomic or asked.within:
        with house.records.together():
            hit = existing(house, kind, criteria)
            return _there(house, asked, hit) if hit else _put_new(house, asked, body)
    hit = existing(house, kind, criteria)
    if hit is not None:
        return _there(house, asked, hit)
    time.sleep(house.abilities.gap)
    return _put_new(house, asked, body)


def _there(house: House, asked: Asked, hit: Version) -> Told:
    house.consents.require(hit.body)
    return _told(house, asked, hit, 200, stored=False)


def _put_new(house: House, asked: Asked, body: Resource) -> Told:
    kind = asked.parts[0]
    new = {name: value for name, value in body.items() if name != "id"}
    with house.records.together():
        if not asked.within:
            settle(house, new)
        version = house.records.put(kind, asked.set_aside or house.records.fresh_id(kind), new)
    return _told(house, asked, version, 201, stored=True)


def _update(house: House, asked: Asked) -> Told:
    kind, id_ = asked.parts
    check_id(id_, f"{kind}.id")
    body = _checked(house, asked, kind)
    if body.get("id") != id_:
        raise RefusedError(400, "the id in the resource is not the one in the address", place=f"{kind}.id")
    with house.records.together():
        before = house.records.current(kind, id_)
        _allow(asked, kind, "u" if before else "c")
        if before is None and not house.abilities.update_create:
            raise RefusedError(405, "this server gives the ids itself")
        _check_version(house, asked, before)
        if before is not None:
            house.consents.require(before.body)
        if not asked.within and (before is not None or kind != "Patient"):
            settle(house, body)
        version = house.records.put(kind, id_, body)
    return _told(house, asked, version, 200 if before else 201, stored=True)


def _check_version(house: House, asked: Asked, before: Version | None) -> None:
    wanted = asked.headers.get("if-match", "")
    if not wanted:
        return
    found = _ETAG.fullmatch(wanted.strip())
    if found is None:
        raise RefusedError(400, f"If-Match is not a version: {wanted!r}")
    if before is None or before.number != int(found[1]):
        raise RefusedError(house.abilities.conflict, f"the version is {before.number if before else 'none'}")


def _read(house: House, asked: Asked) -> Told:
    kind, id_, *more = asked.parts
    number = more[-1] if more else None
    _allow(asked, kind, "r")
    versions = house.records.versions(kind, id_)
    if not versions:
        raise RefusedError(404, f"there is no {kind}/{id_}")
    house.consents.require(versions[-1].body)
    wanted = [one for one in versions if number is None or str(one.number) == number]
    if not wanted:
        raise RefusedError(404, f"{kind}/{id_} has no version {number}")
    # A resource that once belonged to somebody else is told only when both agreed.
    house.consents.require(wanted[-1].body)
    if asked.headers.get("if-none-match") == _etag(wanted[-1]):
        return Told(status=304, headers={"ETag": _etag(wanted[-1])})
    return _told(house, asked, wanted[-1], 200, stored=False, whole=True)


def _history(house: House, asked: Asked) -> Told:
    kind, id_, _ = asked.parts
    _allow(asked, kind, "r")
    versions = house.records.versions(kind, id_)
    if not versions:
        raise RefusedError(404, f"there is no {kind}/{id_}")
    for one in versions:
        house.consents.require(one.body)
    entries = [
        {
            "fullUrl": f"{house.base}/{kind}/{id_}", "resource": one.body,
            "request": {"method": "PUT" if one.number > 1 else "POST", "url": f"{kind}/{id_}"},
            "response": {"status": "200" if one.number > 1 else "201", "etag": _etag(one)},
        }
        for one in reversed(versions)
    ]  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "history", "total": len(entries), "entry": entries}
    return Told(status=200, resource=bundle)


def _search(house: House, asked: Asked) -> Told:
    kind, query = asked.parts[0], asked.query
    _allow(asked, kind, "s")
    place = f"{house.base}/{kind}"
    page = dict(query).get("_page")
    if page is not None:
        return Told(status=200, resource=house.pages.following(page, place))
    lenient = "handling=lenient" in asked.headers.get("prefer", "")
    search = understand(kind, query, house.abilities, lenient=lenient)
    found = find(search, house.records, house.base, house.abilities.zone)
    _check_named(house, search, found)
    told = [version for version in found if house.consents.open_to_all(version)]
    if search.only_count:
        return Told(status=200, resource={"resourceType": "Bundle", "type": "searchset", "total": len(told)})
    itself = f"{place}?{urlencode(query)}" if query else place
    return Told(status=200, resource=house.pages.first(told, search.count, place, itself))


def _check_named(house: House, search: Search, found: list[Version]) -> None:
    """A search that names a patient who has not agreed is refused; one that names nobody just leaves them out."""
    for one in search.filters:
        if one.name in {"patient", "subject"} and one.modifier != "not":
            for value in one.values:
                patient = patient_named(value, house.base)
                if house.records.current("Patient", patient) and not house.consents.gives(patient):
                    raise RefusedError(403, "this patient has not agreed to the network")
        if search.kind == "Patient" and one.name in {"identifier", "_id"} and found:
            for version in found:
                house.consents.require(version.body)


def _checked(house: House, asked: Asked, kind: str) -> Resource:
    if not isinstance(asked.resource, dict):
        raise RefusedError(400, "there is no resource in the body")
    check(asked.resource, kind)
    body: Resource = replaced(asked.resource, lambda text: text.removeprefix(f"{house.base}/"))
    return body


def _allow(asked: Asked, kind: str, letter: str) -> None:
    if not allows(asked.scopes, kind, letter):
        raise RefusedError(403, f"the token's scopes do not cover {kind}.{letter}")


def _etag(version: Version) -> str:
    return f'W/"{version.number}"'


def _told(house: House, asked: Asked, version: Version, status: int, *, stored: bool, whole: bool = False) -> Told:
    headers: dict[str, Any] = {"ETag": _etag(version), "Last-Modified": format_datetime(version.at, usegmt=True)}
    if not whole:
        headers["Location"] = f"{house.base}/{version.place}"
    minimal = "return=minimal" in asked.headers.get("prefer", "") and not whole
    body = None if minimal else version.body
    return Told(status=status, resource=body, headers=headers, stored=(version.place,) if stored else ())


def _shape(parts: tuple[str, ...]) -> str:
    """The form of what stands behind the type in an address."""
    if not parts or parts == ("_search",):
        return "".join(parts)
    return "/".join("*" if index % 2 == 0 else part for index, part in enumerate(parts))


_DOES: dict[tuple[str, str], Callable[[House, Asked], Told]] = {
    ("GET", ""): _search,
    ("POST", "_search"): _search,
    ("POST", ""): _create,
    ("GET", "*"): _read,
    ("PUT", "*"): _update,
    ("GET", "*/_history"): _history,
    ("GET", "*/_history/*"): _read,
}
