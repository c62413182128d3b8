"""How a decision about an item is carried out: all of it or nothing, and a refusal that keeps what was typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import urlencode

import msgspec
from fastapi import Depends, Form, Response
from fastapi.responses import RedirectResponse

from engine.access import rights_of
from engine.decisions import carry_out
from engine.refusal import Refusal as Unreadable
from engine.review import Command, Item, Refusal, Verb, decide
from engine.store import repo_advice, repo_queue, repo_seen
from engine.store.database import Connection, write
from engine.web import scope
from engine.web.context import Desk, SorryError, note
from engine.web.desk.item_page import context_of, show
from engine.web.desk.item_typed import Typed
from engine.web.sessions import Session
from engine.web.view import reason_words, when, word

# Refusals a form can answer for itself; the others need another look at the item, or somebody else.
FIXABLE: Final = frozenset(
    {"questions-open", "needs-reason", "too-long", "control-character", "wording", "until", "empty", "to"}
)
_FORBIDDEN: Final = frozenset({"needs-nurse", "needs-physician", "needs-person"})


class Sent(msgspec.Struct, frozen=True):
    """What every form carries: the version that was looked at, whether to go on to the next, and in which search."""

    version: int
    next: bool = False
    within: str = ""


def sent(
    version: Annotated[int, Form()],
    next_: Annotated[str, Form(alias="next")] = "",
    within: Annotated[str, Form(alias="in")] = "",
) -> Sent:
    """The hidden fields of a form."""
    return Sent(version, bool(next_), within[:1_000])


TheSent = Annotated[Sent, Depends(sent)]
Wishes = Callable[[Item, datetime], "Sequence[Command] | Unreadable"]
After = Callable[[Connection, Item, datetime], None]


def command(session: Session, verb: Verb, version: int) -> Command:
    """A command of this person with their rights, to be filled in."""
    return Command(verb=verb, by=session.by, version=version, rights=rights_of(session.who.roles))


def act(
    desk: Desk,
    session: Session,
    advice: str,
    form: Sent,
    typed: Typed,
    wishes: Wishes,
    *,
    after: After | None = None,
) -> Response:
    """Carries out what `wishes` says of the item as it is, one command after the other or none of them.

    `after` writes what belongs to it in the same transaction. Answers with a redirect, the form with its faults, or
    the page that shows what somebody else did meanwhile.
    """
    now, following = desk.now(), None
    with write(desk.engine) as connection:
        item, _ = scope.item_of(connection, session.who, advice, now)
        found = wishes(item, now)
        done = found if isinstance(found, Unreadable) else _carried(connection, desk, item, found, now)
        if isinstance(done, Item):
            if after is not None:
                after(connection, done, now)
            if form.next:
                following = repo_queue.next_after(connection, session.who, item.id, now, within=form.within)
    if isinstance(done, Item):
        return _onwards(item.id, form, following)
    if done.code in FIXABLE:
        return show(
            desk, session, advice, msgspec.structs.replace(typed, refused=done.code), within=form.within, status=422
        )
    if done.code in _FORBIDDEN:
        raise SorryError(403, done.code, back=f"/advice/{item.id}")
    return collided(desk, session, advice, form, typed, done.code)


def _carried(
    connection: Connection, desk: Desk, item: Item, commands: Sequence[Command], now: datetime
) -> Item | Refusal:
    """The item after all commands, or the first refusal with nothing stored."""
    trial = item
    for one in commands:
        decision = decide(trial, one, now)
        if isinstance(decision, Refusal):
            return decision
        trial = decision.item
    for one in commands:
        stored = carry_out(connection, item, one, now, os_user=desk.os_user)
        if isinstance(stored, Refusal):
            # Only the first can lose against another writer: afterwards the row is locked.
            return stored
        item = stored
    return item


def _onwards(advice: str, form: Sent, following: str | None) -> Response:
    """To the next item of the search, from which this decision can still be taken back; else to this one."""
    query = {"in": form.within} if form.within else {}
    if following is not None:
        query["done"] = advice
    path = f"/advice/{following or advice}"
    return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, 303)


def collided(desk: Desk, session: Session, advice: str, form: Sent, typed: Typed, code: str) -> Response:
    """409: what somebody else did meanwhile beside what was typed here, and the ways to go on."""
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        item, person = scope.item_of(connection, session.who, advice, now)
        note(connection, desk, session, "advice-view", now, subject=item.id, detail=[item.version, item.snapshot_hash])
        repo_seen.mark(connection, item.id, session.by, item.version, now)
        context = context_of(connection, session, item, person, now, agreed=True)
        last = repo_advice.events(connection, item.id)[-1]
        zone = context["zone"]
    told = {
        "who": context["names"].get(last.actor, last.actor), "did": word(lang, "verb", last.command),
        "at": when(lang, last.at, zone), "why": reason_words(lang, last.reason),
    }  # fmt: skip
    context |= {"typed": typed, "within": form.within, "code": code, "last": told, "keys": {}, "error": None}
    return desk.page("item/conflict.html", lang, session, status=409, here=f"/advice/{item.id}", **context)
