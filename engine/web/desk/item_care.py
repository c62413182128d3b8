"""What is written down beside an item: a note, and that somebody reached the resident or tried to."""

from __future__ import annotations

from random import SystemRandom
from typing import Annotated, cast

from fastapi import Form, Response
from fastapi.responses import RedirectResponse
from msgspec.structs import replace

from engine.decisions import reason_of
from engine.refusal import Refusal as Unreadable
from engine.store import repo_contacts, repo_notes, repo_queue
from engine.store.database import read, write
from engine.store.repo_contacts import HOWS, OUTCOMES, How, Outcome
from engine.web import scope
from engine.web.context import Desk, TheDesk, Trusted
from engine.web.desk.item_acts import TheSent
from engine.web.desk.item_door import door
from engine.web.desk.item_page import show
from engine.web.desk.item_typed import Typed, note_of
from engine.web.sessions import Session

Words = Annotated[str, Form()]


@door.form("/advice/{advice}/note", "advice.decide")
def write_down(advice: str, desk: TheDesk, session: Trusted, form: TheSent, text: Words = "") -> Response:
    """Keep a note beside the item; colleagues see it, the resident does not."""
    now, kept = desk.now(), note_of(text)
    _open(desk, session, advice)
    if isinstance(kept, Unreadable):
        typed = Typed(form="note", note=text, refused=kept.code)
        return show(desk, session, advice, typed, within=form.within, status=422)
    with write(desk.engine) as connection:
        item, person = scope.item_of(connection, session.who, advice, now)
        repo_notes.add(
            connection, resident=person.id, author=session.by, text=kept, now=now, rng=SystemRandom(),
            os_user=desk.os_user, advice=item.id,
        )  # fmt: skip
    return RedirectResponse(f"/advice/{item.id}#notes", 303)


@door.form("/advice/{advice}/contact", "advice.decide")
def contact(
    advice: str,
    desk: TheDesk,
    session: Trusted,
    form: TheSent,
    how: Words = "",
    outcome: Words = "",
    text: Words = "",
) -> Response:
    """Keep that the resident was reached, or not; once somebody was spoken to, an urgent item leaves the top."""
    now, kept = desk.now(), reason_of(text)
    _open(desk, session, advice)
    typed = Typed(form="contact", how=how, outcome=outcome, note=text)
    code = kept.code if isinstance(kept, Unreadable) else None
    if how not in HOWS or outcome not in OUTCOMES:
        code = "contact"
    if code is not None or isinstance(kept, Unreadable):
        return show(desk, session, advice, replace(typed, refused=code), within=form.within, status=422)
    with write(desk.engine) as connection:
        item, person = scope.item_of(connection, session.who, advice, now)
        made = repo_contacts.add(
            connection, resident=person.id, by=session.by, how=cast("How", how), outcome=cast("Outcome", outcome),
            text=kept, now=now, rng=SystemRandom(), os_user=desk.os_user, advice=item.id,
        )  # fmt: skip
        if made.spoken:
            repo_queue.contacted(connection, item.id, now)
    return RedirectResponse(f"/advice/{item.id}#contacts", 303)


def _open(desk: Desk, session: Session, advice: str) -> None:
    """Raises what `scope.item_of` raises: even a form with faults is answered only to who may act here."""
    with read(desk.engine) as connection:
        scope.item_of(connection, session.who, advice, desk.now())
