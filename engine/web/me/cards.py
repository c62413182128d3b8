"""My emergency card: made to be printed, listed, ended; who looked by it stands where I read who has seen my data."""

from __future__ import annotations

from random import SystemRandom
from typing import Annotated, Literal

from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from engine.emergency import SORTS
from engine.emergency_paper import TYPES, Paper, paper
from engine.refusal import Refusal
from engine.store import repo_emergency
from engine.store.database import read, write
from engine.store.filing import By
from engine.summary_page import file_of
from engine.summary_store import note_summary, stored_summary
from engine.web.account.staff import base_of
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.me.mine import day_words, me_of
from engine.web.me.sheet import Sheet, TheSheet

door = Door()
_PAGE = "/me/cards"


@door.page(_PAGE, "mine.see")
def show(desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """What a card is, the forms that make one, and the cards that work."""
    with write(desk.engine) as connection:
        note(connection, desk, session, "cards-view", desk.now(), subject=me_of(connection, session).id)
    return _page(sheet, None)


@door.form(f"{_PAGE}/make", "mine.say")
def make(
    request: Request,
    desk: TheDesk,
    session: Trusted,
    sheet: TheSheet,
    sort: Annotated[Literal["wallet", "sheet"], Form()],
    form: Annotated[Literal["pdf", "html"], Form()],
) -> Response:
    """A new card to print; its code is on the paper alone."""
    with read(desk.engine) as connection:
        person = me_of(connection, session)
    by = By(session.by, desk.os_user)
    made = paper(
        desk.engine, person, sort, form, base=outside(request, desk), by=by, now=desk.now(), lang=session.lang,
        rng=SystemRandom(),
    )  # fmt: skip
    if isinstance(made, Refusal):
        if made.code == "inactive":
            raise SorryError(403, "forbidden", back="/me")
        return _page(sheet, made)
    return handed(made)


@door.form(f"{_PAGE}/summary", "mine.see")
def summary(
    desk: TheDesk, session: Trusted, sheet: TheSheet, form: Annotated[Literal["pdf", "html"], Form()]
) -> Response:
    """What a doctor has to know first, on one page, as far as it is disclosed to me."""
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        found = stored_summary(connection, me_of(connection, session), now, lang=lang, whole=False)
        note_summary(connection, found, "export-summary", By(session.by, desk.os_user), now, form)
    made = file_of(found, lang, form)
    return _page(sheet, made) if isinstance(made, Refusal) else attached(made, form, f"minato-summary.{form}")


@door.form(f"{_PAGE}/revoke", "mine.say")
def revoke(desk: TheDesk, session: Trusted, card: Annotated[str, Form()] = "") -> Response:
    """Ends a card of mine, also where somebody is looking by it."""
    with write(desk.engine) as connection:
        repo_emergency.revoke(connection, card, me_of(connection, session).id, By(session.by, desk.os_user), desk.now())
    return RedirectResponse(_PAGE, 303)


def outside(request: Request, desk: Desk) -> str:
    """Where the pages are reached from outside: as the operator says, else by the name they were just called by."""
    return desk.outlets.base if desk.outlets is not None else base_of(request, desk)


def handed(made: Paper) -> Response:
    """A printed card as a file to keep."""
    return attached(made.content, "pdf" if made.name.endswith("pdf") else "html", made.name)


def attached(content: bytes, form: Literal["pdf", "html"], name: str) -> Response:
    """A file to keep or print."""
    heads = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=TYPES[form], headers=heads)


def _page(sheet: Sheet, wrong: Refusal | None) -> HTMLResponse:
    now, lang = sheet.desk.now(), sheet.session.lang
    with read(sheet.desk.engine) as connection:
        person = me_of(connection, sheet.session)
        cards = [one for one in repo_emergency.of(connection, person.id) if one.good(now)]
        hidden = stored_summary(connection, person, now, lang=lang, whole=False).hidden.count
    rows = [{"id": one.id, "sort": one.sort, "until": day_words(lang, one.until)} for one in cards]
    return sheet.page(
        "me/cards.html", here=_PAGE, status=200 if wrong is None else 503, cards=rows, sorts=SORTS, wrong=wrong,
        hidden=hidden,
    )  # fmt: skip
