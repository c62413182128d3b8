"""Android's Health Connect: the tables of `health_connect_export.db`.

Sources: AOSP packages/modules/HealthFitness (the record helpers: times in epoch ms, masses in grams, lengths in metres,
energy in calories, power in watts) and canpok1/health-connect-converter, which read a real export of August 2026.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from engine.contract.reading import Value
from engine.imports.daily import DayTally
from engine.imports.model import FileError, Item, Record, fault
from engine.imports.moments import epoch
from engine.imports.numbers import number, value_of

# Table, column, our kind, unit of the column.
MOMENTS: Final = (
    ("weight_record_table", "weight", "body-weight", "g"),
    ("body_fat_record_table", "percentage", "body-fat", "%"),
    ("height_record_table", "height", "body-height", "m"),
    ("lean_body_mass_record_table", "mass", "lean-mass", "g"),
    ("bone_mass_record_table", "mass", "bone-mass", "g"),
    ("body_water_mass_record_table", "body_water_mass", "body-water-mass", "g"),
    ("basal_metabolic_rate_record_table", "basal_metabolic_rate", "basal-metabolism", "W"),
    ("resting_heart_rate_record_table", "beats_per_minute", "resting-heart-rate", "/min"),
    ("oxygen_saturation_record_table", "percentage", "spo2", "%"),
    ("body_temperature_record_table", "temperature", "body-temperature", "Cel"),
    ("respiratory_rate_record_table", "rate", "respiratory-rate", "/min"),
)
# The factor brings the column to the tally's unit: steps, metres, kJ.
COUNTS: Final = (
    ("steps_record_table", "count", "steps-day", Decimal(1)),
    ("distance_record_table", "distance", "distance", Decimal(1)),
    ("active_calories_burned_record_table", "energy", "energy-expended", Decimal("0.004184")),
)
_KCAL_A_DAY: Final = Decimal(86_400) / Decimal(4_184)  # one watt in kcal/d
_ASLEEP: Final = frozenset({2, 4, 5, 6})
_OTHERS: Final = ("blood_pressure_record_table", "heart_rate_record_table", "sleep_session_record_table")
KNOWN: Final = frozenset({*(row[0] for row in MOMENTS), *(row[0] for row in COUNTS), *_OTHERS})


class Tables(Protocol):
    """A foreign database, read only."""

    def names(self) -> frozenset[str]:
        """The names of its tables."""

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """The columns of every row; FileError newer-format when one is missing, damaged-database when it breaks."""


def records(source: Tables, zone: ZoneInfo, now: datetime, skipped: Counter[str]) -> Iterator[Item]:
    """The records of an export; filled tables that are not read are counted in `skipped`.

    Raises FileError: not-health-connect, newer-format, damaged-database. Day totals come last.
    """
    names = source.names()
    if not names & KNOWN:
        raise FileError("not-health-connect", "none of Health Connect's tables is in this database")
    apps: dict[Any, str] = {}
    if "application_info_table" in names:
        apps = {row[0]: str(row[1]) for row in source.rows("application_info_table", ("row_id", "package_name"))}
    yield from _all_moments(source, names, apps)
    tally = DayTally(zone, now)
    for table, column, kind, factor in COUNTS:
        if table in names:
            yield from _counts(source, table, column, kind, factor, apps, tally)
    if "sleep_session_record_table" in names:
        _sleep(source, names, apps, tally)
    yield from tally.records()
    unread = {name: sum(1 for _ in source.rows(name, ())) for name in names - KNOWN if name.endswith("_record_table")}
    skipped.update({name: count for name, count in (unread | {"today": tally.unfinished}).items() if count})


def _all_moments(source: Tables, names: frozenset[str], apps: dict[Any, str]) -> Iterator[Item]:
    for table, column, kind, unit in MOMENTS:
        if table in names:
            yield from _moments(source, table, (column,), (kind,), unit, apps)
    if "blood_pressure_record_table" in names:
        both = ("systolic", "diastolic")
        yield from _moments(source, "blood_pressure_record_table", both, both, "mm[Hg]", apps)
    if {"heart_rate_record_table", "heart_rate_record_series_table"} <= names:
        yield from _beats(source, apps)


def _amount(value: Any) -> Decimal | None:
    return None if isinstance(value, bytes | None) else number(str(value))


def _moments(
    source: Tables, table: str, columns: Sequence[str], kinds: Sequence[str], unit: str, apps: dict[Any, str]
) -> Iterator[Item]:
    for row, app, time, *cells in source.rows(table, ("row_id", "app_info_id", "time", *columns)):
        at = _instant(time)
        if at is None:
            yield fault(row, "unreadable-date", f"{table} {time}")
            continue
        amounts = [_amount(cell) for cell in cells]
        if unit == "W":
            amounts = [None if amount is None else amount * _KCAL_A_DAY for amount in amounts]
        found = [
            value_of(kind, a, "kcal" if unit == "W" else unit) for kind, a in zip(kinds, amounts, strict=True) if a
        ]
        values = tuple(value for value in found if value is not None)
        if len(values) < len(kinds):
            yield fault(row, "not-a-number", f"{table} {cells}")
        else:
            yield Record(line=row, origin=apps.get(app, ""), at=at, values=values)


def _value(kind: str, amount: Decimal | None, unit: str) -> Value | None:
    if amount is None:
        return None
    return value_of(kind, amount * _KCAL_A_DAY, "kcal") if unit == "W" else value_of(kind, amount, unit)


def _beats(source: Tables, apps: dict[Any, str]) -> Iterator[Item]:
    parents = dict(source.rows("heart_rate_record_table", ("row_id", "app_info_id")))
    child = ("parent_key", "beats_per_minute", "epoch_millis")
    for line, (parent, beats, millis) in enumerate(source.rows("heart_rate_record_series_table", child), 1):
        at, amount = _instant(millis), _amount(beats)
        value = None if amount is None else value_of("heart-rate", amount, "/min")
        if at is None or value is None:
            yield fault(line, "unreadable-date" if at is None else "not-a-number", f"heart rate {beats}")
        else:
            yield Record(line=line, origin=apps.get(parents.get(parent), ""), at=at, values=(value,))


def _counts(
    source: Tables, table: str, column: str, kind: str, factor: Decimal, apps: dict[Any, str], tally: DayTally
) -> Iterator[Item]:
    for row, app, begin, finish, cell in source.rows(
        table, ("row_id", "app_info_id", "start_time", "end_time", column)
    ):
        start, end, amount = _instant(begin), _instant(finish), _amount(cell)
        if start is None or end is None or end < start:
            yield fault(row, "unreadable-date", f"{table} {begin} {finish}")
        elif amount is None or amount < 0:
            yield fault(row, "not-a-number", f"{table} {cell}")
        else:
            tally.add(kind, apps.get(app, ""), (start, end), amount * factor, row)


def _sleep(source: Tables, names: frozenset[str], apps: dict[Any, str], tally: DayTally) -> None:
    stages: defaultdict[Any, list[tuple[Any, Any, Any]]] = defaultdict(list)
    if "sleep_stages_table" in names:
        columns = ("parent_key", "stage_start_time", "stage_end_time", "stage_type")
        for parent, *stage in source.rows("sleep_stages_table", columns):
            stages[parent].append((stage[0], stage[1], stage[2]))
    columns = ("row_id", "app_info_id", "start_time", "end_time")
    for row, app, begin, finish in source.rows("sleep_session_record_table", columns):
        # A session without stages is one whose app saw nothing but sleep.
        parts = [part[:2] for part in stages[row] if part[2] in _ASLEEP] if row in stages else [(begin, finish)]
        for one, other in parts:
            start, end = _instant(one), _instant(other)
            if start is not None and end is not None and start < end:
                tally.sleep(apps.get(app, ""), (start, end), row)


def _instant(millis: Any) -> datetime | None:
    return epoch(millis) if isinstance(millis, int) else None
