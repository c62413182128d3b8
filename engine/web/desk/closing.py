"""Closing an account at the desk, for whoever comes or calls: noted after making sure who it is, or taken back."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Response
from fastapi.responses import RedirectResponse

from engine.closing import GRACE_DAYS
from engine.closing_store import ask_to_close, take_it_back
from engine.people import Resident
from engine.refusal import Refusal
from engine.sealing import seal_of
from engine.store import repo_closing
from engine.store.database import Connection, write
from engine.store.filing import By
from engine.web.account.times import spoken_day
from engine.web.context import Desk, Signed, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.scope import known
from engine.web.sessions import Session

door = Door()
_CHANNEL = "desk"


@door.page("/residents/{resident}/closing", "account.close")
def show(desk: TheDesk, session: Signed, resident: str, back: str = "") -> Response:
    """What closing means and the form; nothing of the person's health, so that no consent is asked."""
    with write(desk.engine) as connection:
        person = known(connection, session.who, resident, desk.now())
        note(connection, desk, session, "closing-view", desk.now(), subject=person.id)
        return _page(connection, desk, session, person, done=back == "1")


@door.form("/residents/{resident}/closing/ask", "account.close")
def ask(desk: TheDesk, session: Trusted, resident: str, checked: Annotated[str, Form()] = "") -> Response:
    """Notes the wish: consents end at once, the rows after the days are over."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = known(connection, session.who, resident)
        if checked != "yes":
            return _page(connection, desk, session, person, error="not-checked", status=422)
        by = By(session.by, desk.os_user)
        made = ask_to_close(connection, person, now, by, seal_of(desk.home), channel=_CHANNEL)
        if isinstance(made, Refusal):
            return _page(connection, desk, session, person, error=f"refused.{made.code}", status=409)
    return RedirectResponse(f"/residents/{person.id}/closing", 303)


@door.form("/residents/{resident}/closing/back", "account.close")
def back(desk: TheDesk, session: Trusted, resident: str) -> Response:
    """Takes the wish back, for whoever says so in time."""
    with write(desk.engine) as connection:
        person = known(connection, session.who, resident)
        made = take_it_back(connection, person.id, desk.now(), By(session.by, desk.os_user))
        if isinstance(made, Refusal):
            return _page(connection, desk, session, person, error=f"refused.{made.code}", status=409)
    return RedirectResponse(f"/residents/{person.id}/closing?back=1", 303)


def _page(
    connection: Connection, desk: Desk, session: Session, person: Resident, *, error: str = "", status: int = 200,
    done: bool = False,
) -> Response:  # fmt: skip
    closing = repo_closing.get(connection, person.id)
    waits = closing is not None and closing.waits(desk.now())
    return desk.page(
        "record/closing.html", session.lang, session, status=status, here=f"/residents/{person.id}/closing",
        person=person, problem=error, days=GRACE_DAYS, waits=waits, taken_back=done and not waits,
        due=spoken_day(closing.due_at, session.lang) if closing is not None else "",
    )  # fmt: skip
