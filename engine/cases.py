"""A resident followed through a programme: what a case is, when its evaluations are due, and how it may end. Pure.

Days are local. What was done stands in events that are only added; the case itself is the newest of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal, get_args

import msgspec

from engine.cases_book import STAGES, Book, Habit, Programme, Stage
from engine.clinical_values import day_of
from engine.refusal import Refusal

State = Literal["open", "ended"]
Basis = Literal["checkup", "insurer", "nurse"]
Reason = Literal["completed", "declined", "unreachable", "moved", "died", "medicine", "other"]
Sort = Literal[
    "opened", "interview", "goal", "contact", "plan", "evaluation", "handed", "attended", "no-show", "ended"
]  # fmt: skip
GoalKind = Literal["weight", "waist", "steps", "habit"]
BASES: Final[tuple[Basis, ...]] = get_args(Basis)
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)
GOALS: Final[tuple[GoalKind, ...]] = get_args(GoalKind)
# How a life event ends a case.
BY_LIFE: Final[Mapping[str, Reason]] = {
    "death": "died", "deceased": "died", "moved-out": "moved", "moved": "moved", "left": "declined",
}  # fmt: skip
# Nobody was spoken to.
_TRIED: Final = frozenset({"message", "absent"})
# Appointments at which whoever looks after somebody speaks with them.
MEETS: Final = frozenset({"interview", "visit", "call", "class"})
# The letter of the month is no try to speak with somebody.
_LETTER: Final = "letter"
_DECEMBER: Final = 12


class Goal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the resident chose: `amount` in kg, cm or steps a day, or a habit; and in their own words.

    `loss_barred` is that a loss of weight was surely forbidden when it was chosen: then none counts in its favour.
    """

    kind: GoalKind
    amount: Decimal | None = None
    habit: Habit | None = None
    words: str = ""
    until: date | None = None
    chosen_on: date | None = None
    loss_barred: bool = False


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Weight in kg and waist in cm before and now, and where each came from; None is not known."""

    kg_before: Decimal | None = None
    kg_now: Decimal | None = None
    cm_before: Decimal | None = None
    cm_now: Decimal | None = None
    sources: dict[str, str] = {}

    @property
    def kg(self) -> Decimal | None:
        """The kg lost, negative for gained."""
        return None if self.kg_before is None or self.kg_now is None else self.kg_before - self.kg_now

    @property
    def cm(self) -> Decimal | None:
        """The cm lost, negative for gained."""
        return None if self.cm_before is None or self.cm_now is None else self.cm_before - self.cm_now


class Detail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one event says beside its time; `contact` is the id of the contact whose words stand there."""

    on: date | None = None
    next_on: date | None = None
    how: str | None = None
    outcome: str | None = None
    minutes: int | None = None
    contact: str | None = None
    staff: str | None = None
    goal: Goal | None = None
    stage: Stage | None = None
    change: Change | None = None
    habits: tuple[Habit, ...] = ()
    counted: str | None = None
    reason: str | None = None
    text: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing done in a case, and the points it counts."""

    sort: Sort
    at: datetime
    by: str
    detail: Detail = Detail()
    points: int = 0

    @property
    def day(self) -> date:
        """The local day on which it was done."""
        return self.detail.on or day_of(self.at)


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One resident in one programme (`o-…`); `next_on` the day of the next contact, `staff` who looks after them."""

    id: str
    resident: str
    municipality: str
    programme: Programme
    basis: Basis
    goal: Goal | None = None
    staff: str | None = None
    interviewed_on: date | None = None
    next_on: date | None = None
    state: State = "open"
    opened_at: datetime
    opened_by: str
    ended_at: datetime | None = None
    ended_by: str | None = None
    reason: Reason | None = None
    version: int = 1


def months_after(day: date, months: int) -> date:
    """The day of the same number so many months later; where that month has none, the first of the next.

    Of 30 November three months have passed on 1 March, never on 28 February: nothing is evaluated a day too early.
    """
    year, month = divmod(day.month - 1 + months, _DECEMBER)
    try:
        return date(day.year + year, month + 1, day.day)
    except ValueError:
        following = date(day.year + year, month + 1, 28)
        return months_after(following.replace(day=1), 1)


def evaluation_days(case: Case, book: Book) -> dict[Stage, date]:
    """From which day each evaluation may be made; none without a first interview or in a programme without."""
    if case.interviewed_on is None or not book.rule(case.programme).evaluated:
        return {}
    return {stage: months_after(case.interviewed_on, book.months(stage)) for stage in STAGES}


def evaluated(events: Iterable[Event]) -> dict[Stage, Event]:
    """The newest evaluation of each stage."""
    return {event.detail.stage: event for event in events if event.sort == "evaluation" and event.detail.stage}


def total(events: Iterable[Event]) -> int:
    """The points of a case: all support, and of several evaluations the newest alone, as they measure the same."""
    known = list(events)
    last = [event.points for event in known if event.sort == "evaluation"][-1:]
    return sum(event.points for event in known if event.sort != "evaluation") + sum(last)


def may_evaluate(case: Case, stage: Stage, today: date, book: Book) -> Refusal | None:
    """Why an evaluation cannot be made today: `not-evaluated`, `no-interview`, `too-early` or `no-goal`."""
    if not book.rule(case.programme).evaluated:
        return Refusal("not-evaluated", f"{case.programme} has no evaluation", "stage")
    if case.interviewed_on is None:
        return Refusal("no-interview", "there was no first interview yet", "stage")
    due = evaluation_days(case, book)[stage]
    if today < due:
        return Refusal("too-early", f"this may be evaluated from {due.isoformat()} on", "stage")
    return Refusal("no-goal", "no goal was chosen yet", "stage") if case.goal is None else None


def may_end(case: Case, reason: Reason, events: Sequence[Event], text: str, book: Book) -> Refusal | None:
    """Why a case cannot end so: `no-evaluation`, `points-missing`, `too-few-tries` or `no-words`."""
    rule = book.rule(case.programme)
    if reason == "completed":
        if rule.evaluated and not evaluated(events):
            return Refusal("no-evaluation", "a programme is completed by its evaluation", "reason")
        if total(events) < rule.needs:
            return Refusal("points-missing", f"{total(events)} of {rule.needs} points", "reason")
    if reason == "unreachable" and tries(events) < book.policy.tries:
        told = f"{tries(events)} of {book.policy.tries} tries on different days since somebody was spoken to"
        return Refusal("too-few-tries", told, "reason")
    if reason == "other" and not text.strip():
        return Refusal("no-words", "say why", "text")
    return None


def tries(events: Sequence[Event]) -> int:
    """On how many days it was tried in vain to speak with them since somebody was spoken to last."""
    days: set[date] = set()
    for event in events:
        spoken = event.sort == "contact" and event.detail.outcome not in _TRIED
        if spoken or event.sort in {"interview", "attended"}:
            days = set()
        elif event.sort == "contact" and event.detail.how != _LETTER:
            days.add(event.day)
    return len(days)


def planned(day: date | None, today: date, book: Book) -> Refusal | None:
    """Why the next contact cannot be that day: `past` or `too-far`; None is no day, and puts the case on the list."""
    if day is None:
        return None
    if day < today:
        return Refusal("past", "the next contact lies ahead", "next")
    if (day - today).days > book.policy.farthest:
        return Refusal("too-far", f"at most {book.policy.farthest} days ahead, lest somebody is forgotten", "next")
    return None
