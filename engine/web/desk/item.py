"""One piece of advice: its words, its evidence, and the forms that decide about it."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Form, Response
from fastapi.responses import RedirectResponse

from engine.decisions import carry_out, reason_of
from engine.picture import zone_of
from engine.refusal import Refusal as Unreadable
from engine.review import Command, Item, Refusal, Verb
from engine.store import repo_advice
from engine.store.database import write
from engine.web import scope
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.sessions import Session
from engine.web.view import Filled, detail, legal

door = Door()
# Refusals the form can answer for itself; the others need another look at the item.
_FIXABLE: Final = frozenset({"questions-open", "needs-reason", "too-long", "control-character"})


@door.page("/advice/{advice}", "advice.see")
def look(advice: str, desk: TheDesk, session: Signed) -> Response:
    """One item with its reasons, its history, and what may be done about it."""
    return _show(desk, session, advice, Filled())


@door.form("/advice/{advice}/approve", "advice.decide")
def approve(
    advice: str,
    desk: TheDesk,
    session: Trusted,
    version: Annotated[int, Form()],
    asked: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Sign for it; every open question must have been put."""
    return _decide(desk, session, advice, "approve", version, Filled(asked=frozenset(asked or ())))


@door.form("/advice/{advice}/reject", "advice.decide")
def reject(
    advice: str,
    desk: TheDesk,
    session: Trusted,
    version: Annotated[int, Form()],
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Turn it down with a reason."""
    return _decide(desk, session, advice, "reject", version, Filled(reason=reason))


@door.form("/advice/{advice}/undo", "advice.decide")
def undo(advice: str, desk: TheDesk, session: Trusted, version: Annotated[int, Form()]) -> Response:
    """Take a decision back while it is held."""
    return _decide(desk, session, advice, "undo", version, Filled())


def _decide(desk: Desk, session: Session, advice: str, verb: Verb, version: int, form: Filled) -> Response:
    now, reason = desk.now(), reason_of(form.reason)
    with write(desk.engine) as connection:
        item, _ = scope.item_of(connection, session.who, advice, now)
        after: Item | Refusal | Unreadable = reason if isinstance(reason, Unreadable) else item
        if isinstance(reason, str):
            asked = tuple(question for question in item.ask if question in form.asked)
            wish = Command(verb=verb, by=session.by, version=version, asked=asked, reason=reason or None)
            after = carry_out(connection, item, wish, now, os_user=desk.os_user)
    if isinstance(after, Item):
        return RedirectResponse(f"/advice/{after.id}", 303)
    if after.code in _FIXABLE:
        return _show(desk, session, advice, Filled(asked=form.asked, reason=form.reason, refused=after.code))
    raise SorryError(409, after.code, back=f"/advice/{item.id}")


def _show(desk: Desk, session: Session, advice: str, form: Filled) -> Response:
    now = desk.now()
    with write(desk.engine) as connection:
        item, person = scope.item_of(connection, session.who, advice, now, to=scope.LOOK)
        # The consent text promises that who looked, and when, is kept.
        note(connection, desk, session, "advice-view", now, subject=item.id, detail=[item.version, item.snapshot_hash])
        events = repo_advice.events(connection, item.id)
        zone = zone_of(connection, person)
    context: dict[str, Any] = detail(session.lang, item, person, events, now, zone)
    context |= {"legal": legal(item, session.by, now), "form": form, "error": form.refused}
    status = 422 if form.refused else 200
    return desk.page("item.html", session.lang, session, status=status, here=f"/advice/{item.id}", **context)
