"""What the resident agreed to, changed on the same page in one step either way."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from engine.refusal import Refusal
from engine.sealing import seal_of
from engine.store import repo_consents
from engine.store.database import write
from engine.web.account.one_id_mine import needs_card
from engine.web.context import Signed, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.me import agreeing
from engine.web.me.consent_page import PAGE, known, refused, values_of
from engine.web.me.mine import MOST_FIELDS, me_of
from engine.web.me.sheet import TheSheet

door = Door()


@door.page(PAGE, "mine.see")
def show(desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """Every purpose, what holds, and the button that changes it."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        values = values_of(connection, person, sheet, now)
        note(connection, desk, session, "consents-view", now, subject=person.id)
    return sheet.page("me/consents.html", here=PAGE, refused=None, typed={}, **values)


@door.form(PAGE, "mine.say")
async def say(request: Request, desk: TheDesk, session: Trusted, sheet: TheSheet) -> Response:
    """A yes or a no: it holds from this moment."""
    form = {
        name: value for name, value in (await request.form(max_fields=MOST_FIELDS)).items() if isinstance(value, str)
    }
    # To say no nobody needs a card.
    if form.get("granted") == "yes" and needs_card(request, desk, session):
        return RedirectResponse(f"/one-id/card?next={PAGE}", 303)
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        said = agreeing.draft(form, person.id, now)
        if not isinstance(said, Refusal):
            said = known(connection, person, said)
        if not isinstance(said, Refusal):
            repo_consents.append(connection, said, os_user=desk.os_user, seal=seal_of(desk.home))
            return RedirectResponse(f"{PAGE}#{said.purpose}", 303)
    return refused(desk, sheet, said, form)
