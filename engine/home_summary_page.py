"""The home summary as one self-contained page of A4: graphs, means with their days, devices, and what it is not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from markupsafe import Markup

from engine.charts import Chart, Zone, draw
from engine.charts_kinds import PRESSURE, WEIGHT, chart_of, title_of, unit_words
from engine.courses import COURSES
from engine.dates import age_on
from engine.home_summary import ENOUGH, LIMIT, HomeSummary, Mean, Other, Source
from engine.locale import Language, text
from engine.signals import trusted
from engine.summary_page import templates

_CSS: Final = Path(__file__).parent / "web" / "static" / "home_summary.css"
# What one page has room for.
_MOST_SOURCES: Final = 6
# With more than these, letters and graphs are smaller.
_MANY_FACTS: Final = 6
_MANY_SOURCES: Final = 4
# A second source would say the same of the same limit.
SOURCE: Final = "JSH2025"


def html(
    summary: HomeSummary, lang: Language, *, basis: str, devices: Mapping[str, str] | None = None, test: bool = False
) -> str:
    """The page in one file that asks for no other; `basis` says on whose word it may be read, `devices` names them.

    The same summary gives the same bytes. A `test` page says so.
    """
    charts = [
        (chart.title, Markup(draw(chart, paper=True, name=f"h{number}")))  # noqa: S704 - our own SVG, its words escaped
        for number, chart in enumerate(_charts(summary, lang))
    ]
    style = Markup(_CSS.read_text(encoding="utf-8"))  # noqa: S704 - our own file
    told = words(summary, lang, basis=basis, devices=devices or {})

    def tell(key: str, **values: object) -> str:
        return text(lang, "nurse", f"home.{key}", **values)

    page = templates().get_template("report/home_summary.html")
    return page.render(words=told, lang=lang, charts=charts, style=style, test=test, tell=tell)


def words(summary: HomeSummary, lang: Language, *, basis: str, devices: Mapping[str, str]) -> dict[str, Any]:
    """Everything that is written on the page, without its graphs."""
    person = summary.person

    def tell(key: str, **values: object) -> str:
        return text(lang, "nurse", f"home.{key}", **values)

    counts = msgspec.structs.asdict(summary.counts)
    left_out = [tell(f"left.{name}", count=counts[name]) for name in ("assumed", "estimated", "unproven", "undated")
                if counts[name]]  # fmt: skip
    marked = [tell(f"marked.{name}", count=counts[name]) for name in ("by_hand", "received") if counts[name]]
    return {
        "name": f"{person.family_name} {person.given_name}".strip() or person.alias or "",
        "kana": f"{person.family_kana} {person.given_kana}".strip(),
        "who": tell("who", birth=day_words(person.birth_date), age=age_on(person.birth_date, summary.last),
                    sex=tell(f"sex.{person.sex}")),
        "period": tell("period", first=day_words(summary.first), last=day_words(summary.last),
                       days=(summary.last - summary.first).days + 1, readings=summary.counts.readings),
        "made": tell("made", at=f"{summary.as_of.astimezone(ZoneInfo(summary.zone)):%Y-%m-%d %H:%M}"),
        "basis": basis, "pressure": [_mean(one, tell) for one in summary.pressure],
        "limit": tell("limit", high=LIMIT[0], low=LIMIT[1], days=ENOUGH, source=SOURCE),
        "facts": (facts := _facts(summary, lang, tell)),
        "dense": len(facts) > _MANY_FACTS or len(summary.sources) > _MANY_SOURCES,
        "sources": [_source(one, devices, lang, tell) for one in summary.sources[:_MOST_SOURCES]],
        "more": tell("more", count=more) if (more := len(summary.sources) - _MOST_SOURCES) > 0 else "",
        "left_out": left_out or [tell("left.none")], "marked": marked,
    }  # fmt: skip


def day_words(day: date) -> str:
    """A day as doctors write it on paper."""
    return f"{day:%Y-%m-%d}"


def _charts(summary: HomeSummary, lang: Language) -> list[Chart]:
    """The graphs of pressure and weight that have something to show: what is perhaps another's is not drawn."""
    sure = {kind: [point for point in points if trusted(point)] for kind, points in summary.history.items()}
    found = []
    for kind in (PRESSURE, WEIGHT):
        if all(name in sure for name in _kinds(kind)):
            chart = chart_of(kind, sure, ZoneInfo(summary.zone), summary.first, summary.last, lang)
            if kind == PRESSURE:
                label = text(lang, "nurse", "home.zone", high=LIMIT[0])
                chart = msgspec.structs.replace(chart, zones=(Zone(low=LIMIT[0], high=None, label=label),))
            found += [chart] if chart.dots else []
    return found


def _kinds(kind: str) -> tuple[str, ...]:
    return next(course.kinds for course in COURSES.values() if course.kind == kind)


def _mean(one: Mean, tell: Any) -> dict[str, str]:
    return {
        "when": tell("when", span=one.span, half=tell(f"half.{one.half}")), "value": f"{one.high} / {one.low}",
        "days": tell("days", days=one.days, readings=one.readings),
        "mark": tell("reaches") if one.reaches else "", "few": "" if one.enough else tell("few", days=ENOUGH),
    }  # fmt: skip


def _facts(summary: HomeSummary, lang: Language, tell: Any) -> list[tuple[str, str]]:
    """Weight, steps and the rest as pairs of a name and what was measured."""
    found: list[tuple[str, str]] = []
    weight = summary.weight
    if weight is not None:
        found.append((title_of(WEIGHT, lang), tell("weight", kg=_plain(weight.newest), on=day_words(weight.on))))
        if weight.change is not None:
            found.append((tell("h.change"), tell("change", kg=f"{weight.change:+}")))
        elif weight.steady:
            found.append((tell("h.change"), tell("steady")))
    others = [one for one in (summary.steps, *summary.others) if one is not None]
    return found + [(_named(one, lang), _averaged(one, lang, tell)) for one in others]


def _averaged(one: Other, lang: Language, tell: Any) -> str:
    return str(tell("mean", value=f"{one.mean:,}", unit=unit_words(one.unit, lang), days=one.days))


def _named(one: Other, lang: Language) -> str:
    return title_of(COURSES[one.key].kind, lang)


def _source(one: Source, devices: Mapping[str, str], lang: Language, tell: Any) -> dict[str, str]:
    courses = [course for course in COURSES.values() if set(course.kinds) & set(one.kinds)]
    kinds = [title_of(course.kind, lang) for course in courses]
    name = tell("by-hand") if one.device is None else devices.get(one.device, one.device)
    return {
        "name": name, "kinds": ("、" if lang == "ja" else ", ").join(kinds),
        "count": tell("count", readings=one.readings, last=day_words(one.last)),
    }  # fmt: skip


def _plain(value: Decimal) -> str:
    return f"{value:f}"
