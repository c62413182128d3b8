"""The page a nurse opens in the morning: whom to call, whose referral is open, who fell silent, whom to invite."""

from __future__ import annotations

from random import SystemRandom
from typing import Annotated, Any, Final

from fastapi import Form, Response
from fastapi.responses import RedirectResponse

from engine.cases import BASES
from engine.cases_book import PROGRAMMES, book
from engine.cases_list import calls, invited
from engine.cases_store import Opening, level_of, open_case
from engine.contract.ids import is_id
from engine.dates import read_day
from engine.decisions import open_to_nurses
from engine.refusal import Refusal
from engine.store import repo_cases, repo_residents
from engine.store.database import read, write
from engine.store.repo_facts import By
from engine.web import scope
from engine.web.context import Desk, Signed, TheDesk, Trusted, note
from engine.web.desk import appointments_rows, cases_rows, people_rows, referrals, silent, watch_rows
from engine.web.door import Door
from engine.web.sessions import Session

door = Door()
PAGE: Final = "/cases"
# So many lines of a list are shown at once; the worst stand first, so that what is cut is the least pressing.
MOST: Final = 100
_FEW: Final = 5
# No town has so many people.
_DIGITS: Final = 7


@door.page(PAGE, "case")
def listed(desk: TheDesk, session: Signed, whose: str = "all", past: str = "") -> Response:
    """The call list of my towns, or of those I look after; `past` so many who are due, where they are many."""
    skipped = int(past) if past.isascii() and past.isdigit() and len(past) < _DIGITS else 0
    now, lang, towns = desk.now(), session.lang, session.who.municipalities
    mine = whose == "mine"
    # What takes long is read beside the writers: no reading waits until a nurse's list is made.
    with read(desk.engine) as connection:
        found = calls(connection, towns, now, staff=session.by if mine else None)
        protects = session.who.may("protect")
        lines = found.due[skipped : skipped + MOST]
        due = cases_rows.rows(connection, found, lines, lang, now, protects=protects)
        soon = cases_rows.rows(connection, found, found.soon[:MOST], lang, now, protects=protects)
        quiet = silent.rows(connection, towns, now, lang, _FEW)
        asked = referrals.rows(connection, towns, now, lang, _FEW)
        today = appointments_rows.today(connection, session, now)
        unlike = watch_rows.to_ask(connection, towns, lang, now) if session.who.may("watch.decide") else []
    seen = [*lines, *found.soon[:MOST]]
    with write(desk.engine) as connection:
        note(connection, desk, session, "cases-view", now, detail=[one.case.resident for one in seen] or None)
        if unlike:
            note(connection, desk, session, "watch-list", now, detail=[one.seq for one in unlike])
    context: dict[str, Any] = {
        "due": due, "soon": soon, "more": max(0, len(found.due) - skipped - MOST),
        "past": skipped + MOST, "mine": mine,
        "later": cases_rows.plain(found.later[:MOST], found.people, lang),
        "withdrawn": cases_rows.plain(found.withdrawn, found.people, lang, ()), "silent": quiet, "referrals": asked,
        "today": today, "unlike": unlike,
        "counts": {
            "due": len(found.due), "late": sum(1 for one in found.due if one.days > cases_rows.LATE),
            "soon": len(found.soon), "later": len(found.later), "all": found.size,
        },
    }  # fmt: skip
    return desk.page("cases/list.html", lang, session, here=PAGE, **context)


@door.page(f"{PAGE}/invited", "case")
def to_invite(desk: TheDesk, session: Signed, after: str = "") -> Response:
    """Whom this fiscal year's check-up makes a target, and who is not followed yet."""
    now, lang = desk.now(), session.lang
    went_on = after if is_id(after, "r") else None
    with read(desk.engine) as connection:
        found, more = invited(connection, session.who.municipalities, now, after=went_on, limit=_FEW * 6)
    with write(desk.engine) as connection:
        note(connection, desk, session, "cases-view", now, detail=[one.person.id for one in found] or None)
    shown = cases_rows.invited(found, lang, now)
    return desk.page("cases/invited.html", lang, session, here=f"{PAGE}/invited", people=shown, after=more)


@door.page(f"{PAGE}/ended", "case")
def over(desk: TheDesk, session: Signed) -> Response:
    """The newest cases that ended, of people who still let nurses look."""
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        found = repo_cases.listed(connection, session.who.municipalities, "ended", limit=MOST)
        people = {one.id: one for one in repo_residents.get_many(connection, repo_cases.residents_of(found))}
        agreed = open_to_nurses(connection, people, now)
        shown = [one for one in found if one.resident in agreed]
        note(connection, desk, session, "cases-view", now, detail=[one.resident for one in shown] or None)
    return desk.page(
        "cases/ended.html", lang, session, here=f"{PAGE}/ended", ended=cases_rows.plain(shown, people, lang)
    )  # fmt: skip


@door.page("/residents/{resident}/case", "case")
def enrol(resident: str, desk: TheDesk, session: Signed) -> Response:
    """What the check-up says, and the form that enrols somebody."""
    return _enrol(desk, session, resident, None, {})


@door.form("/residents/{resident}/case", "case")
def start(
    resident: str,
    desk: TheDesk,
    session: Trusted,
    programme: Annotated[str, Form()] = "",
    basis: Annotated[str, Form()] = "",
    staff: Annotated[str, Form()] = "",
    next_on: Annotated[str, Form()] = "",
) -> Response:
    """Enrols somebody, to be called on the day that is said, or today."""
    typed = {"programme": programme, "basis": basis, "staff": staff, "next_on": next_on[:10]}
    day = read_day(next_on, "next")
    rule = next((one for one in PROGRAMMES if one == programme), None)
    ground = next((one for one in BASES if one == basis), None)
    if isinstance(day, Refusal):
        return _enrol(desk, session, resident, day, typed)
    if rule is None or ground is None:
        code = "unknown-programme" if rule is None else "unknown-basis"
        return _enrol(desk, session, resident, Refusal(code, "choose one"), typed)
    now, by = desk.now(), By(session.by, desk.os_user)
    with write(desk.engine) as connection:
        person = scope.resident_of(connection, session.who, resident, now)
        wish = Opening(programme=rule, basis=ground, staff=staff or None, next_on=day)
        known = {name for name, _ in people_rows.nurses(connection, person.municipality_code)}
        if staff and staff not in known:
            done: Any = Refusal("unknown-staff", "nobody of this town", "staff")
        else:
            done = open_case(connection, person, wish, now, by, SystemRandom())
    if isinstance(done, Refusal):
        return _enrol(desk, session, resident, done, typed)
    return RedirectResponse(f"{PAGE}/{done.id}", 303)


def _enrol(
    desk: Desk, session: Session, resident: str, refused: Refusal | None, typed: dict[str, str]
) -> Response:  # fmt: skip
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        person = scope.resident_of(connection, session.who, resident, now)
        level = level_of(connection, person, now)
        mine = repo_cases.of_resident(connection, person.id)
        staff = people_rows.nurses(connection, person.municipality_code)
        note(connection, desk, session, "case-view", now, subject=person.id, detail=[level])
    people = {person.id: person}
    context: dict[str, Any] = {
        "who": people_rows.who(person, lang, now), "level": level, "staff": staff, "programmes": PROGRAMMES,
        "bases": BASES, "farthest": book().policy.farthest, "refused": refused, "error": refused, "typed": typed,
        "open": cases_rows.plain([one for one in mine if one.state == "open"], people, lang),
        "ended": cases_rows.plain([one for one in mine if one.state != "open"], people, lang),
    }  # fmt: skip
    here, status = f"/residents/{person.id}/case", 422 if refused else 200
    return desk.page("cases/enrol.html", lang, session, status=status, here=here, **context)
