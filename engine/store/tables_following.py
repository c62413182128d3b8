"""The rows of following up: cases, appointments, letters, the city's lists, watching over.

Instants are UTC microseconds, days are local (ISO 8601), JSON is TEXT.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import Index, Integer, UniqueConstraint, text
from sqlmodel import Field

from engine.store.rows import Row, serial, text_, whole

# As they stand in the database: SQLite uses a partial index only for a query that says the same words.
OPEN_CASE = "state = 'open'"


class GuidanceCase(Row, table=True):
    """A resident followed through a programme (`o-…`): who looks after them, the goal they chose, when to call again.

    `programme` motivational, active or other; `goal` is JSON; `interviewed_on` the first interview, from which the
    evaluations are due; `next_on` the day of the next contact.
    """

    __tablename__: ClassVar[Any] = "guidance_case"
    __table_args__ = (
        Index("ix_guidance_case_open", "resident_id", "programme", unique=True, sqlite_where=text(OPEN_CASE),
              postgresql_where=text(OPEN_CASE)),
        Index(None, "municipality_code", "state", "next_on"),
        Index(None, "staff_id", "state", "next_on"),
    )  # fmt: skip
    id: str = text_(primary_key=True)
    resident_id: str = text_(foreign_key="resident.id")
    municipality_code: str = text_()
    programme: str = text_()
    basis: str = text_()
    goal: str | None = text_(optional=True)
    staff_id: str | None = text_(optional=True)
    interviewed_on: str | None = text_(optional=True)
    next_on: str | None = text_(optional=True)
    state: str = text_()
    opened_at: int = whole()
    opened_by: str = text_()
    ended_at: int | None = whole(optional=True)
    ended_by: str | None = text_(optional=True)
    reason: str | None = text_(optional=True)
    version: int = whole()


class CaseEvent(Row, table=True):
    """One thing done in a case, with the points the programme counts for it; never changed."""

    __tablename__: ClassVar[Any] = "case_event"
    __table_args__ = (Index(None, "case_id", "seq"),)
    seq: int | None = serial()
    case_id: str = text_(foreign_key="guidance_case.id")
    sort: str = text_()
    at: int = whole()
    by: str = text_()
    detail: str = text_()
    points: int = Field(sa_type=Integer)


class GroupClass(Row, table=True):
    """A class several residents are expected at, `capacity` of them at most; `state` planned or cancelled."""

    __tablename__: ClassVar[Any] = "group_class"
    __table_args__ = (Index(None, "municipality_code", "state", "starts_at"), {"sqlite_autoincrement": True})
    seq: int | None = serial()
    municipality_code: str = text_()
    title: str = text_()
    place: str = text_()
    staff_id: str | None = text_(optional=True)
    starts_at: int = whole()
    ends_at: int = whole()
    capacity: int = Field(sa_type=Integer)
    state: str = text_()
    by: str = text_()
    at: int = whole()
    version: int = whole()


class Appointment(Row, table=True):
    """A time somebody is expected or visited; `state` planned, kept, missed or cancelled (`reason` why).

    `reminded_by` is `notice`, or who of staff told them; `class_seq` the class they are booked into.
    """

    __table_args__ = (
        Index(None, "resident_id", "starts_at"),
        Index(None, "municipality_code", "state", "starts_at"),
        Index(None, "staff_id", "starts_at"),
        Index(None, "class_seq"),
        {"sqlite_autoincrement": True},
    )
    seq: int | None = serial()
    resident_id: str = text_(foreign_key="resident.id")
    case_id: str | None = text_(optional=True)
    municipality_code: str = text_()
    sort: str = text_()
    starts_at: int = whole()
    ends_at: int = whole()
    place: str = text_()
    staff_id: str | None = text_(optional=True)
    class_seq: int | None = whole(optional=True)
    state: str = text_()
    reason: str | None = text_(optional=True)
    reminded_at: int | None = whole(optional=True)
    reminded_by: str | None = text_(optional=True)
    by: str = text_()
    at: int = whole()
    version: int = whole()


class Referral(Row, table=True):
    """Whether somebody told to see a doctor went: asked when, answered what; `state` open, seen, planned, declined."""

    __table_args__ = (Index(None, "resident_id"), Index(None, "state", "ask_on"))
    advice_id: str = text_(primary_key=True, foreign_key="advice.id")
    resident_id: str = text_(foreign_key="resident.id")
    municipality_code: str = text_()
    state: str = text_()
    delivered_at: int = whole()
    ask_on: str = text_()
    asked: int = Field(sa_type=Integer)
    seen_on: str | None = text_(optional=True)
    answered_at: int | None = whole(optional=True)
    by: str | None = text_(optional=True)
    version: int = whole()


class LetterBatch(Row, table=True):
    """Letters printed as one file: of which town, kind and month, how many, and the sha256 of the file."""

    __tablename__: ClassVar[Any] = "letter_batch"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - as the library wants it
    seq: int | None = serial()
    municipality_code: str = text_()
    sort: str = text_()
    period: str = text_()
    letters: int = Field(sa_type=Integer)
    pages: int = Field(sa_type=Integer)
    sha256: str = text_()
    by: str = text_()
    at: int = whole()


class Letter(Row, table=True):
    """One letter: what it told (`said` is JSON), by which code its reply is known, and where it is.

    `state` made, printed, sent, returned or replied.
    """

    __table_args__ = (
        UniqueConstraint("resident_id", "sort", "about"),
        UniqueConstraint("code"),
        Index(None, "batch"),
        Index(None, "state"),
        {"sqlite_autoincrement": True},
    )
    seq: int | None = serial()
    batch: int = whole()
    resident_id: str = text_(foreign_key="resident.id")
    sort: str = text_()
    about: str = text_()
    code: str = text_()
    said: str = text_()
    state: str = text_()
    made_at: int = whole()
    printed_at: int | None = whole(optional=True)
    sent_at: int | None = whole(optional=True)
    returned_at: int | None = whole(optional=True)
    replied_at: int | None = whole(optional=True)
    reason: str | None = text_(optional=True)
    version: int = whole()


class WatchAlert(Row, table=True):
    """Something unusual about a resident who is watched over: a nurse decides whether a note goes out.

    `sort` activity-drop, person-silent or device-silent; `state` open, told, dismissed, over; `evidence` is JSON.
    `ended_at` is when it was over by itself, or by somebody's word, and `ended` why.
    """

    __tablename__: ClassVar[Any] = "watch_alert"
    __table_args__ = (
        UniqueConstraint("resident_id", "sort", "since"),
        Index(None, "state", "municipality_code", "at"),
        {"sqlite_autoincrement": True},
    )
    seq: int | None = serial()
    resident_id: str = text_(foreign_key="resident.id")
    municipality_code: str = text_()
    sort: str = text_()
    since: int = whole()
    at: int = whole()
    evidence: str = text_()
    state: str = text_()
    decided_at: int | None = whole(optional=True)
    decided_by: str | None = text_(optional=True)
    reason: str | None = text_(optional=True)
    ended_at: int | None = whole(optional=True)
    ended: str | None = text_(optional=True)
    version: int = whole()


class WatchTelling(Row, table=True):
    """Whom an alert was told, once: family (`m-…`) or a watcher (`s-…`); `back_at` when they read that all is well."""

    __tablename__: ClassVar[Any] = "watch_telling"
    __table_args__ = (Index(None, "recipient", "at"),)
    alert: int = whole(primary_key=True, sa_column_kwargs={"autoincrement": False})
    recipient: str = text_(primary_key=True)
    at: int = whole()
    by: str = text_()
    back_at: int | None = whole(optional=True)


class WatchEar(Row, table=True):
    """Since when a gateway listens without a break, as it was at the last look; nothing of anybody."""

    __tablename__: ClassVar[Any] = "watch_ear"
    gateway_id: str = text_(primary_key=True)
    told: int | None = whole(optional=True)
    started: int | None = whole(optional=True)
    adverts: int = whole()
    grown: int | None = whole(optional=True)
    since: int | None = whole(optional=True)
    trouble: str = text_()
    trouble_since: int | None = whole(optional=True)
    away: bool = Field()


class Session(Row, table=True):
    """A bath, an exercise class: from when to when, and how it was felt before and after (`felt` is JSON).

    What was measured before and after is looked up each time: a reading that was moved or discarded pairs with nothing.
    `asked` is the request by which the nurses heard of what was measured after it.
    """

    __tablename__: ClassVar[Any] = "before_after"
    __table_args__ = (
        UniqueConstraint("resident_id", "started_at"),
        Index(None, "ended_at"),
        {"sqlite_autoincrement": True},
    )
    seq: int | None = serial()
    resident_id: str = text_(foreign_key="resident.id")
    sort: str = text_()
    place: str = text_()
    started_at: int = whole()
    ended_at: int | None = whole(optional=True)
    felt: str = text_()
    at: int = whole()
    by: str = text_()
    asked: str | None = text_(optional=True)
    taken_back_at: int | None = whole(optional=True)
    version: int = whole()


_TABLES = Row.metadata.tables
GUIDANCE_CASE = _TABLES["guidance_case"]
CASE_EVENT = _TABLES["case_event"]
GROUP_CLASS = _TABLES["group_class"]
APPOINTMENT = _TABLES["appointment"]
REFERRAL = _TABLES["referral"]
LETTER_BATCH = _TABLES["letter_batch"]
LETTER = _TABLES["letter"]
WATCH_ALERT = _TABLES["watch_alert"]
WATCH_TELLING = _TABLES["watch_telling"]
WATCH_EAR = _TABLES["watch_ear"]
BEFORE_AFTER = _TABLES["before_after"]
