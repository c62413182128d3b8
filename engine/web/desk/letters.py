"""Letters at the desk: what was made and where it is, reply forms typed in by their code, letters that came back."""

from __future__ import annotations

from random import SystemRandom
from typing import Annotated, Any, Final

from fastapi import Form, Response
from fastapi.responses import RedirectResponse

from engine.dates import read_day
from engine.letters import REASONS, STATES, read_code, shown
from engine.letters_answer import Done, answer
from engine.letters_reply import ASKS, Reply, read_reply
from engine.letters_words import about_words
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import repo_letters, repo_residents
from engine.store.database import Connection, write
from engine.store.filing import By
from engine.store.repo_letters import Letter
from engine.web import scope
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import fact_rows, people_rows
from engine.web.door import Door
from engine.web.sessions import Session

door = Door()
# A reply is what a resident asks for or says of themselves, whether or not they let nurses look at their record.
RIGHT: Final = "request.health"


@door.page("/letters", RIGHT)
def listed(desk: TheDesk, session: Signed, code: str = "", saved: str = "") -> Response:
    """The batches, what came back, and a field for the code of a reply form, which leads to its letter."""
    read = read_code(code) if code.strip() else None
    now, lang = desk.now(), session.lang
    towns = session.who.municipalities
    with write(desk.engine) as connection:
        if isinstance(read, str):
            found = repo_letters.by_code(connection, read)
            if found is not None and _ours(connection, session, found):
                return RedirectResponse(f"/letters/{read}", 303)
            read = Refusal("unknown-code", "there is no letter of this code", "code")
        made = repo_letters.batches(connection, towns)
        states = repo_letters.states(connection, [one.seq for one in made])
        back = repo_letters.returned(connection, towns)
        people = {one.id: one for one in repo_residents.get_many(connection, {one.resident for one in back})}
        note(connection, desk, session, "letters-list", now, detail=[one.code for one in back] or None)
    context: dict[str, Any] = {
        "batches": [
            {"seq": one.seq, "sort": one.sort, "period": about_words(one.sort, one.period, lang),
             "day": fact_rows.day(lang, one.at), "counts": [states.get(one.seq, {}).get(state, 0) for state in STATES]}
            for one in made
        ],
        "states": STATES, "refused": read, "typed": code[:40], "saved": shown(saved) if isinstance(
            read_code(saved), str) else "",
        "back": [
            {"code": one.code, "who": people_rows.name(people[one.resident]), "resident": one.resident,
             "reason": one.reason or "other",
             "day": fact_rows.day(lang, one.returned_at) if one.returned_at else ""}
            for one in back if one.resident in people
        ],
    }  # fmt: skip
    status = 422 if isinstance(read, Refusal) else 200
    return desk.page("letters/list.html", lang, session, status=status, here="/letters", **context)


@door.page("/letters/{letter}", RIGHT)
def look(letter: str, desk: TheDesk, session: Signed) -> Response:
    """One letter: to whom, of what, where it is; and the form of its reply."""
    return _show(desk, session, letter, None, {})


@door.form("/letters/{letter}/reply", RIGHT)
def reply(
    letter: str, desk: TheDesk, session: Trusted, tick: Annotated[list[str] | None, Form()] = None,
    seen_on: Annotated[str, Form()] = "", words: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Takes in what the form says, and nothing else; then the field for the next one."""
    now, ticks = desk.now(), frozenset(tick or [])
    typed = {"ticks": ticks, "seen_on": seen_on[:10], "words": words[:500]}
    day = read_day(seen_on, "seen_on")
    if isinstance(day, Refusal):
        return _show(desk, session, letter, day, typed)
    with write(desk.engine) as connection:
        found, _ = _known(connection, session, letter)
        said = read_reply(found.sort, ticks, day, words, now.astimezone(fact_rows.ZONE).date())
        done: Done | Refusal = said if isinstance(said, Refusal) else _taken(connection, desk, session, found, said)
    if isinstance(done, Refusal):
        return _show(desk, session, letter, done, typed)
    return RedirectResponse(f"/letters?saved={found.code}", 303)


@door.form("/letters/{letter}/returned", RIGHT)
def returned(letter: str, desk: TheDesk, session: Trusted, reason: Annotated[str, Form()] = "") -> Response:
    """Notes that the post brought it back."""
    if reason not in REASONS:
        raise SorryError(400, "bad-request", back=f"/letters/{letter}")
    by = By(session.by, desk.os_user)
    with write(desk.engine) as connection:
        found, _ = _known(connection, session, letter)
        if not repo_letters.move(connection, found, "returned", desk.now(), by, reason):
            raise SorryError(409, "conflict", back=f"/letters/{found.code}")
    return RedirectResponse("/letters", 303)


def _taken(connection: Connection, desk: Desk, session: Session, letter: Letter, said: Reply) -> Done | Refusal:
    return answer(connection, letter, said, desk.now(), By(session.by, desk.os_user), SystemRandom())


def _show(desk: Desk, session: Session, letter: str, refused: Refusal | None, typed: dict[str, Any]) -> Response:
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        found, person = _known(connection, session, letter)
        note(connection, desk, session, "letter-view", now, subject=person.id, detail=[found.code])
    context: dict[str, Any] = {
        "one": found, "code": shown(found.code), "who": people_rows.who(person, lang, now),
        "about": about_words(found.sort, found.about, lang), "day": fact_rows.day(lang, found.made_at),
        "ticks": ASKS[found.sort],
        "reasons": REASONS, "refused": refused, "error": refused, "typed": typed,
    }  # fmt: skip
    here, status = f"/letters/{found.code}", 422 if refused else 200
    return desk.page("letters/letter.html", lang, session, status=status, here=here, **context)


def _known(connection: Connection, session: Session, code: str) -> tuple[Letter, Resident]:
    """The letter of that code to somebody of this person's towns; SorryError not-found otherwise."""
    read = read_code(code)
    found = repo_letters.by_code(connection, read) if isinstance(read, str) else None
    if found is None:
        raise SorryError(404, "not-found")
    return found, scope.known(connection, session.who, found.resident)


def _ours(connection: Connection, session: Session, letter: Letter) -> bool:
    person = repo_residents.get(connection, letter.resident)
    return person is not None and session.who.within(person.municipality_code)
