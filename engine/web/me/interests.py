"""What I like, in my own order: asked only of who agreed to link it, and gone when they stop."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from engine.consent import Event, permits, say
from engine.consent_texts import TEXTS
from engine.interests import MOST, OWN, chosen, interests
from engine.refusal import Refusal
from engine.sealing import seal_of
from engine.store import repo_closing, repo_consents, repo_interests
from engine.store.database import Connection, write
from engine.web.account.one_id_mine import needs_card
from engine.web.context import Desk, Signed, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.me.mine import me_of
from engine.web.me.sheet import Sheet, TheSheet

door = Door()
PAGE: Final = "/me/interests"


@door.page(PAGE, "mine.see")
def show(desk: TheDesk, session: Signed, sheet: TheSheet, kept: str = "") -> HTMLResponse:
    """The list to choose from; before a yes to the link, the words of it and the one step that says yes."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        values = _values(connection, desk, sheet, person.id)
        note(connection, desk, session, "interests-view", now, subject=person.id)
    return sheet.page("me/interests.html", here=PAGE, refused=None, kept=kept == "1" and values["linked"], **values)


@door.form(PAGE, "mine.say")
def choose(
    desk: TheDesk, session: Trusted, sheet: TheSheet, interest: Annotated[list[str] | None, Form()] = None
) -> Response:
    """Keeps what was chosen instead of what was kept before; nothing chosen keeps nothing."""
    now, picked = desk.now(), chosen(interest or ())
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        if not isinstance(picked, Refusal) and not _linked(connection, desk, person.id):
            picked = Refusal("no-consent", "interest-link is not granted")
        if isinstance(picked, Refusal):
            values = _values(connection, desk, sheet, person.id)
            return sheet.page("me/interests.html", here=PAGE, status=422, refused=picked, kept=False, **values)
        repo_interests.keep(connection, repo_interests.pseudonym(seal_of(desk.home), person.id), picked)
        # That, never what: ten codes hide behind no hash.
        note(connection, desk, session, "interests-choose", now, subject=person.id)
    return RedirectResponse(f"{PAGE}?kept=1", 303)


@door.form(f"{PAGE}/link", "mine.say")
def link(request: Request, desk: TheDesk, session: Trusted, granted: Annotated[str, Form()] = "") -> Response:
    """A yes or a no to the link of what is chosen here; a no deletes it in the same step."""
    # To say no nobody needs a card.
    if granted == "yes" and needs_card(request, desk, session):
        return RedirectResponse(f"/one-id/card?next={PAGE}", 303)
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        said = say(
            Event(
                resident=person.id, purpose="interest-link", granted=granted == "yes", at=desk.now(), recipient=OWN,
                actor=person.id, channel="page",
            )
        )  # fmt: skip
        assert isinstance(said, Event)  # nothing of it was typed
        if repo_closing.stands_against(connection, said) is None:
            repo_consents.append(connection, said, os_user=desk.os_user, seal=seal_of(desk.home))
    return RedirectResponse(PAGE, 303)


def _linked(connection: Connection, desk: Desk, resident: str) -> bool:
    said = repo_consents.events_of(connection, [resident], "interest-link").get(resident, [])
    return permits(said, "interest-link", OWN, None, desk.now()).granted


def _values(connection: Connection, desk: Desk, sheet: Sheet, resident: str) -> dict[str, Any]:
    lang, linked = sheet.session.lang, _linked(connection, desk, resident)
    held = repo_interests.of(connection, repo_interests.pseudonym(seal_of(desk.home), resident)) if linked else ()
    counted = repo_consents.events_of(connection, [resident], "open-statistics").get(resident, [])
    return {
        "linked": linked, "held": [*held, *[""] * (MOST - len(held))],
        "choices": [(one.code, one.label(lang)) for one in interests()],
        "words": TEXTS["interest-link"].lines(lang),
        "counted": permits(counted, "open-statistics", None, None, desk.now()).granted,
    }  # fmt: skip
