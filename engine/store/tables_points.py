"""The rows of health points and of learning which advice helps: ledgers that are only appended to.

Days are local (ISO 8601), instants UTC microseconds, JSON is TEXT.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import Index, Integer, UniqueConstraint
from sqlmodel import Field

from engine.store.rows import Row, serial, text_, whole


class PointEntry(Row, table=True):
    """Points a resident got by a rule for a day, week or month, once; never changed, only taken back by another row."""

    __tablename__: ClassVar[Any] = "point_entry"
    __table_args__ = (
        UniqueConstraint("resident_id", "rule_id", "about", "turn"),
        Index(None, "resident_id", "on"),
        {"sqlite_autoincrement": True},
    )
    seq: int | None = serial()
    resident_id: str = text_(foreign_key="resident.id")
    rule_id: str = text_()
    rule_version: int = Field(sa_type=Integer)
    sort: str = text_()
    about: str = text_()
    turn: int = Field(sa_type=Integer)
    on: str = text_()
    points: int = Field(sa_type=Integer)
    at: int = whole()


class PointTeam(Row, table=True):
    """A neighbourhood or workplace that collects points together."""

    __tablename__: ClassVar[Any] = "point_team"
    __table_args__ = (UniqueConstraint("municipality_code", "name"), {"sqlite_autoincrement": True})
    seq: int | None = serial()
    municipality_code: str = text_()
    sort: str = text_()
    name: str = text_()
    by: str = text_()
    at: int = whole()


class PointMember(Row, table=True):
    """Since when until when a resident's points go into a team's pot, too."""

    __tablename__: ClassVar[Any] = "point_member"
    __table_args__ = (Index(None, "resident_id"), {"sqlite_autoincrement": True})
    seq: int | None = serial()
    team: int = whole(index=True)
    resident_id: str = text_(foreign_key="resident.id")
    since: str = text_()
    until: str | None = text_(optional=True)


class PointPot(Row, table=True):
    """What a team collected in a month as published once and for good: noisy and rounded, None where too few."""

    __tablename__: ClassVar[Any] = "point_pot"
    team: int = whole(primary_key=True, sa_column_kwargs={"autoincrement": False})
    month: str = text_(primary_key=True)
    points: int | None = Field(default=None, sa_type=Integer)
    at: int = whole()


class LearningChoice(Row, table=True):
    """What the learner would have chosen, or chose, at one decision point, and what came of it.

    `actions`, `probabilities` and `features` are JSON; `shadow` says that it changed nothing.
    """

    __tablename__: ClassVar[Any] = "learning_choice"
    __table_args__ = (
        UniqueConstraint("resident_id", "at"),
        Index(None, "reward_due", "reward"),
        {"sqlite_autoincrement": True},
    )
    seq: int | None = serial()
    resident_id: str = text_(foreign_key="resident.id")
    at: int = whole()
    actions: str = text_()
    probabilities: str = text_()
    chosen: str = text_()
    features: str = text_()
    shadow: bool = Field()
    advice_id: str | None = text_(optional=True)
    delivered_at: int | None = whole(optional=True)
    reward_due: int = whole()
    reward: str | None = text_(optional=True)
    rewarded_at: int | None = whole(optional=True)


class LearningModel(Row, table=True):
    """What the learner believes of everybody together, one row a night: JSON numbers, nobody's own."""

    __tablename__: ClassVar[Any] = "learning_model"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - as the library wants it
    seq: int | None = serial()
    at: int = whole()
    actions: str = text_()
    mean: str = text_()
    covariance: str = text_()
    people: int = Field(sa_type=Integer)
    choices: int = Field(sa_type=Integer)


_TABLES = Row.metadata.tables
POINT_ENTRY = _TABLES["point_entry"]
POINT_TEAM = _TABLES["point_team"]
POINT_MEMBER = _TABLES["point_member"]
POINT_POT = _TABLES["point_pot"]
LEARNING_CHOICE = _TABLES["learning_choice"]
LEARNING_MODEL = _TABLES["learning_model"]
