"""A resident's consents at the desk: said here, printed on paper, and typed in from a paper that came back signed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from random import SystemRandom
from typing import Annotated, Any, Final, Literal

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from engine import consent_form, consent_paper
from engine.clinical_values import day_of
from engine.consent import PURPOSES, Event
from engine.consent_paper import Answer, Filled
from engine.dates import parse_birth_date
from engine.people import Resident
from engine.picture import zone_of
from engine.refusal import Refusal
from engine.report_file import pdf
from engine.sealing import seal_of
from engine.store import audit, repo_consent_sources, repo_consents, repo_family
from engine.store.database import Connection, write
from engine.web.account.times import day, minute
from engine.web.context import Desk, Signed, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.me import agreeing
from engine.web.me.cards import attached
from engine.web.me.consent_page import known, names_of, watchers_of
from engine.web.me.mine import MOST_FIELDS
from engine.web.scope import known as neighbour
from engine.web.sessions import Session

door = Door()
_REFUSED: Final = 422
_LAST: Final = 20


@door.page("/residents/{resident}/consents", "enrol")
def show(desk: TheDesk, session: Signed, resident: str, kept: str = "") -> Response:
    """What holds, the buttons that change it, the form to print and the form to type in."""
    with write(desk.engine) as connection:
        person = neighbour(connection, session.who, resident)
        note(connection, desk, session, "consents-view", desk.now(), subject=person.id)
        filed = bool(kept) and repo_consent_sources.filed(connection, person.id, kept)
        return _page(connection, desk, session, person, kept=kept if filed else "")


@door.form("/residents/{resident}/consents", "enrol")
async def say(request: Request, desk: TheDesk, session: Trusted, resident: str) -> Response:
    """A yes or a no that the resident said at the desk, the one in as many steps as the other."""
    form, now = await _fields(request), desk.now()
    with write(desk.engine) as connection:
        person = neighbour(connection, session.who, resident)
        told = agreeing.draft(form, person.id, now, actor=session.by, channel="desk")
        if not isinstance(told, Refusal):
            told = known(connection, person, told)
        if isinstance(told, Refusal):
            return _page(connection, desk, session, person, refused=told)
        repo_consents.append(connection, told, os_user=desk.os_user, seal=seal_of(desk.home))
    return RedirectResponse(f"/residents/{person.id}/consents#{told.purpose}", 303)


@door.form("/residents/{resident}/consents/form", "enrol")
def blank(desk: TheDesk, session: Trusted, resident: str, form: Annotated[Literal["pdf", "html"], Form()]) -> Response:
    """A new form to print, for this person and with today's words."""
    with write(desk.engine) as connection:
        person = neighbour(connection, session.who, resident)
        number = consent_paper.new_number(seal_of(desk.home), person.id, SystemRandom())
        page = consent_form.html(person, number, person.language)
        content = pdf(page) if form == "pdf" else page.encode()
        if isinstance(content, Refusal):
            return _page(connection, desk, session, person, refused=content)
        note(connection, desk, session, "consents-form", desk.now(), subject=person.id, detail=[number])
    return attached(content, form, f"minato-consent-{number}.{form}")


@door.form("/residents/{resident}/consents/paper", "enrol")
async def paper(request: Request, desk: TheDesk, session: Trusted, resident: str) -> Response:
    """What is ticked on a form that came back: all of it, or nothing and why."""
    form, now = await _fields(request), desk.now()
    with write(desk.engine) as connection:
        person = neighbour(connection, session.who, resident)
        # Two screens with the same form: the second one finds it filed.
        audit.take_turn(connection)
        told = _read(connection, desk, session, person, form, now)
        if isinstance(told, Refusal):
            return _page(connection, desk, session, person, refused=told, typed=form)
        back, events = told
        stored = [
            repo_consents.append(connection, one, os_user=desk.os_user, seal=seal_of(desk.home)) for one in events
        ]
        source = (repo_consent_sources.PAPER, back.reference, back.sha256)
        repo_consent_sources.note(connection, stored, source, now)
    return RedirectResponse(f"/residents/{person.id}/consents?kept={back.number}", 303)


def _read(
    connection: Connection, desk: Desk, session: Session, person: Resident, form: Mapping[str, str], now: datetime
) -> tuple[Filled, list[Event]] | Refusal:
    """The paper and its words, each checked as the resident's own page checks it."""
    back = _typed(form, consent_paper.read_number(seal_of(desk.home), person.id, form.get("number", "")), day_of(now))
    if isinstance(back, Refusal):
        return back
    if repo_consent_sources.filed(connection, person.id, back.number):
        return Refusal("already", "this form was typed in before", "number")
    since = consent_paper.overtaken(back, repo_consents.history(connection, person.id), zone_of(connection, person))
    if since is not None:
        return Refusal("said-since", "they spoke about it after they signed", since)
    drafts = consent_paper.drafts(back, person.id, session.by, now)
    told = [drafts] if isinstance(drafts, Refusal) else [known(connection, person, one) for one in drafts]
    wrong = next((one for one in told if isinstance(one, Refusal)), None)
    return wrong or (back, [one for one in told if isinstance(one, Event)])


def _typed(form: Mapping[str, str], number: str | Refusal, today: date) -> Filled | Refusal:
    """What is ticked, as it was typed in."""
    signed = parse_birth_date(form.get("signed", ""), today)
    if isinstance(number, Refusal):
        return number
    if isinstance(signed, Refusal):
        return Refusal("future-date" if signed.code == "future-date" else "bad-date", signed.message, "signed")
    answers = [
        Answer(purpose, form[f"answer.{purpose}"] == "yes", form.get(f"who.{purpose}", "").strip() or None)
        for purpose in PURPOSES
        if form.get(f"answer.{purpose}") in {"yes", "no"}
    ]
    unnamed = [one for one in answers if one.granted and one.purpose in agreeing.CHOSEN and not one.recipient]
    if unnamed:
        return Refusal("needs-recipient", "a yes to somebody must name them", f"who.{unnamed[0].purpose}")
    return consent_paper.filled(number, signed, answers, form.get("scan", "").strip().lower(), today)


def _page(
    connection: Connection,
    desk: Desk,
    session: Session,
    person: Resident,
    *,
    refused: Refusal | None = None,
    typed: Mapping[str, str] | None = None,
    kept: str = "",
) -> Response:
    now, lang = desk.now(), session.lang
    events = repo_consents.history(connection, person.id)
    names = names_of(connection, events, person, lang) | {person.id: f"{person.family_name} {person.given_name}"}
    family = [(one.id, one.name) for one in repo_family.named_by(connection, person.id) if one.ended_at is None]
    values: dict[str, Any] = {
        "purposes": agreeing.agreed(events, now, lang, names), "said": agreeing.history(events, lang, names, _LAST),
        "people": {"family-view": family, "watch-over": [*watchers_of(connection, person), *family]},
        "papers": _papers(connection, person), "spans": agreeing.SPANS, "day": day, "minute": minute,
        "refused": refused, "typed": typed or {}, "kept": kept, "person": person,
    }  # fmt: skip
    here, status = f"/residents/{person.id}/consents", 200 if refused is None else _REFUSED
    return desk.page("enrol/consents.html", lang, session, status=status, here=here, **values)


def _papers(connection: Connection, person: Resident) -> list[tuple[str, str]]:
    """The papers and documents that words of this person rest on, each once with the day it was typed in."""
    sources = repo_consent_sources.of(connection, person.id).values()
    return list(dict.fromkeys((one.reference, day(one.at)) for one in sources))


async def _fields(request: Request) -> dict[str, str]:
    form = await request.form(max_fields=MOST_FIELDS)
    return {name: value for name, value in form.items() if isinstance(value, str)}
