"""The rows of what is known of a person beyond their devices: facts, fitted trends, and the weather of their town."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import Index

from engine.store.tables import Row, _text, _whole


class Fact(Row, table=True):
    """One thing somebody recorded of a resident; never changed, only followed by another or taken back by a row.

    `at` is when it was measured or true, `until` how long it holds where somebody said so, `retracts` the fact that
    this row takes back.
    """

    __table_args__ = (Index(None, "resident_id", "code", "at"),)
    id: str = _text(primary_key=True)
    resident_id: str = _text(foreign_key="resident.id")
    code: str = _text()
    value: str = _text()
    unit: str | None = _text(optional=True)
    at: int = _whole()
    until: int | None = _whole(optional=True)
    source: str = _text()
    actor: str = _text()
    channel: str = _text()
    recorded_at: int = _whole()
    retracts: str | None = _text(optional=True)
    raw: str | None = _text(optional=True)


class TrendFit(Row, table=True):
    """The parameters of one person's trend of one kind, as the refit pass found them."""

    __tablename__: ClassVar[Any] = "trend_fit"
    resident_id: str = _text(primary_key=True, foreign_key="resident.id")
    kind: str = _text(primary_key=True)
    parameters: str = _text()
    fitted_at: int = _whole()
    readings: int = _whole()


class Weather(Row, table=True):
    """What the weather of a municipality's civil day was or will be; NULL where nobody said."""

    municipality_code: str = _text(primary_key=True, foreign_key="municipality.code")
    day: str = _text(primary_key=True)
    wbgt_max: str | None = _text(optional=True)
    snow_cm: str | None = _text(optional=True)
    source: str = _text()
    recorded_at: int = _whole()


FACT = Row.metadata.tables["fact"]
TREND_FIT = Row.metadata.tables["trend_fit"]
WEATHER = Row.metadata.tables["weather"]
