"""Cases in words: for the desk and the terminal in one, and what the resident reads of their own goal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from babel.dates import format_date

from engine.cases import Case, Change, Detail, Event, Goal
from engine.cases_book import Book, Stage
from engine.cases_calls import Call
from engine.locale import Language, has_text, text

_DAY: Final = {"ja": "y年M月d日(E)", "en": "EEE d MMM y"}
_NONE: Final = "–"


def said(lang: Language, key: str, **values: object) -> str:
    """A nurse's text of this area."""
    return text(lang, "nurse", f"desk.cases.{key}", **values)


def day(lang: Language, at: date | None) -> str:
    """A day with its weekday, by which people plan."""
    return _NONE if at is None else format_date(at, _DAY[lang], locale=lang)


def goal(lang: Language, one: Goal | None) -> str:
    """The goal in one line, with the resident's own words behind it."""
    if one is None:
        return said(lang, "goal.none")
    what = said(lang, f"habit.{one.habit}") if one.habit else said(lang, f"goal.{one.kind}", amount=f"{one.amount:,}")
    until = f" ({said(lang, 'until', day=day(lang, one.until))})" if one.until else ""
    return f"{what}{until} {said(lang, 'quoted', words=one.words)}".strip() if one.words else f"{what}{until}"


def why(lang: Language, call: Call) -> list[str]:
    """Why somebody is on the list, what has been due longest first."""
    if call.ending is not None:
        return [said(lang, "why.life", reason=said(lang, f"reason.{call.ending}"))]
    return [said(lang, f"why.{one}") for one in call.why]


def late(lang: Language, call: Call) -> str:
    """How late a call is: today, so many days late, or in so many days."""
    if call.days == 0:
        return said(lang, "late.today")
    return said(lang, "late.days", days=call.days) if call.days > 0 else said(lang, "late.in", days=-call.days)


def event(lang: Language, one: Event, names: dict[str, str]) -> str:
    """One event in a line; the words of a contact stand in the contact itself."""
    tell = _EVENTS.get(one.sort)
    if tell is not None:
        return tell(lang, one.detail)
    detail = one.detail
    if one.sort == "handed":
        return said(lang, "event.handed", staff=names.get(detail.staff or "", detail.staff or said(lang, "nobody")))
    return said(lang, f"event.{one.sort}", day=day(lang, detail.on), how=word(lang, "how", detail.how))


def change(lang: Language, one: Change | None) -> str:
    """What changed in weight and waist; a dash for what nobody measured."""
    kg, cm = (None, None) if one is None else (one.kg, one.cm)
    return said(lang, "change", kg=_signed(kg, "kg"), cm=_signed(cm, "cm"))


def source(lang: Language, word: str) -> str:
    """Where a number of an evaluation comes from: `checkup 2026-06-01`, `median 5`, `staff …` or `typed`."""
    sort, _, rest = word.partition(" ")
    told = day(lang, date.fromisoformat(rest)) if sort in {"checkup", "staff"} else rest
    return said(lang, f"source.{sort}", what=told) if sort else _NONE


def points(lang: Language, case: Case, total: int, book: Book) -> str:
    """How many points of how many; how many alone where none are needed."""
    needs = book.rule(case.programme).needs
    return said(lang, "points.of", points=total, needs=needs) if needs else said(lang, "points.none")


def stage(lang: Language, one: Stage) -> str:
    """What an evaluation is called."""
    return said(lang, f"stage.{one}")


def mine(lang: Language, one: Goal) -> list[str]:
    """A goal as its own resident reads it, a sentence a line."""
    told = (
        text(lang, "resident", f"me.goal.habit.{one.habit}")
        if one.habit
        else text(lang, "resident", f"me.goal.{one.kind}", amount=f"{one.amount:,}")
    )
    return [told]


def _signed(value: Decimal | None, unit: str) -> str:
    """A loss is written as a minus, as people say it."""
    return _NONE if value is None else (f"{-value:+}".replace("-", "−") if value else "±0") + f" {unit}"


def _contact(lang: Language, detail: Detail) -> str:
    minutes = said(lang, "minutes", minutes=detail.minutes) if detail.minutes else ""
    return " ".join(filter(None, (word(lang, "how", detail.how), word(lang, "outcome", detail.outcome), minutes)))


def _plan(lang: Language, detail: Detail) -> str:
    if detail.next_on is None:
        return said(lang, "event.unplanned")
    return said(lang, "event.plan", day=day(lang, detail.next_on))


def _evaluation(lang: Language, detail: Detail) -> str:
    kept = ", ".join(said(lang, f"habit.{habit}") for habit in detail.habits) or _NONE
    told = said(lang, f"stage.{detail.stage}")
    return said(lang, "event.evaluation", stage=told, change=change(lang, detail.change), habits=kept)


def _ended(lang: Language, detail: Detail) -> str:
    told = said(lang, "event.ended", reason=said(lang, f"reason.{detail.reason}"))
    return f"{told} {said(lang, 'quoted', words=detail.text)}" if detail.text else told


def word(lang: Language, sort: str, code: str | None) -> str:
    """The word for a way of contact (`how`) or its `outcome`."""
    key = f"desk.contact.{sort}.{code}"
    return text(lang, "nurse", key) if has_text(lang, "nurse", key) else code or ""


def _appointment(lang: Language, code: str | None) -> str:
    key = f"desk.cases.appointment.{code}"
    return text(lang, "nurse", key) if has_text(lang, "nurse", key) else code or ""


_EVENTS: Final[Mapping[str, Callable[[Language, Detail], str]]] = {
    "contact": _contact,
    "goal": lambda lang, detail: said(lang, "event.goal", goal=goal(lang, detail.goal)),
    "plan": _plan,
    "evaluation": _evaluation,
    "ended": _ended,
    "attended": lambda lang, detail: said(lang, "event.attended", what=_appointment(lang, detail.how)),
    "no-show": lambda lang, detail: said(lang, "event.no-show", what=_appointment(lang, detail.how)),
}
