"""The rows of following up: cases, appointments, letters, the city's lists, loans, watching over.

Instants are UTC microseconds, days are local (ISO 8601), JSON is TEXT.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import Index, Integer, UniqueConstraint, text
from sqlmodel import Field

from engine.store.rows import Row, serial, text_, whole

# As they stand in the database: SQLite uses a partial index only for a query that says the same words.
OPEN_CASE = "state = 'open'"
OUT = "returned_at IS NULL"


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


class Appointment(Row, table=True):
    """A time somebody is expected or visited; `state` planned, kept, missed or cancelled."""

    __table_args__ = (
        Index(None, "resident_id", "starts_at"),
        Index(None, "municipality_code", "state", "starts_at"),
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
    state: str = text_()
    reminded_at: int | None = whole(optional=True)
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


class CityNumber(Row, table=True):
    """Under which number the city's own system knows a resident."""

    __tablename__: ClassVar[Any] = "city_number"
    municipality_code: str = text_(primary_key=True)
    number: str = text_(primary_key=True)
    resident_id: str = text_(foreign_key="resident.id", index=True)
    at: int = whole()


class ExchangeRun(Row, table=True):
    """One file taken in from the city or given out to it, by its sha256; what could not be taken is in `refused`."""

    __tablename__: ClassVar[Any] = "exchange_run"
    __table_args__ = (UniqueConstraint("municipality_code", "direction", "sha256"), {"sqlite_autoincrement": True})
    seq: int | None = serial()
    municipality_code: str = text_()
    direction: str = text_()
    mapping: str = text_()
    sha256: str = text_()
    rows: int = Field(sa_type=Integer)
    refused: str = text_()
    reached: int | None = whole(optional=True)
    by: str = text_()
    at: int = whole()


class Loan(Row, table=True):
    """A device lent to a resident, by its asset number; on return bonds, keys and local data are wiped."""

    __table_args__ = (
        Index("ix_loan_out", "asset", unique=True, sqlite_where=text(OUT), postgresql_where=text(OUT)),
        Index(None, "resident_id"),
        {"sqlite_autoincrement": True},
    )
    seq: int | None = serial()
    asset: str = text_()
    sort: str = text_()
    device_id: str | None = text_(optional=True)
    gateway_id: str | None = text_(optional=True)
    resident_id: str = text_(foreign_key="resident.id")
    municipality_code: str = text_()
    lent_at: int = whole()
    lent_by: str = text_()
    due_on: str = text_()
    returned_at: int | None = whole(optional=True)
    returned_by: str | None = text_(optional=True)
    wiped_at: int | None = whole(optional=True)
    remark: str | None = text_(optional=True)
    version: int = whole()


class WatchAlert(Row, table=True):
    """Something unusual about a resident who is watched over: a nurse decides whether a note goes out.

    `sort` activity-drop, person-silent or device-silent; `state` open, told, dismissed, over; `evidence` is JSON.
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
    version: int = whole()


class Session(Row, table=True):
    """A bath, an exercise class: what was measured before it and after it."""

    __tablename__: ClassVar[Any] = "before_after"
    __table_args__ = (
        UniqueConstraint("before_reading"),
        Index(None, "resident_id", "at"),
        {"sqlite_autoincrement": True},
    )
    seq: int | None = serial()
    resident_id: str = text_(foreign_key="resident.id")
    sort: str = text_()
    place: str = text_()
    before_reading: str = text_()
    after_reading: str | None = text_(optional=True)
    at: int = whole()
    by: str = text_()


_TABLES = Row.metadata.tables
GUIDANCE_CASE = _TABLES["guidance_case"]
CASE_EVENT = _TABLES["case_event"]
APPOINTMENT = _TABLES["appointment"]
REFERRAL = _TABLES["referral"]
LETTER_BATCH = _TABLES["letter_batch"]
LETTER = _TABLES["letter"]
CITY_NUMBER = _TABLES["city_number"]
EXCHANGE_RUN = _TABLES["exchange_run"]
LOAN = _TABLES["loan"]
WATCH_ALERT = _TABLES["watch_alert"]
BEFORE_AFTER = _TABLES["before_after"]
