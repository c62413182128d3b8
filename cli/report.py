"""`phr report`: a month of one resident as one file to read, print or take to the doctor: HTML or PDF."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.output import emit, fail, result
from cli.store import os_user, resident_of, transaction
from cli.wiring import settings

if TYPE_CHECKING:
    from engine.locale import Language
    from engine.report import Picture, Report

_MONTH = re.compile(r"(\d{4})-(\d{1,2})")


def report(
    resident: Annotated[str, typer.Argument(help="Resident id.")],
    html: Annotated[Path | None, typer.Option("--html", help="Write one self-contained HTML file.")] = None,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="Write a PDF for A4 paper.")] = None,
    month: Annotated[str | None, typer.Option("--month", help="A month such as 2026-11; this one without.")] = None,
    furigana: Annotated[bool, typer.Option("--furigana", help="Readings above the kanji.")] = False,
    lang: Annotated[str | None, typer.Option("--lang", help="ja or en; the resident's own without.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Words alone, no plots.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Write the report of a month: what was measured, what was advised and who has looked.

    Without --html and --pdf its words and plots are printed.
    """
    from engine import report as made
    from engine.report_file import html as page
    from engine.report_file import pdf as paper

    now = datetime.now(UTC)
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        language = _language(lang or settings().lang or person.language)
        try:
            told = made.report_of(connection, person, _month(month), now, language=language, home=settings().root)
        except ValueError:
            fail(Exit.USAGE, "future-month", f"{month} has not begun")
        made.note_report(connection, person, told, now, actor=os_user(), os_user=os_user())
    if html is None and pdf is None:
        emit(made.as_json(told)) if json else _print(told, plain=plain)
        return
    text = page(told, furigana=furigana)
    written: dict[str, str] = {}
    if html is not None:
        _write(html, text.encode())
        written["html"] = str(html)
    if pdf is not None:
        found = paper(text)
        if not isinstance(found, bytes):
            fail(Exit.CONFIGURATION, found.code, found.message)
        _write(pdf, found)
        written["pdf"] = str(pdf)
    for path in written.values():
        if not json:
            result(path)
    if json:
        emit({"resident": person.id, "month": f"{told.first:%Y-%m}", **written})


def _print(told: Report, *, plain: bool) -> None:
    """The words, with a plot where the terminal has the room for one."""
    from cli.trend import LEAST, plot, room
    from engine.report_file import plain as words

    width = room()

    def drawn(picture: Picture) -> str:
        days: dict[date, list[Decimal]] = {}
        for dot in picture.chart.dots:
            days.setdefault(dot.at.date(), []).append(dot.value)
        series = [(day, median(values)) for day, values in sorted(days.items())]
        return plot(series, picture.chart.shown or "", width)

    result(words(told, None if plain or width < LEAST else drawn))


def _language(wish: str) -> Language:
    if wish.lower().split("_")[0].split("-")[0] not in {"ja", "en"}:
        fail(Exit.USAGE, "unknown-language", f"{wish!r} is not a language of the report; try ja or en")
    return "en" if wish.lower().startswith("en") else "ja"


def _month(wish: str | None) -> date | None:
    """The first day of the month asked for."""
    if wish is None:
        return None
    found = _MONTH.fullmatch(wish.strip())
    try:
        return date(int(found[1]), int(found[2]), 1) if found else _no_month(wish)
    except ValueError:
        return _no_month(wish)


def _no_month(wish: str) -> date:
    fail(Exit.USAGE, "unreadable-month", f"{wish!r} is not a month; write it as 2026-11")


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        fail(Exit.CONFIGURATION, "not-written", f"{path} could not be written: {error.strerror}")
