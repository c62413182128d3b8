"""Appointments carried out in the caller's transaction: booked, moved, cancelled, marked; terminal and pages alike.

Whoever books takes the turn first: of two who want the same hour the second sees what the first did.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from engine.appointments import (
    ALONE,
    Appointment,
    Reason,
    Sort,
    When,
    cancelled,
    ended_by,
    fits,
    held,
    marked,
    moved,
    tells,
)
from engine.cases_store import attended
from engine.decisions import open_to_nurses
from engine.people import Resident
from engine.refusal import Refusal
from engine.review import ENGINE
from engine.store import audit, repo_appointments, repo_life
from engine.store.database import Connection
from engine.store.repo_facts import By

CONFLICT: Final = Refusal("conflict", "somebody else changed it first; look again")
_MEETS: Final = {
    "resident": Refusal("overlaps-resident", "this resident is expected elsewhere at that time", "clock"),
    "staff": Refusal("overlaps-staff", "whoever does it has something else at that time", "clock"),
}
_SHUT: Final = Refusal("no-consent", "they did not agree that nurses look at their record")
_ENGINE: Final = By(ENGINE, ENGINE)


def book(
    connection: Connection, person: Resident, sort: Sort, when: When, by: By, now: datetime, *, case: str | None = None
) -> Appointment | Refusal:
    """A new appointment of one person; refused as `fits` and `held` refuse, by overlaps, or `no-consent`."""
    if sort not in ALONE:
        return Refusal("class", "into a class people are booked by the class", "sort")
    return enter(connection, person, sort, when, by, now, case=case)


def enter(
    connection: Connection, person: Resident, sort: Sort, when: When, by: By, now: datetime, *, case: str | None = None,
    group: int | None = None,
) -> Appointment | Refusal:  # fmt: skip
    """The same for any sort, into the class `group` if one is given."""
    audit.take_turn(connection)
    if not open_to_nurses(connection, [person.id], now):
        return _SHUT
    refused = fits(when, now) or held(repo_life.situation(connection, person.id), when.starts_at)
    met = None if refused else repo_appointments.meets(connection, when, person.id, group=group)
    if refused is not None or met is not None:
        return refused or _MEETS[str(met)]
    made = Appointment(
        seq=0, resident=person.id, case=case, municipality=person.municipality_code, sort=sort,
        starts_at=when.starts_at, ends_at=when.ends_at, place=when.place, staff=when.staff, group=group,
        by=by.actor, at=now,
    )  # fmt: skip
    return repo_appointments.add(connection, made, by, now)


def move(connection: Connection, one: Appointment, when: When, by: By, now: datetime) -> Appointment | Refusal:
    """The appointment at another time or place; refused as `book` and `moved`, or `conflict`."""
    audit.take_turn(connection)
    if one.group is not None:
        return Refusal("class", "a class is moved as a whole")
    if not open_to_nurses(connection, [one.resident], now):
        return _SHUT
    after = moved(one, when, by.actor, now)
    if isinstance(after, Refusal):
        return after
    refused = held(repo_life.situation(connection, one.resident), when.starts_at)
    met = repo_appointments.meets(connection, when, one.resident, but=one.seq)
    if refused is not None or met is not None:
        return refused or _MEETS[str(met)]
    return repo_appointments.change(connection, after, "move", by, now) or CONFLICT


def cancel(connection: Connection, one: Appointment, reason: Reason, by: By, now: datetime) -> Appointment | Refusal:
    """The appointment as one that does not take place; refused as `cancelled`, or `conflict`."""
    audit.take_turn(connection)
    after = cancelled(one, reason, by.actor, now)
    if isinstance(after, Refusal):
        return after
    return repo_appointments.change(connection, after, "cancel", by, now) or CONFLICT


def mark(
    connection: Connection, one: Appointment, state: Literal["kept", "missed"], by: By, now: datetime
) -> Appointment | Refusal:
    """Kept or missed, also in the case of the resident where one is open; refused as `marked`, or `conflict`."""
    audit.take_turn(connection)
    after = marked(one, state, by.actor, now)
    if isinstance(after, Refusal):
        return after
    stored = repo_appointments.change(connection, after, state, by, now)
    if stored is None:
        return CONFLICT
    attended(connection, one.resident, one.case, one.sort, state == "kept", one.starts_at, by, now)
    return stored


def told(connection: Connection, one: Appointment, by: By, now: datetime) -> Refusal | None:
    """Notes that somebody of staff reminded them; refused as `not-planned`, `begun` or `conflict`."""
    audit.take_turn(connection)
    if not tells(one):
        return Refusal("not-planned", f"it is {one.state} already")
    if one.starts_at <= now:
        return Refusal("begun", "it has begun")
    if not repo_appointments.note_reminded(connection, one, by.actor, now):
        return CONFLICT
    audit.note(connection, "appointment-remind", one.resident, by, now, [one.seq, one.version])
    return None


def gone_of(connection: Connection) -> list[Appointment]:
    """What is planned for those who will have died, moved away or left by then."""
    listed = repo_appointments.planned(connection, None)
    lives = repo_life.situations(connection, {one.resident for one in listed})
    return [one for one in listed if ended_by(lives[one.resident], one.starts_at)]


def call_off_gone(connection: Connection, now: datetime) -> int:
    """Cancels what `gone_of` finds; how many."""
    done = [cancel(connection, one, "gone", _ENGINE, now) for one in gone_of(connection)]
    return sum(isinstance(one, Appointment) for one in done)
