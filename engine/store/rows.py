"""What every table of the engine's memory shares: one metadata with named constraints, and its kinds of columns."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Integer, MetaData, Text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
# SQLite numbers rows by itself only for a column declared INTEGER; PostgreSQL's INTEGER would end at 2**31.
_SERIAL = BigInteger().with_variant(Integer, "sqlite")
# Whatever the database's own order of texts is, this one is made to be compared by code point.
BY_CODE_POINT = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


class Row(SQLModel, registry=registry(metadata=MetaData(naming_convention=NAMES))):
    """What every table shares: one metadata with named constraints."""


def serial() -> Any:
    """A number the database counts by itself, the primary key."""
    return Field(default=None, primary_key=True, sa_type=_SERIAL, sa_column_kwargs={"autoincrement": True})


def whole(*, optional: bool = False, **more: Any) -> Any:
    """A whole number of 64 bits."""
    if optional:
        more["default"] = None
    return Field(sa_type=BigInteger, nullable=optional, **more)


def text_(*, optional: bool = False, **more: Any) -> Any:
    """A text of any length."""
    if optional:
        more["default"] = None
    return Field(sa_type=Text, nullable=optional, **more)
