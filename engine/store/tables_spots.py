"""The rows of public measuring spots: which homes are spots, cards, visits and wrong guesses."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import Index

from engine.store.rows import Row, serial, text_, whole


class Spot(Row, table=True):
    """A household without residents where everybody of the region may measure; its gateways are spots."""

    household_id: str = text_(primary_key=True, foreign_key="household.id")
    created_at: int = whole()


class Card(Row, table=True):
    """A card that says who its holder is; of its secret only the hash."""

    id: str = text_(primary_key=True)
    resident_id: str = text_(foreign_key="resident.id", index=True)
    secret_hash: str = text_(unique=True)
    name: str | None = text_(optional=True)
    issued_at: int = whole()
    revoked_at: int | None = whole(optional=True)


class Visit(Row, table=True):
    """Who stood at a spot from when to when, as the spot's gateway tells time."""

    __table_args__ = (Index(None, "gateway_id", "resident_id"),)
    id: str = text_(primary_key=True)
    gateway_id: str = text_(foreign_key="gateway.id")
    resident_id: str = text_(foreign_key="resident.id")
    name: str = text_()
    opened_at: int = whole()
    closes_at: int = whole()


class WrongGuess(Row, table=True):
    """A number and birth date at a spot that were nobody's."""

    __tablename__: ClassVar[str] = "wrong_guess"
    __table_args__ = (Index(None, "spot_id", "at"),)
    seq: int | None = serial()
    spot_id: str = text_(foreign_key="spot.household_id")
    at: int = whole()


SPOT = Row.metadata.tables["spot"]
CARD = Row.metadata.tables["card"]
VISIT = Row.metadata.tables["visit"]
WRONG_GUESS = Row.metadata.tables["wrong_guess"]
