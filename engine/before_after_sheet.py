"""My sessions on paper: what several of them say together, and the newest side by side; no reason why."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from engine.before_after import SORTS, Paired, book
from engine.before_after_store import Report
from engine.before_after_words import draw, line, told
from engine.charts_scale import long_day
from engine.locale import Language, text
from engine.people import Resident
from engine.summary_page import templates

_CSS: Final = Path(__file__).parent / "web" / "static" / "report.css"
# What is side by side on paper, and on its picture.
NEWEST: Final = 10
_PICTURED: Final = "systolic"


def page(
    person: Resident, found: Report, made: str, zone: ZoneInfo, lang: Language, *, furigana: bool = False
) -> str:  # fmt: skip
    """The sheet as one HTML file that asks for no other, made for A4; `made` is the day in words.

    The same report gives the same bytes; with `furigana` Japanese texts have readings.
    """
    newest = found.sessions[-NEWEST:]
    short = [f"{at.month}/{at.day}" for at in (one.session.started_at.astimezone(zone) for one in newest)]
    pictured = sum(one.of(_PICTURED) is not None for one in newest) > 1
    picture = draw(newest, short, _PICTURED, text(lang, "resident", "me.session.picture")) if pictured else ""
    reads = furigana and lang == "ja"
    sheet = templates().get_template("report/sessions.html").render(
        name=f"{person.family_name} {person.given_name}".strip(), lang=lang, made=made, furigana=reads,
        style=Markup(_CSS.read_text(encoding="utf-8")),  # noqa: S704 - our own file
        picture=Markup(picture),  # noqa: S704 - our own SVG, its words escaped
        scores=_scores(found, lang), rows=[_row(found, one, zone, lang) for one in reversed(newest)],
        tell=lambda key, **values: text(lang, "resident", key, **values),
    )  # fmt: skip
    if not reads:
        return sheet
    from engine.furigana import annotate

    return annotate(sheet)


def _scores(found: Report, lang: Language) -> list[tuple[str, list[Any]]]:
    known = [(sort, [told(book(), one, lang) for one in found.scores if one.sort == sort]) for sort in SORTS]
    return [(sort, lines) for sort, lines in known if lines]


def _row(found: Report, one: Paired, zone: ZoneInfo, lang: Language) -> dict[str, Any]:
    session = one.session
    return {
        "day": long_day(session.started_at.astimezone(zone).date(), lang), "sort": session.sort, "place": session.place,
        "lines": [line(each, lang) for each in one.differences], "low": session.number in found.low,
    }  # fmt: skip
