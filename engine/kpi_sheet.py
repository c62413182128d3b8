"""The report of the service as rows for a spreadsheet, and as one printable page for a city office.

Both are made of the report and of nothing else: what it hides stands in neither.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from markupsafe import Markup

from engine.charts_scale import long_day
from engine.kpi import ALL, Report, percent
from engine.kpi_chart import chart, said
from engine.kpi_hiding import LEAST, LESS, Shown
from engine.municipalities import REGION
from engine.summary_page import templates

HEAD: Final = ("指標", "年度", "全国地方公共団体コード", "市町名", "人数", "母数", "割合(%)", "目標", "定義")
_PLAIN: Final = (("active", "利用者(30日以内に記録か閲覧)"), ("advised", "助言が届いた人"), ("items", "届いた助言(件)"))


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A town, or all of them, as a row of the page."""

    name: str
    registered: str
    share: str
    active: str
    advised: str
    items: str


def places(report: Report, town: str | None) -> tuple[str, ...]:
    """The places a report is about: one town, or every town and all of them together."""
    return (town,) if town is not None else (*report.towns, ALL)


def called(place: str) -> str:
    """What a place is called; a town of elsewhere by its code."""
    return "全域" if place == ALL else REGION.get(place, place)


def table(report: Report, town: str | None = None) -> bytes:
    """The report as CSV: one row a figure, UTF-8 with a byte-order mark, CRLF."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEAD)
    for place in places(report, town):
        writer.writerows(_rows(report, place))
    return codecs.BOM_UTF8 + text.getvalue().encode()


def page(report: Report, zone: ZoneInfo, town: str | None = None) -> str:
    """The report as one HTML page of A4 that asks for no other file."""
    shown = places(report, town)
    outcomes = [
        {
            "label": one.ja, "source": one.source,
            "rows": [(called(place), *_outcome(report, one.id, place)) for place in shown],
        }
        for one in report.outcomes
    ]  # fmt: skip
    return templates().get_template("report/kpi.html").render(
        place="酒田地域" if town is None else called(town), town=town,
        made=long_day(report.as_of.astimezone(zone).date(), "ja"), plan=report.plan, least=LEAST,
        chart=None if town is not None else Markup(chart(report)),  # noqa: S704 - our own SVG, its words escaped
        years=list(_years(report, shown)), lines=[_line(report, place) for place in shown], outcomes=outcomes,
        year=report.years[-1],
    )  # fmt: skip


def _rows(report: Report, place: str) -> Iterator[Sequence[Any]]:
    where = ("" if place == ALL else place, called(place))
    now = report.now(place)
    for year in report.years:
        target = report.target(year) if place == ALL else None
        value = report.shown("registered", str(year), place)
        yield "登録者", year, *where, _cell(value), "", "", "" if target is None else target, report.plan.source
    yield (
        "登録者の割合",
        report.years[-1],
        *where,
        _cell(now),
        _cell(report.now(ALL)),
        _text(report.share(place)),
        "",
        "",
    )
    for name, label in _PLAIN:
        value, of = report.shown(name, place), "" if name == "items" else _cell(now)
        share = "" if name == "items" else _text(percent(value, now))
        yield label, report.years[-1], *where, _cell(value), of, share, "", ""
    for one in report.outcomes:
        yes, whole = report.shown("yes", one.id, place), report.shown("of", one.id, place)
        yield one.ja, report.years[-1], *where, _cell(yes), _cell(whole), _text(percent(yes, whole)), "", one.source


def _cell(value: Shown) -> str:
    """A figure in a spreadsheet: a number, or the mark that it is none."""
    return str(value) if isinstance(value, int) else "<10" if value == LESS else "*"


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _line(report: Report, place: str) -> Line:
    share = report.share(place)
    return Line(
        name=called(place), registered=said(report.now(place)), share="-" if share is None else f"{share}%",
        active=said(report.shown("active", place)), advised=said(report.shown("advised", place)),
        items=said(report.shown("items", place)),
    )  # fmt: skip


def _outcome(report: Report, name: str, place: str) -> tuple[str, str, str]:
    yes, whole = report.shown("yes", name, place), report.shown("of", name, place)
    share = percent(yes, whole)
    return said(yes), said(whole), "-" if share is None else f"{share}%"


def _years(report: Report, shown: Sequence[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Every year of the plan and every year begun: its name, the target, and the registered people of each place."""
    planned = range(report.plan.first_year, report.plan.first_year + len(report.plan.registrants))
    # The plan is the region's: a town's own report knows no years to come.
    for year in sorted({*planned, *report.years}) if ALL in shown else report.years:
        target = report.target(year)
        begun = year in report.years
        values = [said(report.shown("registered", str(year), place)) if begun else "" for place in shown]
        yield (
            f"{year}年度{'(今日まで)' if year == report.years[-1] else ''}",
            "" if target is None else f"{target:,}",
            values,
        )
