"""Classes carried out in the caller's transaction: made, filled, moved, cancelled, and who came, on one sheet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from engine.appointments import Appointment, GroupClass, When, fits, moved
from engine.appointments_store import CONFLICT, cancel, enter, mark
from engine.names import keep
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import audit, repo_appointments
from engine.store.database import Connection
from engine.store.repo_facts import By

LARGEST: Final = 200
_BUSY: Final = Refusal("overlaps-staff", "whoever does it has something else at that time", "clock")


def make(
    connection: Connection, town: str, title: str, when: When, capacity: int, by: By, now: datetime
) -> GroupClass | Refusal:
    """A new class; refused as `fits`, `overlaps-staff`, `capacity`, or as a name is by its title."""
    audit.take_turn(connection)
    kept = keep(title.strip())
    refused: Refusal | None = fits(when, now)
    if isinstance(kept, Refusal):
        return Refusal(kept.code, kept.message, "title")
    if not 1 <= capacity <= LARGEST:
        return Refusal("capacity", f"for 1 to {LARGEST} people", "capacity")
    if refused is None and repo_appointments.meets(connection, when, None) is not None:
        refused = _BUSY
    if refused is not None:
        return refused
    made = GroupClass(
        seq=0, municipality=town, title=kept, place=when.place, staff=when.staff, starts_at=when.starts_at,
        ends_at=when.ends_at, capacity=capacity, by=by.actor, at=now,
    )  # fmt: skip
    return repo_appointments.add_class(connection, made, by, now)


def join(connection: Connection, group: int, person: Resident, by: By, now: datetime) -> Appointment | Refusal:
    """Books somebody into a class; refused as `enter`, `not-planned`, `booked`, or `full`."""
    audit.take_turn(connection)
    # Read after the turn was taken: the last place is given away once.
    one = repo_appointments.class_of(connection, group)
    if one is None or one.state != "planned":
        return Refusal("not-planned", "this class does not take place")
    there = [each for each in repo_appointments.of_class(connection, one.seq) if each.state != "cancelled"]
    if any(each.resident == person.id for each in there):
        return Refusal("booked", "they are booked already")
    if len(there) >= one.capacity:
        return Refusal("full", f"all {one.capacity} places are taken")
    return enter(connection, person, "class", when_of(one), by, now, group=one.seq)


def move(connection: Connection, one: GroupClass, when: When, by: By, now: datetime) -> GroupClass | Refusal:
    """The class and everybody in it at another time or place; refused as `fits`, by overlaps, or `conflict`."""
    audit.take_turn(connection)
    if one.state != "planned":
        return Refusal("not-planned", "this class does not take place")
    refused = fits(when, now)
    if refused is None and repo_appointments.meets(connection, when, None, group=one.seq) is not None:
        refused = _BUSY
    if refused is not None:
        return refused
    there = _planned(connection, one)
    busy = [each for each in there if repo_appointments.meets(connection, _where(when), each.resident, but=each.seq)]
    if busy:
        return Refusal("overlaps-resident", f"{len(busy)} of them are expected elsewhere at that time", "clock")
    after = msgspec.structs.replace(one, **_fields(when), by=by.actor, at=now)
    stored = repo_appointments.change_class(connection, after, "move", by, now)
    for each in there if stored else ():
        changed = moved(each, when, by.actor, now)
        if isinstance(changed, Appointment):
            repo_appointments.change(connection, changed, "move", by, now)
    return stored or CONFLICT


def call_off(connection: Connection, one: GroupClass, by: By, now: datetime) -> GroupClass | Refusal:
    """The class does not take place, nor does anybody's appointment in it; refused not-planned, begun, conflict."""
    if one.state != "planned":
        return Refusal("not-planned", "this class does not take place")
    if one.starts_at <= now:
        return Refusal("begun", "it has begun: say who came")
    audit.take_turn(connection)
    after = msgspec.structs.replace(one, state="cancelled", by=by.actor, at=now)
    stored = repo_appointments.change_class(connection, after, "cancel", by, now)
    for each in _planned(connection, one) if stored else ():
        cancel(connection, each, "class", by, now)
    return stored or CONFLICT


def attend(
    connection: Connection, one: GroupClass, said: Mapping[int, Literal["kept", "missed"]], by: By, now: datetime
) -> int | Refusal:
    """Who came and who did not, by the numbers of their appointments; how many were written down.

    Refused as `too-early`; what was said already, or is not of this class, is left as it is.
    """
    if one.starts_at > now:
        return Refusal("too-early", "it has not begun yet")
    there = {each.seq: each for each in repo_appointments.of_class(connection, one.seq)}
    done = [mark(connection, there[seq], state, by, now) for seq, state in said.items() if seq in there]
    return sum(isinstance(each, Appointment) for each in done)


def when_of(one: GroupClass | Appointment) -> When:
    """When and where it is."""
    return When(starts_at=one.starts_at, ends_at=one.ends_at, place=one.place, staff=one.staff)


def _planned(connection: Connection, one: GroupClass) -> list[Appointment]:
    return [each for each in repo_appointments.of_class(connection, one.seq) if each.state == "planned"]


def _where(when: When) -> When:
    """The same time without whoever does it, who is asked about once."""
    return msgspec.structs.replace(when, staff=None)


def _fields(when: When) -> dict[str, Any]:
    return msgspec.structs.asdict(when)
