"""One case at the desk: what is due, the goal, contacts, evaluations and points; and what is done with it."""

from __future__ import annotations

import unicodedata
from decimal import Decimal, InvalidOperation
from random import SystemRandom
from typing import Any, Final

from fastapi import Response
from fastapi.responses import RedirectResponse

from engine.cases import REASONS, Case, Change
from engine.cases_book import HABITS, STAGES, book
from engine.cases_contact import note_contact, note_interview
from engine.cases_goal import Typed as TypedGoal
from engine.cases_goal import read_goal
from engine.cases_store import end, evaluate, hand, plan, set_goal
from engine.clinical_values import day_of
from engine.contract.ids import is_id
from engine.dates import read_day
from engine.people import Resident
from engine.refusal import Refusal
from engine.requests import words_of
from engine.store import repo_cases
from engine.store.database import Connection, write
from engine.store.repo_contacts import HOWS, OUTCOMES
from engine.store.repo_facts import By
from engine.web import scope
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted
from engine.web.desk import people_rows
from engine.web.desk.cases_page import show
from engine.web.desk.forms import Typed, chosen, said
from engine.web.door import Door
from engine.web.sessions import Session

door = Door()
PAGE: Final = "/cases/{case}"
# No honest contact takes longer.
_DAY_OF_MINUTES: Final = 24 * 60
_NUMBERS: Final = ("kg_before", "kg_now", "cm_before", "cm_now")


@door.page(PAGE, "case")
def look(case: str, desk: TheDesk, session: Signed) -> Response:
    """One case; of who withdrew their consent only that it can be ended."""
    return show(desk, session, case)


@door.form(f"{PAGE}/contact", "case")
def contact(case: str, desk: TheDesk, session: Trusted, form: Typed) -> Response:
    """A contact or a try, and when to call again."""

    def act(connection: Connection, one: Case, _: Resident, by: By) -> Any:
        how = next((way for way in HOWS if way == said(form, "how")), None)
        outcome = next((way for way in OUTCOMES if way == said(form, "outcome")), None)
        minutes, day = _minutes(said(form, "minutes", 5)), read_day(said(form, "next_on", 10), "next")
        text = words_of(said(form, "text"), needed=False)
        if how is None or outcome is None:
            return Refusal("contact", "choose how and what came of it", "how")
        if isinstance(minutes, Refusal):
            return minutes
        if isinstance(day, Refusal):
            return day
        if isinstance(text, Refusal):
            return text
        return note_contact(connection, one, how, outcome, text, minutes, day, desk.now(), by, SystemRandom())

    return _do(desk, session, case, "contact", act, form)


@door.form(f"{PAGE}/plan", "case")
def when(case: str, desk: TheDesk, session: Trusted, form: Typed) -> Response:
    """Only the day of the next contact."""

    def act(connection: Connection, one: Case, _: Resident, by: By) -> Any:
        day = read_day(said(form, "next_on", 10), "next")
        return day if isinstance(day, Refusal) else plan(connection, one, day, desk.now(), by)

    return _do(desk, session, case, "contact", act, form)


@door.form(f"{PAGE}/interview", "case")
def first(case: str, desk: TheDesk, session: Trusted, form: Typed) -> Response:
    """The first interview, from which the evaluations are due."""

    def act(connection: Connection, one: Case, _: Resident, by: By) -> Any:
        day = read_day(said(form, "on", 10), "on")
        how = next((way for way in HOWS if way == said(form, "how")), None)
        if isinstance(day, Refusal):
            return day
        if how is None or day is None:
            return Refusal("contact" if how is None else "unreadable-date", "say how and when", "on")
        return note_interview(connection, one, day, how, desk.now(), by, SystemRandom())

    return _do(desk, session, case, "interview", act, form)


@door.form(f"{PAGE}/goal", "case")
def aim(case: str, desk: TheDesk, session: Trusted, form: Typed) -> Response:
    """The goal the resident chose, if nothing forbids it."""

    def act(connection: Connection, one: Case, person: Resident, by: By) -> Any:
        until = read_day(said(form, "until", 10), "until")
        if isinstance(until, Refusal):
            return until
        wish = TypedGoal(
            kind=said(form, "kind"), amount=said(form, "amount", 20), habit=said(form, "habit"),
            words=said(form, "words"), until=until,
        )  # fmt: skip
        goal = read_goal(wish, day_of(desk.now()), book())
        return goal if isinstance(goal, Refusal) else set_goal(connection, person, one, goal, desk.now(), by)

    return _do(desk, session, case, "goal", act, form)


@door.form(f"{PAGE}/evaluate", "case")
def weigh(case: str, desk: TheDesk, session: Trusted, form: Typed) -> Response:
    """The evaluation after three or six months."""

    def act(connection: Connection, one: Case, person: Resident, by: By) -> Any:
        stage = next((way for way in STAGES if way == said(form, "stage")), None)
        if stage is None:
            return Refusal("unknown-stage", "choose which", "stage")
        change = _change(form)
        if isinstance(change, Refusal):
            return change
        ticked = chosen(form, "habit")
        kept = [habit for habit in HABITS if habit in ticked]
        return evaluate(connection, person, one, stage, change, kept, desk.now(), by)

    return _do(desk, session, case, "evaluate", act, form)


@door.form(f"{PAGE}/staff", "case")
def keeper(case: str, desk: TheDesk, session: Trusted, form: Typed) -> Response:
    """Who looks after it from now on."""

    def act(connection: Connection, one: Case, person: Resident, by: By) -> Any:
        wish = said(form, "staff", 20)
        known = {name for name, _ in people_rows.nurses(connection, person.municipality_code)}
        if wish and wish not in known:
            return Refusal("unknown-staff", "nobody of this town", "staff")
        return hand(connection, one, wish or None, desk.now(), by)

    return _do(desk, session, case, "staff", act, form)


@door.form(f"{PAGE}/end", "case")
def finish(case: str, desk: TheDesk, session: Trusted, form: Typed) -> Response:
    """Ends it with its reason; also of who died, moved away or withdrew."""

    def act(connection: Connection, one: Case, _: Resident, by: By) -> Any:
        reason = next((way for way in REASONS if way == said(form, "reason")), None)
        text = words_of(said(form, "text"), needed=False)
        if reason is None:
            return Refusal("unknown-reason", "choose why", "reason")
        return text if isinstance(text, Refusal) else end(connection, one, reason, text, desk.now(), by)

    return _do(desk, session, case, "end", act, form)


def _do(desk: Desk, session: Session, name: str, form: str, act: Any, typed: Any) -> Response:
    """Does it in one transaction, or shows the page again with what was typed and why it was refused."""
    with write(desk.engine) as connection:
        found = repo_cases.get(connection, name) if is_id(name, "o") else None
        if found is None:
            raise SorryError(404, "not-found")
        person = scope.known(connection, session.who, found.resident)
        version = said(typed, "version", 9)
        if not version.isdecimal() or int(version) != found.version:
            done: Any = Refusal("conflict", "somebody else changed it")
        else:
            done = act(connection, found, person, By(session.by, desk.os_user))
    if isinstance(done, Refusal):
        kept = {key: said(typed, key) for key in typed if key not in {"csrf", "version"}}
        return show(desk, session, name, refused=(form, done), typed=kept)
    return RedirectResponse(f"/cases/{name}", 303)


def _minutes(text: str) -> int | Refusal | None:
    if not text:
        return None
    if not text.isdecimal() or not 0 < int(text) <= _DAY_OF_MINUTES:
        return Refusal("bad-minutes", "minutes are a whole number", "minutes")
    return int(text)


def _change(form: Typed) -> Change | Refusal:
    """What was typed of weight and waist; a field left empty is for the store to know."""
    found: dict[str, Any] = {}
    for name in _NUMBERS:
        text = said(form, name, 10)
        try:
            found |= {name: Decimal(unicodedata.normalize("NFKC", text))} if text else {}
        except InvalidOperation:
            return Refusal("bad-number", "no number", name)
    return Change(**found)
