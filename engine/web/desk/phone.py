"""The questionnaires as forms to fill in while on the telephone: three questions at a time, kept at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from random import SystemRandom
from typing import Any, Final

from fastapi import Response
from fastapi.responses import RedirectResponse

from engine import asking, clinical_taking
from engine.asking import Question
from engine.clinical import Fact, picture_of, standing
from engine.evaluate import attempt
from engine.locale import Language, text
from engine.people import Resident
from engine.questionnaires import NAMES, questionnaires
from engine.refusal import Refusal
from engine.store import repo_facts
from engine.store.database import write
from engine.store.repo_facts import By
from engine.web import scope
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import fact_rows, people_rows
from engine.web.desk.forms import Typed, chosen, said
from engine.web.door import Door
from engine.web.sessions import Session

door = Door()
# As `phr ask` names what a nurse heard on the telephone.
CHANNEL: Final = "nurse-phone"
_ALL: Final = 99
_LEFT: Final = 40


@door.page("/residents/{resident}/ask", "person.enter")
def ask(resident: str, desk: TheDesk, session: Signed, q: str = "veto", left: str = "") -> Response:
    """The next three open questions; `left` are those put and left open in this call."""
    return _show(desk, session, resident, q, left, {}, {})


@door.form("/residents/{resident}/ask", "person.enter")
def answer(resident: str, desk: TheDesk, session: Trusted, form: Typed) -> Response:
    """Keeps the answers; a question without one stays open and is not put again in this call."""
    name, left, shown = (said(form, key) for key in ("q", "left", "shown"))
    given = {code: chosen(form, f"a.{code}") for code in shown.split(",") if code}
    return _keep(desk, session, resident, name, left, given)


def urgent_lines(facts: Sequence[Fact], lang: Language, now: datetime) -> list[str]:
    """What to say at once while the newest word on the symptoms of today is a yes; nothing otherwise."""
    told = standing(facts, now).get("symptom.red-flag", [])
    today = now.astimezone(fact_rows.ZONE).date()
    if not told or told[-1].value != "1" or told[-1].at.astimezone(fact_rows.ZONE).date() != today:
        return []
    return text(lang, "resident", "symptom-emergency.emergency").split("\n")


def _keep(
    desk: Desk, session: Session, resident: str, name: str, left: str, given: Mapping[str, list[str]]
) -> Response:  # fmt: skip
    now = desk.now()
    if name not in NAMES:
        raise SorryError(404, "not-found", back=f"/residents/{resident}")
    facts: list[Fact] = []
    faults: dict[str, str] = {}
    for code, choices in given.items():
        item = questionnaires()[name].find(code)
        if item is None or not choices:
            continue
        told = asking.answer(item, choices, now, resident=resident, actor=session.by, channel=CHANNEL)
        if isinstance(told, Refusal):
            faults[code] = told.code
        else:
            facts.extend(told)
    if faults:
        return _show(desk, session, resident, name, left, given, faults)
    _store(desk, session, resident, facts, now)
    known = [code for code in left.split(",") if code]
    known += [code for code, choices in given.items() if not choices and questionnaires()[name].find(code)]
    put = ",".join(dict.fromkeys(known[-_LEFT:]))
    return RedirectResponse(f"/residents/{resident}/ask?q={name}{'&left=' + put if put else ''}", 303)


def _store(desk: Desk, session: Session, resident: str, facts: Sequence[Fact], now: datetime) -> None:
    """The facts of this page in one transaction, and at once what follows of them."""
    how = clinical_taking.Taking(
        by=By(session.by, desk.os_user), channel=CHANNEL, now=now, rng=SystemRandom()
    )  # fmt: skip
    with write(desk.engine) as connection:
        person = scope.resident_of(connection, session.who, resident, now)
        added = clinical_taking.add(connection, person, facts, how)
        if isinstance(added, Refusal):
            raise SorryError(403 if added.code == "no-consent" else 409, _sorry(added), back=f"/residents/{resident}")
        if added.stored:
            attempt(connection, person.id, now)


def _sorry(refusal: Refusal) -> str:
    return "no-record" if refusal.code == "no-consent" else "inactive"


def _show(
    desk: Desk, session: Session, resident: str, name: str, left: str, given: Mapping[str, list[str]],
    faults: Mapping[str, str],
) -> Response:  # fmt: skip
    now = desk.now()
    if name not in NAMES:
        raise SorryError(404, "not-found", back=f"/residents/{resident}")
    with write(desk.engine) as connection:
        person = scope.resident_of(connection, session.who, resident, now)
        refused = clinical_taking.may_take(connection, person, now)
        if refused is not None:
            raise SorryError(403, _sorry(refused), back=f"/residents/{person.id}")
        facts = repo_facts.of_one(connection, person.id)
        note(connection, desk, session, "record-ask", now, subject=person.id, detail=[name])
    open_ = _open(person, facts, name, left, now)
    # A refused form is shown again with the questions it held, whatever is open now.
    shown = [one for one in open_ if one.code in given] if faults else list(open_[: asking.MOST])
    context = {
        "person": person, "who": people_rows.who(person, session.lang, now), "name": name,
        "names": [(one, getattr(questionnaires()[one], session.lang)) for one in NAMES],
        "why": getattr(questionnaires()[name], f"why_{session.lang}"), "left": left, "given": given, "faults": faults,
        "questions": [_question(one, session.lang) for one in shown], "open": len(open_),
        "urgent": urgent_lines(facts, session.lang, now),
    }  # fmt: skip
    status = 422 if faults else 200
    here = f"/residents/{person.id}/ask?q={name}"
    return desk.page("record/ask.html", session.lang, session, status=status, here=here, **context)


def _open(person: Resident, facts: Sequence[Fact], name: str, left: str, now: datetime) -> tuple[Question, ...]:
    put = set(left.split(","))
    if name != "veto":
        return asking.next_items(name, facts, now, answered=put, most=_ALL)
    return asking.next_questions(
        picture_of(facts, person, now), answered=put, facts=facts, as_of=now, most=_ALL
    )  # fmt: skip


def _question(one: Question, lang: Language) -> dict[str, Any]:
    """A question with its choices; what was said before is named, never chosen beforehand."""
    item, before = one.item, one.before
    words = {choice.code: getattr(choice, lang) for choice in item.choices}
    return {
        "code": item.code, "number": item.number, "text": getattr(item, lang), "multi": item.multi, "why": one.why,
        "explained": getattr(item, f"why_{lang}"), "choices": list(words.items()),
        "before": None if before is None else {
            "said": ", ".join(words[code] for code in before.choices), "day": fact_rows.day(lang, before.at),
            "source": text(lang, "nurse", f"desk.source.{before.source}"),
        },
    }  # fmt: skip
