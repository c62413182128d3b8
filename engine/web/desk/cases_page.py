"""The page of one case: everything of it, or its bare name where the resident withdrew their consent."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from fastapi import Response

from engine import cases_words
from engine.cases import BY_LIFE, GOALS, REASONS, Case, Change
from engine.cases_book import HABITS, STAGES, book
from engine.cases_measure import change_of
from engine.cases_store import judgement_of
from engine.contract.ids import is_id
from engine.decisions import open_to_nurses
from engine.life_words import badges
from engine.locale import Language
from engine.people import Resident
from engine.plans.needs import DEFICIT_VETOES
from engine.refusal import Refusal
from engine.situation import gone
from engine.store import repo_cases, repo_life, repo_staff
from engine.store.database import Connection, write
from engine.store.repo_contacts import HOWS, OUTCOMES
from engine.web import scope
from engine.web.context import Desk, SorryError, note
from engine.web.desk import appointments_rows, cases_rows, people_rows
from engine.web.desk.fact_rows import ZONE
from engine.web.sessions import Session
from engine.web.view import word

_VALUES: Final = ("kg_before", "kg_now", "cm_before", "cm_now")


def show(
    desk: Desk,
    session: Session,
    name: str,
    refused: tuple[str, Refusal] | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    """The page, perhaps with what a refused form held; SorryError not-found outside the towns of whoever looks."""
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        case = repo_cases.get(connection, name) if is_id(name, "o") else None
        if case is None:
            raise SorryError(404, "not-found")
        person = scope.known(connection, session.who, case.resident, now)
        agreed = bool(open_to_nurses(connection, [person.id], now))
        note(connection, desk, session, "case-view", now, subject=person.id, detail=[case.id, case.version])
        context = _bare(connection, case, person, lang, now) | {"agreed": agreed, "life": ()}
        if agreed:
            context |= _whole(connection, case, person, lang, now)
            context |= {"appointments": appointments_rows.coming(connection, session, person.id, now)}
    form, refusal = refused or ("", None)
    context |= {"form": form, "refused": refusal, "error": refusal, "typed": typed or {}}
    status = 422 if refusal else 200
    return desk.page("cases/case.html", lang, session, status=status, here=f"/cases/{case.id}", **context)


def _bare(
    connection: Connection, case: Case, person: Resident, lang: Language, now: datetime
) -> dict[str, Any]:  # fmt: skip
    """What is shown of every case: whose it is, since when, and how it can be ended."""
    left = gone(repo_life.situation(connection, person.id), now)
    ending = None if left is None else BY_LIFE.get(left.field or "", "other")
    return {
        "case": case, "resident": person.id, "who": people_rows.who(person, lang, now), "reasons": REASONS,
        "ending": ending,
        "since": cases_words.day(lang, case.opened_at.astimezone(ZONE).date()),
    }  # fmt: skip


def _whole(
    connection: Connection, case: Case, person: Resident, lang: Language, now: datetime
) -> dict[str, Any]:  # fmt: skip
    events = repo_cases.events(connection, case.id)
    names = repo_staff.names_of(connection, [case.staff] if case.staff else [])
    judged = judgement_of(connection, person, now)
    change = change_of(connection, person, case, now, book())
    return {
        "life": badges(repo_life.situation(connection, person.id), now, ZONE, lang),
        "programme": cases_words.said(lang, f"programme.{case.programme}"),
        "rule": book().rule(case.programme),
        "basis": cases_words.said(lang, f"basis.{case.basis}"), "goal": cases_words.goal(lang, case.goal),
        "next_day": cases_words.day(lang, case.next_on), "interviewed": cases_words.day(lang, case.interviewed_on),
        "due": cases_rows.due_days(case, events, lang), "points": cases_rows.points(case, events, lang),
        "history": cases_rows.history(connection, case, events, lang), "staff_name": names.get(case.staff or "", ""),
        "staff": people_rows.nurses(connection, person.municipality_code), "hows": HOWS, "outcomes": OUTCOMES,
        "goals": GOALS, "habits": HABITS, "stages": STAGES, "known": _known(change, lang),
        "barred": _words(lang, "bar", sorted(judged.must_not)),
        "no_loss": bool(DEFICIT_VETOES & judged.must_not), "ask": len(judged.ask),
        "edition": book().edition,
        "unverified": _words(lang, "cases.number", book().unverified), "farthest": book().policy.farthest,
    }  # fmt: skip


def _words(lang: Language, sort: str, codes: Iterable[str]) -> str:
    return ("、" if lang == "ja" else ", ").join(word(lang, sort, code) for code in codes)


def _known(change: Change, lang: Language) -> list[tuple[str, str, str]]:
    """Each number of an evaluation that the store knows, with its unit and where it comes from; "" for unknown."""
    found = []
    for name in _VALUES:
        value = getattr(change, name)
        told = "" if value is None else f"{value} {'kg' if name.startswith('kg') else 'cm'}"
        found.append((name, told, cases_words.source(lang, change.sources.get(name, ""))))
    return found
