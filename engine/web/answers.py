"""Questionnaires as forms: which questions stand open, and the facts that a form's answers say. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec

from engine import asking
from engine.asking import MOST, Question
from engine.clinical import Fact, Source, picture_of
from engine.people import Resident, age_on
from engine.questionnaires import Item
from engine.refusal import Refusal

# The specific check-up is for these ages, the questionnaire of the later one from 75 (its own title says so).
_CHECKUP: Final = (40, 74)
_FIELD: Final = "q."


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """Questions put at once, of which questionnaire, and how many stand open in all."""

    questionnaire: str
    questions: tuple[Question, ...]
    left: int


def questionnaires_for(person: Resident, today: date) -> tuple[str, ...]:
    """The questionnaires put to a person of this age, in their order; what could forbid an advice comes first."""
    years = age_on(person.birth_date, today)
    form = "older75" if years > _CHECKUP[1] else "standard22" if years >= _CHECKUP[0] else None
    return ("veto",) if form is None else ("veto", form)


def asked(
    person: Resident, facts: Sequence[Fact], shown: Iterable[Fact], name: str, now: datetime, *, most: int = MOST
) -> Sheet:
    """The next open questions of one questionnaire; `shown` are the facts whose answers may be repeated to the person.

    What is open follows from all `facts`, so that nobody is asked again what a hospital told.
    """
    every = 10_000
    if name == "veto":
        found = asking.next_questions(picture_of(facts, person, now), facts=shown, as_of=now, most=every)
    else:
        known = {fact.id for fact in shown}
        found = tuple(_blinded(one, known, facts) for one in asking.next_items(name, facts, now, most=every))
    return Sheet(questionnaire=name, questions=found[:most], left=len(found))


def chosen(form: Any, code: str) -> tuple[str, ...]:
    """The choices a form sent for one question."""
    return tuple(value for value in form.getlist(f"{_FIELD}{code}") if isinstance(value, str) and value)


def told(
    form: Any, name: str, now: datetime, *, resident: str, actor: str, channel: str, source: Source = "resident"
) -> list[Fact] | Mapping[str, Refusal]:
    """The facts that the answers of a form say; the refusals by the code of their question where any is wrong.

    A question without an answer is skipped, which leaves it not asked.
    """
    facts: list[Fact] = []
    wrong: dict[str, Refusal] = {}
    for item in _items(form, name):
        said = asking.answer(
            item, chosen(form, item.code), now, resident=resident, actor=actor, channel=channel, source=source
        )
        if isinstance(said, Refusal):
            wrong[item.code] = said
        else:
            facts.extend(said)
    return wrong or facts


def _items(form: Any, name: str) -> Iterable[Item]:
    codes = dict.fromkeys(key.removeprefix(_FIELD) for key in form if key.startswith(_FIELD))
    for code in codes:
        item = asking.find(name, code)
        if item is not None and item.code == code and chosen(form, code):
            yield item


def _blinded(question: Question, known: set[str], facts: Sequence[Fact]) -> Question:
    """The question without what was answered before, unless all of that may be repeated."""
    codes = {question.code, *question.item.settles}
    hidden = any(fact.id not in known for fact in facts if fact.code in codes)
    return msgspec.structs.replace(question, before=None) if hidden else question
