"""The one door to the city's data-linkage platform: store a batch, read back what is there; failures are values.

Nothing here makes a request of its own: the bytes are those of a stored release's batches. A client belongs to one
thread and repeats nothing; the rows of the outbox decide when.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from random import Random, SystemRandom
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

from fhir_bridge.breaker import Breaker
from fhir_bridge.client_answers import Failure
from fhir_bridge.client_session import Request
from fhir_bridge.client_wire import Received
from fhir_bridge.platform_entities import CELL, RELEASE, Entity, Part, is_linked
from fhir_bridge.platform_ld import CORE, ENTITIES, MEDIA, UPSERT
from fhir_bridge.platform_session import PlatformError, PlatformSession, Where, refused, rejected, where_refusal

_UPDATE: Final = "/v2/op/update"
_READ: Final = "/v2/entities"
_PAGE: Final = 500
_MOST: Final = 100_000
_DONE: Final = 204
_CREATED: Final = frozenset({201, 204})
_SOME_FAILED: Final = 207
_EXISTS: Final = 422


def _clock() -> datetime:
    return datetime.now(UTC)


class Platform:
    """A platform as the bridge knows it; raises PlatformError when it cannot be used as configured.

    `breaker` goes on where an earlier client stopped.
    """

    def __init__(
        self, where: Where, *, breaker: Breaker | None = None, now: Callable[[], datetime] = _clock,
        rng: Random | None = None,
    ) -> None:  # fmt: skip
        if refusal := where_refusal(where):
            raise PlatformError(refusal)
        self.where = where
        self._session = PlatformSession(
            where, now=now, rng=rng or SystemRandom(), sleep=time.sleep, breaker=breaker or Breaker(), tries=1
        )  # fmt: skip

    @property
    def breaker(self) -> Breaker:
        """The breaker after the last request."""
        return self._session.breaker

    def store(self, body: bytes, part: Part) -> Failure | None:
        """Send a batch; None when the platform says it has taken all of it, and 204 is the only way to say so.

        A release that stands there already is not opened anew: that it exists is what was wanted.
        """
        linked = is_linked(body)
        headers = {**self._place(linked=linked), "Content-Type": MEDIA if linked else "application/json"}
        # A count that is withdrawn is left out of its cell: only replacing removes what is there already.
        option = "replace" if part == "withdraw" else "update"
        url = f"{self.where.network.root}{f'{UPSERT}?options={option}' if linked else _UPDATE}"
        told = self._session.ask(Request(method="POST", url=url, headers=headers, body=body))
        if isinstance(told, Failure):
            return None if part == "open" and told.status == _EXISTS else told
        if linked:
            return _linked_failure(told)
        return None if told.status == _DONE else refused(told, unsure=True)

    def cells(
        self, prefix: str, release: str, beat: Callable[[], object] = lambda: None
    ) -> list[Entity] | Failure:  # fmt: skip
        """Every cell whose id begins with `prefix`; also those of other ids that say they are of `release`.

        `beat` is called after every page: reading many may outlast a lease.
        """
        # Ids are ASCII without signs of their own in a pattern, but for the points of codes.
        found = self._all({"type": CELL, "idPattern": f"^{prefix}"}, beat)
        if isinstance(found, Failure):
            return found
        claimed = self._count(
            {"type": CELL, "q": f'refRelease=="{release}"' if self._linked else f"refRelease=={release}"}
        )
        if isinstance(claimed, Failure):
            return claimed
        return found if claimed == len(found) else self._claimed(found, release, beat)

    def release(self, id_: str) -> Entity | Failure | None:
        """A release's entity as the platform tells it; None where there is none."""
        found = self._all({"type": RELEASE, "id": id_})
        if isinstance(found, Failure):
            return found
        return found[0] if found else None

    def close(self) -> None:
        """Hang up and forget the token."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _linked(self) -> bool:
        return self.where.context is not None

    def _place(self, *, linked: bool) -> dict[str, str]:
        """The headers of every request; a body's Content-Type is not among them: brokers refuse it on reading."""
        if linked:
            return {"NGSILD-Tenant": self.where.tenant, "Accept": "application/json"}
        return {
            "Fiware-Service": self.where.tenant, "Fiware-ServicePath": self.where.path, "Accept": "application/json",
        }  # fmt: skip

    def _claimed(
        self, found: list[Entity], release: str, beat: Callable[[], object]
    ) -> list[Entity] | Failure:  # fmt: skip
        """All cells of a type, to see which ones of other ids are told to be of this release."""
        whole = self._all({"type": CELL}, beat)
        if isinstance(whole, Failure):
            return whole
        known = {one.get("id") for one in found}
        return found + [one for one in whole if one.get("id") not in known and _refers(one, release)]

    def _all(self, asked: dict[str, str], beat: Callable[[], object] = lambda: None) -> list[Entity] | Failure:
        found: list[Entity] = []
        for page in self._pages(asked):
            if isinstance(page, Failure):
                return page
            found += page
            beat()
        return found

    def _pages(self, asked: dict[str, str]) -> Iterator[list[Entity] | Failure]:
        total, taken = 1, 0
        while taken < total:
            page = self._page(asked, taken, _PAGE)
            if isinstance(page, Failure):
                yield page
                return
            some, total = page
            taken += len(some)
            if not some and taken < total:
                # It counts more than it tells: something changed under us, or the answer is not its own.
                yield Failure(kind="retry", code="garbage")
                return
            if total > _MOST:
                yield Failure(kind="refused", code="too-many")
                return
            yield some

    def _count(self, asked: dict[str, str]) -> int | Failure:
        page = self._page(asked, 0, 1)
        return page if isinstance(page, Failure) else page[1]

    def _page(self, asked: dict[str, str], offset: int, limit: int) -> tuple[list[Entity], int] | Failure:
        more = {"count": "true"} if self._linked else {"options": "count"}
        query = urlencode({**asked, "limit": str(limit), "offset": str(offset), **more}, quote_via=quote)
        headers = self._place(linked=self._linked)
        if self._linked:
            # As in what was written the core comes last; a reader names one context only.
            headers["Link"] = (
                f'<{self.where.context or CORE}>; rel="http://www.w3.org/ns/json-ld#context"; type="{MEDIA}"'
            )
        url = f"{self.where.network.root}{ENTITIES if self._linked else _READ}?{query}"
        told = self._session.ask(Request(method="GET", url=url, headers=headers))
        if isinstance(told, Failure):
            return told
        body = told.json()
        total = told.headers.get("ngsild-results-count" if self._linked else "fiware-total-count", "")
        if told.status != 200 or not isinstance(body, list) or not total.isascii() or not total.isdigit():  # noqa: PLR2004 - HTTP
            return refused(told)
        return [one for one in body if isinstance(one, dict)], int(total)


def _linked_failure(told: Received) -> Failure | None:
    """201 and 204 mean that all was taken; of a 207 the errors decide: none named means all was."""
    if told.status in _CREATED:
        return None
    if told.status != _SOME_FAILED:
        return refused(told, unsure=True)
    said = told.json()
    errors = said.get("errors") if isinstance(said, dict) else None
    if not isinstance(errors, list):
        return refused(told, unsure=True)
    return rejected(told, "; ".join(_error(one) for one in errors)) if errors else None


def _error(one: Any) -> str:
    if not isinstance(one, dict):
        return "?"
    why = one.get("error")
    title = why.get("title", "") if isinstance(why, dict) else why
    return f"{one.get('entityId', '?')}: {title}"


def _refers(entity: Entity, release: str) -> bool:
    said = entity.get("refRelease")
    return isinstance(said, dict) and release in {said.get("value"), said.get("object")}
