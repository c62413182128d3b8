"""Whose hands an item is in: claimed, taken over, given up, asked of a physician, forwarded, put off until later."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Header, Response
from fastapi.responses import JSONResponse
from msgspec.structs import replace

from engine.decisions import carry_out, reason_of
from engine.picture import zone_of
from engine.refusal import Refusal as Unreadable
from engine.review import Command, Item, Verb, busy_with
from engine.store import repo_evidence, repo_queue, repo_staff
from engine.store.database import Connection, read, write
from engine.web import scope
from engine.web.context import Desk, TheDesk, Trusted
from engine.web.desk.item_acts import Sent, TheSent, act, command
from engine.web.desk.item_door import door
from engine.web.desk.item_page import show
from engine.web.desk.item_typed import Typed, plain_text, until_of
from engine.web.sessions import Session

Words = Annotated[str, Form()]


@door.form("/advice/{advice}/claim", "advice.decide")
def claim(
    advice: str, desk: TheDesk, session: Trusted, form: TheSent, accept: Annotated[str, Header()] = ""
) -> Response:
    """Work on it: others see that for ten minutes; a script that says so while somebody types is answered as JSON."""
    if "application/json" in accept:
        return _ping(desk, session, advice, form)
    wish = command(session, "claim", form.version)
    return act(desk, session, advice, replace(form, next=False), Typed(form="claim"), lambda _, __: [wish])


@door.form("/advice/{advice}/take-over", "advice.decide")
def take_over(
    advice: str, desk: TheDesk, session: Trusted, form: TheSent, text_ja: Words = "", text_en: Words = ""
) -> Response:
    """Take what a colleague works on; words that were typed meanwhile are shown again."""
    wish = command(session, "take-over", form.version)
    typed = Typed(form="edit", text_ja=plain_text(text_ja), text_en=plain_text(text_en))
    kept = typed if text_ja or text_en else Typed(form="take-over")
    answer = act(desk, session, advice, replace(form, next=False), kept, lambda _, __: [wish])
    went_through = "location" in answer.headers
    return show(desk, session, advice, kept, within=form.within) if kept is typed and went_through else answer


@door.form("/advice/{advice}/release", "advice.decide")
def release(advice: str, desk: TheDesk, session: Trusted, form: TheSent) -> Response:
    """Leave it to the others again."""
    wish = command(session, "release", form.version)
    return act(desk, session, advice, replace(form, next=False), Typed(form="release"), lambda _, __: [wish])


@door.form("/advice/{advice}/escalate", "advice.decide")
def escalate(advice: str, desk: TheDesk, session: Trusted, form: TheSent, reason: Words = "") -> Response:
    """Ask a physician, who decides it or hands it back."""
    return _with_reason(desk, session, advice, form, "escalate", reason)


@door.form("/advice/{advice}/return", "advice.decide-escalated")
def hand_back(advice: str, desk: TheDesk, session: Trusted, form: TheSent, reason: Words = "") -> Response:
    """A physician's answer: the nurses decide."""
    return _with_reason(desk, session, advice, form, "return", reason)


@door.form("/advice/{advice}/forward", "advice.decide")
def forward(
    advice: str, desk: TheDesk, session: Trusted, form: TheSent, to: Words = "", reason: Words = ""
) -> Response:
    """Hand it to a colleague with a word of why; it stands in their view from now on."""
    words, fits = reason_of(reason), _fits(desk, session, advice, to)
    typed = Typed(form="forward", to=to, reason=reason)

    def wishes(_: Item, __: object) -> list[Command] | Unreadable:
        if isinstance(words, Unreadable):
            return words
        if not fits:
            return Unreadable("to", "choose a colleague of this town", "to")
        return [replace(command(session, "forward", form.version), reason=words or None)]

    def after(connection: Connection, item: Item, _: object) -> None:
        repo_queue.assign(connection, item.id, to)

    return act(desk, session, advice, form, typed, wishes, after=after)


@door.form("/advice/{advice}/snooze", "advice.decide")
def snooze(advice: str, desk: TheDesk, session: Trusted, form: TheSent, when: Words = "", day: Words = "") -> Response:
    """Put it off until tomorrow, the resident's next reading or a day."""
    typed = Typed(form="snooze", when=when, day=day)
    with read(desk.engine) as connection:
        _, person = scope.item_of(connection, session.who, advice, desk.now())
        zone = zone_of(connection, person)
    found = until_of(when, day, desk.now(), zone)

    def wishes(_: Item, __: object) -> list[Command] | Unreadable:
        if isinstance(found, Unreadable):
            return found
        until, reason = found
        return [replace(command(session, "snooze", form.version), until=until, reason=reason)]

    return act(desk, session, advice, form, typed, wishes)


def _with_reason(desk: Desk, session: Session, advice: str, form: Sent, verb: Verb, reason: str) -> Response:
    words = reason_of(reason)
    typed = Typed(form=verb, reason=reason)

    def wishes(_: Item, __: object) -> list[Command] | Unreadable:
        if isinstance(words, Unreadable):
            return words
        return [replace(command(session, verb, form.version), reason=words or None)]

    return act(desk, session, advice, form, typed, wishes)


def _fits(desk: Desk, session: Session, advice: str, to: str) -> bool:
    """Whether `to` is another active person who decides about advice of this resident's town."""
    with read(desk.engine) as connection:
        _, person = scope.item_of(connection, session.who, advice, desk.now())
        member = repo_staff.get(connection, to)
    if member is None or not member.active or member.id == session.by:
        return False
    return member.identity.within(person.municipality_code) and member.identity.may("advice.decide")


def _ping(desk: Desk, session: Session, advice: str, form: Sent) -> Response:
    """Claims, or keeps a claim alive, while somebody types; who else has it, and the version to save against."""
    now = desk.now()
    with write(desk.engine) as connection:
        item, _ = scope.item_of(connection, session.who, advice, now)
        if busy_with(item, now) == session.by and form.version == item.version:
            repo_evidence.renew_claim(connection, item, session.by, now)
        else:
            after = carry_out(connection, item, command(session, "claim", form.version), now, os_user=desk.os_user)
            item = after if isinstance(after, Item) else item
        busy = busy_with(item, now)
        names = repo_staff.names_of(connection, [busy] if busy else [])
    mine = busy == session.by
    return JSONResponse({"version": item.version, "state": item.state, "who": names.get(busy or ""), "mine": mine})
