"""A resident's stored data as FHIR: every accepted value, BMI, the steps of each civil day, and the weight trend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.contract.kinds import KINDS
from engine.observation_derived import STEP_TOTALS, step_summaries, with_bmi
from engine.observation_trends import weight_trend_of
from engine.observations import Measured, UnbuildableError, build, fold
from engine.people import Resident
from engine.store import repo_measured
from engine.store.database import Connection

Span = tuple[date | None, date | None]
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


def observations_of(
    connection: Connection,
    person: Resident,
    now: datetime,
    span: Span = (None, None),
    left_out: Counter[str] | None = None,
) -> Iterator[bytes]:
    """FHIR R4 Observations (JSON) of `person` for the local days of `span`, first and last included.

    A value that cannot be an Observation is left out and counted in `left_out` by its reason code.
    """
    zone = ZoneInfo(repo_measured.zone_of(connection, person.id) or "Asia/Tokyo")
    stored = repo_measured.measured_of(connection, person.id)
    # A day's steps need the totals of the day before, so the days are chosen after the summaries are made.
    others = [row for row in stored if row.kind not in STEP_TOTALS]
    every = [*with_bmi(others, person.height_cm), *step_summaries(stored, zone, now)]
    for row in fold([row for row in every if _within(row, span, zone)]):
        known = KINDS.get(row.kind)
        if known is not None and not known.observed:
            continue
        try:
            yield build(row, zone)
        except UnbuildableError as error:
            if left_out is not None:
                left_out[error.code] += 1
    yield from _trend(stored, span, zone, now)


def _trend(rows: list[Measured], span: Span, zone: ZoneInfo, now: datetime) -> Iterator[bytes]:
    """The weight trend at the end of the last whole day of `span`, where there is one."""
    first, last = span
    today = now.astimezone(zone).date()
    as_of = now if last is None or last >= today else datetime.combine(last + timedelta(days=1), time(), zone)
    if first is None or first < as_of.astimezone(zone).date():
        found = weight_trend_of(rows, zone, as_of)
        if found is not None:
            yield _encode(found)


def _within(row: Measured, span: Span, zone: ZoneInfo) -> bool:
    first, last = span
    day = row.day or row.measured_at.astimezone(zone).date()
    return (first is None or day >= first) and (last is None or day <= last)
