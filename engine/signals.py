"""What the engine measures of a person at one instant: named, typed numbers, each with the readings it came from.

Experimental, preliminary and merely assumed readings never enter, nor does a record whose time is unknown - except
the highest home blood pressure and the single resting heart rates, because a red flag must not vanish with a wrong
clock. The names stand in `engine.vocabulary`; answers, laboratory values and what rules derive come from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from engine.activity import HABIT_CUT, day_totals
from engine.dates import fiscal_year_age
from engine.people import Resident, age_on
from engine.seasons import season
from engine.series.model import Model
from engine.signals_columns import (
    BP_DAYS,
    CHANGE_DAYS,
    HEART_DAYS,
    LEVEL_FRESH,
    Column,
    change_columns,
    half_up,
    heart_columns,
    pressure_columns,
    season_column,
    step_columns,
    valid_steps,
)
from engine.signals_rows import (
    STEP_KINDS,
    day_of,
    halves_by_day,
    rest_by_day,
    row_of,
    seen_step_days,
    weights_by_day,
)
from engine.trends import Trend, weight_trend

STEP_DAYS: Final = 9
SEASON_DAYS: Final = 400


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One stored value in the unit of its kind; `certainty` sure, assumed or None, as assignment left it.

    `since` is when a running total or an interval began to count, None where the device does not say.
    """

    at: datetime
    value: Decimal
    unit: str
    reading_id: str
    device_id: str
    since: datetime | None = None
    time_quality: str = "device"
    provenance: str = "bonded"
    certainty: str | None = "sure"
    experimental: bool = False
    preliminary: bool = False


History = Mapping[str, Sequence[Point]]


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """A number or None with the reason in `note`; `inputs` are reading ids, `count` what it was made of."""

    value: Decimal | None
    unit: str
    inputs: tuple[str, ...] = ()
    count: int = 0
    low: Decimal | None = None
    high: Decimal | None = None
    note: str | None = None


class Signals(msgspec.Struct, frozen=True):
    """All signals of one person, by the names of `VOCABULARY`."""

    as_of: datetime
    values: dict[str, Signal]

    def value(self, name: str) -> Decimal | None:
        """The number called `name`; None when it is missing or unknown."""
        found = self.values.get(name)
        return None if found is None else found.value


def bmi(weight_kg: Decimal, height_cm: Decimal) -> Decimal:
    """Body mass index in kg/m², exact decimals rounded half-up to one decimal and only then compared (24.95 is 25.0).

    Raises ValueError for a height or weight that is not positive.
    """
    if height_cm <= 0 or weight_kg <= 0:
        raise ValueError("weight and height must be positive")
    return (weight_kg * 10_000 / (height_cm * height_cm)).quantize(Decimal("0.1"), ROUND_HALF_UP)


def signals(person: Resident, history: History, zone: ZoneInfo, as_of: datetime, noise: Model | None = None) -> Signals:
    """Everything measured of `person` at `as_of` (aware), days cut in `zone`; nothing after `as_of` is looked at.

    `noise` are the parameters fitted to this person's weight, None before there are any.
    """
    now = as_of.astimezone(zone)
    past = {kind: [p for p in points if p.at <= as_of] for kind, points in history.items()}
    known = {kind: [p for p in points if _sure(p)] for kind, points in past.items()}
    sound = {kind: [p for p in points if trusted(p)] for kind, points in known.items()}
    values = person_signals(person, now.date())
    values |= _weight(sound.get("body-weight", ()), now, noise)
    values["bmi"] = bmi_signal(values["weight.level"], values["height"])
    values |= _changes(sound.get("body-weight", ()), zone, now)
    values |= _steps(sound, zone, now)
    values |= _pressure(known, sound, zone, now)
    values |= _heart(known, sound, zone, now)
    return Signals(as_of, values)


def _sure(point: Point) -> bool:
    return not point.experimental and not point.preliminary and point.certainty == "sure"


def trusted(point: Point) -> bool:
    """Whether `point` is proven, surely this person's and of its time: from nothing else is anything concluded."""
    return _sure(point) and point.time_quality != "unknown"


def person_signals(person: Resident, today: date) -> dict[str, Signal]:
    """What the register says of `person` on a day: age, age of the fiscal year, sex and height."""
    male = {"male": Decimal(1), "female": Decimal(0)}.get(person.sex)
    height = person.height_cm if person.height_cm is not None and person.height_cm > 0 else None
    fiscal = fiscal_year_age(person.birth_date, today)
    return {
        "age": Signal(value=Decimal(age_on(person.birth_date, today)), unit="a", count=1),
        "age.fiscal_year": Signal(value=Decimal(fiscal), unit="a", count=1),
        "sex.male": Signal(value=male, unit="1", count=1, note=None if male is not None else "not-asked"),
        "height": Signal(value=height, unit="cm", count=1, note=None if height is not None else "no-height"),
    }


def _weight(points: Sequence[Point], now: datetime, noise: Model | None) -> dict[str, Signal]:
    trend = weight_trend(((p.at, float(p.value)) for p in points), now, noise)
    recent = [p for p in points if now - p.at < timedelta(days=LEVEL_FRESH)]
    inputs = _ids(recent)
    stale = not recent or trend.level is None
    level = None if stale or trend.level is None else _decimal(trend.level, 2)
    note = None if level is not None else ("stale" if points else "no-weight")
    age_days = None if trend.age_days is None else _decimal(trend.age_days, 1)
    return {
        "weight.level": Signal(value=level, unit="kg", inputs=inputs, count=len(recent), note=note),
        "weight.slope_kg_per_week": _slope(trend, inputs),
        "weight.days_28d": Signal(value=Decimal(trend.days), unit="d", inputs=inputs, count=trend.days),
        "weight.age_days": Signal(value=age_days, unit="d", inputs=inputs[-1:], note=note),
    }


def bmi_signal(level: Signal, height: Signal) -> Signal:
    """The body mass index of a smoothed weight and whatever height is known best; None with the reason of either."""
    if level.value is None or height.value is None or height.value <= 0 or level.value <= 0:
        return Signal(value=None, unit="kg/m2", inputs=level.inputs, note=level.note or height.note or "no-height")
    return Signal(value=bmi(level.value, height.value), unit="kg/m2", inputs=level.inputs, count=level.count)


def _slope(trend: Trend, inputs: tuple[str, ...]) -> Signal:
    """The spoken slope; its value is None while its interval covers 0, so that no rule can speak of a trend."""
    low, high = (None if x is None else _decimal(x, 2) for x in (trend.low, trend.high))
    value = _decimal(trend.slope_per_week, 2) if trend.claimed and trend.slope_per_week is not None else None
    note = None if trend.claimed else ("too-few-days" if low is None else "no-trend")
    return Signal(value=value, unit="kg/wk", inputs=inputs, count=trend.days, low=low, high=high, note=note)


def _changes(points: Sequence[Point], zone: ZoneInfo, now: datetime) -> dict[str, Signal]:
    today = now.date()
    found = change_columns(row_of(weights_by_day(points, zone), today, CHANGE_DAYS))
    newest = max((day_of(p.at, zone) for p in points), default=today)
    week, half = (
        _ids(p for p in points if (newest - day_of(p.at, zone)).days <= back) for back in (8, CHANGE_DAYS - LEVEL_FRESH)
    )
    note = "too-few-days" if points else "no-weight"
    return {
        "weight.change_7d": _signal(found["weight.change_7d"], "kg", 2, week, note),
        "weight.change_180d": _signal(found["weight.change_180d"], "kg", 2, half, note),
        "weight.loss_percent_180d": _signal(found["weight.loss_percent_180d"], "%", 1, half, note),
    }


def step_days(history: History, zone: ZoneInfo) -> dict[date, Decimal]:
    """Steps per civil day from running totals, day summaries and intervals; the highest source of a day counts."""
    days = dict(day_totals(history.get("steps-total", ()), zone))
    for point in history.get("steps-day", ()):
        day = point.at.astimezone(zone).date()
        days[day] = max(point.value, days.get(day, Decimal(0)))
    intervals: dict[date, Decimal] = {}
    for point in history.get("steps-interval", ()):
        day = point.at.astimezone(zone).date()
        intervals[day] = intervals.get(day, Decimal(0)) + point.value
    for day, steps in intervals.items():
        days[day] = max(steps, days.get(day, Decimal(0)))
    return dict(sorted(days.items()))


def _steps(history: History, zone: ZoneInfo, now: datetime) -> dict[str, Signal]:
    today, seen = now.date(), seen_step_days(history, zone)
    days = {day: float(steps) for day, steps in step_days(history, zone).items() if day in seen}
    valid = valid_steps(row_of(days, today, SEASON_DAYS))
    week = step_columns(valid)
    usual = season(valid, today)
    share = season_column(week["steps.mean_7d"].value, usual.expected, usual.days)
    since = now - timedelta(days=STEP_DAYS)
    used = _ids(p for kind in STEP_KINDS for p in history.get(kind, ()) if p.at > since)
    compared = _signal(share, "%", 0, used, "too-few-days")
    if compared.value is not None:
        compared = msgspec.structs.replace(compared, note="last-year" if usual.last_year[0] else "adjusted")
    return {
        "steps.mean_7d": _signal(week["steps.mean_7d"], "{steps}/d", 0, used, "too-few-days"),
        "steps.valid_days_7d": _signal(week["steps.valid_days_7d"], "d", 0, (), None),
        "steps.season_percent": compared,
    }


def _pressure(known: History, sound: History, zone: ZoneInfo, now: datetime) -> dict[str, Signal]:
    # Whole days cut at 04:00, today included: seven days never hold eight.
    today = day_of(now, zone, HABIT_CUT)
    found: dict[str, Signal] = {}
    counts: list[int] = []
    for kind in ("systolic", "diastolic"):
        sure, timed = (_last_days(points.get(kind, ()), zone, today, BP_DAYS) for points in (known, sound))
        top = halves_by_day(sure, zone)[2]
        morning, evening, _ = halves_by_day(timed, zone)
        columns = pressure_columns(kind, *(row_of(days, today, BP_DAYS) for days in (morning, evening, top)))
        counts.append(int(columns[f"bp.home.{kind}_mean"].count[0]))
        highest = columns.pop(f"bp.home.{kind}_max")
        found |= {name: _signal(column, "mm[Hg]", 1, _ids(timed), "too-few-days") for name, column in columns.items()}
        holders = _ids(p for p in sure if float(p.value) == highest.value[0])
        single = _signal(highest, "mm[Hg]", None, holders, "no-reading")
        found[f"bp.home.{kind}_max"] = msgspec.structs.replace(single, count=len(sure))
    found["bp.home.days_7d"] = Signal(value=Decimal(min(counts)), unit="d", count=min(counts))
    return found


def _heart(known: History, sound: History, zone: ZoneInfo, now: datetime) -> dict[str, Signal]:
    today = day_of(now, zone, HABIT_CUT)
    within = {today - timedelta(days=back) for back in range(HEART_DAYS)}
    timed, single = (
        {day: rates for day, rates in rest_by_day(points, zone).items() if day in within} for points in (sound, known)
    )
    usual = {day: float(np.median([rate for rate, _ in rates])) for day, rates in timed.items()}
    tops, bottoms = ({day: pick(single[day])[0] for day in single} for pick in (max, min))
    columns = heart_columns(*(row_of(days, today, HEART_DAYS) for days in (usual, tops, bottoms)))
    inputs = tuple(dict.fromkeys(reading for rates in timed.values() for _, reading in rates))
    note = "too-few-days" if timed else "no-reading"
    found = {"heart.resting": _signal(columns["heart.resting"], "/min", 0, inputs, note)}
    for name in ("heart.resting_max", "heart.resting_min"):
        held = columns[name].value[0]
        holders = tuple(reading for rates in single.values() for rate, reading in rates if rate == held)
        found[name] = _signal(columns[name], "/min", None, holders, "no-reading")
    return found


def _last_days(points: Sequence[Point], zone: ZoneInfo, today: date, days: int) -> list[Point]:
    first = today - timedelta(days=days - 1)
    return [p for p in points if day_of(p.at, zone, HABIT_CUT) >= first]


def _signal(column: Column, unit: str, digits: int | None, inputs: tuple[str, ...], note: str | None) -> Signal:
    """The only row of a column as a signal; `note` tells why if it is unknown."""
    value, low, high = (
        None if values is None or not np.isfinite(values[0]) else _decimal(float(values[0]), digits)
        for values in (column.value, column.low, column.high)
    )
    return Signal(
        value=value, unit=unit, inputs=inputs, count=int(column.count[0]), low=low, high=high,
        note=note if value is None else None,
    )  # fmt: skip


def _ids(points: Iterable[Point]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(p.reading_id for p in points))


def _decimal(value: float, digits: int | None) -> Decimal:
    """`value` half-up with so many decimals; None keeps the digits it has."""
    if digits is None:
        return Decimal(repr(value)).normalize() + 0
    rounded = float(half_up(np.array([value]), digits)[0])
    return Decimal(repr(rounded)).quantize(Decimal(1).scaleb(-digits))
