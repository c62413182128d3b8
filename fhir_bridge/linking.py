"""Looking up which patient of a network a resident is: beyond doubt they are linked, else a person decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

from engine.care_links import Found, Link
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import audit, repo_links, repo_residents
from engine.store.database import Engine, read, write
from engine.store.repo_facts import By
from fhir_bridge.abilities import Abilities
from fhir_bridge.client_answers import Answer, Blob, Failure, Page
from fhir_bridge.client_pages import Params
from fhir_bridge.gate import doors
from fhir_bridge.matching import MOST_HITS, bears, found_of, judged, rechecked, why_not

# The network's own consent is another one than ours: without it the network answers this.
_FORBIDDEN: Final = 403
_DELETED: Final = 410
NO_CONSENT_THERE: Final = "no-consent-there"


class Server(Protocol):
    """What is asked of a network: `fhir_bridge.client.Client`."""

    def abilities(self) -> Abilities | Failure:
        """What it can do."""

    def read(self, kind: str, id_: str) -> Answer | Failure:
        """One resource."""

    def pages(self, kind: str, params: Params) -> Iterator[Page | Failure]:
        """The pages of a search."""

    def fetch(self, url: str, most: int, accept: str = "*/*") -> Blob | Failure:
        """An attachment."""


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """A network within reach: its name and base address, who asks, and by which clock.

    `test_patients` are the only patient numbers that may be exchanged, where there are any.
    """

    engine: Engine
    server: Server
    network: str
    base: str
    by: By
    now: Callable[[], datetime]
    test_patients: frozenset[str] = frozenset()


def reason_of(failure: Failure) -> str:
    """The reason a link or a cursor keeps of a request that was not carried out."""
    return NO_CONSENT_THERE if failure.status == _FORBIDDEN else failure.code


def look_up(reach: Reach, resident: str) -> Link | Refusal | None:
    """Looks for the patient with the resident's number and links, holds or leaves the link as it is, with the reason.

    None where nothing waits to be looked up; a Refusal where our own consent or the test mode forbids asking, which is
    written into the link as well.
    """
    with read(reach.engine) as connection:
        link = repo_links.get(connection, resident, reach.network)
        door = doors(connection, [resident], reach.network, test_patients=reach.test_patients)[resident]
    if link is None or link.state not in {"proposed", "held"} or link.remote_id is not None:
        return None
    refusal = door.refuses_asking(reach.now())
    if refusal is not None:
        if refusal.code == "inactive":  # of a link that means the patient over there
            refusal = Refusal("inactive-here", refusal.message)
        _settle(reach, link, lambda seen, _: why_not(seen, refusal))
        return refusal
    hits = _hits(reach, link)
    if isinstance(hits, Failure):
        code = reason_of(hits)
        return _settle(reach, link, lambda seen, _: why_not(seen, code))
    return _settle(reach, link, lambda seen, person: judged(seen, person, hits, _owner(reach, hits)))


def check_patient(reach: Reach, link: Link) -> Link | Failure:
    """Reads a linked patient again: still the same person, or the link is held from now on.

    A patient that was deleted is gone; one that is not found now may be back tomorrow.
    """
    told = reach.server.read("Patient", link.remote_id or "")
    if isinstance(told, Failure) and told.status != _DELETED:
        return told
    now = None if isinstance(told, Failure) else found_of(told.body or {})
    if now is not None and now.remote_id != link.remote_id:
        return Failure(kind="retry", code="garbage")
    return _settle(reach, link, lambda seen, person: rechecked(seen, person, now))


def _hits(reach: Reach, link: Link) -> list[Found] | Failure:
    """The patients who bear the number; one that was merged into another is followed once."""
    found: list[Found] = []
    for page in reach.server.pages("Patient", {"identifier": f"{link.system}|{link.value}"}):
        if isinstance(page, Failure):
            return page
        found += [
            found_of(one.body)
            for one in page.found
            if one.kind == "Patient" and one.mode == "match" and bears(one.body, link.system, link.value)
        ]
        if len(found) >= MOST_HITS:
            break
    return _unmerged(reach, found)


def _unmerged(reach: Reach, found: list[Found]) -> list[Found] | Failure:
    """Each hit, or the patient it was merged into; two that became one are one."""
    kept: dict[str, Found] = {}
    for one in found:
        told = reach.server.read("Patient", one.replaced_by) if one.replaced_by not in {"", "?"} else None
        if isinstance(told, Failure) and told.kind != "gone":
            return told
        follows = isinstance(told, Answer) and told.id == one.replaced_by
        now = found_of(told.body or {}, asked=one.remote_id) if isinstance(told, Answer) and follows else one
        kept.setdefault(now.remote_id, now)
    return list(kept.values())


def _owner(reach: Reach, hits: list[Found]) -> str | None:
    with read(reach.engine) as connection:
        return repo_links.holder(connection, reach.network, hits[0].remote_id) if hits else None


def _settle(reach: Reach, before: Link, decide: Callable[[Link, Resident], Link]) -> Link:
    """Writes what was decided about a link, unless somebody changed it since: then theirs stands."""
    now = reach.now()
    with write(reach.engine) as connection:
        audit.take_turn(connection)
        seen = repo_links.get(connection, before.resident, before.network)
        person = repo_residents.get(connection, before.resident)
        if seen is None or person is None or seen.version != before.version:
            return seen or before
        after = decide(seen, person)
        if after == seen:
            return seen
        if after.state != seen.state:
            after = msgspec.structs.replace(after, at=now)
        action = "look" if after.state == seen.state else _ACTS.get(after.state, "look")
        stored: Any = repo_links.put(connection, after, action, reach.by, now)
        if isinstance(stored, Refusal):
            # Two were looked up at once: the other one has the patient.
            held = msgspec.structs.replace(after, state="held", reason=stored.code, remote_id=None)
            stored = repo_links.put(connection, held, "hold", reach.by, now)
        return stored if isinstance(stored, Link) else seen


_ACTS: Final = {"linked": "match", "held": "hold"}
