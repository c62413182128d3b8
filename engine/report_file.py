"""The report as a file: one self-contained HTML page, the PDF of it, or lines for a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from engine.charts import draw
from engine.locale import text
from engine.refusal import Refusal
from engine.report import Picture, Report

_WEB: Final = Path(__file__).parent / "web"
PACKAGES: Final = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"

# WeasyPrint writes readings behind the words and not above them: on paper they are stacked by hand.
_RUBY: Final = re.compile(r"<ruby>([^<]*)(?:<rp>[^<]*</rp>)?<rt>([^<]*)</rt>(?:<rp>[^<]*</rp>)?</ruby>")
_STACKED: Final = r'<span class="stack"><span class="above">\2</span><span class="base">\1</span></span>'


def html(report: Report, *, furigana: bool = False) -> str:
    """The report as one file that asks for no other: pictures and style inside, made for A4 and for a screen.

    With `furigana` Japanese texts have readings. The same report gives the same bytes.
    """
    charts = [Markup(draw(one.chart, paper=True, name=f"c{at}")) for at, one in enumerate(report.pictures)]  # noqa: S704 - our own SVG, its words escaped

    def tell(key: str, **values: object) -> str:
        return text(report.language, "resident", f"report.{key}", **values)

    style = Markup((_WEB / "static" / "report.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file
    reads = furigana and report.language == "ja"
    page = _templates().get_template("report/report.html").render(
        report=report, tell=tell, charts=charts, style=style, furigana=reads
    )  # fmt: skip
    if not reads:
        return page
    from engine.furigana import annotate

    return annotate(page)


def pdf(page: str) -> bytes | Refusal:
    """The PDF of such a page, tagged for screen readers; refused as `pdf-library` where its libraries are missing.

    Nothing is fetched from anywhere. The same page gives the same bytes.
    """
    try:
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher
    except (ImportError, OSError):
        return Refusal(
            "pdf-library",
            f"PDF needs the extra minato-phr[pdf] and Debian's packages: apt-get install {PACKAGES}; "
            "the HTML file prints from any browser",
        )
    made: Any = HTML(string=_RUBY.sub(_STACKED, page), url_fetcher=URLFetcher(allowed_protocols=())).write_pdf(
        pdf_variant="pdf/ua-1"
    )
    return bytes(made)


def plain(report: Report, plot: Callable[[Picture], str] | None = None) -> str:
    """The words of the report, line by line, for a screen reader; `plot` draws a chart for those who see a terminal."""

    def tell(key: str, **values: object) -> str:
        return text(report.language, "resident", f"report.{key}", **values)

    found = [tell("title", month=report.month), tell("honorific", name=report.name), report.sentence, *report.more]
    for one in report.pictures:
        found += ["", one.chart.title, *one.captions]
        found += [plot(one)] if plot and one.chart.dots else []
    found += ["", tell("h.advice")]
    for told in report.advice:
        found += [told.day, *told.lines, told.by]
    found += [] if report.advice else [tell("no-advice")]
    found += ["", tell("h.looks"), *(f"{one.when}  {one.who}  {one.what}" for one in report.looks)]
    found += [tell("more-looks", count=report.more_looks)] if report.more_looks else []
    found += [] if report.looks else [tell("no-looks")]
    found += ["", tell("agreed"), *(f"{one.label}  {one.since}" for one in report.agreed)]
    found += [] if report.agreed else [tell("no-consent")]
    found += [tell("withdraw"), "", tell("h.contact"), tell("emergency")]
    found += [f"{one.name}  {one.number}  {one.about}  {one.hours}".rstrip() for one in report.calls]
    return "\n".join([*found, tell("not-watched"), tell("no-diagnosis")])


@cache
def _templates() -> Environment:
    made = Environment(loader=FileSystemLoader(_WEB / "templates"), autoescape=True, undefined=StrictUndefined)
    made.trim_blocks = made.lstrip_blocks = True
    return made
