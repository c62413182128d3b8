"""The signals of a whole city in one call: arrays people x days in, one column of numbers per signal out.

The same columns that `engine.signals` computes for one person, from days instead of stored points; NaN is unknown.
People are worked off in blocks, so that memory does not grow with the city beyond what goes in and out.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.seasons import season
from engine.series.model import PRIOR, Model
from engine.signals_columns import (
    BP_DAYS,
    HEART_DAYS,
    LEVEL_FRESH,
    Column,
    Floats,
    bmi_column,
    change_columns,
    half_up,
    heart_columns,
    padded,
    pressure_columns,
    season_column,
    step_columns,
    valid_steps,
)
from engine.trends import CLAIM_DAYS, CLAIM_SPAN
from engine.trends_many import trends_many

BLOCK: Final = 4096
_GRAM: Final = 3
# Of these no older days are looked at.
_NEWEST: Final = {
    **{f"{kind}_{part}": BP_DAYS for kind in ("systolic", "diastolic") for part in ("morning", "evening", "top")},
    **dict.fromkeys(("rest", "rest_top", "rest_low"), HEART_DAYS),
}
Dates = NDArray[np.datetime64]


@dataclass(frozen=True, kw_only=True)
class City:
    """What was measured of many people, one row each; the last column of every array is `today`, NaN is nothing.

    `weights` holds the median of each civil day's sure weighings (kg), `steps` the counted steps with `worn` telling
    the days on which they were really counted. Pressure is split into the means of morning and evening with the
    highest single value of the day; `rest` is each day's resting heart rate with its highest and lowest single one.
    Days of pressure and heart are cut at 04:00. `male` is 1, 0 or NaN. Days may be float32 where three decimals tell
    all there is to tell.
    """

    today: date
    born: Dates
    male: Floats
    height_cm: Floats
    weights: Floats
    steps: Floats
    worn: NDArray[np.bool_]
    systolic_morning: Floats
    systolic_evening: Floats
    systolic_top: Floats
    diastolic_morning: Floats
    diastolic_evening: Floats
    diastolic_top: Floats
    rest: Floats
    rest_top: Floats
    rest_low: Floats


def signals_many(city: City, model: Model = PRIOR, block: int = BLOCK, workers: int = 1) -> dict[str, Floats]:
    """Every measured signal of everybody in `city` by name, in the order of its rows.

    `model` holds the parameters of the weight filter, shared by all or one column per person; `workers` threads share
    the blocks, since numpy lets go of the interpreter while it reckons.
    """
    starts = range(0, max(len(city.born), 1), block)

    def part(start: int) -> dict[str, Floats]:
        return _columns(_part(city, start, block), model.of(slice(start, start + block)))

    with ThreadPoolExecutor(workers) as pool:
        parts = list(pool.map(part, starts))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def empty_city(today: date, people: int) -> City:
    """People of whom nothing is known yet; `dataclasses.replace` fills in what is.

    Everybody is born on 1 January 1970 until told otherwise.
    """
    days = {
        name: np.full((people, 1), np.nan)
        for name in (field.name for field in fields(City))
        if name not in {"today", "born", "male", "height_cm", "worn"}
    }
    return City(
        today=today, born=np.full(people, np.datetime64("1970-01-01")), male=np.full(people, np.nan),
        height_cm=np.full(people, np.nan), worn=np.ones((people, 1), dtype=bool), **days,
    )  # fmt: skip


def _part(city: City, start: int, block: int) -> City:
    """Some people, in float64, with no more days than are looked at."""
    rows: dict[str, Any] = {}
    for field in fields(city):
        if field.name != "today":
            rows[field.name] = _read(getattr(city, field.name)[start : start + block], _NEWEST.get(field.name))
    return replace(city, **rows)


def _read(rows: NDArray[Any], days: int | None) -> NDArray[Any]:
    newest = rows if days is None else rows[:, -days:]
    if newest.dtype != np.float32:
        return newest
    # 65.1 is 65.0999985 in float32: halves would be rounded to the wrong side.
    return np.round(newest.astype(np.float64), _GRAM)


def _columns(city: City, model: Model) -> dict[str, Floats]:
    found = _people(city) | _weight(city, model)
    columns: dict[str, Column] = change_columns(city.weights)
    valid = valid_steps(city.steps, city.worn)
    columns |= step_columns(valid)
    usual = season(valid, city.today)
    columns["steps.season_percent"] = season_column(columns["steps.mean_7d"].value, usual.expected, usual.days)
    systolic = pressure_columns("systolic", city.systolic_morning, city.systolic_evening, city.systolic_top)
    diastolic = pressure_columns("diastolic", city.diastolic_morning, city.diastolic_evening, city.diastolic_top)
    columns |= systolic | diastolic | heart_columns(city.rest, city.rest_top, city.rest_low)
    days = np.minimum(systolic["bp.home.systolic_mean"].count, diastolic["bp.home.diastolic_mean"].count)
    found["bp.home.days_7d"] = days.astype(np.float64)
    return found | {name: column.value for name, column in columns.items()}


def _people(city: City) -> dict[str, Floats]:
    today = np.datetime64(city.today, "D")
    fiscal = np.datetime64(date(city.today.year + (city.today.month > 3), 3, 31), "D")  # noqa: PLR2004 - March ends it
    return {
        "age": _age(city.born, today),
        "age.fiscal_year": _age(city.born, fiscal),
        "sex.male": city.male,
        "height": np.where(city.height_cm > 0, city.height_cm, np.nan),
    }


def _age(born: Dates, on: np.datetime64) -> Floats:
    """Whole years of life on a day; 29 February is reached on 1 March of a common year."""
    months = born.astype("datetime64[M]")
    day_of_month = (born.astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64)
    month = on.astype("datetime64[M]")
    today = int((on - month.astype("datetime64[D]")).astype(np.int64))
    lived = (month - months).astype(np.int64) - (day_of_month > today)
    return np.asarray(lived // 12, dtype=np.float64)


def _weight(city: City, model: Model) -> dict[str, Floats]:
    """The smoothed level and what hangs on it, and the slope where its interval does not cover 0."""
    month = padded(city.weights, LEVEL_FRESH)
    known = np.isfinite(month)
    recent = known.any(axis=1)
    ever = np.isfinite(city.weights)
    age = np.where(ever.any(axis=1), np.argmax(ever[:, ::-1], axis=1), np.nan)
    levels, slopes = trends_many(city.weights, model, horizons=())
    level = half_up(np.where(recent, levels.level, np.nan), 2)
    span = LEVEL_FRESH - 1 - np.argmax(known, axis=1) - np.argmax(known[:, ::-1], axis=1)
    claimed = (slopes.days >= CLAIM_DAYS) & (span >= CLAIM_SPAN) & slopes.firm
    return {
        "weight.level": level,
        "weight.slope_kg_per_week": half_up(np.where(claimed, slopes.slope * 7, np.nan), 2),
        "weight.days_28d": slopes.days.astype(np.float64),
        "weight.age_days": age,
        "bmi": bmi_column(level, city.height_cm),
    }
