"""The rows of the city's statistics: who publishes, what publishing has cost, releases, what is owed to the platform.

No row here is about one person, but for `interest`, which is kept under a name that only a key outside the database
makes of a resident.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import Index, Integer, UniqueConstraint
from sqlmodel import Field

from engine.store.rows import Row, serial, text_, whole


class PublishingUnit(Row, table=True):
    """A publishing unit, fixed before the first release: its municipalities (JSON), inhabitants and who counted."""

    __tablename__: ClassVar[Any] = "publishing_unit"
    code: str = text_(primary_key=True)
    municipalities: str = text_()
    population: int = whole()
    source: str = text_()
    first_period: str = text_()
    by: str = text_()
    at: int = whole()


class ReleaseCharge(Row, table=True):
    """What one release cost the privacy of a unit's residents: written with the release, never given back.

    `epsilon` is an exact fraction, `drawn` the local day (ISO 8601), `tables` a JSON list.
    """

    __tablename__: ClassVar[Any] = "release_charge"
    __table_args__ = (UniqueConstraint("unit", "period"),)
    seq: int | None = serial()
    unit: str = text_()
    period: str = text_()
    tables: str = text_()
    epsilon: str = text_()
    drawn: str = text_()


class StatisticsRelease(Row, table=True):
    """A release: its only bytes, their sha256, and where it is with the platform.

    `state` prepared, loading, complete, withdrawing, withdrawn; `test` releases hold made-up numbers, never people's.
    """

    __tablename__: ClassVar[Any] = "statistics_release"
    __table_args__ = (UniqueConstraint("unit", "period"), Index(None, "state"))
    id: str = text_(primary_key=True)
    unit: str = text_()
    period: str = text_()
    content: str = text_()
    sha256: str = text_()
    state: str = text_()
    test: bool = Field()
    by: str = text_()
    prepared_at: int = whole()
    complete_at: int | None = whole(optional=True)
    verified_at: int | None = whole(optional=True)
    withdrawn_at: int | None = whole(optional=True)
    reason: str | None = text_(optional=True)
    version: int = whole()


class ReleaseBatch(Row, table=True):
    """One request owed to the platform, byte for byte; the rows go when the whole release was read back.

    Of one release they leave in the order of `ordinal`; `part` open, cells, complete, withdraw. `state` pending, taken
    (the platform said so) or parked (refused for good, with the reason); `body` is JSON text, `sha256` its hash.
    """

    __tablename__: ClassVar[Any] = "release_batch"
    __table_args__ = (
        UniqueConstraint("release_id", "ordinal"),
        Index(None, "state", "due_at"),
        {"sqlite_autoincrement": True},
    )
    seq: int | None = serial()
    release_id: str = text_()
    ordinal: int = Field(sa_type=Integer)
    part: str = text_()
    body: str = text_()
    sha256: str = text_()
    state: str = text_()
    due_at: int = whole()
    attempts: int = Field(sa_type=Integer)
    code: str | None = text_(optional=True)
    outcome: str | None = text_(optional=True)
    created_at: int = whole()


class HeldInterest(Row, table=True):
    """What somebody likes, in their own order (1 first), under a pseudonym no other table knows."""

    __tablename__: ClassVar[Any] = "held_interest"
    # Row numbers would tell in which order people chose, and the audit knows when each did.
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - as the library wants it
    pseudonym: str = text_(primary_key=True)
    code: str = text_(primary_key=True)
    place: int = Field(sa_type=Integer)


_TABLES = Row.metadata.tables
PUBLISHING_UNIT = _TABLES["publishing_unit"]
RELEASE_CHARGE = _TABLES["release_charge"]
STATISTICS_RELEASE = _TABLES["statistics_release"]
RELEASE_BATCH = _TABLES["release_batch"]
HELD_INTEREST = _TABLES["held_interest"]
