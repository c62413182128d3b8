"""Emergency cards at the desk: printed for a resident who asked for one, ended, and who looked by them."""

from __future__ import annotations

from random import SystemRandom
from typing import Annotated, Any, Literal

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from engine.emergency import SORTS
from engine.emergency_paper import paper
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import repo_emergency, repo_notices
from engine.store.database import Connection, read, write
from engine.store.filing import By
from engine.summary_page import file_of
from engine.summary_store import note_summary, stored_summary
from engine.web.account.times import day, minute
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.me.cards import attached, handed, outside
from engine.web.scope import LOOK, resident_of
from engine.web.sessions import Session

door = Door()
NOTICE = "card"


@door.page("/residents/{resident}/cards", "code.issue")
def show(desk: TheDesk, session: Signed, resident: str) -> Response:
    """The cards of a resident, the forms that make one, and every look by one."""
    with write(desk.engine) as connection:
        person = resident_of(connection, session.who, resident, desk.now())
        note(connection, desk, session, "cards-view", desk.now(), subject=person.id)
        return _page(connection, desk, session, person)


@door.form("/residents/{resident}/cards/make", "code.issue")
def make(
    request: Request,
    desk: TheDesk,
    session: Trusted,
    resident: str,
    sort: Annotated[Literal["wallet", "sheet"], Form()],
    form: Annotated[Literal["pdf", "html"], Form()],
    asked: Annotated[str, Form()] = "",
) -> Response:
    """A new card to print and hand over, only where the resident asked for it; they hear that it was made."""
    now = desk.now()
    with read(desk.engine) as connection:
        person = resident_of(connection, session.who, resident, now)
        if asked != "yes":
            return _page(connection, desk, session, person, error="need-asked", status=422)
    made = paper(
        desk.engine, person, sort, form, base=outside(request, desk), by=By(session.by, desk.os_user), now=now,
        lang=person.language, rng=SystemRandom(),
    )  # fmt: skip
    if isinstance(made, Refusal):
        if made.code == "inactive":
            raise SorryError(403, "forbidden", back=f"/residents/{person.id}")
        with read(desk.engine) as connection:
            return _page(connection, desk, session, person, error="no-pdf", status=503)
    with write(desk.engine) as connection:
        # Whoever holds a card can open the record: its owner hears that one was made.
        repo_notices.owe(connection, person.id, NOTICE, made.card.id, now)
    return handed(made)


@door.form("/residents/{resident}/summary", "person.see")
def summary(
    desk: TheDesk, session: Trusted, resident: str, form: Annotated[Literal["pdf", "html"], Form()]
) -> Response:
    """The page for whoever treats the resident, with all that is recorded; behind a broken glass, too."""
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        person = resident_of(connection, session.who, resident, now, to=LOOK)
        found = stored_summary(connection, person, now, lang=lang, whole=True)
        note_summary(connection, found, "export-summary", By(session.by, desk.os_user), now, form)
    made = file_of(found, lang, form)
    if isinstance(made, Refusal):
        raise SorryError(503, made.code, back=f"/residents/{person.id}")
    return attached(made, form, f"minato-summary-{person.id}.{form}")


@door.form("/residents/{resident}/cards/revoke", "code.issue")
def revoke(desk: TheDesk, session: Trusted, resident: str, card: Annotated[str, Form()] = "") -> Response:
    """Ends a lost card, at once also where somebody is looking by it."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = resident_of(connection, session.who, resident, now)
        repo_emergency.revoke(connection, card, person.id, By(session.by, desk.os_user), now)
    return RedirectResponse(f"/residents/{person.id}/cards", 303)


def _page(
    connection: Connection,
    desk: Desk,
    session: Session,
    person: Resident,
    *,
    error: str | None = None,
    status: int = 200,
) -> Response:
    more: dict[str, Any] = {
        "person": person, "cards": repo_emergency.of(connection, person.id), "sorts": SORTS, "now": desk.now(),
        "looks": repo_emergency.looks(connection, person.id), "day": day, "minute": minute, "error": error,
    }  # fmt: skip
    here = f"/residents/{person.id}/cards"
    return desk.page("emergency/desk.html", session.lang, session, status=status, here=here, **more)
