"""Loans as people work them off: who has what, what is overdue, what to collect, what is not wiped yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from engine.loans import Loan, in_order, is_due_soon, is_overdue
from engine.people import Resident
from engine.situation import gone
from engine.store import repo_closing, repo_life, repo_loans, repo_protection, repo_residents
from engine.store.database import Connection
from engine.store.repo_places import ZONE

When = Literal["collect", "overdue", "soon", "later", ""]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A loan and its borrower (None: not any more); `collect` why they will not bring it back themselves.

    Address and telephone are masked where a measure of support hides them.
    """

    loan: Loan
    person: Resident | None
    collect: str = ""
    when: When = ""


def today_of(now: datetime) -> date:
    """The town's day."""
    return now.astimezone(ZoneInfo(ZONE)).date()


def unsettled(connection: Connection, towns: Collection[str] | None, now: datetime) -> list[Held]:
    """Everything that is out or not wiped, first what is to be collected, then by due day."""
    return _held(connection, repo_loans.unsettled(connection, towns), now)


def overdue(connection: Connection, towns: Collection[str] | None, now: datetime) -> list[Held]:
    """Whom to call: what is to be collected and what is overdue."""
    return [one for one in unsettled(connection, towns, now) if one.when in {"collect", "overdue"}]


def stock(connection: Connection, towns: Collection[str] | None, now: datetime) -> list[Held]:
    """Every thing that was ever lent, by its number."""
    found = _held(connection, repo_loans.stock(connection, towns), now)
    return sorted(found, key=lambda one: one.loan.asset)


def rows(held: Iterable[Held]) -> list[tuple[str, ...]]:
    """The inventory as cells of a table: of a borrower the id alone, and that only while they have it."""
    return [
        (one.loan.asset, one.loan.sort, one.loan.state, one.loan.resident if one.loan.state == "out" else "",
         one.loan.municipality, one.loan.lent_at.astimezone(ZoneInfo(ZONE)).date().isoformat(),
         one.loan.due_on.isoformat(), _day(one.loan.returned_at), _day(one.loan.wiped_at), _day(one.loan.cleared_at),
         one.loan.ended or "", one.loan.remark or "")
        for one in held
    ]  # fmt: skip


HEAD = (
    "asset", "sort", "state", "borrower", "municipality", "lent_on", "due_on", "returned_on", "wiped_on", "cleared_on",
    "ended", "remark",
)  # fmt: skip


def _held(connection: Connection, loans: list[Loan], now: datetime) -> list[Held]:
    borrowers = repo_residents.get_many(connection, {one.resident for one in loans})
    people = {one.id: one for one in repo_protection.masked_all(connection, borrowers, now)}
    known, today = repo_life.situations(connection, list(people)), today_of(now)
    # After an erasure nobody knows any more where the thing is.
    left = dict.fromkeys(repo_closing.asked(connection, people), "closing")
    left |= {name: why.field or why.code for name, one in known.items() if (why := gone(one, now)) is not None}
    held = [
        Held(loan=one, person=people.get(one.resident), when=_when(one, today, left.keys()),
             collect=left.get(one.resident, "") if one.state == "out" else "")
        for one in loans
    ]  # fmt: skip
    order = {one.seq: place for place, one in enumerate(in_order(loans, frozenset(left)))}
    return sorted(held, key=lambda one: (one.when == "", order[one.loan.seq]))


def _when(loan: Loan, today: date, left: Collection[str]) -> When:
    if loan.state != "out":
        return ""
    if loan.resident in left:
        return "collect"
    return "overdue" if is_overdue(loan, today) else "soon" if is_due_soon(loan, today) else "later"


def _day(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(ZoneInfo(ZONE)).date().isoformat()
