"""What support and outcomes count in the specific health guidance, by the table that is data. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from decimal import Decimal
from typing import Final

from engine.cases import Case, Change, Event
from engine.cases_book import Book, ChangeRule, Habit, Process

REACHED: Final = "reached"


def process_of(book: Book, how: str) -> Process | None:
    """As what a way of contact counts; None where it counts for nothing (a letter)."""
    return next((row for row in book.process if how in row.hows), None)


def contact_points(
    book: Book, case: Case, how: str, outcome: str, minutes: int | None, day: date, events: Iterable[Event]
) -> tuple[int, str | None]:
    """What a contact on `day` counts, and as what: (0, None) where it counts for nothing.

    Only of a programme that needs points, only after the day of the first interview, only with the resident, only if
    it was long enough; of several on one day the best, so that a second one counts what it has more.
    """
    row = process_of(book, how)
    began = case.interviewed_on
    if row is None or began is None or day <= began or outcome != REACHED or not book.rule(case.programme).needs:
        return 0, None
    if row.minutes and (minutes is None or minutes < row.minutes):
        return 0, None
    given = sum(event.points for event in events if event.sort == "contact" and event.day == day)
    points = max(0, row.points - given) if book.policy.once_a_day else row.points
    return (points, row.id) if points else (0, None)


def bonus_points(book: Book, case: Case, checkup_on: date | None, day: date) -> tuple[int, str | None]:
    """What a first interview on `day` counts for being so soon after the check-up."""
    if checkup_on is None or day < checkup_on or not book.rule(case.programme).needs:
        return 0, None
    soon = [row for row in book.bonus if (day - checkup_on).days <= row.days]
    best = max(soon, key=lambda row: row.points, default=None)
    return (0, None) if best is None else (best.points, best.id)


def change_reached(book: Book, change: Change) -> ChangeRule | None:
    """The best of the rules about weight and waist that a change reaches; None without numbers of both."""
    if change.kg is None or change.cm is None or change.kg_before is None:
        return None
    best = sorted(book.change, key=lambda row: row.points, reverse=True)
    return next((row for row in best if _reaches(row, change.kg, change.cm, change.kg_before)), None)


def evaluation_points(
    book: Book, case: Case, change: Change, habits: Collection[Habit], *, barred: bool = False
) -> tuple[int, str | None]:  # fmt: skip
    """What an evaluation counts, and which change of the body is in it.

    A loss counts nothing for whom a loss was forbidden when the goal was chosen, or is now (`barred`): what must not be
    aimed at is no success. Habits count each once.
    """
    if not book.rule(case.programme).needs:
        return 0, None
    barred = barred or case.goal is None or case.goal.loss_barred
    reached = None if barred else change_reached(book, change)
    kept = sum(row.points for row in book.habit if row.id in set(habits))
    return kept + (reached.points if reached else 0), reached.id if reached else None


def _reaches(row: ChangeRule, kg: Decimal, cm: Decimal, before: Decimal) -> bool:
    if kg >= row.kg and cm >= row.cm:
        return True
    if row.share is None:
        return False
    least = before * row.share
    return kg >= least and cm >= least
