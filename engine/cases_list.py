"""The call list of some towns, and who a check-up says should be invited and is not followed yet."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from engine.cases import MEETS, Case, Event, tries
from engine.cases_book import GUIDANCE, Programme, book
from engine.cases_calls import Call, call_of, in_order
from engine.cases_store import level_of
from engine.clinical_values import day_of
from engine.decisions import open_to_nurses
from engine.people import Resident
from engine.situation import gone
from engine.store import repo_appointments, repo_cases, repo_invited, repo_life, repo_residents
from engine.store.database import Connection
from engine.store.parts import parts_of

_APRIL: Final = 4


class CallList(msgspec.Struct, frozen=True, kw_only=True):
    """Every open case of some towns: what is due and comes soon, what is planned for later, and who said no since.

    `people` are the residents by id. Of `withdrawn` nobody but the name is shown: their cases can only be ended; so is
    it with those of `unseen`, who withdrew before they died or moved away.
    """

    due: list[Call]
    soon: list[Call]
    later: list[Case]
    withdrawn: list[Case]
    people: dict[str, Resident]
    unseen: frozenset[str] = frozenset()

    @property
    def size(self) -> int:
        """How many open cases there are."""
        return len(self.due) + len(self.soon) + len(self.later) + len(self.withdrawn)


class Invited(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whose check-up says a level of guidance, with its day, and who is in no guidance since."""

    person: Resident
    level: Programme
    checked_on: date


def calls(
    connection: Connection, towns: Collection[str] | None, now: datetime, *, staff: str | None = None
) -> CallList:  # fmt: skip
    """The call list of these towns (None: all), of one person of staff where `staff` is given: nobody open is missing.

    Who died or moved away stands on it to be ended, whether or not they agreed to anything.
    """
    cases = [one for one in repo_cases.listed(connection, towns) if staff is None or one.staff == staff]
    people = {one.id: one for one in _people(connection, repo_cases.residents_of(cases))}
    agreed = open_to_nurses(connection, people, now)
    lives = repo_life.situations(connection, people)
    left = {name: refusal.field or "left" for name in people if (refusal := gone(lives[name], now)) is not None}
    done = repo_cases.events_of(connection, [one.id for one in cases])
    shown = [case for case in cases if case.resident in agreed or case.resident in left]
    today = day_of(now)
    expected = _expected(connection, towns, now)
    found = [(one, _line(one, done[one.id], today, left.get(one.resident), expected)) for one in shown]
    lines, later = [call for _, call in found if call is not None], [case for case, call in found if call is None]
    kana = {name: f"{one.family_kana} {one.given_kana}" for name, one in people.items()}
    ordered = in_order(lines, book(), kana)
    return CallList(
        due=[one for one in ordered if one.is_due], soon=[one for one in ordered if not one.is_due], later=later,
        withdrawn=[one for one in cases if one.resident not in agreed and one.resident not in left], people=people,
        unseen=frozenset(left) - agreed,
    )  # fmt: skip


def invited(
    connection: Connection, towns: Collection[str] | None, now: datetime, *, after: str | None = None, limit: int = 50
) -> tuple[list[Invited], str | None]:
    """Of the next `limit` residents with a check-up of this fiscal year and in no guidance since: whom to invite.

    Second, after whom the next page goes on (None: nobody is left). Only who agreed that nurses look.
    """
    today = day_of(now)
    first = date(today.year if today.month >= _APRIL else today.year - 1, _APRIL, 1)
    names = repo_invited.candidates(connection, towns, first, after=after, limit=limit)
    agreed = open_to_nurses(connection, names, now)
    days = repo_invited.checkup_days(connection, names, first)
    people = _people(connection, [name for name in names if name in agreed])
    found = [_invited(connection, person, days, now) for person in people]
    return [one for one in found if one is not None], names[-1] if len(names) == limit else None


def _invited(connection: Connection, person: Resident, days: dict[str, date], now: datetime) -> Invited | None:
    level = level_of(connection, person, now)
    programme = next((one for one in GUIDANCE if one == level), None)
    if programme is None or person.id not in days:
        return None
    return Invited(person=person, level=programme, checked_on=days[person.id])


def _line(
    case: Case, events: Sequence[Event], today: date, left: str | None, expected: Mapping[tuple[str, str | None], date]
) -> Call | None:
    days = [expected[key] for key in ((case.resident, None), (case.resident, case.id)) if key in expected]
    call = call_of(case, events, today, book(), left, min(days, default=None))
    return None if call is None else msgspec.structs.replace(call, tries=tries(events))


def _expected(
    connection: Connection, towns: Collection[str] | None, now: datetime
) -> dict[tuple[str, str | None], date]:  # fmt: skip
    """The first day, in the time in which a contact may be planned, on which each resident is expected; by case."""
    found: dict[tuple[str, str | None], date] = {}
    for one in repo_appointments.between(connection, towns, now, now + timedelta(days=book().policy.farthest)):
        if one.state == "planned" and one.sort in MEETS:
            found.setdefault((one.resident, one.case), day_of(one.starts_at))
    return found


def _people(connection: Connection, names: Sequence[str]) -> list[Resident]:
    found: list[Resident] = []
    for some in parts_of(names):
        found += repo_residents.get_many(connection, some)
    return found
