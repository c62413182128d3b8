"""The questions that stand open for a resident, three at a time; what they answer is kept as said on the page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from random import SystemRandom
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from engine import clinical_taking
from engine.clinical import Fact
from engine.clinical_values import day_of
from engine.evaluate import attempt
from engine.locale import text
from engine.people import Resident
from engine.questionnaires import questionnaires
from engine.refusal import Refusal
from engine.store import repo_disclosure, repo_facts
from engine.store.database import Connection, write
from engine.store.repo_facts import By
from engine.web.answers import Sheet as Asked
from engine.web.answers import asked, questionnaires_for, told
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.me.mine import MOST_FIELDS, day_words, last, me_of
from engine.web.me.sheet import Sheet, TheSheet
from engine.web.sessions import Session

door = Door()
_PAGE: Final = "/me/questions"
RED_FLAG: Final = "symptom.red-flag"


@door.page(_PAGE, "mine.say")
def ask(desk: TheDesk, session: Signed, sheet: TheSheet, form: str = "", thanks: bool = False) -> HTMLResponse:
    """The next three questions of one questionnaire, and which others there are."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        values = _values(connection, person, sheet, form, now)
        note(connection, desk, session, "questions-view", now, subject=person.id)
    return sheet.page("me/questions.html", here=_PAGE, thanks=thanks, wrong={}, refusal=None, **values)


@door.form(_PAGE, "mine.say")
async def take(request: Request, desk: TheDesk, session: Trusted, sheet: TheSheet) -> Response:
    """Keeps the answers; whoever tells of a sign that is urgent reads at once what to do, and nothing else."""
    sent = await request.form(max_fields=MOST_FIELDS)
    name, now = last(sent, "form"), desk.now()
    if name not in questionnaires():
        raise SorryError(400, "bad-request", back=_PAGE)
    found = told(sent, name, now, resident=session.by, actor=session.by, channel="page")
    wrong: Mapping[str, Refusal] = found if isinstance(found, Mapping) else {}
    facts = [] if isinstance(found, Mapping) else found
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        refusal = _keep(connection, desk, session, person, facts) if facts and not wrong else None
        if wrong or refusal is not None:
            values = _values(connection, person, sheet, name, now)
            return sheet.page(
                "me/questions.html", here=_PAGE, status=422, thanks=False, wrong=wrong, refusal=refusal, **values
            )
    if any(fact.code == RED_FLAG and fact.value == "1" for fact in facts):
        lines = text(session.lang, "resident", "symptom-emergency.emergency").split("\n")
        return sheet.page("me/questions_urgent.html", here=_PAGE, lines=lines)
    return RedirectResponse(f"{_PAGE}?form={name}{'&thanks=1' if facts else ''}", 303)


def _keep(connection: Connection, desk: Desk, session: Session, person: Resident, facts: list[Fact]) -> Refusal | None:
    how = clinical_taking.Taking(
        by=By(session.by, desk.os_user), channel="page", now=desk.now(), rng=SystemRandom()
    )  # fmt: skip
    added = clinical_taking.add(connection, person, facts, how)
    if isinstance(added, Refusal):
        return added
    attempt(connection, person.id, desk.now())
    return None


def _values(connection: Connection, person: Resident, sheet: Sheet, form: str, now: datetime) -> dict[str, Any]:
    lang = sheet.session.lang
    names = questionnaires_for(person, day_of(now))
    facts = repo_facts.of_one(connection, person.id)
    shown = repo_disclosure.seen_by(connection, person, now).shown
    sheets = {name: asked(person, facts, shown, name, now) for name in names}
    chosen = _chosen(sheets, form)
    allowed = clinical_taking.may_take(connection, person, now)
    return {
        "asked": sheets[chosen], "title": _title(chosen, lang), "allowed": allowed is None,
        "others": [(name, _title(name, lang), one.left) for name, one in sheets.items() if name != chosen and one.left],
        "day": lambda at: day_words(lang, at),
        "words": lambda part, field: getattr(part, f"{field}_{lang}" if field else lang),
    }  # fmt: skip


def _chosen(sheets: Mapping[str, Asked], form: str) -> str:
    """The questionnaire asked for while it has questions, else the first that has any."""
    if form in sheets and sheets[form].left:
        return form
    return next((name for name, one in sheets.items() if one.left), next(iter(sheets)))


def _title(name: str, lang: str) -> str:
    found = questionnaires()[name]
    return found.ja if lang == "ja" else found.en
