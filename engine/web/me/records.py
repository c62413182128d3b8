"""My check-ups and records, each in plain words with source and date, as far as the disclosure policy shows it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastapi.responses import HTMLResponse

from engine.clinical_codes import catalogue
from engine.explained import explanations, sources
from engine.locale import Language, has_text, text
from engine.records import records_of, shelves_of, values_of
from engine.store import repo_disclosure, repo_documents
from engine.store.database import write
from engine.web.context import Desk, Signed, SorryError, TheDesk, note
from engine.web.door import Door
from engine.web.me.mine import day_words, me_of
from engine.web.me.sheet import TheSheet
from engine.web.sessions import Session

door = Door()


@door.page("/me/records", "mine.see")
def show(desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """Everything recorded of me that I may see, and that there is more where there is."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        seen = repo_disclosure.seen_by(connection, person, now)
        told = repo_disclosure.entries_seen_by(connection, person, now)
        files = repo_documents.imported(connection, person.id)
        _note(connection, desk, session, [*(fact.id for fact in seen.shown), *(entry.id for entry in told.shown)])
    found = records_of(seen.shown, now, session.lang)
    days = Counter(seen.later) + Counter(told.later)
    return sheet.page(
        "me/records.html", here="/me/records", records=found, files=files, shelves=shelves_of(told.shown, now),
        later=[(day_words(session.lang, day), days[day]) for day in sorted(days)],
        waiting=seen.waiting + told.waiting, day=lambda at: day_words(session.lang, at),
        origin=lambda name: origin_words(session.lang, name),
    )  # fmt: skip


@door.page("/me/records/{code}", "mine.see")
def item(desk: TheDesk, session: Signed, sheet: TheSheet, code: str) -> HTMLResponse:
    """What one item measures, who says from when on to look at it, and every value of mine."""
    words = explanations().get(code)
    if words is None:
        raise SorryError(404, "not-found", back="/me/records")
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        seen = repo_disclosure.seen_by(connection, person, now)
        mine = [fact for fact in seen.shown if fact.code == code]
        _note(connection, desk, session, [fact.id for fact in mine])
    values = values_of(mine, code, now, session.lang)
    return sheet.page(
        "me/record.html", here=f"/me/records/{code}", words=words, values=values, source=_source(words.source, session),
        number=catalogue()[code].sort == "number", day=lambda at: day_words(session.lang, at),
    )  # fmt: skip


def origin_words(lang: Language, name: str) -> str:
    """What a network or a form of file is called; one that has no word here goes by its name."""
    key = f"me.entries.origin.{name}"
    return text(lang, "resident", key) if has_text(lang, "resident", key) else name


def _source(name: str, session: Session) -> tuple[str, str]:
    found, lang = sources()[name], session.lang
    return _in(lang, found.title_ja, found.title_en), _in(lang, found.publisher_ja, found.publisher_en)


def _in(lang: Language, ja: str, en: str) -> str:
    return ja if lang == "ja" else en


def _note(connection: Any, desk: Desk, session: Session, ids: list[str]) -> None:
    note(connection, desk, session, "records-view", desk.now(), subject=session.by, detail=ids or None)
