"""A release as a person reads it in a terminal: what it is, what it cost, and its tables. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

from fhir_bridge.open_data_words import SUPPRESSED, area, axis, label, table

if TYPE_CHECKING:
    from engine.locale import Language
    from engine.store.repo_statistics import Kept
    from fhir_bridge.privacy_release import Cell, Figures, Release

# More columns than these are read better as lines.
_COLUMNS: Final = 4
_HEAD: Final = {
    "ja": ("期間", "状態", "地域", "方法", "ノイズ", "この回の損失", "12か月の損失", "残り", "ハッシュ"),
    "en": ("period", "state", "area", "method", "noise", "cost of this", "cost in 12 months", "left", "sha256"),
}
_STATES: Final = {
    "prepared": "準備済み(未公開)", "loading": "送信中", "complete": "公開済み", "withdrawing": "取り下げ中",
    "withdrawn": "取り下げ済み",
}  # fmt: skip
_COUNT: Final = {"ja": "人数", "en": "people"}


def lines(release: Release, kept: Kept, budget: Mapping[str, str], lang: Language) -> Iterator[str]:
    """The lines of a release: heading, then each table; what is not published is one word."""
    state = _STATES.get(kept.state, kept.state) if lang == "ja" else kept.state
    told = (
        f"{release.period} ({release.start} – {release.end})", state, area(release.unit), release.method,
        release.noise, f"ε {release.epsilon}, δ {release.delta}", f"ε {budget.get('spent')} / {budget.get('cap')}",
        f"ε {budget.get('left')}", kept.sha256,
    )  # fmt: skip
    wide = max(_width(word) for word in _HEAD[lang])
    for word, value in zip(_HEAD[lang], told, strict=True):
        yield f"{_padded(word, wide)}  {value}"
    for figures in release.tables:
        yield ""
        yield f"{figures.id}  {table(figures.id, lang)}"
        yield from _table(figures, lang)


def _table(figures: Figures, lang: Language) -> Iterator[str]:
    last = list(dict.fromkeys(cell.at[-1] for cell in figures.cells))
    if len(last) <= _COLUMNS and len(figures.axes) > 1 and figures.id != "T4":
        sides = groupby(figures.cells, key=lambda cell: cell.at[:-1])
        rows = [[_side(figures.axes, at, lang), *(_count(cell, lang) for cell in cells)] for at, cells in sides]
        head = [" × ".join(axis(name, lang) for name in figures.axes[:-1])]
        yield from _grid([[*head, *(label(figures.axes[-1], code, lang) for code in last)], *rows])
    else:
        head = [*(axis(name, lang) for name in figures.axes), _COUNT[lang]]
        yield from _grid([head, *(_line(cell, figures.axes, lang) for cell in figures.cells)])


def _line(cell: Cell, axes: Sequence[str], lang: Language) -> list[str]:
    return [*(label(name, code, lang) for name, code in zip(axes, cell.at, strict=True)), _count(cell, lang)]


def _side(axes: Sequence[str], at: Sequence[str], lang: Language) -> str:
    return " ".join(label(name, code, lang) for name, code in zip(axes, at, strict=False))


def _count(cell: Cell, lang: Language) -> str:
    return SUPPRESSED[lang] if cell.count is None else str(cell.count)


def _grid(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns under each other; the last ones, which are numbers, to the right."""
    widths = [max(_width(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(_padded(text, wide) for text, wide in zip(row, widths, strict=True)).rstrip()


def _padded(text: str, wide: int) -> str:
    return text + " " * (wide - _width(text))


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
