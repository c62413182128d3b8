"""The resident's first page: one sentence, one number, one next step; and the switches of the page."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from engine.charts_kinds import unit_words
from engine.locale import LANGUAGES, Language
from engine.people import Resident
from engine.refusal import Refusal
from engine.review import Item, hurries
from engine.store import filing, repo_emergency, repo_glass, repo_requests
from engine.store.database import Connection, write
from engine.store.filing import By
from engine.store.inbox import Waiting, assumed_of
from engine.telling import UNCONFIRMED, Day, today_of
from engine.today import stands
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.me.appointments import soon
from engine.web.me.doctor_visit import following
from engine.web.me.letters import letters, numbers, opened
from engine.web.me.mine import day_words, me_of, time_words
from engine.web.me.sheet import COOKIE, SIZES, Look, TheSheet, look_of, remember
from engine.web.sessions import Session

door = Door()
NEWEST: Final = 5
# For so long the first page speaks of an answer, or of a look into the record without the usual right to it.
_TOLD: Final = timedelta(days=14)


@door.page("/me", "mine.see")
def first(desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """What matters today; advice that is shown here from its first word to its last counts as read."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        day = today_of(connection, person, now, session.lang)
        delivered = _delivered(day)
        urgent = [item for item in delivered if hurries(item.severity) and stands(item, now)]
        shown = [item for item in delivered if item in urgent or (item.id == day.told.advice and day.told.whole)]
        more = _words(connection, session, person, day, now, {item.id for item in urgent})
        more["numbers"] = numbers(desk, person, now, session.lang) if urgent else []
        more |= following(connection, person, now, session.lang)
        # Read after the letters were made: what is new is called new once more.
        opened(connection, shown, person, now)
        note(
            connection,
            desk,
            session,
            "me-today-view",
            now,
            subject=person.id,
            detail=[[i.id, i.version] for i in shown],
        )
    return sheet.page("me/today.html", here="/me", **more)


@door.form("/me/readings/{reading}/mine", "mine.say")
def mine(reading: str, desk: TheDesk, session: Trusted) -> Response:
    """This was me: what the numbers filed under me surely is mine."""
    return _decide(desk, session, reading, ours=True)


@door.form("/me/readings/{reading}/not-mine", "mine.say")
def not_mine(reading: str, desk: TheDesk, session: Trusted) -> Response:
    """This was not me: it is nobody's again, and the inbox asks on."""
    return _decide(desk, session, reading, ours=False)


@door.page("/me/more", "mine.see")
def others(sheet: TheSheet) -> HTMLResponse:
    """Every other page there is for me."""
    return sheet.page("me/more.html", here="/me/more")


@door.page("/me/settings", "mine.see")
def settings(sheet: TheSheet) -> HTMLResponse:
    """Language, readings over the kanji, size of the letters."""
    return sheet.page("me/settings.html", here="/me/settings", sizes=SIZES, languages=LANGUAGES)


@door.form("/me/look", "self")
def change(
    request: Request,
    desk: TheDesk,
    session: Trusted,
    *,
    furigana: Annotated[str, Form()] = "",
    size: Annotated[str, Form()] = "",
    lang: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = "/me",
) -> Response:
    """Keeps what was chosen, and goes back; what was not asked stays as it was."""
    del session
    look = look_of(request.cookies.get(COOKIE))
    if furigana in {"on", "off"}:
        look = msgspec.structs.replace(look, furigana=furigana == "on")
    wished = next((one for one in SIZES if one == size), look.size)
    tongue = next((one for one in LANGUAGES if one == lang), None)
    answer = RedirectResponse(_own(back, tongue), 303)
    remember(answer, Look(look.furigana, wished), secure=desk.secure)
    return answer


def _own(back: str, lang: Language | None) -> str:
    """An address of the resident's pages, and no other."""
    path, _, query = back.partition("?")
    plain = all(character.isascii() and (character.isalnum() or character in "/-_") for character in path)
    known = plain and "//" not in path and path.split("/")[:2] in (["", "me"], ["", "family"])
    kept = [part for part in query.split("&") if known and part and not part.startswith("lang=") and part.isascii()]
    kept = [part for part in kept if all(character.isalnum() or character in "=-_" for character in part)]
    kept += [f"lang={lang}"] if lang else []
    return (path if known else "/me") + (f"?{'&'.join(kept)}" if kept else "")


def _delivered(day: Day) -> list[Item]:
    found = [item for item in day.items if item.state == "delivered"]
    return sorted(found, key=lambda item: item.updated_at, reverse=True)


def _words(
    connection: Connection, session: Session, person: Resident, day: Day, now: datetime, on_top: Collection[str]
) -> dict[str, Any]:
    """What the page says; `on_top` are the ids of the advice that stands above everything else."""
    told = letters(connection, _delivered(day), person.id, session.lang)
    urgent = [letter for letter in told if letter.id in on_top]
    way = "urgent" if urgent else "whole" if day.told.whole else "short"
    return {
        "day": day_words(session.lang, now), "told": day.told,
        "came": day_words(session.lang, day.told.at) if day.told.at else "", "urgent": urgent, "way": way,
        "newest": [one for one in told if one.id not in {*on_top, day.told.advice}][:NEWEST],
        "unread": sum(letter.unread for letter in told),
        "replies": _replies(connection, session, person, now),
        "expected": soon(connection, person, now, session.lang),
        "glass": any(now - one.at < _TOLD for one in repo_glass.of(connection, person.id)),
        "carded": any(now - one.at < _TOLD for one in repo_emergency.looks(connection, person.id)),
        "again": any(one.red_flag for one in day.assumed),
        "asked": [_asked(connection, session, person, one) for one in day.assumed if not one.red_flag][:1],
    }  # fmt: skip


def _replies(connection: Connection, session: Session, person: Resident, now: datetime) -> list[dict[str, str]]:
    """What was answered lately of the questions this person put."""
    return [
        {"id": one.id, "day": day_words(session.lang, one.closed_at)}
        for one in repo_requests.of(connection, person.id)
        if one.state == "answered" and one.closed_at is not None and now - one.closed_at < _TOLD
    ][:NEWEST]


def _asked(connection: Connection, session: Session, person: Resident, found: Waiting) -> dict[str, str]:
    """A reading that is probably this person's, as they are asked about it."""
    values = [f"{number} {unit_words(unit, session.lang)}".strip() for _, number, unit in found.values]
    at = time_words(session.lang, found.measured_at, connection, person)
    return {"id": found.id, "values": "・".join(values) if session.lang == "ja" else ", ".join(values), "at": at}


def _decide(desk: Desk, session: Session, reading: str, *, ours: bool) -> Response:
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        # Only what this very page asked about, and never a red flag: that one is measured again.
        open_ = {one.id for one in assumed_of(connection, person.id, now - UNCONFIRMED) if not one.red_flag}
        if reading not in open_:
            raise SorryError(404, "not-found", back="/me")
        by = By(session.by, desk.os_user)
        done = filing.confirm(connection, reading, now, by) if ours else filing.release(connection, reading, now, by)
        if isinstance(done, Refusal):
            raise SorryError(409, "conflict", back="/me")
    return RedirectResponse("/me", 303)
