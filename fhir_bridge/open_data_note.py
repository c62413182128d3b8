"""The method note: one file for citizens and the city office: how the numbers were made, and what they hide."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from engine.charts_scale import long_day
from engine.municipalities import REGION
from fhir_bridge.open_data_charts import Block, blocks, heading, noise_picture, picture
from fhir_bridge.open_data_model import LICENCES, Figures, File, Source
from fhir_bridge.open_data_words import SUPPRESSED, area, half_year, table
from fhir_bridge.privacy import SMALL_UNIT, STANDARD
from fhir_bridge.privacy_law import decay, reach
from fhir_bridge.privacy_ledger import CAP
from fhir_bridge.privacy_release import Figures as Table

MEDIA: Final = "text/html"
_NAME: Final = "open_data_note.html"
# A cell of three numbers, picked to show what is done: plenty, too few after noise, too few in truth.
_EXAMPLES: Final = ((43, -1), (24, -6), (9, 4))
_USUAL: Final = 0.05


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A table of the release as the note shows it: its price, its blocks and their pictures."""

    id: str
    title: str
    heading: str
    bound: int
    epsilon: str
    share: str
    blocks: tuple[tuple[Block, Markup], ...]


def file(source: Source) -> File:
    """The note as one HTML file that asks for no other; the same release gives the same bytes."""
    release, rules = source.release, source.release.mechanism
    sections = [_section(source, one) for one in release.tables]
    usual = reach(_USUAL, decay(rules.scale))
    page = _template().render(
        source=source, release=release, rules=rules, sections=sections, city=REGION[source.code],
        called=half_year(release.period),
        area=area(release.unit), first=long_day(release.start, "ja"), last=long_day(release.end, "ja"),
        issued=long_day(source.about.issued, "ja"), licence=LICENCES[source.about.licence],
        times=f"{math.exp(Fraction(release.epsilon)):.1f}", epsilon=_decimal(Fraction(release.epsilon)),
        delta=_percent(float(release.delta)), gate=_percent(rules.delta(1)), cap=_decimal(CAP), usual=usual,
        within=usual + rules.rounding // 2,
        noise=Markup(noise_picture(rules.scale, "noise")),  # noqa: S704 - our own SVG, its words escaped
        examples=[_example(source, *one) for one in _examples(source)], hidden=SUPPRESSED["ja"],
        full=rules.full_from, small=SMALL_UNIT, strict=rules.least > STANDARD.least,
    )  # fmt: skip
    return File(source.name("_method.html"), MEDIA, "方法の説明", page.encode())


def read_note(content: bytes) -> Figures:
    """The numbers in the tables of a note; raises ValueError for one that contradicts itself."""
    reader = _Cells()
    reader.feed(content.decode())
    reader.close()
    return reader.found


class _Cells(HTMLParser):
    """Reads what stands in the cells that name themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[tuple[str, ...], int | None] = {}
        self._key: tuple[str, ...] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs).get("data-cell")
        if tag == "td" and named:
            self._key = tuple(named.split())

    def handle_data(self, data: str) -> None:
        if self._key is None or not data.strip():
            return
        if self._key in self.found:
            raise ValueError(f"{' '.join(self._key)} stands there twice")
        self.found[self._key] = None if data.strip() == SUPPRESSED["ja"] else int(data)
        self._key = None


def _section(source: Source, one: Table) -> Section:
    rules = source.release.mechanism
    top = max((cell.count for cell in one.cells if cell.count is not None), default=0)
    hidden = sum(cell.count is None for cell in one.cells)
    shown = (
        (block, Markup(picture(block, top, f"{one.id.lower()}-{at}")))  # noqa: S704 - our own SVG, its words escaped
        for at, block in enumerate(blocks(one))
    )
    return Section(
        id=one.id, title=table(one.id, "ja"), heading=heading(one), bound=one.bound,
        epsilon=_decimal(rules.epsilon(one.bound)),
        share=f"{len(one.cells)}マスのうち{len(one.cells) - hidden}マスを公表",
        blocks=tuple(shown),
    )  # fmt: skip


def _examples(source: Source) -> tuple[tuple[int, int], ...]:
    """Three true counts and noises; the last one lies one person under the gate of this release."""
    rules = source.release.mechanism
    moved = rules.threshold - STANDARD.threshold
    return (_EXAMPLES[0][0] + moved, -1), (_EXAMPLES[1][0] + moved, -6), (rules.least - 1, 4)


def _example(source: Source, true: int, noise: int) -> dict[str, Any]:
    rules = source.release.mechanism
    noisy = true + noise
    shown = noisy >= rules.threshold and true >= rules.least
    rounded = (noisy + rules.rounding // 2) // rules.rounding * rules.rounding
    why = (
        ""
        if shown
        else f"本当の人数が{rules.least}人より少ない"
        if true < rules.least
        else f"{rules.threshold}より小さい"
    )
    return {
        "true": true,
        "noise": f"{noise:+d}",
        "noisy": noisy,
        "said": str(rounded) if shown else SUPPRESSED["ja"],
        "why": why,
    }


def _decimal(value: Fraction) -> str:
    return f"{float(value):.2f}".removesuffix("0")


def _percent(value: float) -> str:
    return f"{value * 100:.2f}%"


@cache
def _template() -> Any:
    loader = FileSystemLoader(Path(__file__).parent)
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    made.trim_blocks = made.lstrip_blocks = True
    return made.get_template(_NAME)
