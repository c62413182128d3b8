"""The first sign-in of staff: a link from the administrator, a password of one's own, and a second factor."""

from __future__ import annotations

from typing import Annotated

import segno
from fastapi import Form, Request, Response

from engine.locale import Language
from engine.refusal import Refusal
from engine.sealing import seal_of
from engine.staffing import Invitation, enrol, invitation
from engine.store.database import read
from engine.web.account.signin import next_language
from engine.web.context import Desk, SorryError, TheDesk, wished
from engine.web.door import OPEN, Door

door = Door()
_STATUS = 422


@door.page("/enrol", OPEN)
def offer(request: Request, desk: TheDesk, token: str = "") -> Response:
    """The page behind an enrolment link; looking at it changes nothing."""
    return _page(desk, wished(request) or "ja", token)


@door.form("/enrol", OPEN)
def finish(
    desk: TheDesk,
    token: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    again: Annotated[str, Form()] = "",
    totp: Annotated[str, Form()] = "",
    lang: Annotated[str, Form()] = "ja",
) -> Response:
    """Keeps the password and the second factor, which a code of it must prove; the link is used up."""
    tongue = next_language(lang)
    if password != again:
        return _page(desk, tongue, token, error="not-the-same", status=_STATUS)
    done = enrol(desk.engine, seal_of(desk.home), token, password, totp, desk.now(), desk.os_user)
    if isinstance(done, Refusal):
        return _page(desk, tongue, token, error=done.code, status=_STATUS)
    return desk.page("account/enrolled.html", tongue, None, here="/signin", member=done)


def _page(desk: Desk, lang: Language, token: str, *, error: str | None = None, status: int = 200) -> Response:
    with read(desk.engine) as connection:
        found = invitation(connection, seal_of(desk.home), token, desk.now())
    if found is None:
        raise SorryError(403, "enrol-spent")
    more = {"token": token, "member": found.member, "secret": grouped(found), "qr": drawn(found.uri), "error": error}
    return desk.page("account/enrol.html", lang, None, status=status, here="/enrol", **more)


def grouped(invited: Invitation) -> str:
    """The second factor's secret for whoever types it, four letters at a time."""
    secret = invited.secret
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))


def drawn(text: str) -> str:
    """A QR code as a picture inside the page, so that no address holds what is in it."""
    return segno.make(text, error="m", micro=False).svg_data_uri(scale=4, border=4, light="#fff")
