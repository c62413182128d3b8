"""The rows of the exchange with the city: whom it knows by which number, what waits, what was exchanged.

Instants are UTC microseconds, days are local (ISO 8601), JSON is TEXT.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import Index, Integer, UniqueConstraint
from sqlmodel import Field

from engine.store.rows import Row, serial, text_, whole


class CityNumber(Row, table=True):
    """Under which number the city's own system knows a resident; `said` is what its list last told of them, as JSON.

    `missing_since` is the day of the first whole list that did not name them.
    """

    __tablename__: ClassVar[Any] = "city_number"
    municipality_code: str = text_(primary_key=True)
    number: str = text_(primary_key=True)
    resident_id: str = text_(foreign_key="resident.id", index=True)
    at: int = whole()
    said: str = text_()
    missing_since: str | None = text_(optional=True)


class ExchangeProposal(Row, table=True):
    """What the city's list says of a resident and a person has to decide; `said` is its row as JSON, until decided.

    `sort` link, identity, shield, back, alive, death, moved-out, move or both-changed; `state` open, accepted, kept,
    refused or gone.
    """

    __tablename__: ClassVar[Any] = "exchange_proposal"
    __table_args__ = (
        UniqueConstraint("municipality_code", "number", "resident_id"),
        Index(None, "state", "municipality_code"),
        Index(None, "resident_id"),
        {"sqlite_autoincrement": True},
    )
    seq: int | None = serial()
    municipality_code: str = text_()
    number: str = text_()
    resident_id: str = text_(foreign_key="resident.id")
    sort: str = text_()
    reason: str | None = text_(optional=True)
    said: str = text_()
    digest: str = text_()
    state: str = text_()
    at: int = whole()
    decided_at: int | None = whole(optional=True)
    decided_by: str | None = text_(optional=True)
    version: int = whole()


class ExchangeLine(Row, table=True):
    """One line for the city about one thing of a resident (`about`); the newest of a thing is what the city knows.

    `change` is new, changed or removed; `cells` is JSON; `file` is named when the line is made, `written_at` is set
    once that file is safe.
    """

    __tablename__: ClassVar[Any] = "exchange_line"
    __table_args__ = (
        Index(None, "resident_id"),
        Index(None, "municipality_code", "about", "seq"),
        Index(None, "written_at", "municipality_code"),
        {"sqlite_autoincrement": True},
    )
    seq: int | None = serial()
    municipality_code: str = text_()
    resident_id: str = text_(foreign_key="resident.id")
    about: str = text_()
    change: str = text_()
    cells: str = text_()
    file: str = text_()
    at: int = whole()
    written_at: int | None = whole(optional=True)


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


_TABLES = Row.metadata.tables
CITY_NUMBER = _TABLES["city_number"]
EXCHANGE_PROPOSAL = _TABLES["exchange_proposal"]
EXCHANGE_LINE = _TABLES["exchange_line"]
EXCHANGE_RUN = _TABLES["exchange_run"]
