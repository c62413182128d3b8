"""A resident's stored data as FHIR: every accepted value, BMI, and the steps of each civil day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

from engine.contract.kinds import KINDS
from engine.observation_derived import STEP_TOTALS, step_summaries, with_bmi
from engine.observations import Measured, UnbuildableError, build, fold
from engine.people import Resident
from engine.store import repo_measured
from engine.store.database import Connection

Span = tuple[date | None, date | None]


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


def _within(row: Measured, span: Span, zone: ZoneInfo) -> bool:
    first, last = span
    day = row.day or row.measured_at.astimezone(zone).date()
    return (first is None or day >= first) and (last is None or day <= last)
