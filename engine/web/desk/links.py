"""Who is which patient of the medical network: doubts side by side, decided by a person with a reason."""

from __future__ import annotations

from datetime import date, datetime
from random import SystemRandom
from typing import Annotated, Any, Final

import msgspec
from fastapi import Form, Response
from fastapi.responses import RedirectResponse

from engine import care_links
from engine.care_links import ENDS, WRONG, Found, Link
from engine.evaluate import attempt
from engine.locale import Language, text
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import repo_links, repo_pulled, repo_residents, repo_staff
from engine.store.database import Connection, write
from engine.store.repo_facts import By
from engine.summary_page import house_words
from engine.web import scope
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import fact_rows, people_rows
from engine.web.door import Door
from engine.web.sessions import Session
from engine.web.view import when

door = Door()
MOST: Final = 200
RECENT: Final = 20
_POINTS: Final = ("kana", "birth-date", "sex")
_LATE: Final = frozenset({"conflict", "not-held", "not-linked"})


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One link of the list in words."""

    id: str
    name: str
    kana: str
    network: str
    number: str
    state: str
    why: str
    at: str
    by: str


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """What the network says of one patient; `differs` names the points that are not the same."""

    id: str
    kana: str
    name: str
    birth: str
    sex: str
    marks: tuple[str, ...]
    differs: frozenset[str]
    open: bool


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One link with both sides."""

    link: Link
    line: Line
    sides: tuple[Side, ...]


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A form that was refused: of which network, which one, why, and what was typed."""

    network: str
    form: str
    code: str
    typed: str


@door.page("/links", "link.decide")
def listed(desk: TheDesk, session: Signed) -> Response:
    """What a person has to decide, what was not found, and what was decided last."""
    towns, lang = session.who.municipalities, session.lang
    with write(desk.engine) as connection:
        held = repo_links.listed(connection, states=("held",), towns=towns, limit=MOST)
        waits = repo_links.listed(connection, states=("proposed",), towns=towns, limit=MOST)
        done = repo_links.listed(connection, states=("linked", "refused", "ended"), towns=towns, limit=RECENT)
        lines = _lines(connection, [*held, *waits, *done], lang)
        note(connection, desk, session, "links-view", desk.now(), detail=[link.resident for link in (*held, *waits)])
    parts = iter(lines)
    context: dict[str, Any] = {
        "held": [next(parts) for _ in held],
        "waits": [next(parts) for _ in waits],
        "done": list(parts),
    }
    return desk.page("links/links.html", lang, session, here="/links", **context)


@door.page("/links/{resident}", "link.decide")
def look(resident: str, desk: TheDesk, session: Signed) -> Response:
    """Both sides of one resident's links, and what may be decided."""
    return _show(desk, session, resident, None)


@door.form("/links/{resident}/accept", "link.decide")
def accept(
    resident: str, desk: TheDesk, session: Trusted, network: Annotated[str, Form()], version: Annotated[int, Form()],
    patient: Annotated[str, Form()] = "", reason: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """They are the same person."""

    def decide(link: Link, now: datetime) -> Link | Refusal:
        return care_links.accept(link, patient, reason, session.by, now)

    return _decided(desk, session, resident, network, version, "accept", reason, decide)


@door.form("/links/{resident}/refuse", "link.decide")
def refuse(
    resident: str, desk: TheDesk, session: Trusted, network: Annotated[str, Form()], version: Annotated[int, Form()],
    reason: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """They are not."""

    def decide(link: Link, now: datetime) -> Link | Refusal:
        return care_links.refuse(link, reason, session.by, now)

    return _decided(desk, session, resident, network, version, "refuse", reason, decide)


@door.form("/links/{resident}/end", "link.decide")
def end(
    resident: str, desk: TheDesk, session: Trusted, network: Annotated[str, Form()], version: Annotated[int, Form()],
    why: Annotated[str, Form()] = "", reason: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """It is over, or it was a mistake: then all that was told of a stranger is taken back."""

    def decide(link: Link, now: datetime) -> Link | Refusal:
        if why not in ENDS:
            return Refusal("no-cause", "say why it ends", "why")
        return care_links.end(link, why, reason, session.by, now)

    return _decided(desk, session, resident, network, version, "end", reason, decide)


def _decided(
    desk: Desk, session: Session, resident: str, network: str, version: int, action: str, typed: str, decide: Any
) -> Response:  # fmt: skip
    now = desk.now()
    with write(desk.engine) as connection:
        person = scope.known(connection, session.who, resident)
        link = repo_links.get(connection, person.id, network)
        if link is None:
            raise SorryError(404, "not-found", back="/links")
        after = decide(msgspec.structs.replace(link, version=version), now)
        by = By(session.by, desk.os_user)
        stored = after if isinstance(after, Refusal) else repo_links.put(connection, after, action, by, now)
        if isinstance(stored, Link):
            if stored.state == "ended" and stored.reason == WRONG:
                mark = f"mistaken-{stored.version}"
                repo_pulled.take_back(connection, link.network, person.id, mark, by, now, SystemRandom())
                attempt(connection, person.id, now)
            return RedirectResponse("/links", 303)
    if stored.code in _LATE:
        raise SorryError(409, "conflict", back=f"/links/{person.id}")
    return _show(desk, session, resident, Refused(network=network, form=action, code=stored.code, typed=typed[:500]))


def _show(desk: Desk, session: Session, resident: str, refused: Refused | None) -> Response:
    lang, now = session.lang, desk.now()
    with write(desk.engine) as connection:
        person = scope.known(connection, session.who, resident)
        links = repo_links.of_resident(connection, person.id)
        if not links:
            raise SorryError(404, "not-found", back="/links")
        lines = _lines(connection, links, lang)
        note(connection, desk, session, "link-view", now, subject=person.id, detail=[link.version for link in links])
    shown = [
        Shown(link=link, line=line, sides=tuple(_side(person, link, one, lang) for one in link.found))
        for link, line in zip(links, lines, strict=True)
    ]
    context: dict[str, Any] = {
        "person": person, "who": people_rows.who(person, lang, now), "shown": shown, "ends": ENDS, "refused": refused,
        "points": _POINTS, "error": refused,
    }  # fmt: skip
    return desk.page(
        "links/link.html", lang, session, status=422 if refused else 200, here=f"/links/{person.id}", **context
    )


def _lines(connection: Connection, links: list[Link], lang: Language) -> list[Line]:
    people = {person.id: person for person in repo_residents.get_many(connection, {link.resident for link in links})}
    names = repo_staff.names_of(connection, {link.by for link in links})
    return [_line(link, people[link.resident], names, lang) for link in links]


def _line(link: Link, person: Resident, names: dict[str, str], lang: Language) -> Line:
    return Line(
        id=person.id, name=people_rows.name(person), kana=people_rows.kana(person),
        network=house_words(link.network, lang), number=link.value, why=_why(link, lang),
        state=text(lang, "nurse", f"desk.links.state.{link.state}"),
        at=when(lang, link.at, fact_rows.ZONE), by=names.get(link.by, link.by),
    )  # fmt: skip


# Every reason that has words of its own; what a server says else is told by its code.
_KNOWN: Final = frozenset({
    "several", "differs", "merged", "deceased", "inactive", "taken", "gone", "changed", "no-hit", "no-consent",
    "no-record", "no-consent-there", "not-a-test-patient", "inactive-here", "agreed", "accepted", "refused", *ENDS,
})  # fmt: skip


def _why(link: Link, lang: Language) -> str:
    if link.reason is None:
        return text(lang, "nurse", "desk.links.why.new")
    if link.reason in _KNOWN:
        return text(lang, "nurse", f"desk.links.why.{link.reason}")
    return text(lang, "nurse", "desk.links.why.other", code=link.reason)


def _side(person: Resident, link: Link, found: Found, lang: Language) -> Side:
    marks = {"deceased": found.deceased, "inactive": not found.active, "merged": bool(found.replaced_by)}
    can = link.state == "held" and link.reason not in {"taken", "gone"} and not found.replaced_by
    return Side(
        id=found.remote_id, kana=" / ".join(found.kana), name=" / ".join(found.names), birth=_birth(found.birth, lang),
        sex=text(lang, "nurse", f"desk.sex.{found.sex}") if found.sex in _SEXES else found.sex, open=can,
        marks=tuple(text(lang, "nurse", f"desk.links.mark.{name}") for name, holds in marks.items() if holds),
        differs=frozenset(care_links.differing(person, found)),
    )  # fmt: skip


_SEXES: Final = frozenset({"male", "female", "other", "unknown"})


def _birth(said: str, lang: Language) -> str:
    try:
        return fact_rows.day(lang, date.fromisoformat(said))
    except ValueError:
        return said
