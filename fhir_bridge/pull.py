"""Pulling what a network holds of the residents linked to it: consent before every page, nothing twice, nothing lost.

A cursor moves only when everything up to it was seen, in the transaction that keeps the last of it: whatever breaks
off is read again from where the cursor stands, and what is there already changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from random import Random, SystemRandom
from typing import Any, Final

import msgspec

from engine.care_links import Link
from engine.refusal import Refusal
from engine.store import audit, repo_links, repo_pulled
from engine.store.database import Connection, read, write
from engine.store.instants import to_micros
from engine.store.repo_pulled import ATTACHMENT, Cursor, Kept
from fhir_bridge.abilities import Abilities
from fhir_bridge.client_answers import Failure, Found, Page
from fhir_bridge.imports.originals import Originals
from fhir_bridge.linking import Reach, check_patient, look_up, reason_of
from fhir_bridge.pull_derive import Changes, Hand, reconcile, translated
from fhir_bridge.pull_documents import pull_documents
from fhir_bridge.pull_permit import permitted
from fhir_bridge.pull_strays import give_up
from fhir_bridge.pull_take import edition_of, instant, why_left, why_unused

# What commits late there, or by a clock that runs behind, is asked for again.
OVERLAP: Final = timedelta(minutes=5)
PAGE: Final = "100"
# What is asked for of each type besides the patient; a home's own values come back among vital signs and are left.
KINDS: Final[dict[str, dict[str, str]]] = {
    "Observation": {"category": "laboratory,vital-signs,exam"},
    "DiagnosticReport": {}, "Condition": {}, "AllergyIntolerance": {}, "MedicationRequest": {},
    "MedicationStatement": {}, "MedicationDispense": {}, "DocumentReference": {},
}  # fmt: skip
# After these nobody else of the network needs to be tried now.
_NOT_NOW: Final = frozenset({"offline", "breaker", "auth"})
# How servers refuse search parameters they do not know.
_NOT_UNDERSTOOD: Final = frozenset({400, 422, 501})
# Something changed its place between two pages and was not seen: the cursor waits.
INCOMPLETE: Final = "incomplete"
_SECURE: Final = SystemRandom()


class Pulled(msgspec.Struct, kw_only=True):
    """What a pull of one resident did; `stopped` is the code of what ended it early, by the type it met ("" all).

    `read` counts resources that came, `kept` editions that were new, `left` those not kept and `unused` those that are
    kept and make nothing, by reason.
    """

    resident: str
    read: int = 0
    kept: int = 0
    left: Counter[str] = msgspec.field(default_factory=Counter)
    unused: Counter[str] = msgspec.field(default_factory=Counter)
    facts: int = 0
    taken_back: int = 0
    entries: int = 0
    held_back: int = 0
    documents: Counter[str] = msgspec.field(default_factory=Counter)
    stopped: dict[str, str] = {}

    def add(self, changes: Changes) -> None:
        """Counts what became of one page."""
        self.facts += changes.stored
        self.taken_back += changes.taken_back
        self.entries += changes.entries
        self.held_back = max(self.held_back, changes.held_back)
        self.unused.update(changes.unreadable)


class Whole(msgspec.Struct, kw_only=True):
    """What a pull of everybody did: links that were looked up, residents, and why the network was given up."""

    looked_up: dict[str, str] = {}
    people: list[Pulled] = []
    stopped: str | None = None


def pull_all(
    reach: Reach, originals: Originals, *, residents: frozenset[str] | None = None, rng: Random = _SECURE
) -> Whole:
    """Looks up who waits for it, then pulls everybody who is linked, or those of them who are named.

    `originals` keeps the documents that come along.
    """
    whole = Whole()
    abilities = reach.server.abilities()
    if isinstance(abilities, Failure):
        whole.stopped = reason_of(abilities)
        return whole
    with read(reach.engine) as connection:
        waiting = [link.resident for link in repo_links.waiting(connection, reach.network)]
    for name in sorted(waiting):
        if residents is None or name in residents:
            after = look_up(reach, name)
            whole.looked_up[name] = after.state if isinstance(after, Link) else after.code if after else "unchanged"
    with read(reach.engine) as connection:
        linked = sorted(link.resident for link in repo_links.linked(connection, reach.network))
    for name in linked:
        if residents is None or name in residents:
            done = pull_resident(reach, name, abilities, originals, rng=rng)
            whole.people.append(done)
            # Everybody else would meet the same.
            if stopped := next((code for code in done.stopped.values() if code.startswith("network-")), None):
                whole.stopped = stopped
                break
    return whole


def pull_resident(
    reach: Reach, resident: str, abilities: Abilities, originals: Originals, *, rng: Random = _SECURE
) -> Pulled:
    """Pulls all types of one resident; each goes as far as it can."""
    done = Pulled(resident=resident)
    link = _allowed(reach, resident)
    if isinstance(link, Link):
        checked = check_patient(reach, link)
        if isinstance(checked, Failure):
            _note_failure(reach, done, link, "Patient", checked)
            return done
        link = checked if checked.state == "linked" else Refusal(checked.reason or "held", "a person has to look")
    if isinstance(link, Refusal):
        done.stopped[""] = link.code
        return done
    for kind in KINDS:
        if abilities.searches(kind):
            refused = _pull_kind(reach, link, kind, done, rng)
            if refused or any(code.startswith("network-") for code in done.stopped.values()):
                return done
    done.documents, stopped = pull_documents(reach, link, originals, rng)
    if stopped is not None:
        done.stopped[ATTACHMENT] = stopped
    return done


def _pull_kind(reach: Reach, link: Link, kind: str, done: Pulled, rng: Random) -> bool:
    """Walks the pages of one type, once more without a cursor where the server cannot use it; True if not allowed."""
    with read(reach.engine) as connection:
        cursor = repo_pulled.cursor(connection, reach.network, link.resident, kind)
    plain: dict[str, Any] = {"patient": f"Patient/{link.remote_id}", **KINDS[kind], "_count": PAGE}
    asked = {**plain, "_sort": "_lastUpdated"}
    if cursor is not None and cursor.reached is not None:
        asked["_lastUpdated"] = [f"ge{(cursor.reached - OVERLAP).isoformat(timespec='milliseconds')}"]
    stopped = _walk(_Walk(reach, link, kind, done, rng), asked)
    if isinstance(stopped, Failure) and stopped.kind == "refused" and stopped.status in _NOT_UNDERSTOOD:
        stopped = _walk(_Walk(reach, link, kind, done, rng), plain)
    if isinstance(stopped, Failure):
        _note_failure(reach, done, link, kind, stopped)
    elif stopped is not None:
        done.stopped[kind] = stopped.code
    return isinstance(stopped, Refusal) and stopped.code != INCOMPLETE


def _walk(walk: _Walk, params: dict[str, Any]) -> Failure | Refusal | None:
    """Takes page after page; consent is looked at before each is asked for, and again when it is kept."""
    reach = walk.reach
    pages: Iterator[Page | Failure] = reach.server.pages(walk.kind, params)
    while True:
        allowed = _allowed(reach, walk.link.resident)
        page = allowed if isinstance(allowed, Refusal) else next(pages, None)
        if page is None or isinstance(page, Failure | Refusal):
            return page
        stopped = walk.take(page)
        if stopped is not None or page.last:
            return stopped


class _Walk:
    """The pages of one search, each into one transaction with all that follows of it."""

    def __init__(self, reach: Reach, link: Link, kind: str, done: Pulled, rng: Random) -> None:
        self.reach, self.link, self.kind, self._done, self._rng = reach, link, kind, done, rng
        self._seen: set[str] = set()
        self._odd = 0
        self._reached: Any = None

    def take(self, page: Page) -> Refusal | None:
        """Keeps a page; with the last one the cursor moves, if nothing slipped through between two pages."""
        matched = [found for found in page.found if found.mode == "match"]
        now = self.reach.now()
        with write(self.reach.engine) as connection:
            audit.take_turn(connection)
            link = permitted(connection, self.reach, self.link.resident)
            if isinstance(link, Refusal):
                return link
            if link.remote_id != self.link.remote_id:
                return Refusal("relinked", "the resident is another patient since")
            hand = Hand(by=self.reach.by, now=now, rng=self._rng)
            kept, tally = self._sorted_out(matched, link, hand)
            fresh = repo_pulled.keep(connection, kept)
            changes = self._derived(connection, link, fresh, hand)
            moved = give_up(connection, link, self.kind, self.reach.base, matched, hand)
            complete = self._noted(page, matched)
            tally.update({"no-resource": len(page.odd)} if page.odd else {})
            if page.last:
                self._move(connection, complete=complete)
        self._count(matched, tally, fresh, changes)
        self._done.add(moved)
        return None if complete or not page.last else Refusal(INCOMPLETE, "something slipped through between pages")

    def _sorted_out(self, matched: list[Found], link: Link, hand: Hand) -> tuple[list[Kept], Counter[str]]:
        left: Counter[str] = Counter()
        kept: dict[tuple[str, str], Kept] = {}
        for found in matched:
            reason = why_left(found, self.kind, link, self.reach.base)
            if reason is not None:
                left[reason] += 1
                continue
            one = edition_of(found, link, why_unused(found), hand.now)
            kept[one.id, one.version] = one
        return list(kept.values()), left

    def _derived(self, connection: Connection, link: Link, fresh: list[Kept], hand: Hand) -> Changes:
        if not fresh:
            return Changes()
        _count_unknown(connection, link, [one for one in fresh if one.state is None], hand)
        changes = reconcile(connection, link, hand)
        entry = audit.Entry(
            at=to_micros(hand.now), actor=hand.by.actor, os_user=hand.by.os_user, action="import-bridge",
            subject=link.resident,
            detail_hash=audit.detail_hash([link.network, sorted(f"{one.remote}/{one.version}" for one in fresh)]),
        )  # fmt: skip
        audit.append(connection, entry)
        return changes

    def _noted(self, page: Page, matched: list[Found]) -> bool:
        """Whether all that the server counts has been seen, so far as it counts at all."""
        self._seen |= {found.id for found in matched}
        self._odd += len(page.odd)
        instants = [instant(found.last_updated) for found in matched]
        self._reached = max([at for at in (self._reached, *instants) if at is not None], default=None)
        return page.total is None or len(self._seen) + self._odd >= page.total

    def _move(self, connection: Connection, *, complete: bool) -> None:
        before = repo_pulled.cursor(connection, self.reach.network, self.link.resident, self.kind)
        old = before.reached if before else None
        # A clock over there that is years ahead would hide everything that comes later.
        seen = None if self._reached is None else min(self._reached, self.reach.now())
        new = max((at for at in (old, seen) if at is not None), default=None)
        repo_pulled.put_cursor(
            connection,
            Cursor(
                network=self.reach.network, resident=self.link.resident, type=self.kind,
                reached=new if complete else old, at=self.reach.now(), error=None if complete else INCOMPLETE,
            ),
        )  # fmt: skip

    def _count(self, matched: list[Found], left: Counter[str], fresh: list[Kept], changes: Changes) -> None:
        done = self._done
        done.read += len(matched)
        done.kept += len(fresh)
        done.left.update(left)
        done.unused.update(one.state for one in fresh if one.state is not None)
        done.add(changes)


def _count_unknown(connection: Connection, link: Link, fresh: list[Kept], hand: Hand) -> None:
    """Counts the codes nobody knows, each once a resource however many editions of it come."""
    for one in fresh:
        codes = _unknown_codes(one, link, hand)
        earlier = repo_pulled.before(connection, one) if codes else None
        known = _unknown_codes(earlier, link, hand) if earlier else {}
        new = {key: name for key, name in codes.items() if key not in known}
        repo_pulled.count_unknown(connection, link.network, new, hand.now)


def _unknown_codes(one: Kept, link: Link, hand: Hand) -> dict[tuple[str, str, str], str]:
    made = translated(one, link, hand)
    if isinstance(made, Refusal):
        return {}
    return {(code.system, code.code, code.reason): code.name for code in made.unknown if code.reason != "withdrawn"}


def _allowed(reach: Reach, resident: str) -> Link | Refusal:
    with read(reach.engine) as connection:
        return permitted(connection, reach, resident)


def _note_failure(reach: Reach, done: Pulled, link: Link, kind: str, failure: Failure) -> None:
    """Writes what stopped a type beside its cursor, which stays where it is."""
    # Where the patient may be read, a type that may not is a matter of our rights there, not of consent.
    code = reason_of(failure) if kind == "Patient" else failure.code
    done.stopped[kind] = f"network-{code}" if failure.kind in _NOT_NOW else code
    with write(reach.engine) as connection:
        before = repo_pulled.cursor(connection, reach.network, link.resident, kind)
        repo_pulled.put_cursor(
            connection,
            Cursor(
                network=reach.network, resident=link.resident, type=kind, reached=before.reached if before else None,
                at=reach.now(), error=code,
            ),
        )  # fmt: skip
