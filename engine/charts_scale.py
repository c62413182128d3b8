"""The two scales of a chart: values with round steps that do not exaggerate, and days with dates people read."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

import msgspec

from engine.locale import Language

# The least a scale spans, so that the noise of a scale or a cuff does not look like a mountain (product policy).
LEAST: Final = {"kg": 4.0, "mm[Hg]": 60.0, "/min": 40.0, "%": 10.0, "Cel": 2.0, "cm": 10.0, "kg/m2": 4.0}
# What is counted stands on zero: the height of a bar is its number.
COUNTED: Final = frozenset({"{steps}", "{steps}/d", "min", "min/d", "m", "kcal", "kcal/d"})
_SHARE: Final = 0.2
_FLOOR: Final = 0.01
_STEPS: Final = 5
_DAY_STEPS: Final = (1, 2, 7, 14)
_MONTH_STEPS: Final = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400)
_YEAR: Final = 12
_LONGEST_IN_DAYS: Final = 120
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS: Final = {"ja": "月火水木金土日", "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}


class Scale(msgspec.Struct, frozen=True):
    """From `low` to `high` in steps of `step`, written with `decimals`."""

    low: float
    high: float
    step: float
    decimals: int

    def share(self, value: float) -> float:
        """Where a value stands between the ends, 0 to 1."""
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """The round values of the scale with their words."""
        first, count = round(self.low / self.step), round((self.high - self.low) / self.step)
        values = [(first + number) * self.step for number in range(count + 1)]
        return tuple((value, f"{value:,.{self.decimals}f}") for value in values)


def value_scale(values: Iterable[float], unit: str) -> Scale:
    """A scale that holds all values (finite, at most 1e12) and spans at least what `LEAST` says for the unit."""
    known = list(values) or [0.0]
    low, high = min(known), max(known)
    if unit in COUNTED:
        low = min(low, 0.0)
    positive = low >= 0
    middle = (low + high) / 2
    least = LEAST.get(unit, max(_SHARE * max(abs(low), abs(high)), _FLOOR))
    if high - low < least:
        low, high = middle - least / 2, middle + least / 2
    if positive and low < 0:
        low, high = 0.0, high - low
    step, decimals = _round_step((high - low) / _STEPS)
    return Scale(math.floor(low / step) * step, math.ceil(high / step) * step, step, decimals)


def _round_step(raw: float) -> tuple[float, int]:
    """The next step of 1, 2 or 5 times a power of ten, and the decimals it needs."""
    power = math.floor(math.log10(raw))
    factor = next((one for one in (1, 2, 5) if one * 10.0**power >= raw * 0.999), 10)
    step = factor * 10.0**power
    return step, max(0, -math.floor(math.log10(step * 1.000001)))


def day_ticks(first: date, last: date, room: int, language: Language) -> tuple[tuple[date, str], ...]:
    """At most `room` days between the two with their words: the newest day and steps back, or firsts of months."""
    span = (last - first).days
    if span <= _LONGEST_IN_DAYS:
        step = next((one for one in _DAY_STEPS if span // one + 1 <= room), None)
        if step is None:
            step = 7 * math.ceil((span + 1) / (7 * max(room, 1)))
        days = [last - timedelta(days=ago) for ago in range(0, span + 1, step)]
        return tuple((day, short_day(day, language)) for day in reversed(days))
    months = range(_month_number(first) + (first.day > 1), _month_number(last) + 1)
    step = next((one for one in _MONTH_STEPS if len(months) // one + 1 <= room), _MONTH_STEPS[-1])
    chosen = [date(number // _YEAR, number % _YEAR + 1, 1) for number in months if number % step == 0]
    return tuple((day, _month(day, language, alone=step >= _YEAR)) for day in chosen)


def short_day(day: date, language: Language) -> str:
    """8月1日, or 1 Aug."""
    return f"{day.month}月{day.day}日" if language == "ja" else f"{day.day} {_MONTHS[day.month - 1]}"


def long_day(day: date, language: Language) -> str:
    """2026年8月1日(土), or Sat 1 Aug 2026."""
    name = WEEKDAYS[language][day.weekday()]
    if language == "ja":
        return f"{day.year}年{day.month}月{day.day}日({name})"
    return f"{name} {short_day(day, language)} {day.year}"


def room_of(text: str) -> float:
    """How wide a text is, in ems of its type: full-width characters are one, others 0.6."""
    return sum(1.0 if unicodedata.east_asian_width(character) in "WFA" else 0.6 for character in text)


def _month_number(day: date) -> int:
    return day.year * _YEAR + day.month - 1


def _month(day: date, language: Language, *, alone: bool) -> str:
    """A month by its name, January with its year; only the year where no month is needed."""
    if alone:
        return f"{day.year}年" if language == "ja" else str(day.year)
    if language == "ja":
        return f"{day.year}年1月" if day.month == 1 else f"{day.month}月"
    return f"Jan {day.year}" if day.month == 1 else _MONTHS[day.month - 1]
