"""The chart of one kind of one person: which stored points become dots, which line is drawn, and how it is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from engine.activity import VALID_HIGH
from engine.charts import LIMIT, Chart, Dot, Mark
from engine.charts_scale import long_day
from engine.contract.kinds import KINDS
from engine.locale import Language, has_text, text
from engine.series.levels import follow, level
from engine.series.model import PRIOR, Model
from engine.signals import History, Point, step_days, trusted
from engine.signals_rows import STEP_KINDS

# What residents are shown by name; every other kind of the contract has a chart under its own.
STEPS: Final = "steps"
PRESSURE: Final = "blood-pressure"
WEIGHT: Final = "body-weight"
_UNITS: Final[dict[str, dict[Language, str]]] = {
    "mm[Hg]": {"ja": "mmHg", "en": "mmHg"},
    "{steps}/d": {"ja": "歩", "en": "steps"},
    "{steps}": {"ja": "歩", "en": "steps"},
    "/min": {"ja": "回/分", "en": "per min"},
    "kg/m2": {"ja": "kg/m²", "en": "kg/m²"},
    "Cel": {"ja": "℃", "en": "°C"},
    "a": {"ja": "歳", "en": "years"},
    "kcal/d": {"ja": "kcal/日", "en": "kcal/day"},
    "min": {"ja": "分", "en": "min"},
    "{level}": {"ja": "", "en": ""},
    "1": {"ja": "", "en": ""},
}
# The band holds the level in 90 of 100 cases.
_REACH: Final = 1.6449
_DAY: Final = timedelta(days=1)


def kinds_of(kind: str) -> tuple[str, ...]:
    """The stored kinds a chart is made of; raises KeyError for a kind that nobody knows."""
    if kind == STEPS:
        return STEP_KINDS
    if kind == PRESSURE:
        return ("systolic", "diastolic")
    return (KINDS[kind].code,)


def chart_of(
    kind: str,
    history: History,
    zone: ZoneInfo,
    first: date,
    last: date,
    language: Language,
    *,
    noise: Model | None = None,
) -> Chart:
    """The chart of `kind` from `first` to `last` (days in `zone`, both included).

    `history` must hold `kinds_of(kind)` from two days before (a running step total is a difference); `noise` are the
    parameters fitted to this person's weight. Raises KeyError for a kind that nobody knows.
    """
    names = kinds_of(kind)
    shown = {name: [p for p in history.get(name, ()) if _fits(p, zone, first, last)] for name in names}
    unit = "{steps}/d" if kind == STEPS else KINDS[names[0]].unit
    if kind == STEPS:
        dots = _step_dots(history, zone, first, last)
    elif kind == PRESSURE:
        dots = _pairs(shown["systolic"], shown["diastolic"], zone)
    else:
        dots = tuple(Dot(at=_local(p, zone), value=p.value, mark=mark_of(p)) for p in shown[names[0]])
    line, band = _level(shown[WEIGHT], zone, noise) if kind == WEIGHT else ((), ())
    words = unit_words(unit, language)
    chart = Chart(
        title=title_of(kind, language), description="", unit=unit, shown=words, dots=dots, line=line, band=band,
        language=language, first=first, last=last,
    )  # fmt: skip
    return described(chart)


def described(chart: Chart) -> Chart:
    """The same chart with what it shows in sentences: its days, how many values, the lowest, highest and newest."""
    import msgspec

    lang, dots = chart.language, sorted(chart.dots, key=lambda dot: dot.at)
    first = chart.first or (dots[0].at.date() if dots else None)
    last = chart.last or (dots[-1].at.date() if dots else None)
    lines = [f"{chart.title}{'。' if lang == 'ja' else '.'}"]
    if first and last:
        lines.append(text(lang, "resident", "chart.desc.days", first=long_day(first, lang), last=long_day(last, lang)))
    if not dots:
        lines.append(text(lang, "resident", "chart.empty"))
    else:
        lowest, highest = min(dots, key=lambda d: d.value), max(dots, key=lambda d: d.value)
        told = {"count": len(dots), "low": _told(lowest, chart), "high": _told(highest, chart)}
        lines.append(text(lang, "resident", "chart.desc.values", newest=_told(dots[-1], chart), **told))
    return msgspec.structs.replace(chart, description="\n".join(lines))


def title_of(kind: str, language: Language) -> str:
    """What a chart of `kind` is called; raises KeyError for a kind that nobody knows."""
    if has_text(language, "resident", f"chart.title.{kind}"):
        return text(language, "resident", f"chart.title.{kind}")
    return KINDS[kind].ja if language == "ja" else KINDS[kind].en


def unit_words(unit: str, language: Language) -> str:
    """A unit as people write it; itself where it is written so already."""
    return _UNITS[unit][language] if unit in _UNITS else unit


def mark_of(point: Point) -> Mark:
    """What is special about a point: estimated, perhaps another's, or entered by hand."""
    if point.preliminary or point.experimental:
        return "rough"
    if point.certainty == "assumed":
        return "assumed"
    return "manual" if point.provenance == "self-reported" else "plain"


def _fits(point: Point, zone: ZoneInfo, first: date, last: date) -> bool:
    # A preliminary value whose owner is unknown is nobody's; a value beyond any scale is no measurement.
    return first <= point.at.astimezone(zone).date() <= last and abs(point.value) <= Decimal(LIMIT)


def _local(point: Point, zone: ZoneInfo) -> datetime:
    return point.at.astimezone(zone)


def _step_dots(history: History, zone: ZoneInfo, first: date, last: date) -> tuple[Dot, ...]:
    days = step_days(history, zone)
    return tuple(
        Dot(at=datetime.combine(day, time(12), zone), value=steps.quantize(Decimal(1)))
        for day, steps in days.items()
        if first <= day <= last and 0 <= steps <= VALID_HIGH
    )


def _pairs(high: Iterable[Point], low: Iterable[Point], zone: ZoneInfo) -> tuple[Dot, ...]:
    """Both numbers of a reading as one dot; a systolic value without its partner stands alone."""
    partners = {point.reading_id: point.value for point in low}
    return tuple(Dot(at=_local(p, zone), value=p.value, low=partners.get(p.reading_id), mark=mark_of(p)) for p in high)


def _level(
    points: Sequence[Point], zone: ZoneInfo, noise: Model | None
) -> tuple[tuple[tuple[date, float], ...], tuple[tuple[date, float, float], ...]]:
    """The level after each day's last trusted reading, as the filter knew it then, and where it is in 90 of 100."""
    model = PRIOR if noise is None else noise
    known = sorted((point.at, float(point.value)) for point in points if trusted(point))
    if not known:
        return (), ()
    gaps = [0.0, *((later - earlier) / _DAY for (earlier, _), (later, _) in pairwise(known))]
    found: dict[date, tuple[float, float]] = {}
    states = follow(np.asarray([[value for _, value in known]]), np.asarray([gaps]), model)
    for (at, _), state in zip(known, states, strict=True):
        now, sd = level(state, model)
        found[at.astimezone(zone).date()] = (float(now[0]), float(sd[0]))
    if len(found) < 2:  # noqa: PLR2004 - a line needs two ends
        return (), ()
    line = tuple((day, value) for day, (value, _) in found.items())
    return line, tuple((day, value - _REACH * sd, value + _REACH * sd) for day, (value, sd) in found.items())


def _told(dot: Dot, chart: Chart) -> str:
    """A value with its unit, as it was measured."""
    pair = f"{dot.value:,f}" if dot.low is None else f"{dot.value:,f}/{dot.low:,f}"
    return f"{pair} {chart.unit if chart.shown is None else chart.shown}".strip()
