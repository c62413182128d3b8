"""Who is to be called today: every open case stands in one order, and none that nobody planned is left out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Final, Literal

import msgspec

from engine.cases import BY_LIFE, Case, Event, Reason, evaluated, evaluation_days
from engine.cases_book import Book
from engine.clinical_values import day_of

# Why a case is on the list: its resident died or moved, nobody planned a contact, a contact or an evaluation is due.
Why = Literal["life", "unplanned", "interview", "contact", "three", "six"]
# To hand somebody over is to do nothing for them.
_PLAN: Final = frozenset({"plan", "interview", "contact", "attended", "no-show", "evaluation", "opened"})


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list: since when it is due, why, and how the case would end where its resident is gone."""

    case: Case
    due: date
    why: tuple[Why, ...]
    days: int
    tries: int = 0
    ending: Reason | None = None

    @property
    def is_due(self) -> bool:
        """Whether it is for today or was before."""
        return self.days >= 0


def call_of(
    case: Case, events: Sequence[Event], today: date, book: Book, gone: str | None = None, booked: date | None = None
) -> Call | None:
    """The line of one case: None for one that ended, and for one whose next day is further than `soon` days ahead.

    `gone` is the life event or status by which its resident takes part no more; then nobody is called. `booked` is the
    day of an appointment to come: where no other day was planned, it is the next one.
    """
    if case.state != "open":
        return None
    if gone is not None:
        since = day_of(case.opened_at) if not events else events[-1].day
        return _call(case, {"life": min(since, today)}, today, BY_LIFE.get(gone, "other"))
    found = _due(msgspec.structs.replace(case, next_on=case.next_on or booked), events, book)
    near = {why: day for why, day in found.items() if day <= today + timedelta(days=book.policy.soon)}
    return _call(case, near, today) if near else None


def in_order(calls: Iterable[Call], book: Book, kana: Mapping[str, str] | None = None) -> list[Call]:
    """The lines: longest overdue first, then by programme, then by the reading of the name; no two stand alike."""
    names = kana or {}

    def key(call: Call) -> tuple[int, int, str, str]:
        case = call.case
        return -call.days, book.rule(case.programme).priority, names.get(case.resident, ""), case.id

    return sorted(calls, key=key)


def _due(case: Case, events: Sequence[Event], book: Book) -> dict[Why, date]:
    """Every day on which something is to be done; the case that nobody planned is due since somebody did something."""
    done = evaluated(events)
    found: dict[Why, date] = {
        stage: day for stage, day in evaluation_days(case, book).items() if stage not in done
    }  # fmt: skip
    # What the second evaluation tells the first would have told, too.
    if "six" in done:
        found.pop("three", None)
    if case.next_on is not None:
        begun = case.interviewed_on is not None or not book.rule(case.programme).evaluated
        found["contact" if begun else "interview"] = case.next_on
    else:
        acted = [event.day for event in events if event.sort in _PLAN]
        found["unplanned"] = max(acted, default=day_of(case.opened_at))
    return found


def _call(case: Case, found: Mapping[Why, date], today: date, ending: Reason | None = None) -> Call:
    due = min(found.values())
    why = tuple(sorted(found, key=lambda one: (found[one], one)))
    return Call(case=case, due=due, why=why, days=(today - due).days, ending=ending)
