"""The rows of what is known of a person beyond their devices: facts, fitted trends, and the weather of their town."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import Index

from engine.store.rows import Row, text_, whole


class Fact(Row, table=True):
    """One thing somebody recorded of a resident; never changed, only followed by another or taken back by a row.

    `at` is when it was measured or true, `until` how long it holds where somebody said so, `retracts` the fact that
    this row takes back.
    """

    __table_args__ = (Index(None, "resident_id", "code", "at"),)
    id: str = text_(primary_key=True)
    resident_id: str = text_(foreign_key="resident.id")
    code: str = text_()
    value: str = text_()
    unit: str | None = text_(optional=True)
    at: int = whole()
    until: int | None = whole(optional=True)
    source: str = text_()
    actor: str = text_()
    channel: str = text_()
    recorded_at: int = whole()
    retracts: str | None = text_(optional=True)
    raw: str | None = text_(optional=True)


class TrendFit(Row, table=True):
    """The parameters of one person's trend of one kind, as the refit pass found them."""

    __tablename__: ClassVar[Any] = "trend_fit"
    resident_id: str = text_(primary_key=True, foreign_key="resident.id")
    kind: str = text_(primary_key=True)
    parameters: str = text_()
    fitted_at: int = whole()
    readings: int = whole()


class Weather(Row, table=True):
    """What the weather of a municipality's civil day was or will be; NULL where nobody said."""

    municipality_code: str = text_(primary_key=True, foreign_key="municipality.code")
    day: str = text_(primary_key=True)
    wbgt_max: str | None = text_(optional=True)
    snow_cm: str | None = text_(optional=True)
    source: str = text_()
    recorded_at: int = whole()


FACT = Row.metadata.tables["fact"]
TREND_FIT = Row.metadata.tables["trend_fit"]
WEATHER = Row.metadata.tables["weather"]
