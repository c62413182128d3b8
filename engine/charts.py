"""Charts as SVG text: one picture for the desk, the resident's page and the report, and the same as rows of a table.

Ours and not a library's. pygal 3.1.3 was measured on 90 readings with a line and a limit: 42 kB and 12 ms (here 7 kB
and 1 ms), today's date and two foreign addresses in every file, so never the same bytes on two days; it writes NaN
into paths, and knows no bands, no zones and one shape of dot. Nothing here needs a style sheet: a page's strict
content policy forbids inline styles, so every colour is an attribute. Pure: the same chart gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, get_args

import msgspec

from engine.charts_frame import Frame, escape, frame, number, words_at
from engine.charts_scale import COUNTED, Scale, day_ticks, long_day, value_scale
from engine.locale import Language, text

Mark = Literal["plain", "trigger", "later", "assumed", "manual", "rough"]
MARKS: Final[tuple[Mark, ...]] = get_args(Mark)
LIMIT: Final = 1e12
_SHAPES: Final[dict[Mark, tuple[str, str]]] = {
    # What follows "Mx y", and how it is painted: shapes differ, so that colour is never the only sign.
    "plain": ("h.01", 'stroke="#0a4f86" stroke-width="7" stroke-linecap="round"'),
    "trigger": ("m0-7l7 7-7 7-7-7z", 'fill="#a01220" stroke="#fff"'),
    "later": ("m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0", 'fill="#fff" stroke="#5a6b78" stroke-width="1.5"'),
    "assumed": ("m-4-4h8v8h-8z", 'fill="#fff" stroke="#8a3c00" stroke-width="1.5"'),
    "manual": ("m0-5l5.5 9.5h-11z", 'fill="#0a4f86"'),
    "rough": ("m-4-4l8 8m0-8l-8 8", 'fill="none" stroke="#0a4f86" stroke-width="2"'),
}
_INK: Final = "#1b2126"


class Dot(msgspec.Struct, frozen=True, kw_only=True):
    """A value at an instant, in the local time of `at`; `low` is the second number of a pair, as blood pressure has."""

    at: datetime
    value: Decimal
    mark: Mark = "plain"
    low: Decimal | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a number that no scale can show."""
        for one in (self.value, self.low):
            if one is not None and not (one.is_finite() and abs(one) <= LIMIT):
                raise ValueError("a chart shows finite numbers up to 1e12")


class Zone(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the scale with a name, such as what a rule asks for; None is open to that side."""

    low: Decimal | None
    high: Decimal | None
    label: str


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """What is drawn: dots, a smooth line with its band (days at noon), zones; `unit` in UCUM as the contract has it.

    `shown` is the unit as people write it; `first` and `last` widen the days that are shown, never narrow them.
    """

    title: str
    description: str
    unit: str
    dots: tuple[Dot, ...] = ()
    line: tuple[tuple[date, float], ...] = ()
    band: tuple[tuple[date, float, float], ...] = ()
    zones: tuple[Zone, ...] = ()
    language: Language = "ja"
    shown: str | None = None
    first: date | None = None
    last: date | None = None


class Row(msgspec.Struct, frozen=True):
    """One dot in words: when, the value as it was measured, and what is special about it ("" for nothing)."""

    when: str
    value: str
    note: str


def rows(chart: Chart) -> tuple[Row, ...]:
    """The table twin of a chart: every dot, newest first."""
    return tuple(
        Row(_when(dot.at, chart), _value(dot), "" if dot.mark == "plain" else _said(chart, dot.mark))
        for dot in sorted(chart.dots, key=_place, reverse=True)
    )


def draw(chart: Chart, *, narrow: bool = False, paper: bool = False, name: str = "c") -> str:
    """The chart as one SVG element: 720 units wide, 360 for a phone, 500 with large type for A4.

    `name` begins its ids, for a page that holds several.
    Raises ValueError for a line, band or zone that is not finite.
    """
    numbers = [*_numbers(chart)]
    if not all(math.isfinite(one) and abs(one) <= LIMIT for one in numbers):
        raise ValueError("a chart shows finite numbers up to 1e12")
    days = [dot.at.date() for dot in chart.dots] + [day for day, _ in chart.line] + [day for day, _, _ in chart.band]
    days += [day for day in (chart.first, chart.last) if day is not None]
    scale = value_scale(numbers, chart.unit)
    legend = [(mark, _said(chart, mark)) for mark in MARKS if any(dot.mark == mark for dot in chart.dots)]
    key = [] if [mark for mark, _ in legend] == ["plain"] and not chart.line else [*legend]
    words = [said for _, said in key] + ([text(chart.language, "resident", "chart.line")] if chart.line else [])
    made = frame(scale, words, "narrow" if narrow else "paper" if paper else "wide")
    parts = [_head(chart, made, name)]
    if numbers:
        parts += [_zones(chart, made, scale), _grid(chart, made, scale)]
    if days:
        span = Span(made, min(days), max(days))
        parts += [_days(chart, span), _band(chart, span, scale), _bars(chart, span, scale), _line(chart, span, scale)]
        parts += [_dots(chart, mark, span, scale) for mark in MARKS]
    if not chart.dots and not chart.line:
        parts.append(words_at(made.middle, text(chart.language, "resident", "chart.empty"), anchor="middle"))
    return "".join((*parts, _key(made, [mark for mark, _ in key]), "</svg>"))


class Span(msgspec.Struct, frozen=True):
    """The days of a chart laid over its frame."""

    frame: Frame
    first: date
    last: date

    def x(self, day: date, hours: float = 12.0) -> float:
        """Where an hour of a day is."""
        whole = (self.last - self.first).days + 1
        return self.frame.left + ((day - self.first).days + hours / 24) / whole * self.frame.width


def _numbers(chart: Chart) -> Iterable[float]:
    for dot in chart.dots:
        yield float(dot.value)
        if dot.low is not None:
            yield float(dot.low)
    for _, value in chart.line:
        yield value
    for _, low, high in chart.band:
        yield from (low, high)
    for zone in chart.zones:
        yield from (float(edge) for edge in (zone.low, zone.high) if edge is not None)


def _head(chart: Chart, made: Frame, name: str) -> str:
    box = f"0 0 {number(made.whole)} {number(made.height)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" width="{number(made.whole)}" '
        f'height="{number(made.height)}" role="img" aria-labelledby="{name}-t {name}-d" lang="{chart.language}" '
        f'font-family="Noto Sans CJK JP,Hiragino Sans,Yu Gothic UI,Meiryo,sans-serif" font-size="{made.em}">'
        f'<title id="{name}-t">{escape(chart.title)}</title><desc id="{name}-d">{escape(chart.description)}</desc>'
        f'<rect width="100%" height="100%" fill="#fff"/>'
    )


def _zones(chart: Chart, made: Frame, scale: Scale) -> str:
    """Tinted, with a dashed border and its name written into it."""
    found = []
    for zone in chart.zones:
        top = made.y(scale, scale.high if zone.high is None else float(zone.high))
        foot = made.y(scale, scale.low if zone.low is None else float(zone.low))
        top, foot = min(top, foot), max(top, foot)
        edges = [made.y(scale, float(edge)) for edge in (zone.low, zone.high) if edge is not None]
        lines = "".join(f"M{number(made.left)} {number(edge)}h{number(made.width)}" for edge in edges)
        found.append(
            f'<rect x="{number(made.left)}" y="{number(top)}" width="{number(made.width)}" '
            f'height="{number(foot - top)}" fill="#fdf1d8"/>'
            + (f'<path d="{lines}" stroke="#8a3c00" stroke-width="1.5" stroke-dasharray="7 4"/>' if edges else "")
            + words_at(made.beside(top, foot), zone.label, anchor="end", ink="#6b2f00")
        )
    return "".join(found)


def _grid(chart: Chart, made: Frame, scale: Scale) -> str:
    ticks = scale.ticks()
    lines = "".join(f"M{number(made.left)} {number(made.y(scale, at))}h{number(made.width)}" for at, _ in ticks)
    words = "".join(
        f'<text x="{number(made.left - 8)}" y="{number(made.y(scale, at) + made.em * 0.35)}">{said}</text>'
        for at, said in ticks
    )
    unit = words_at((4.0, made.em), chart.unit if chart.shown is None else chart.shown)
    return f'<path d="{lines}" stroke="#d5dbdf"/><g text-anchor="end" fill="{_INK}">{words}</g>{unit}'


def _days(chart: Chart, span: Span) -> str:
    made = span.frame
    room = int(made.width / (made.em * (5.5 if chart.language == "ja" else 5)))
    found = []
    for day, said in day_ticks(span.first, span.last, max(room, 2), chart.language):
        at = span.x(day)
        found.append(
            f'<path d="M{number(at)} {number(made.foot)}v5" stroke="{_INK}"/>'
            + words_at((made.kept(at, said), made.foot + made.em * 1.4), said, anchor="middle")
        )
    return "".join(found)


def _band(chart: Chart, span: Span, scale: Scale) -> str:
    if not chart.band:
        return ""
    made, days = span.frame, sorted(chart.band)
    above = [f"{number(span.x(day))} {number(made.y(scale, max(low, high)))}" for day, low, high in days]
    below = [f"{number(span.x(day))} {number(made.y(scale, min(low, high)))}" for day, low, high in reversed(days)]
    return f'<path d="M{"L".join((*above, *below))}z" fill="#d6e6f2"/>'


def _line(chart: Chart, span: Span, scale: Scale) -> str:
    if not chart.line:
        return ""
    points = [f"{number(span.x(day))} {number(span.frame.y(scale, value))}" for day, value in sorted(chart.line)]
    joined = "L".join(points)
    return f'<path d="M{joined}" fill="none" stroke="#3a7cab" stroke-width="3" stroke-linejoin="round"/>'


def _bars(chart: Chart, span: Span, scale: Scale) -> str:
    """Stems: what is counted stands on zero, and the two numbers of a pair are joined."""
    found = []
    for dot in sorted(chart.dots, key=_place):
        foot = 0.0 if chart.unit in COUNTED else dot.low
        if foot is not None:
            at, top = _spot(dot.at, dot.value, span, scale)
            found.append(f"M{number(at)} {number(top)}V{number(span.frame.y(scale, float(foot)))}")
    days = (span.last - span.first).days + 1
    wide = min(max(span.frame.width / days * 0.5, 1.5), 12.0) if chart.unit in COUNTED else 2.0
    return f'<path d="{"".join(found)}" stroke="#a9c6da" stroke-width="{number(wide)}"/>' if found else ""


def _dots(chart: Chart, mark: Mark, span: Span, scale: Scale) -> str:
    shape, paint = _SHAPES[mark]
    chosen = sorted((dot for dot in chart.dots if dot.mark == mark), key=_place)
    spots = [_spot(dot.at, value, span, scale) for dot in chosen for value in (dot.value, dot.low) if value is not None]
    drawn = dict.fromkeys(f"M{number(x)} {number(y)}{shape}" for x, y in spots)
    return f'<path d="{"".join(drawn)}" {paint}/>' if drawn else ""


def _key(made: Frame, marks: list[Mark]) -> str:
    """The legend under the chart: every shape with its words."""
    found = []
    for place, (x, y, said) in enumerate(made.legend):
        if place < len(marks):
            shape, paint = _SHAPES[marks[place]]
        else:
            shape, paint = "m-9 0h18", 'stroke="#3a7cab" stroke-width="3"'
        found.append(f'<path d="M{number(x + 10)} {number(y - made.em * 0.35)}{shape}" {paint}/>')
        found.append(words_at((x + 26, y), said))
    return "".join(found)


def _spot(at: datetime, value: Decimal, span: Span, scale: Scale) -> tuple[float, float]:
    clock = timedelta(hours=at.hour, minutes=at.minute, seconds=at.second)
    return span.x(at.date(), clock / timedelta(hours=1)), span.frame.y(scale, float(value))


def _place(dot: Dot) -> tuple[datetime, Decimal]:
    return dot.at.replace(tzinfo=None), dot.value


def _when(at: datetime, chart: Chart) -> str:
    day = long_day(at.date(), chart.language)
    return day if chart.unit in COUNTED else f"{day} {at:%H:%M}"


def _value(dot: Dot) -> str:
    return f"{dot.value:,f}" if dot.low is None else f"{dot.value:,f} / {dot.low:,f}"


def _said(chart: Chart, mark: Mark) -> str:
    return text(chart.language, "resident", f"chart.mark.{mark}")
