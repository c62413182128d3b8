"""What the city's list says of residents: both sides beside each other, decided by a person; who is missing."""

from __future__ import annotations

from random import SystemRandom
from typing import Annotated, Any, Final

import msgspec
from fastapi import Form, Response
from fastapi.responses import RedirectResponse

from engine.exchange import FIELDS, LIVES, Sort, hidden
from engine.exchange_deciding import ANSWERS, HOMES, Decision, alike, answers, decide, writes_life
from engine.exchange_rows import Said
from engine.locale import Language, text
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import repo_exchange, repo_protection, repo_residents
from engine.store.database import Connection, write
from engine.store.filing import By
from engine.store.repo_exchange import Proposal
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import fact_rows, people_rows
from engine.web.door import Door
from engine.web.sessions import Session
from engine.web.view import when

door = Door()
RIGHT: Final = "enrol"
MOST: Final = 200
_FILES: Final = 10
_LATE: Final = frozenset({"conflict", "unknown-proposal"})
# Reasons with words of their own; fields and codes of life events are told by their word.
_REASONS: Final = frozenset({
    "birth", "sex", "given-kana", "city-shields", "city-has-them", "dead-here", "other-town", "future",
    "readings-since", "spoken-since", "household", "back-here",
})  # fmt: skip


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One proposal of the list in words."""

    seq: int
    name: str
    kana: str
    number: str
    sort: str
    why: str
    at: str


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One thing as it stands here and on the list."""

    key: str
    here: str
    there: str
    differs: bool


@door.page("/exchange", RIGHT)
def listed(desk: TheDesk, session: Signed) -> Response:
    """What waits for a person, whom the newest list does not name, and the last files."""
    towns, lang = session.who.municipalities, session.lang
    with write(desk.engine) as connection:
        waits = repo_exchange.proposals(connection, towns, limit=MOST)
        gone = [number for _, number in repo_exchange.missing(connection, towns)][:MOST]
        names = {one.resident for one in waits} | {one.resident for one in gone}
        people = {person.id: person for person in repo_residents.get_many(connection, names)}
        files = [one for one in repo_exchange.runs(connection) if session.who.within(one.municipality_code)][:_FILES]
        note(connection, desk, session, "exchange-view", desk.now(), detail=sorted(people) or None)
    context: dict[str, Any] = {
        "easy": len(alike(waits, people)),
        "waits": [_line(one, people[one.resident], lang) for one in waits],
        "gone": [
            {"id": one.resident, "name": people_rows.name(people[one.resident]), "kana": people_rows.kana(
                people[one.resident]), "number": one.number,
             "since": fact_rows.day(lang, one.missing_since) if one.missing_since else ""}
            for one in gone
        ],
        "files": [
            {"name": one.told.get("file", ""), "into": one.direction == "in", "rows": one.rows,
             "refused": one.told.get("counts", {}).get("refused", 0), "at": when(lang, one.at, fact_rows.ZONE)}
            for one in files
        ],
    }  # fmt: skip
    return desk.page("exchange/list.html", lang, session, here="/exchange", **context)


@door.page("/exchange/{proposal}", RIGHT)
def look(proposal: str, desk: TheDesk, session: Signed) -> Response:
    """Both sides of one proposal, and what may be said to it."""
    return _show(desk, session, proposal, None)


@door.form("/exchange/{proposal}/decide", RIGHT)
def decided(
    proposal: str, desk: TheDesk, session: Trusted, answer: Annotated[str, Form()] = "",
    version: Annotated[int, Form()] = 0, home: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Carries out what a person says to it."""
    found = next((one for one in ANSWERS if one == answer), None)
    with write(desk.engine) as connection:
        one, _ = _known(connection, desk, session, proposal)
        if found is None:
            raise SorryError(400, "bad-request", back=f"/exchange/{one.seq}")
        if writes_life(one, found) and not session.who.may("life.write"):
            raise SorryError(403, "forbidden", back=f"/exchange/{one.seq}")
        decision = Decision(
            seq=one.seq, version=version, answer=found, by=By(session.by, desk.os_user), home=home
        )  # fmt: skip
        done = decide(connection, decision, desk.now(), SystemRandom())
    if not isinstance(done, Refusal):
        return RedirectResponse("/exchange", 303)
    if done.code in _LATE:
        raise SorryError(409, "conflict", back="/exchange")
    return _show(desk, session, proposal, done)


def _show(desk: Desk, session: Session, proposal: str, refused: Refusal | None) -> Response:
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        one, person = _known(connection, desk, session, proposal)
        if one.state != "open" or one.said is None:
            raise SorryError(404, "not-found", back="/exchange")
        shielded = bool(repo_protection.shielded(connection, [person.id], now))
        held = repo_exchange.numbers_of(connection, one.municipality_code, person.id)
        rivals = _rivals(connection, one, lang)
        note(connection, desk, session, "exchange-look", now, subject=person.id, detail=[one.seq])
    said = hidden(one.said, shielded=shielded)
    mine = [answer for answer in answers(one) if not writes_life(one, answer) or session.who.may("life.write")]
    context: dict[str, Any] = {
        "one": one, "line": _line(one, person, lang), "who": people_rows.who(person, lang, now),
        "points": _points(person, said, lang), "answers": mine, "homes": HOMES if one.sort == "move" else (),
        "others": [number.number for number in held if number.number != one.number], "refused": refused,
        "rivals": rivals,
        "barred": one.sort in LIVES and not session.who.may("life.write"), "error": refused,
        "protects": one.sort == "shield" and session.who.may("protect"),
        "reason": text(lang, "nurse", f"desk.exchange.refused.{_told(refused)}") if refused else "",
    }  # fmt: skip
    status = 422 if refused else 200
    return desk.page("exchange/proposal.html", lang, session, status=status, here=f"/exchange/{one.seq}", **context)


def _known(connection: Connection, desk: Desk, session: Session, proposal: str) -> tuple[Proposal, Resident]:
    """The proposal of that number about somebody of this person's towns; SorryError not-found otherwise."""
    plain = proposal.isascii() and proposal.isdigit() and len(proposal) < 10  # noqa: PLR2004 - no row counts so far
    found = repo_exchange.get(connection, int(proposal)) if plain else None
    if found is None or not session.who.within(found.municipality_code):
        raise SorryError(404, "not-found", back="/exchange")
    person = repo_residents.get(connection, found.resident)
    assert person is not None  # a proposal goes with its resident
    # Whom this town's own list names is seen here, also where they are registered in another town so far.
    hides = not session.who.may("protect")
    return found, repo_protection.masked(connection, person, desk.now()) if hides else person


def _rivals(connection: Connection, one: Proposal, lang: Language) -> list[Line]:
    """The other pairs of this number or this resident that somebody has to tell apart from this one: twins."""
    if one.sort != "link":
        return []
    near = repo_exchange.near(connection, one)
    people = {person.id: person for person in repo_residents.get_many(connection, {other.resident for other in near})}
    return [_line(other, people[other.resident], lang) for other in near]


def _line(one: Proposal, person: Resident, lang: Language) -> Line:
    return Line(
        seq=one.seq, name=people_rows.name(person), kana=people_rows.kana(person), number=one.number,
        sort=text(lang, "nurse", f"desk.exchange.sort.{one.sort}"), why=_why(one.sort, one.reason, lang),
        at=when(lang, one.at, fact_rows.ZONE),
    )  # fmt: skip


def _why(sort: Sort, reason: str | None, lang: Language) -> str:
    if reason is None:
        return text(lang, "nurse", "desk.exchange.why.link")
    if sort == "both-changed":
        fields = [text(lang, "nurse", f"desk.exchange.{name}") for name in reason.split(",") if name in FIELDS]
        return text(lang, "nurse", "desk.exchange.why.both", fields="・".join(fields))
    if reason in _REASONS:
        return text(lang, "nurse", f"desk.exchange.why.{reason}")
    return text(lang, "nurse", "desk.exchange.why.other", code=reason)


def _told(refused: Refusal | None) -> str:
    """Why it could not be done, by a word that has words: or by the one for the rest."""
    known = {"taken", "not-shielded", "no-home", "no-event", "later-event"}
    return refused.code if refused is not None and refused.code in known else "other"


def _points(person: Resident, said: Said, lang: Language) -> list[Point]:
    """Name, kana, birth, sex, address, insured number and where they are, here and there."""
    here = {
        "name": people_rows.name(person), "kana": people_rows.kana(person),
        "birth": fact_rows.day(lang, person.birth_date), "sex": text(lang, "nurse", f"desk.sex.{person.sex}"),
        "address": person.address or "", "insured": person.insured_number or "",
        "state": text(lang, "nurse", f"desk.status.{person.status}"),
    }  # fmt: skip
    state = text(lang, "nurse", f"desk.exchange.state.{said.state}")
    there = {
        "name": f"{said.family} {said.given}".strip(), "kana": f"{said.family_kana} {said.given_kana}".strip(),
        "birth": fact_rows.day(lang, said.birth), "sex": text(lang, "nurse", f"desk.sex.{said.sex}"),
        "address": said.address or "", "insured": said.insured or "",
        "state": f"{state} ({fact_rows.day(lang, said.on)})" if said.on else state,
    }  # fmt: skip
    lives = {"lives": "active", "moved-out": "moved", "dead": "deceased"}[said.state]
    return [
        Point(
            key=key, here=here[key], there=there[key],
            differs=lives != person.status if key == "state" else bool(there[key]) and here[key] != there[key],
        )
        for key in here
    ]  # fmt: skip
