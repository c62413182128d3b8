"""What the engine knows of a person at one instant: named, typed numbers, each with the readings it came from.

Experimental, preliminary and merely assumed readings never enter, nor does a record whose time is unknown - except
the highest home blood pressure, because a red flag must not vanish with a wrong clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.activity import Activity, activity, day_totals, seen_days
from engine.people import Resident, age_on
from engine.trends import Trend, weight_trend

WEIGHT_DAYS: Final = 28
BP_DAYS: Final = 7
BP_NEEDED: Final = 5
STEP_DAYS: Final = 9
FERTILE: Final = range(12, 56)


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


class Spec(msgspec.Struct, frozen=True):
    """What a signal means: UCUM unit, labels, and the change below which advice is not written anew."""

    unit: str
    ja: str
    en: str
    material: Decimal


def _spec(unit: str, ja: str, en: str, material: str) -> Spec:
    return Spec(unit, ja, en, Decimal(material))


VOCABULARY: Final[dict[str, Spec]] = {
    "age": _spec("a", "年齢", "age", "1"),
    "pregnancy.possible": _spec("1", "妊娠の可能性(未確認は1)", "pregnancy possible (1 when not asked)", "1"),
    "bmi": _spec("kg/m2", "BMI", "body mass index", "0.3"),
    "weight.level": _spec("kg", "体重(ならした値)", "body weight, smoothed", "0.7"),
    "weight.slope_kg_per_week": _spec("kg/wk", "体重の変化(1週間あたり)", "weight change per week", "0.3"),
    "weight.days_28d": _spec("d", "体重を測った日数(28日間)", "days with a weight in 28 days", "28"),
    "weight.age_days": _spec("d", "最後の体重からの日数", "days since the last weight", "28"),
    "steps.mean_7d": _spec("{steps}/d", "1日の歩数(7日間の平均)", "steps per day, mean of 7 days", "500"),
    "steps.valid_days_7d": _spec("d", "歩数の有効な日数(7日間)", "valid step days in 7 days", "7"),
    "bp.home.systolic_mean": _spec("mm[Hg]", "家庭血圧(上)の平均", "mean home systolic pressure", "3"),
    "bp.home.diastolic_mean": _spec("mm[Hg]", "家庭血圧(下)の平均", "mean home diastolic pressure", "3"),
    "bp.home.days_7d": _spec("d", "家庭血圧を測った日数(7日間)", "days with home pressure in 7 days", "7"),
    "bp.home.systolic_max": _spec("mm[Hg]", "家庭血圧(上)の最高(7日間)", "highest home systolic in 7 days", "5"),
    "bp.home.diastolic_max": _spec("mm[Hg]", "家庭血圧(下)の最高(7日間)", "highest home diastolic in 7 days", "5"),
}


def bmi(weight_kg: Decimal, height_cm: Decimal) -> Decimal:
    """Body mass index in kg/m², exact decimals rounded half-up to one decimal and only then compared (24.95 is 25.0).

    Raises ValueError for a height or weight that is not positive.
    """
    if height_cm <= 0 or weight_kg <= 0:
        raise ValueError("weight and height must be positive")
    return (weight_kg * 10_000 / (height_cm * height_cm)).quantize(Decimal("0.1"), ROUND_HALF_UP)


def signals(person: Resident, history: History, zone: ZoneInfo, as_of: datetime) -> Signals:
    """Every signal of `person` at `as_of` (aware), days cut in `zone`; nothing after `as_of` is looked at."""
    now = as_of.astimezone(zone)
    past = {kind: [p for p in points if p.at <= as_of] for kind, points in history.items()}
    sound = {kind: [p for p in points if trusted(p)] for kind, points in past.items()}
    values = _person(person, now.date())
    values |= _weight(person, sound.get("body-weight", ()), now)
    values |= _steps(sound, zone, now)
    values |= _pressure(past, zone, now)
    return Signals(as_of, values)


def _sure(point: Point) -> bool:
    return not point.experimental and not point.preliminary and point.certainty == "sure"


def trusted(point: Point) -> bool:
    """Whether `point` is proven, surely this person's and of its time: from nothing else is anything concluded."""
    return _sure(point) and point.time_quality != "unknown"


def _person(person: Resident, today: date) -> dict[str, Signal]:
    age = age_on(person.birth_date, today)
    possible = person.sex != "male" and age in FERTILE
    return {
        "age": Signal(value=Decimal(age), unit="a", count=1),
        "pregnancy.possible": Signal(value=Decimal(int(possible)), unit="1", note="not-asked" if possible else None),
    }


def _weight(person: Resident, points: Sequence[Point], now: datetime) -> dict[str, Signal]:
    trend = weight_trend(((p.at, float(p.value)) for p in points), now)
    recent = [p for p in points if now - p.at < timedelta(days=WEIGHT_DAYS)]
    inputs = _ids(recent)
    stale = not recent or trend.level is None
    level = None if stale or trend.level is None else _rounded(trend.level, "0.01")
    note = None if level is not None else ("stale" if points else "no-weight")
    age_days = None if trend.age_days is None else _rounded(trend.age_days, "0.1")
    return {
        "weight.level": Signal(value=level, unit="kg", inputs=inputs, count=len(recent), note=note),
        "weight.slope_kg_per_week": _slope(trend, inputs),
        "weight.days_28d": Signal(value=Decimal(trend.days), unit="d", inputs=inputs, count=trend.days),
        "weight.age_days": Signal(value=age_days, unit="d", inputs=inputs[-1:], note=note),
        "bmi": _bmi(person, level, inputs, note),
    }


def _bmi(person: Resident, level: Decimal | None, inputs: tuple[str, ...], note: str | None) -> Signal:
    if level is None or person.height_cm is None or person.height_cm <= 0 or level <= 0:
        return Signal(value=None, unit="kg/m2", inputs=inputs, note=note or "no-height")
    return Signal(value=bmi(level, person.height_cm), unit="kg/m2", inputs=inputs, count=len(inputs))


def _slope(trend: Trend, inputs: tuple[str, ...]) -> Signal:
    """The spoken slope; its value is None while its interval covers 0, so that no rule can speak of a trend."""
    low, high = (None if x is None else _rounded(x, "0.01") for x in (trend.low, trend.high))
    value = _rounded(trend.slope_per_week, "0.01") if trend.claimed and trend.slope_per_week is not None else None
    note = None if trend.claimed else ("too-few-days" if low is None else "no-trend")
    return Signal(value=value, unit="kg/wk", inputs=inputs, count=trend.days, low=low, high=high, note=note)


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


def week_of_steps(history: History, zone: ZoneInfo, as_of: datetime) -> Activity:
    """The 7 civil days before the day of `as_of`, trusted points only."""
    kept = {kind: [p for p in points if trusted(p) and p.at <= as_of] for kind, points in history.items()}
    seen = frozenset().union(*(seen_days(kept.get(kind, ()), zone) for kind in _STEP_KINDS))
    return activity(step_days(kept, zone), as_of.astimezone(zone).date(), seen)


_STEP_KINDS: Final = ("steps-total", "steps-day", "steps-interval")


def _steps(history: History, zone: ZoneInfo, now: datetime) -> dict[str, Signal]:
    week = week_of_steps(history, zone, now)
    since = now - timedelta(days=STEP_DAYS)
    used = [p for kind in _STEP_KINDS for p in history.get(kind, ()) if p.at > since]
    mean = None if week.mean is None else week.mean.quantize(Decimal(1), ROUND_HALF_UP)
    return {
        "steps.mean_7d": Signal(
            value=mean, unit="{steps}/d", inputs=_ids(used), count=week.valid_days, low=week.low, high=week.high,
            note=None if mean is not None else "too-few-days",
        ),
        "steps.valid_days_7d": Signal(value=Decimal(week.valid_days), unit="d", count=week.valid_days),
    }  # fmt: skip


def _pressure(past: History, zone: ZoneInfo, now: datetime) -> dict[str, Signal]:
    # Whole civil days, today included: seven days never hold eight dates.
    first = now.astimezone(zone).date() - timedelta(days=BP_DAYS - 1)
    found: dict[str, Signal] = {}
    counts: list[int] = []
    for kind in ("systolic", "diastolic"):
        sure = [p for p in past.get(kind, ()) if _sure(p) and p.at.astimezone(zone).date() >= first]
        timed = [p for p in sure if trusted(p)]
        days = _day_means(timed, zone)
        counts.append(len(days))
        enough = len(days) >= BP_NEEDED
        mean = (sum(days.values(), Decimal(0)) / len(days)).quantize(Decimal("0.1"), ROUND_HALF_UP) if enough else None
        found[f"bp.home.{kind}_mean"] = Signal(
            value=mean, unit="mm[Hg]", inputs=_ids(timed), count=len(days), note=None if enough else "too-few-days"
        )
        top = max((p.value for p in sure), default=None)
        holders = _ids(p for p in sure if p.value == top)
        none = None if sure else "no-reading"
        found[f"bp.home.{kind}_max"] = Signal(value=top, unit="mm[Hg]", inputs=holders, count=len(sure), note=none)
    found["bp.home.days_7d"] = Signal(value=Decimal(min(counts)), unit="d", count=min(counts))
    return found


def _day_means(points: Sequence[Point], zone: ZoneInfo) -> dict[date, Decimal]:
    """Each day's mean of its morning and evening means, so that three tries at night do not outweigh the morning."""
    halves: dict[date, dict[bool, list[Decimal]]] = {}
    for point in points:
        local = point.at.astimezone(zone)
        halves.setdefault(local.date(), {}).setdefault(local.hour < 12, []).append(point.value)  # noqa: PLR2004 - noon
    return {day: _mean([_mean(values) for values in parts.values()]) for day, parts in halves.items()}


def _mean(values: Sequence[Decimal]) -> Decimal:
    return sum(values, Decimal(0)) / len(values)


def _ids(points: Iterable[Point]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(p.reading_id for p in points))


def _rounded(value: float, step: str) -> Decimal:
    return Decimal(repr(value)).quantize(Decimal(step), ROUND_HALF_UP)
