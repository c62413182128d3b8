"""Did you see the doctor: the one question after a referral, and a kind word to whoever sent no reading for long."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from engine.dates import read_day
from engine.locale import Language
from engine.people import Resident
from engine.referrals import SAYS, Answer
from engine.referrals_store import questions
from engine.refusal import Refusal
from engine.store import repo_referrals, repo_silences
from engine.store.database import Connection, write
from engine.store.repo_facts import By
from engine.web.context import Signed, SorryError, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.me.letters import topic
from engine.web.me.mine import day_words, me_of
from engine.web.me.sheet import TheSheet

door = Door()
PAGE: Final = "/me/doctor-visit"


def following(connection: Connection, person: Resident, now: datetime, lang: Language) -> dict[str, Any]:
    """What the first page says of it: `visit` is the gravest question or None, `silence` the days or None."""
    asked = questions(connection, person, now)
    silence = repo_silences.of_resident(connection, person.id, now)
    told = None if silence is None else {"days": silence.days, "never": silence.reason == "never"}
    visit = None
    if asked:
        day = day_words(lang, asked[0].delivered_at)
        visit = {"advice": asked[0].advice, "day": day, "topic": topic(lang, asked[0].topic)}
    return {"visit": visit, "silence": told}


@door.page(PAGE, "mine.say")
def show(desk: TheDesk, session: Signed, sheet: TheSheet, told: str = "") -> HTMLResponse:
    """The question that stands now, one at a time; `told` after an answer."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        values = following(connection, person, now, session.lang)
        note(connection, desk, session, "me-doctor-visit-view", now, subject=person.id)
    return sheet.page("me/doctor_visit.html", here=PAGE, told=told == "1", wrong=False, **values)


@door.form(PAGE, "mine.say")
def answer(
    desk: TheDesk, session: Trusted, sheet: TheSheet, advice: Annotated[str, Form()] = "",
    said: Annotated[str, Form()] = "", day: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Keeps what I say; a day counts only with a visit or an appointment."""
    now, chosen = desk.now(), next((one for one in SAYS if one == said), None)
    if chosen is None:
        raise SorryError(400, "bad-request", back=PAGE)
    read = read_day(day, "day") if chosen in {"seen", "planned"} else None
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        # Only what this very page asks.
        if advice not in {one.advice for one in questions(connection, person, now)}:
            raise SorryError(404, "not-found", back=PAGE)
        heard = None if isinstance(read, Refusal) else Answer(said=chosen, by=person.id, day=read)
        done = read if heard is None else repo_referrals.say(
            connection, advice, heard, now, By(session.by, desk.os_user)
        )  # fmt: skip
        values = following(connection, person, now, session.lang)
    if isinstance(done, Refusal):
        if done.code in {"ended", "conflict", "unknown-referral"}:
            raise SorryError(409, "conflict", back=PAGE)
        return sheet.page("me/doctor_visit.html", here=PAGE, status=422, told=False, wrong=True, **values)
    return RedirectResponse(f"{PAGE}?told=1", 303)
