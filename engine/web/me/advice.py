"""The advice a resident received, who approved it, and whether it was useful."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from fastapi import Response
from fastapi.responses import HTMLResponse, RedirectResponse

from engine.approvals import approval_of
from engine.people import Resident
from engine.review import Item, hurries
from engine.store import repo_advice, repo_responses
from engine.store.database import Connection, write
from engine.store.filing import misfiled
from engine.store.repo_responses import Said
from engine.telling import delivered_of
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.me.letters import letters, numbers, opened, rests_on
from engine.web.me.mine import day_words, me_of
from engine.web.me.sheet import TheSheet
from engine.web.sessions import Session

door = Door()
PAGE: Final = 60


@door.page("/me/advice", "mine.see")
def received(desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """All advice I received, the newest first."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        items = delivered_of(connection, person, now)[:PAGE]
        found = letters(connection, items, person.id, session.lang)
        doubted, gone = _corrected(connection, person, items)
        corrected = letters(connection, gone, person.id, session.lang)
        shown = [item.id for item in (*items, *gone)]
        note(connection, desk, session, "me-advice-list", now, subject=person.id, detail=shown)
    return sheet.page("me/advice.html", here="/me/advice", letters=found, doubted=doubted, corrected=corrected)


@door.page("/me/advice/{advice}", "mine.see")
def read_one(advice: str, desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """One piece of advice, who answers for it, and on what it rests; from now on it is read."""
    now = desk.now()
    with write(desk.engine) as connection:
        item, person = _mine(connection, session, advice, now)
        [letter] = letters(connection, [item], person.id, session.lang)
        signed = approval_of(connection, item)
        doubted, _ = _corrected(connection, person, [item])
        opened(connection, [item], person, now)
        note(connection, desk, session, "me-advice-view", now, subject=item.id, detail=[item.version])
    here = f"/me/advice/{item.id}"
    return sheet.page(
        "me/letter.html", here=here, letter=letter, signed=signed, sources=rests_on(item),
        doubted=item.id in doubted, signed_on=day_words(session.lang, signed.at) if signed else "",
        numbers=numbers(desk, person, now, session.lang) if letter.urgent else [],
    )  # fmt: skip


@door.form("/me/advice/{advice}/useful", "mine.say")
def useful(advice: str, desk: TheDesk, session: Trusted) -> Response:
    """It was useful."""
    return _answer(desk, session, advice, "useful")


@door.form("/me/advice/{advice}/not-for-me", "mine.say")
def not_for_me(advice: str, desk: TheDesk, session: Trusted) -> Response:
    """It does not fit me."""
    return _answer(desk, session, advice, "not-for-me")


@door.form("/me/advice/{advice}/take-back", "mine.say")
def take_back(advice: str, desk: TheDesk, session: Trusted) -> Response:
    """I do not say anything of it after all."""
    return _answer(desk, session, advice, None)


def _answer(desk: Desk, session: Session, advice: str, said: Said | None) -> Response:
    now = desk.now()
    with write(desk.engine) as connection:
        item, person = _mine(connection, session, advice, now)
        if said is None:
            repo_responses.take_back(connection, item.id, person.id)
        else:
            repo_responses.say(connection, item.id, person.id, said, now)
        note(connection, desk, session, "me-advice-answer", now, subject=item.id, detail=[said])
    return RedirectResponse(f"/me/advice/{item.id}#answer", 303)


def _corrected(connection: Connection, person: Resident, shown: Sequence[Item]) -> tuple[frozenset[str], list[Item]]:
    """Advice that rests on a measurement of somebody else: of what is shown its ids, and what is not shown for that."""
    every = repo_advice.listed(connection, resident=person.id, states={"delivered"}, limit=10_000)
    wrong = misfiled(connection, every)
    still = {item.id for item in shown}
    gone = [item for item in every if item.id in wrong and item.id not in still and not hurries(item.severity)]
    return wrong & still, sorted(gone, key=lambda item: item.updated_at, reverse=True)


def _mine(connection: Connection, session: Session, advice: str, now: datetime) -> tuple[Item, Resident]:
    """A piece of advice that came to this very resident and may still be told; everything else does not exist."""
    person = me_of(connection, session)
    item = next((item for item in delivered_of(connection, person, now) if item.id == advice), None)
    if item is None:
        raise SorryError(404, "not-found", back="/me/advice")
    return item, person
