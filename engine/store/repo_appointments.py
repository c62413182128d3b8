"""Appointments and classes as they are stored: read for many at once, changed by compare-and-swap and audited."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Connection, Table, func, insert, or_, select, true, update

from engine.appointments import OURS, Appointment, GroupClass, When, read_matter, tells
from engine.store import audit
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.repo_facts import By
from engine.store.tables_desk import NOTICE
from engine.store.tables_following import APPOINTMENT, GROUP_CLASS

NOTICE_KIND: Final = "appointment"
# Who reminded them, where a message did.
BY_NOTICE: Final = "notice"
_NAMES: Final = {"resident": "resident_id", "case": "case_id", "municipality": "municipality_code",
                 "staff": "staff_id", "group": "class_seq"}  # fmt: skip
_INSTANTS: Final = frozenset({"starts_at", "ends_at", "at", "reminded_at"})
_Kept = TypeVar("_Kept", Appointment, GroupClass)


def get(connection: Connection, seq: int) -> Appointment | None:
    """The appointment of that number."""
    return next(iter(_read(connection, select(APPOINTMENT).where(APPOINTMENT.c.seq == seq))), None)


def of(connection: Connection, resident: str, limit: int = 200) -> list[Appointment]:
    """The appointments of one resident, the latest first."""
    query = select(APPOINTMENT).where(APPOINTMENT.c.resident_id == resident)
    return _read(connection, query.order_by(APPOINTMENT.c.starts_at.desc(), APPOINTMENT.c.seq.desc()).limit(limit))


def between(
    connection: Connection, towns: Collection[str] | None, since: datetime, until: datetime
) -> list[Appointment]:  # fmt: skip
    """What begins from `since` to before `until` in these towns (None: all), by time; also what was cancelled."""
    query = select(APPOINTMENT).where(_in(APPOINTMENT, towns), _begins(APPOINTMENT, since, until))
    return _read(connection, query.order_by(APPOINTMENT.c.starts_at, APPOINTMENT.c.seq))


def of_staff(connection: Connection, staff: str, since: datetime) -> list[Appointment]:
    """What somebody of staff has to do from `since` on, by time; also what was cancelled."""
    mine = (APPOINTMENT.c.staff_id == staff) & (APPOINTMENT.c.starts_at >= to_micros(since))
    return _read(connection, select(APPOINTMENT).where(mine).order_by(APPOINTMENT.c.starts_at, APPOINTMENT.c.seq))


def unmarked(
    connection: Connection, towns: Collection[str] | None, now: datetime, limit: int = 100
) -> list[Appointment]:  # fmt: skip
    """What is over and nobody said whether they came, the oldest first."""
    over = (APPOINTMENT.c.state == "planned") & (APPOINTMENT.c.ends_at <= to_micros(now))
    query = select(APPOINTMENT).where(_in(APPOINTMENT, towns), over)
    return _read(connection, query.order_by(APPOINTMENT.c.starts_at, APPOINTMENT.c.seq).limit(limit))


def called_off(
    connection: Connection, towns: Collection[str] | None, since: datetime, limit: int = 100
) -> list[Appointment]:
    """What the resident or their life called off since then, the newest first: somebody may have to ask anew."""
    mine = (APPOINTMENT.c.state == "cancelled") & APPOINTMENT.c.reason.in_(("resident", "gone"))
    query = select(APPOINTMENT).where(_in(APPOINTMENT, towns), mine, APPOINTMENT.c.at >= to_micros(since))
    return _read(connection, query.order_by(APPOINTMENT.c.at.desc(), APPOINTMENT.c.seq).limit(limit))


def planned(connection: Connection, since: datetime | None) -> list[Appointment]:
    """Everything planned that begins after `since` (None: ever), in every town, by time."""
    query = select(APPOINTMENT).where(APPOINTMENT.c.state == "planned")
    if since is not None:
        query = query.where(APPOINTMENT.c.starts_at > to_micros(since))
    return _read(connection, query.order_by(APPOINTMENT.c.starts_at, APPOINTMENT.c.seq))


def to_tell(connection: Connection, now: datetime, until: datetime) -> list[Appointment]:
    """What people are told of before it begins: planned and beginning before `until`, or called off by us; by time."""
    soon = (APPOINTMENT.c.state == "planned") & (APPOINTMENT.c.starts_at < to_micros(until))
    off = (APPOINTMENT.c.state == "cancelled") & APPOINTMENT.c.reason.in_(sorted(OURS))
    query = select(APPOINTMENT).where(APPOINTMENT.c.starts_at > to_micros(now), soon | off)
    return _read(connection, query.order_by(APPOINTMENT.c.starts_at, APPOINTMENT.c.seq))


def of_class(connection: Connection, group: int) -> list[Appointment]:
    """Who is, or was, booked into a class, in the order of booking."""
    return _read(connection, select(APPOINTMENT).where(APPOINTMENT.c.class_seq == group).order_by(APPOINTMENT.c.seq))


def meets(
    connection: Connection, when: When, resident: str | None, *, but: int | None = None, group: int | None = None
) -> str | None:
    """Who is expected elsewhere at that time: `resident` or `staff`; None where nobody is.

    `but` is the appointment that is moved, `group` the class it belongs to or that is moved itself.
    """
    theirs = (APPOINTMENT.c.state == "planned") & _overlaps(APPOINTMENT, when)
    if but is not None:
        theirs &= APPOINTMENT.c.seq != but
    if resident is not None:
        query = select(APPOINTMENT.c.seq).where(theirs, APPOINTMENT.c.resident_id == resident).limit(1)
        if connection.execute(query).first() is not None:
            return "resident"
    if when.staff is None:
        return None
    others = APPOINTMENT.c.class_seq.is_(None) if group is None else or_(
        APPOINTMENT.c.class_seq.is_(None), APPOINTMENT.c.class_seq != group
    )  # fmt: skip
    query = select(APPOINTMENT.c.seq).where(theirs, others, APPOINTMENT.c.staff_id == when.staff).limit(1)
    classes = (GROUP_CLASS.c.state == "planned") & _overlaps(GROUP_CLASS, when) & (GROUP_CLASS.c.staff_id == when.staff)
    if group is not None:
        classes &= GROUP_CLASS.c.seq != group
    taught = select(GROUP_CLASS.c.seq).where(classes).limit(1)
    busy = connection.execute(query).first() is not None or connection.execute(taught).first() is not None
    return "staff" if busy else None


def add(connection: Connection, made: Appointment, by: By, now: datetime) -> Appointment:
    """Stores a new appointment with its audit entry; that it is free is for the caller to have made sure."""
    stored = _stored(connection, APPOINTMENT, made)
    audit.note(connection, "appointment-book", stored.resident, by, now, [stored.seq, stored.version])
    return stored


def change(connection: Connection, changed: Appointment, action: str, by: By, now: datetime) -> Appointment | None:
    """Stores `changed`, one version on, where it is as it was read; None where somebody was faster."""
    after = _swapped(connection, APPOINTMENT, changed)
    if after is not None:
        audit.note(connection, f"appointment-{action}", after.resident, by, now, [after.seq, after.version])
    return after


def note_reminded(connection: Connection, one: Appointment, how: str, now: datetime) -> bool:
    """Notes that they were told of it as it stands; whether it still stood so and nobody had told them the same way."""
    mine = (APPOINTMENT.c.seq == one.seq) & (APPOINTMENT.c.version == one.version)
    mine &= or_(APPOINTMENT.c.reminded_at.is_(None), APPOINTMENT.c.reminded_by == BY_NOTICE)
    if how == BY_NOTICE:
        mine &= APPOINTMENT.c.reminded_at.is_(None)
    values = {"reminded_at": to_micros(now), "reminded_by": how}
    return connection.execute(update(APPOINTMENT).where(mine).values(values)).rowcount == 1


def still_stands(connection: Connection, about: str, now: datetime) -> bool:
    """Whether what a reminder is about is as it was then, and has not begun."""
    found = read_matter(about)
    if found is None:
        return False
    one = get(connection, found[0])
    return one is not None and one.version == found[1] and tells(one) and now < one.starts_at


def undelivered(connection: Connection, matters: Iterable[str], before: datetime) -> frozenset[str]:
    """Which of these reminders reached nobody: given up, nowhere to go, or still waiting since `before`."""
    names, found = sorted(set(matters)), set[str]()
    lost = NOTICE.c.state.in_(("failed", "needless")) | (
        (NOTICE.c.state == "waiting") & (NOTICE.c.created_at <= to_micros(before))
    )
    for some in parts_of(names):
        part = NOTICE.c.about.in_(some) & (NOTICE.c.kind == NOTICE_KIND)
        found |= set(connection.execute(select(NOTICE.c.about).where(part, lost)).scalars())
    return frozenset(found)


def class_of(connection: Connection, seq: int) -> GroupClass | None:
    """The class of that number."""
    row = connection.execute(select(GROUP_CLASS).where(GROUP_CLASS.c.seq == seq)).mappings().first()
    return None if row is None else _class(row)


def classes(
    connection: Connection, towns: Collection[str] | None, since: datetime, until: datetime
) -> list[GroupClass]:  # fmt: skip
    """The classes that begin from `since` to before `until` in these towns (None: all), by time."""
    query = select(GROUP_CLASS).where(_in(GROUP_CLASS, towns), _begins(GROUP_CLASS, since, until))
    rows = connection.execute(query.order_by(GROUP_CLASS.c.starts_at, GROUP_CLASS.c.seq)).mappings()
    return [_class(row) for row in rows]


def booked(connection: Connection, groups: Iterable[int]) -> dict[int, int]:
    """How many are booked into each of these classes, whatever became of it but a cancelling."""
    names = sorted(set(groups))
    where = APPOINTMENT.c.class_seq.in_(names) & (APPOINTMENT.c.state != "cancelled")
    query = select(APPOINTMENT.c.class_seq, func.count()).where(where).group_by(APPOINTMENT.c.class_seq)
    return dict.fromkeys(names, 0) | {int(seq): int(count) for seq, count in connection.execute(query)}


def add_class(connection: Connection, made: GroupClass, by: By, now: datetime) -> GroupClass:
    """Stores a new class with its audit entry."""
    stored = _stored(connection, GROUP_CLASS, made)
    audit.note(connection, "class-make", f"class-{stored.seq}", by, now)
    return stored


def change_class(connection: Connection, changed: GroupClass, action: str, by: By, now: datetime) -> GroupClass | None:
    """Stores `changed`, one version on, where it is as it was read; None where somebody was faster."""
    after = _swapped(connection, GROUP_CLASS, changed)
    if after is not None:
        audit.note(connection, f"class-{action}", f"class-{after.seq}", by, now, [after.version])
    return after


def _stored(connection: Connection, table: Table, made: _Kept) -> _Kept:
    row = _row(made)
    del row["seq"]
    key = connection.execute(insert(table), row).inserted_primary_key
    return msgspec.structs.replace(made, seq=int(key[0]) if key is not None else 0)


def _swapped(connection: Connection, table: Table, changed: _Kept) -> _Kept | None:
    mine = (table.c.seq == changed.seq) & (table.c.version == changed.version)
    after = msgspec.structs.replace(changed, version=changed.version + 1)
    return after if connection.execute(update(table).where(mine).values(_row(after))).rowcount == 1 else None


def _in(table: Any, towns: Collection[str] | None) -> Any:
    return true() if towns is None else table.c.municipality_code.in_(sorted(towns))


def _begins(table: Any, since: datetime, until: datetime) -> Any:
    return (table.c.starts_at >= to_micros(since)) & (table.c.starts_at < to_micros(until))


def _overlaps(table: Any, when: When) -> Any:
    # What ends when the other begins does not overlap.
    return (table.c.starts_at < to_micros(when.ends_at)) & (table.c.ends_at > to_micros(when.starts_at))


def _read(connection: Connection, query: Any) -> list[Appointment]:
    return [_appointment(row) for row in connection.execute(query).mappings()]


def _row(value: Appointment | GroupClass) -> dict[str, Any]:
    fields = msgspec.structs.asdict(value)
    return {
        _NAMES.get(name, name): to_micros(told) if name in _INSTANTS and told is not None else told
        for name, told in fields.items()
    }  # fmt: skip


def _fields(row: Any, names: Iterable[str]) -> dict[str, Any]:
    found = {name: row[_NAMES.get(name, name)] for name in names}
    return {
        name: from_micros(told) if name in _INSTANTS and told is not None else told for name, told in found.items()
    }  # fmt: skip


def _appointment(row: Any) -> Appointment:
    return Appointment(**_fields(row, Appointment.__struct_fields__))


def _class(row: Any) -> GroupClass:
    return GroupClass(**_fields(row, GroupClass.__struct_fields__))
