"""Leaving: what is erased, what stays, the record to take along, a second question, and two weeks to come back."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Form, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from engine.closing import GRACE_DAYS, Closing
from engine.closing_store import ask_to_close, take_it_back
from engine.refusal import Refusal
from engine.sealing import seal_of
from engine.store import repo_closing
from engine.store.database import write
from engine.store.filing import By
from engine.web.account.times import spoken_day
from engine.web.context import Signed, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.me.mine import me_of
from engine.web.me.sheet import Sheet, TheSheet

door = Door()
_PAGE: Final = "/me/closing"


@door.page(_PAGE, "mine.see")
def show(desk: TheDesk, session: Signed, sheet: TheSheet, back: str = "") -> HTMLResponse:
    """What leaving means, or until when it can be taken back."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        closing = repo_closing.get(connection, person.id)
        note(connection, desk, session, "closing-view", now, subject=person.id)
    waits = closing is not None and closing.waits(now)
    return _page(sheet, closing if waits else None, step="asked" if waits else "back" if back == "1" else "what")


@door.form(_PAGE, "mine.say")
def again(desk: TheDesk, session: Trusted, sheet: TheSheet) -> Response:
    """The second question; nothing has happened yet."""
    del desk, session
    return _page(sheet, None, step="sure")


@door.form(f"{_PAGE}/yes", "mine.say")
def leave(desk: TheDesk, session: Trusted, sheet: TheSheet, sure: Annotated[str, Form()] = "") -> Response:
    """The wish is noted: consents end, everybody is signed out, this browser too."""
    if sure != "yes":
        return _page(sheet, None, step="sure")
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        made = ask_to_close(connection, person, now, By(session.by, desk.os_user), seal_of(desk.home))
    if isinstance(made, Refusal):
        return RedirectResponse(_PAGE, 303)
    return _page(sheet, made, step="left")


@door.form(f"{_PAGE}/back", "mine.say")
def come_back(desk: TheDesk, session: Trusted, sheet: TheSheet) -> Response:
    """The account stays; what was agreed to is asked again."""
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        made = take_it_back(connection, person.id, desk.now(), By(session.by, desk.os_user))
    if isinstance(made, Refusal):
        return _page(sheet, None, step="refused", status=409)
    return RedirectResponse(f"{_PAGE}?back=1", 303)


def _page(sheet: Sheet, closing: Closing | None, *, step: str, status: int = 200) -> HTMLResponse:
    day = "" if closing is None else spoken_day(closing.due_at, sheet.session.lang)
    return sheet.page("me/closing.html", here=_PAGE, status=status, step=step, due=day, days=GRACE_DAYS)
