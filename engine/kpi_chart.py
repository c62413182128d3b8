"""Who is registered at the end of each fiscal year beside what was planned, as SVG text. Pure."""

from __future__ import annotations

from typing import Final

from engine.charts_frame import number, words_at
from engine.kpi import ALL, Report
from engine.kpi_hiding import LESS, WITHHELD, Shown

_SAID: Final = {LESS: "10未満", WITHHELD: "秘匿"}
_WIDE: Final = 500.0
_HIGH: Final = 215.0
_FOOT: Final = 170.0
_ROOM: Final = 130.0
_EM: Final = 15
_BAR: Final = "#a9cbe6"
_PLAN: Final = "#8a3c00"
_QUIET: Final = "#4a545d"


def said(value: Shown) -> str:
    """A figure in words of a page."""
    return f"{value:,}" if isinstance(value, int) else _SAID[value]


def chart(report: Report) -> str:
    """Bars of the registered people, the plan as a dashed line across each; a hidden figure has no bar, but a word."""
    years = [*range(report.plan.first_year, report.plan.first_year + len(report.plan.registrants))]
    years = sorted({*years, *report.years})
    known = {year: report.shown("registered", str(year), ALL) for year in report.years}
    counts = [value for value in known.values() if isinstance(value, int)]
    top = max([*counts, *(report.target(year) or 0 for year in years), 1])
    wide = _WIDE / len(years)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(_WIDE)} {number(_HIGH)}" role="img" '
        f'aria-label="年度末の登録者数と目標" font-size="{_EM}" '
        'font-family="Noto Sans CJK JP,Hiragino Sans,sans-serif">'
    )
    parts = [_year(wide * (at + 0.5), year, known.get(year), report.target(year), top) for at, year in enumerate(years)]
    return "".join((head, *parts, f'<path d="M0 {number(_FOOT)}H{number(_WIDE)}" stroke="#7b8790"/></svg>'))


def _year(middle: float, year: int, value: Shown | None, target: int | None, top: int) -> str:
    parts = [words_at((middle, _FOOT + 22), f"{year}年度", anchor="middle", ink=_QUIET)]
    high = _ROOM * value / top if isinstance(value, int) else 0.0
    if isinstance(value, int):
        place = f'x="{number(middle - 22)}" y="{number(_FOOT - high)}" width="44" height="{number(high)}"'
        parts.append(f'<rect {place} fill="{_BAR}" stroke="#0a4f86"/>')
    if target is not None:
        line = f"M{number(middle - 36)} {number(_FOOT - _ROOM * target / top)}h72"
        parts.append(f'<path d="{line}" stroke="{_PLAN}" stroke-width="3" stroke-dasharray="6 4"/>')
        parts.append(words_at((middle, _FOOT + 40), f"目標 {target:,}", anchor="middle", ink=_PLAN))
    if value is not None:
        # Above both, so that the line of the plan never runs through the number.
        over = max(high, _ROOM * (target or 0) / top)
        parts.append(words_at((middle, _FOOT - over - 8), said(value), anchor="middle"))
    return "".join(parts)
