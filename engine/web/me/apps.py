"""Programs that may read my record: which, what, until when; a new one gets its token here, and each ends at once."""

from __future__ import annotations

from random import SystemRandom
from typing import Annotated, Any, Final

import msgspec
from fastapi import Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from engine.contract.ids import is_id
from engine.grants import GROUPS, Grant, draft, groups_of
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import repo_grants
from engine.store.database import Connection, write
from engine.store.filing import By
from engine.web.account.enrol import drawn
from engine.web.account.one_id_mine import needs_card
from engine.web.account.staff import base_of
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.me.mine import day_words, me_of, time_words
from engine.web.me.sheet import Sheet, TheSheet
from engine.web.sessions import Session

door = Door()
_PAGE: Final = "/me/apps"
SPANS: Final = (30, 90, 365)
_WRONG: Final = 422


class Typed(msgspec.Struct, frozen=True):
    """What somebody wrote into the form of a new program."""

    name: str = ""
    see: tuple[str, ...] = ()
    days: int = SPANS[1]


@door.page(_PAGE, "mine.see")
def show(desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """The programs that read, those that did, and the form for another."""
    return _page(desk, session, sheet, Typed(), None)


@door.form(_PAGE, "mine.say")
def make(
    request: Request,
    desk: TheDesk,
    session: Trusted,
    sheet: TheSheet,
    name: Annotated[str, Form()] = "",
    see: Annotated[list[str] | None, Form()] = None,
    days: Annotated[str, Form()] = "",
) -> Response:
    """A program may read from now on; its token is shown this once."""
    if needs_card(request, desk, session):
        return RedirectResponse(f"/one-id/card?next={_PAGE}", 303)
    chosen = tuple(one for one in GROUPS if one in (see or ()))
    typed = Typed(name, chosen, next((span for span in SPANS if str(span) == days), SPANS[1]))
    now = desk.now()
    scopes = GROUPS["all"] if "all" in chosen else [scope for one in chosen for scope in GROUPS[one]]
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        made: Any = draft(name, scopes, typed.days, now, resident=person.id, issued_by=session.by)
        if not isinstance(made, Refusal):
            made = repo_grants.issue(connection, made, By(session.by, desk.os_user), SystemRandom())
    if isinstance(made, Refusal):
        return _page(desk, session, sheet, typed, made)
    server = f"{base_of(request, desk)}/fhir"
    told = msgspec.json.encode({"fhir": server, "token": made.token}).decode()
    return sheet.page(
        "me/apps_token.html", here=_PAGE, name=made.grant.name, token=made.token, server=server, qr=drawn(told),
        until=day_words(session.lang, made.grant.until),
    )  # fmt: skip


@door.form(f"{_PAGE}/revoke", "mine.say")
def revoke(desk: TheDesk, session: Trusted, grant: Annotated[str, Form()] = "") -> Response:
    """A program reads nothing any more from this moment."""
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        found = repo_grants.get(connection, grant) if is_id(grant, "x") else None
        if found is None or found.resident != person.id:
            raise SorryError(404, "not-found", back=_PAGE)
        repo_grants.revoke(connection, found, By(session.by, desk.os_user), desk.now())
    return RedirectResponse(f"{_PAGE}#over", 303)


def _page(desk: Desk, session: Session, sheet: Sheet, typed: Typed, wrong: Refusal | None) -> HTMLResponse:
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        found = repo_grants.of(connection, person.id)
        rows = [_row(connection, session, person, one) for one in found]
        note(connection, desk, session, "apps-view", now, subject=person.id)
    living = {one.id for one in found if one.holds(now)}
    return sheet.page(
        "me/apps.html", here=_PAGE, status=_WRONG if wrong else 200, wrong=wrong, typed=typed, groups=tuple(GROUPS),
        spans=SPANS, open=[row for row in rows if row["id"] in living],
        over=[row for row in rows if row["id"] not in living],
    )  # fmt: skip


def _row(connection: Connection, session: Session, person: Resident, one: Grant) -> dict[str, Any]:
    lang = session.lang
    ended = one.revoked_at or one.until
    return {
        "id": one.id, "name": one.name, "groups": groups_of(one), "since": day_words(lang, one.issued_at),
        "until": day_words(lang, one.until), "ended": day_words(lang, ended),
        "used": time_words(lang, one.used_at, connection, person) if one.used_at else "",
    }  # fmt: skip
