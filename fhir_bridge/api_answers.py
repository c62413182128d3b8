"""Reads and searches of the read API: what the gate lets through, in order, cut into pages, with its edition."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from operator import itemgetter
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.grants import Scope
from engine.store import repo_grants
from engine.store.database import Engine, read, write
from fhir_bridge import bundle
from fhir_bridge.api_gate import Brake, Visit, let_in, token_of
from fhir_bridge.api_pages import address, place_of, position_of
from fhir_bridge.api_search import Search, key_of, meets, narrowing, understood
from fhir_bridge.api_words import Ask, RefusedError, Reply, check_format
from fhir_bridge.holdings import Holdings, holdings_of
from fhir_bridge.resources import Resource, resources_of

_EDITION: Final = 26
# What says nothing about which resources are meant; everything else of a read is refused rather than misread.
_PLAIN: Final = frozenset({"_format", "_pretty"})


class Reading:
    """The API on one store; `now` is the clock and `os_user` who runs the program, for the audit."""

    def __init__(self, engine: Engine, now: Callable[[], datetime], os_user: str) -> None:
        self._engine = engine
        self._now = now
        self._os_user = os_user
        self._brake = Brake()

    def one(self, ask: Ask, kind: str, name: str) -> Reply:
        """One resource by its id; one that is somebody else's does not exist."""
        now = self._now()
        visit = self._visit(ask, now)
        scopes = visit.may(kind, search=False)
        check_format(ask)
        _refuse_wishes(ask)
        held = self._held(visit, kind, now, ["read", kind, name])
        named = (one for one in resources_of(kind, held) if one.id == name)
        found = next(_allowed(named, visit, kind, scopes, ask.base, now), None)
        if found is None:
            raise RefusedError(404, "not-found", f"there is no {kind} of that id here")
        body = _said(found, held.zone)
        heads = {"ETag": f'W/"{body["meta"]["versionId"]}"', "Last-Modified": _http_date(found.last_updated)}
        if _is_known(ask.headers.get("if-none-match", ""), heads["ETag"]):
            return Reply(status=304, headers=heads)
        return Reply(body=bundle.encode(body), headers=heads)

    def many(self, ask: Ask, kind: str) -> Reply:
        """A page of what meets a search, with the address of the next one."""
        now = self._now()
        visit = self._visit(ask, now)
        scopes = visit.may(kind, search=True)
        check_format(ask)
        search = understood(kind, ask.query, strict="handling=strict" in ask.headers.get("prefer", "").replace(" ", ""))
        place = place_of(search, visit.token)
        held = self._held(visit, kind, now, ["search", kind, *search.written])
        found = list(_met(resources_of(kind, held), search, scopes, visit, ask.base, now))
        links = {"self": address(ask.base, search, search.position)}
        if search.only_count:
            return Reply(body=bundle.encode(bundle.searchset([], links, len(found))))
        keyed = sorted(((key_of(one, search.sort), one) for one in found), key=itemgetter(0))
        left = [pair for pair in keyed if place is None or pair[0] > place]
        told = left[: search.count]
        if len(left) > len(told):
            links["next"] = address(ask.base, search, position_of(search, told[-1][0], visit.token))
        entries = [bundle.Found(url=f"{ask.base}/{kind}/{one.id}", body=_said(one, held.zone)) for _, one in told]
        return Reply(body=bundle.encode(bundle.searchset(entries, links, len(found))))

    def _visit(self, ask: Ask, now: datetime) -> Visit:
        token = token_of(ask)
        with read(self._engine) as connection:
            visit = let_in(connection, token, now)
        wait = self._brake.wait_of(visit.grant.id, now)
        if wait:
            raise RefusedError(429, "throttled", "too many requests", {"Retry-After": str(int(wait) + 1)})
        return visit

    def _held(self, visit: Visit, kind: str, now: datetime, what: list[Any]) -> Holdings:
        """What the resident has of a kind, read and written down in one transaction; the gate is asked again in it."""
        with write(self._engine) as connection:
            again = let_in(connection, visit.token, now)
            held = holdings_of(connection, again.person, now, disclosed=True, types=[kind])
            # Last, as writers of the chain wait for each other until the transaction ends.
            repo_grants.touch(connection, again.grant, now, self._os_user, what)
            return held


def _met(
    resources: Iterable[Resource],
    search: Search,
    scopes: tuple[Scope, ...],
    visit: Visit,
    base: str,
    now: datetime,
) -> Iterator[Resource]:
    """What a search finds; what can be told without making a resource is asked first."""
    cheap = [one for one in search.filters if one.cheap]
    dear = [one for one in search.filters if not one.cheap]
    likely = (one for one in resources if meets(one, cheap, visit.owner, base, now))
    for one in _allowed(likely, visit, search.type, scopes, base, now):
        if meets(one, dear, visit.owner, base, now):
            yield one


def _allowed(
    resources: Iterable[Resource], visit: Visit, kind: str, scopes: tuple[Scope, ...], base: str, now: datetime
) -> Iterator[Resource]:
    """Those of the resources of a kind that any of the scopes opens."""
    narrowed = [narrowing(kind, scope.where) for scope in scopes]
    if any(not one for one in narrowed):
        yield from resources
        return
    for resource in resources:
        if any(meets(resource, filters, visit.owner, base, now) for filters in narrowed):
            yield resource


def _said(resource: Resource, zone: ZoneInfo) -> dict[str, Any]:
    """The resource with its edition: when it last changed, and a name that changes whenever anything of it does."""
    body = resource.body
    edition = hashlib.sha256(bundle.encode(body)).hexdigest()[:_EDITION]
    meta = {"versionId": edition, "lastUpdated": resource.last_updated.astimezone(zone).isoformat()}
    return body | {"meta": meta | body.get("meta", {})}


def _is_known(wanted: str, tag: str) -> bool:
    """Whether a reader has this edition already (RFC 9110: the comparison is weak)."""
    known = {one.strip().removeprefix("W/") for one in wanted.split(",")}
    return "*" in known or tag.removeprefix("W/") in known


def _http_date(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC), usegmt=True)


def _refuse_wishes(ask: Ask) -> None:
    """Raises RefusedError (400) for parameters that a read does not have."""
    other = next(
        (name for name, value in ask.query if name not in _PLAIN and (name, value) != ("_summary", "false")), None
    )
    if other is not None:
        raise RefusedError(400, "not-supported", f"a read is not changed by {other[:60]!r}")
