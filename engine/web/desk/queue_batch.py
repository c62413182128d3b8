"""Approving several simple drafts in one go: chosen in the queue, looked at once more, signed for one by one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from random import SystemRandom
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from fastapi import Form, Query, Response
from fastapi.responses import RedirectResponse

from engine.access import rights_of
from engine.batching import MOST, batch_of
from engine.contract.ids import is_id, new_id
from engine.decisions import carry_out
from engine.people import Resident
from engine.refusal import Refusal as Fault
from engine.review import Command, Item, Refusal, Verb
from engine.store import repo_queue, repo_seen
from engine.store.database import Connection, write
from engine.store.repo_places import ZONE
from engine.store.repo_staff import names_of
from engine.web import scope
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk.queue_door import door
from engine.web.sessions import Session
from engine.web.view import when, word

_VERSION: Final = re.compile(r"(a-[a-z2-7]{13})\.(\d{1,9})")
Chosen = list[tuple[Item, Resident]]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one item of a batch: whose it is, whether it was approved with it, and what holds now."""

    id: str
    name: str
    went: bool
    state: str
    by: str
    can_undo: bool


@door.page("/queue/batch", "advice.decide")
def confirm(desk: TheDesk, session: Signed, item: Annotated[list[str] | None, Query()] = None) -> Response:
    """What was chosen, with every text, before anything is signed."""
    return _confirm(desk, session, item or [], None)


@door.form("/queue/batch", "advice.decide")
def approve(desk: TheDesk, session: Trusted, item: Annotated[list[str] | None, Form()] = None) -> Response:
    """Sign for each by its own compare-and-swap; what changed meanwhile is left alone and told by name."""
    typed = [found for one in item or [] if (found := _VERSION.fullmatch(one))]
    seen: dict[str, str] = {found[1]: found[2] for found in typed}
    now, batch = desk.now(), new_id("b", SystemRandom())
    with write(desk.engine) as connection:
        chosen = _chosen(connection, session, list(seen), now)
        same = [(one, person) for one, person in chosen if one.version == int(seen[one.id])]
        fault = _fault(connection, session, same) if same else None
        for one, _ in same if fault is None else ():
            _do(connection, desk, session, one, "approve", now, batch)
    if fault is not None:
        return _confirm(desk, session, list(seen), fault)
    return RedirectResponse(_done(batch, list(seen)), 303)


@door.page("/queue/batch/done", "advice.decide")
def done(
    desk: TheDesk, session: Signed, batch: str = "", item: Annotated[list[str] | None, Query()] = None
) -> Response:
    """What became of each, and the way back for all of them."""
    now = desk.now()
    with write(desk.engine) as connection:
        chosen = _chosen(connection, session, item or [], now)
        note(connection, desk, session, "batch-view", now, detail=[one.id for one, _ in chosen])
        outcomes = _outcomes(connection, session, chosen, batch, now)
    until = [one.held_until for one, _ in chosen if one.state == "approved" and one.held_until]
    end = when(session.lang, min(until), ZoneInfo(ZONE)) if until else ""
    more: dict[str, Any] = {
        "outcomes": outcomes,
        "batch": batch,
        "end": end,
        "undoable": any(one.can_undo for one in outcomes),
    }
    return desk.page("queue/done.html", session.lang, session, here="/queue", **more)


@door.form("/queue/batch/undo", "advice.decide")
def undo(
    desk: TheDesk,
    session: Trusted,
    batch: Annotated[str, Form()] = "",
    item: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Take every approval of the batch back that is still held."""
    now = desk.now()
    with write(desk.engine) as connection:
        chosen = _chosen(connection, session, item or [], now)
        outcomes = {one.id: one for one in _outcomes(connection, session, chosen, batch, now)}
        for one, _ in chosen:
            if outcomes[one.id].can_undo:
                _do(connection, desk, session, one, "undo", now, batch)
    return RedirectResponse(_done(batch, item or []), 303)


def _done(batch: str, items: Sequence[str]) -> str:
    return "/queue/batch/done?" + urlencode({"batch": batch, "item": list(items)}, doseq=True)


def _chosen(connection: Connection, session: Session, items: Sequence[str], now: datetime) -> Chosen:
    """The items of these ids and whose they are; one that is not this person's to see is not there for them."""
    names = list(dict.fromkeys(items))
    if len(names) > 2 * MOST or not all(is_id(name, "a") for name in names):
        raise SorryError(400, "bad-request", back="/queue")
    return [scope.item_of(connection, session.who, name, now) for name in names]


def _fault(connection: Connection, session: Session, chosen: Chosen) -> Fault | None:
    items = [item for item, _ in chosen]
    rule = items[0].rule_id if items else ""
    before = repo_queue.told_before(connection, rule, [item.resident_id for item in items])
    seen = repo_seen.versions(connection, [item.id for item in items], session.by)
    found = batch_of(items, before, seen)
    return found if isinstance(found, Fault) else None


def _do(
    connection: Connection, desk: Desk, session: Session, item: Item, verb: Verb, now: datetime, batch: str
) -> Item | Refusal:
    wish = Command(verb=verb, by=session.by, version=item.version, rights=rights_of(session.who.roles))
    return carry_out(connection, item, wish, now, os_user=desk.os_user, batch=batch)


def _outcomes(connection: Connection, session: Session, chosen: Chosen, batch: str, now: datetime) -> list[Outcome]:
    """What became of each: it went with the batch, and can come back, while its approval is the last thing done."""
    done = repo_queue.done_in(connection, batch, session.by, [item.id for item, _ in chosen])
    names = names_of(connection, {item.decided_by for item, _ in chosen if item.decided_by})

    def outcome(item: Item, person: Resident) -> Outcome:
        held = item.state == "approved" and item.held_until is not None and now < item.held_until
        return Outcome(
            id=item.id, name=f"{person.family_name} {person.given_name}".strip(), went=item.id in done,
            state=word(session.lang, "state", item.state), by=names.get(item.decided_by or "", item.decided_by or ""),
            can_undo=held and done.get(item.id) == item.version,
        )  # fmt: skip

    return [outcome(item, person) for item, person in chosen]


def _confirm(desk: Desk, session: Session, items: Sequence[str], fault: Fault | None) -> Response:
    now = desk.now()
    with write(desk.engine) as connection:
        chosen = _chosen(connection, session, items, now)
        fault = fault or _fault(connection, session, chosen)
        # Every text is on this page: whoever confirms has had each of them before them.
        note(connection, desk, session, "batch-view", now, detail=[[one.id, one.version] for one, _ in chosen])
    named = {item.id: f"{person.family_name} {person.given_name}".strip() for item, person in chosen}
    more: dict[str, Any] = {
        "chosen": chosen, "named": named, "fault": fault, "at_fault": named.get(fault.field or "") if fault else None,
        "most": MOST, "topic": word(session.lang, "topic", chosen[0][0].topic) if chosen else "",
    }  # fmt: skip
    return desk.page("queue/batch.html", session.lang, session, status=422 if fault else 200, here="/queue", **more)
