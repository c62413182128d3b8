"""What follows from stored values and is exported beside them: BMI from a weight, steps per civil day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.activity import day_totals
from engine.contract.kinds import KINDS
from engine.observation_values import Measured, identifier_of
from engine.signals import bmi

# What a day's summary is made of; stored totals of a day (imports, entries by hand) are not said a second time.
STEP_TOTALS: Final = frozenset({"steps-total", "steps-day"})


class _Total(msgspec.Struct, frozen=True):
    """A running total as `day_totals` wants it."""

    at: datetime
    value: Decimal
    device_id: str
    since: datetime | None


def with_bmi(rows: Sequence[Measured], height_cm: Decimal | None) -> Iterator[Measured]:
    """`rows` with a BMI after each weight, left out where no height is known or the scale sent a BMI of its own.

    It is derived from the weight, and from a height measured before it where that is the height known of the person.
    Rows of one reading must stand next to each other, and stay so.
    """
    heights = [row for row in rows if row.kind == "body-height" and row.value == height_cm]
    for _, group in groupby(rows, key=lambda row: row.reading_id):
        reading = tuple(group)
        yield from reading
        weight = next((row for row in reading if row.kind == "body-weight" and row.value), None)
        if height_cm is not None and weight is not None and all(row.kind != "bmi" for row in reading):
            before = [row for row in heights if row.measured_at <= weight.measured_at]
            measured = max(before, key=lambda row: (row.measured_at, row.reading_id or ""), default=None)
            yield _bmi(weight, height_cm, measured)


def _bmi(weight: Measured, height_cm: Decimal, measured: Measured | None) -> Measured:
    sources = tuple(identifier_of(row) for row in (weight, measured) if row is not None)
    return msgspec.structs.replace(
        weight, kind="bmi", value=bmi(weight.value or Decimal(0), height_cm), unit=KINDS["bmi"].unit,
        device_id=None, gateway_id=None, derived_from=sources,
    )  # fmt: skip


def step_summaries(rows: Sequence[Measured], zone: ZoneInfo, as_of: datetime) -> Iterator[Measured]:
    """One summary for every civil day that running totals or totals of a day tell about, in order.

    The highest source of a day counts. Preliminary while the day is not over at `as_of`, or where a total of that day
    was; experimental likewise.
    """
    told = [row for row in rows if row.kind in STEP_TOTALS and row.value is not None]
    totals = [row for row in told if row.kind == "steps-total"]
    points = [_Total(row.measured_at, row.value or Decimal(0), row.device_id or "", row.period_start) for row in totals]
    days = dict(day_totals(points, zone))
    by_day: dict[date, list[Measured]] = defaultdict(list)
    for row in told:
        # A running total read exactly at midnight closes the day before, as `day_totals` has it.
        instant = timedelta(microseconds=1) if row.kind == "steps-total" else timedelta()
        day = (row.measured_at - instant).astimezone(zone).date()
        by_day[day].append(row)
        if row.kind == "steps-day":
            days[day] = max(row.value or Decimal(0), days.get(day, Decimal(0)))
    today = as_of.astimezone(zone).date()
    for day, steps in sorted(days.items()):
        # A day nothing was read on is filled from the next total, and is no better than that one.
        sources = by_day.get(day) or by_day[min((later for later in by_day if later > day), default=day)]
        yield Measured(
            reading_id=None, resident_id=told[0].resident_id, device_id=None, gateway_id=None, kind="steps-day",
            value=steps, unit=KINDS["steps-day"].unit, measured_at=as_of, day=day,
            preliminary=day >= today or any(row.preliminary for row in sources),
            experimental=any(row.experimental for row in sources),
        )  # fmt: skip
