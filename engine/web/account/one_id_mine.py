"""One's own link to the city's ID: whether there is one, how to make one, ending it, and when the card is needed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from engine.identity_one import CARD_HOLDS
from engine.store import repo_one_id, repo_one_id_ways
from engine.store.database import read, write
from engine.store.filing import By
from engine.web.account.one_id import one_id_of
from engine.web.account.times import spoken_day
from engine.web.context import Desk, Signed, TheDesk, Trusted, visitor
from engine.web.door import Door
from engine.web.sessions import Session, cookie_name, hash_of

door = Door()
ASKED = "asked"


@door.page("/account/one-id", "self")
def mine(desk: TheDesk, session: Signed) -> Response:
    """Since when the city's ID opens this record, or how it can."""
    if desk.one_id is None or session.who.is_staff:
        return RedirectResponse("/account", 303)
    with read(desk.engine) as connection:
        links = [one for one in repo_one_id.links_of(connection, session.by) if one.ended_at is None]
    since = spoken_day(links[0].at, session.lang) if links else None
    more: dict[str, Any] = {"since": since, "seq": links[0].seq if links else 0, "done": False}
    return desk.page("account/one_id_mine.html", session.lang, session, here="/account/one-id", **more)


@door.form("/account/one-id/unlink", "self")
def unlink(request: Request, desk: TheDesk, session: Trusted, link: Annotated[int, Form()] = 0) -> Response:
    """Ends one's own link; whoever signed in by it is signed out on every machine, this one too.

    It takes the card where a yes takes it, or a stolen session would first be rid of the link and then of the card.
    """
    one_id_of(desk)
    if needs_card(request, desk, session):
        return RedirectResponse("/one-id/card?next=/account/one-id", 303)
    with write(desk.engine) as connection:
        repo_one_id.unlink(connection, link, session.by, ASKED, desk.now(), By(session.by, desk.os_user))
    more: dict[str, Any] = {"since": None, "seq": 0, "done": True}
    return desk.page("account/one_id_mine.html", session.lang, visitor(request, desk), here="/account/one-id", **more)


def needs_card(request: Request, desk: Desk, session: Session) -> bool:
    """Whether this person must hold their card before they say yes to more: lead them to `/one-id/card?next=…` then.

    Only where the operator named what a sign-in with the card is called, and only those who are linked: without a card
    nobody loses a right. To say no nobody needs it.
    """
    one_id = desk.one_id
    if one_id is None or one_id.client.card is None or session.who.is_staff:
        return False
    cookie = request.cookies.get(cookie_name(desk.secure), "")
    with read(desk.engine) as connection:
        if not repo_one_id.is_linked(connection, session.by, one_id.client.issuer, one_id.client.client_id):
            return False
        came = repo_one_id_ways.came(connection, hash_of(cookie))
    return came is None or came.acr != one_id.client.card or desk.now() - came.at > CARD_HOLDS
