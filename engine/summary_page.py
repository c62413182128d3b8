"""The summary as one sheet of A4 that a doctor reads in a minute, and its parts for the emergency page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any, Final, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from engine.charts_scale import room_of
from engine.dates import ERAS, age_on
from engine.locale import Language, has_text, text
from engine.officehours import ZONE
from engine.refusal import Refusal
from engine.report_file import pdf
from engine.summary import Line, Part, Summary

_WEB: Final = Path(__file__).parent / "web"
# How closely a page is set, from the easiest to read: ems in a line of a column, and rows on one sheet of A4. Above the
# last nothing is left out either: the rest goes on to a second sheet.
_SETS: Final = (("roomy", 24.0, 54), ("tight", 27.0, 61), ("tightest", 31.0, 72))
_FOLLOWS: Final = 6.5  # a date and who says so, in ems, without the name of a house


def html(summary: Summary, lang: Language) -> str:
    """The summary as one file that asks for no other, made for A4; the same summary gives the same bytes."""
    style = Markup((_WEB / "static" / "summary.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file
    page: str = templates().get_template("emergency/summary.html").render(
        **words(summary, lang), style=style, density=density(summary, lang)
    )  # fmt: skip
    return page


def file_of(summary: Summary, lang: Language, form: Literal["pdf", "html"]) -> bytes | Refusal:
    """The page as a file to keep; refused as `pdf-library` where this machine cannot make a PDF."""
    page = html(summary, lang)
    return pdf(page) if form == "pdf" else page.encode()


def words(summary: Summary, lang: Language) -> dict[str, Any]:
    """What the templates of the summary need beside their own words."""

    def tell(key: str, **values: object) -> str:
        return text(lang, "nurse", f"summary.{key}", **values)

    today = summary.as_of.astimezone(ZONE).date()
    return {
        "s": summary, "lang": lang, "tell": tell, "day": day_words,
        "house": lambda name: house_words(name, lang), "era": lambda day: era_words(day, lang),
        "age": age_on(summary.person.birth_date, today), "made": f"{summary.as_of.astimezone(ZONE):%Y-%m-%d %H:%M}",
    }  # fmt: skip


def density(summary: Summary, lang: Language) -> str:
    """How closely the page is set so that it stays one sheet: roomy, tight or tightest."""
    return next((name for name, room, most in _SETS if _rows(summary, lang, room) <= most), _SETS[-1][0])


def rows_of(part: Part, lang: Language, room: float) -> int:
    """About how many rows of `room` ems a section takes, with its heading."""
    told = [
        _FOLLOWS + room_of(f"{line.name(lang)} {line.detail} {house_words(line.house, lang)}") for line in part.lines
    ]
    doubts = [sum(3 + room_of(line.name(lang)) for line in lines) for lines in (part.denied, part.unasked) if lines]
    return 2 + sum(ceil(width / room) for width in (*told, *doubts))


def _rows(summary: Summary, lang: Language, room: float) -> int:
    """The rows of the page: what goes over both columns, and the longer one of these."""
    top = 8 + rows_of(summary.allergies, lang, 2 * room) + (2 + ceil(len(summary.cautions) / 2))
    left = rows_of(summary.medicines, lang, room) + rows_of(summary.conditions, lang, room)
    right = 12 + ceil(1.15 * len(summary.results))
    return top + max(left, right) + 4 + ceil(len(summary.origins) / 3)


def house_words(name: str, lang: Language) -> str:
    """What a network is called; one that has no word here goes by its name."""
    key = f"desk.entry.origin.{name}"
    return text(lang, "nurse", key) if has_text(lang, "nurse", key) else name


def about(line: Line, lang: Language, tell: Callable[..., str]) -> str:
    """Since when, and who says so."""
    house = house_words(line.house, lang) if line.house else tell(f"source.{line.source}")
    return " ".join(part for part in (day_words(line.day) if line.day else "", house) if part)


def day_words(day: date) -> str:
    """A day as doctors write it."""
    return f"{day:%Y-%m-%d}"


def era_words(day: date, lang: Language) -> str:
    """A birth date with its Japanese era, as it stands on an insurance card; in English without."""
    if lang == "en":
        return f"{day:%Y-%m-%d}"
    for name, (first, last) in ERAS.items():
        if first <= day and (last is None or day <= last):
            year = day.year - first.year + 1
            number = "元" if year == 1 else str(year)
            return f"{name}{number}年{day.month}月{day.day}日 ({day:%Y-%m-%d})"
    return f"{day:%Y-%m-%d}"


@cache
def templates() -> Environment:
    """The templates of what is printed."""
    made = Environment(loader=FileSystemLoader(_WEB / "templates"), autoescape=True, undefined=StrictUndefined)
    made.trim_blocks = made.lstrip_blocks = True
    return made
