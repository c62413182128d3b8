"""The bridge's one door to a FHIR server: discovery, reading, searching, writing; answers and failures are values.

A Client belongs to one thread. Writes are never repeated here (PUSH's rows decide when), reading is, `tries` times.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from random import Random, SystemRandom
from typing import Any, Self

from fhir_bridge.abilities import Abilities, read_abilities
from fhir_bridge.breaker import Breaker
from fhir_bridge.client_answers import (
    Answer,
    Blob,
    Failure,
    Found,
    Page,
    Write,
    outcome_text,
    place_of,
    version_in,
    version_of,
)
from fhir_bridge.client_bundles import Outcome, Room, deliver, read_bundle, stored, write_bundle
from fhir_bridge.client_network import Network, NetworkError, network_refusal, resource_path, same_origin
from fhir_bridge.client_pages import Params, pages, query
from fhir_bridge.client_session import Request, Session
from fhir_bridge.client_wire import Received

_SEND = {"Content-Type": "application/fhir+json", "Prefer": "return=minimal"}


def _clock() -> datetime:
    return datetime.now(UTC)


class Client:
    """A FHIR R4 server as the bridge knows it; raises NetworkError when it cannot be used as configured.

    `breaker` goes on where an earlier client stopped (keep `client.breaker` and `client.known`); `rng` is a secure one.
    """

    def __init__(
        self, network: Network, *, breaker: Breaker | None = None, abilities: Abilities | None = None,
        now: Callable[[], datetime] = _clock, rng: Random | None = None, tries: int = 1,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        if refusal := network_refusal(network):
            raise NetworkError(refusal)
        self.network, self.known = network, abilities
        self._session = Session(
            network, now=now, rng=rng or SystemRandom(), sleep=sleep, breaker=breaker or Breaker(), tries=max(1, tries)
        )  # fmt: skip
        self._room = Room(network.limits.batch, network.limits.batch)

    @property
    def breaker(self) -> Breaker:
        """The breaker after the last request."""
        return self._session.breaker

    @property
    def skew(self) -> float:
        """Seconds by which the server's clock is ahead of ours, by its last answer."""
        return self._session.skew

    @property
    def missing_scopes(self) -> tuple[str, ...]:
        """What we asked for and the last token does not allow."""
        return self._session.missing

    def abilities(self, *, fresh: bool = False) -> Abilities | Failure:
        """What the server can do, asked once; a Failure `fhir-version` for anything but R4 4.0.1."""
        if self.known is None or fresh:
            told = self.get("metadata")
            if isinstance(told, Failure):
                return told
            found = read_abilities(told.body, told.request)
            if isinstance(found, Failure):
                return found
            self.known = found
        return self.known

    def get(self, path: str, params: Params | None = None) -> Answer | Failure:
        """Read what is at `path` below the base (our own words, not the server's: see `read` for ids)."""
        url = f"{self.network.root}/{path}"
        return self._resource(self._session.ask(Request(method="GET", url=f"{url}?{query(params)}" if params else url)))

    def read(self, kind: str, id_: str) -> Answer | Failure:
        """Read one resource; kind `gone` when it is not there."""
        path = resource_path(kind, id_)
        return self.get(path) if path else Failure(kind="refused", code="bad-id")

    def fetch(self, url: str, most: int, accept: str = "*/*") -> Blob | Failure:
        """An attachment of at most `most` bytes, at `url` or below the base; else foreign-url, answer-too-large."""
        whole = url if "://" in url else f"{self.network.root}/{url.lstrip('/')}"
        if not same_origin(whole, self.network.base):
            return Failure(kind="refused", code="foreign-url")
        told = self._session.ask(Request(method="GET", url=whole, headers={"Accept": accept}, most=most))
        return told if isinstance(told, Failure) else Blob(told.headers.get("content-type", ""), told.body)

    def pages(self, kind: str, params: Params) -> Iterator[Page | Failure]:
        """The pages of a search, fetched as they are taken; after a Failure there is nothing more."""
        path = resource_path(kind)
        if path is None:
            yield Failure(kind="refused", code="bad-id")
            return
        first = f"{self.network.root}/{path}?{query(params)}"
        yield from pages(self.network, first, lambda url: self._session.ask(Request(method="GET", url=url)))

    def search(self, kind: str, params: Params, *, most: int = 10_000) -> list[Found] | Failure:
        """All that a search finds, in its order; a Failure `too-many` beyond `most`."""
        found: list[Found] = []
        for page in self.pages(kind, params):
            if isinstance(page, Failure):
                return page
            found += page.found
            if len(found) > most:
                return Failure(kind="refused", code="too-many")
        return found

    def put(self, kind: str, id_: str, body: bytes, *, if_match: str | None = None) -> Outcome:
        """Store a resource under an id of ours; `if_match` is the version it must have there."""
        return self.write(Write(kind=kind, id=id_, body=body, if_match=if_match))

    def create(self, kind: str, body: bytes, *, if_none_exist: str = "") -> Outcome:
        """Store a new resource, with `if_none_exist` (see `criteria`) only where no such one is; 412 is `several`."""
        return self.write(Write(kind=kind, body=body, if_none_exist=if_none_exist))

    def write(self, write: Write) -> Outcome:
        """Store one resource; never repeated, so an `unsure` Failure is asked again by whoever remembers it."""
        path = resource_path(write.kind, write.id)
        if path is None:
            return Failure(kind="refused", code="bad-id")
        headers = dict(_SEND)
        if write.if_match:
            headers["If-Match"] = f'W/"{write.if_match}"'
        if write.if_none_exist:
            headers["If-None-Exist"] = write.if_none_exist
        told = self._session.ask(
            Request(
                method="PUT" if write.id else "POST", url=f"{self.network.root}/{path}", headers=headers,
                body=write.body, conditional=bool(write.if_none_exist),
            )
        )  # fmt: skip
        if isinstance(told, Failure):
            return told
        body = _body(told)
        if isinstance(body, Failure):
            return body
        outcome = outcome_text(body)
        return stored(
            write, told.status, None if outcome else body, told.headers.get("location"), told.headers.get("etag"),
            outcome=outcome, modified=told.headers.get("last-modified"), request=told.request,
        )  # fmt: skip

    def batch(self, writes: Sequence[Write]) -> list[Outcome]:
        """Store many, each for itself; one outcome for each, in their order.

        Bundles of at most `limits.batch`, halved when refused whole. Once the server cannot be reached or asks for
        time, the rest is not sent. A server without batch gets single requests.
        """
        if self.known is not None and not self.known.batch:
            self._room.shrink(1)
        return deliver(writes, lambda part: self._bundle("batch", part), self.write, self._room)

    def transaction(self, writes: Sequence[Write]) -> list[Outcome] | Failure:
        """Store all or none; entries may refer to each other by `full_url`."""
        return self._bundle("transaction", writes)

    def close(self) -> None:
        """Hang up and forget the token."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _bundle(self, sort: str, writes: Sequence[Write]) -> list[Outcome] | Failure:
        if any(resource_path(one.kind, one.id) is None for one in writes):
            return Failure(kind="refused", code="bad-id")
        body = write_bundle(sort, writes)
        told = self._session.ask(Request(method="POST", url=self.network.root, headers=_SEND, body=body))
        if isinstance(told, Failure):
            return told
        found = read_bundle(told.json(), writes, told.request)
        # A transaction done in part, though it answered: nobody can say what of it stands.
        return _garbage(told) if found is None else found

    def _resource(self, told: Received | Failure) -> Answer | Failure:
        body = told if isinstance(told, Failure) else _body(told)
        if isinstance(body, Failure) or isinstance(told, Failure):
            return body if isinstance(body, Failure) else Failure(kind="retry", code="garbage")
        said: dict[str, Any] = body or {}
        place = place_of(told.headers.get("location"))
        id_ = said.get("id") or (place[1] if place else None)
        return Answer(
            status=told.status, kind=str(said.get("resourceType", "")), id=id_ if isinstance(id_, str) else None,
            version=version_of(told.headers.get("etag")) or version_in(body),
            last_modified=told.headers.get("last-modified"), body=body, raw=told.body, outcome=outcome_text(body),
            request=told.request,
        )  # fmt: skip


def _body(told: Received) -> dict[str, Any] | Failure | None:
    """The resource in an answer, None in an empty one; a Failure when something else came."""
    if not told.body.strip():
        return None
    body = told.json()
    return body if isinstance(body, dict) and isinstance(body.get("resourceType"), str) else _garbage(told)


def _garbage(told: Received) -> Failure:
    return Failure(kind="retry", code="garbage", status=told.status, unsure=True, request=told.request)
