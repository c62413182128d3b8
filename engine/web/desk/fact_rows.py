"""Facts as rows in words: check-ups by year side by side, the newest of everything else, and what is told of each.

Pure: from facts and a language to texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from babel.dates import format_date

from engine.clinical import Fact, holds, standing
from engine.clinical_codes import GRADES, Code, catalogue
from engine.locale import Language, text

ZONE: Final = ZoneInfo("Asia/Tokyo")
YEARS: Final = 5
AREAS: Final = ("lab", "medicine", "allergy", "condition", "answer")
_DATE: Final = {"ja": "y年M月d日", "en": "d MMM y"}
_MEASURED: Final = ("number", "grade")
_FISCAL: Final = 4
# The parts of the catalogue, by how its codes begin.
_AREAS: Final = {
    "medicine": ("med.",),
    "condition": ("has.",),
    "allergy": ("allergy.",),
    "answer": ("answer.", "symptom.", "loss.", "frailty.", "habit.", "wish."),
}


class FactRow(msgspec.Struct, frozen=True, kw_only=True):
    """One fact as it is shown; `stale` where it holds no more, `note` its source and who wrote it down."""

    id: str
    code: str
    label: str
    value: str
    day: str
    source: str
    by: str
    stale: bool


class Years(msgspec.Struct, frozen=True):
    """Check-ups side by side: fiscal years, newest last, and per item its name, unit and values ("" for none)."""

    years: tuple[int, ...]
    rows: tuple[tuple[str, str, tuple[str, ...]], ...]


def by_year(facts: Iterable[Fact], as_of: datetime, lang: Language) -> Years:
    """The last five fiscal years with a check-up, one row an item, each with its unit."""
    known = standing(facts, as_of)
    cells: dict[str, dict[int, Fact]] = {}
    for code, said in known.items():
        for fact in said:
            if _is_number(code) and fact.source in {"checkup", "import"}:
                cells.setdefault(code, {})[fiscal_year(fact.at)] = fact
    years = tuple(sorted({year for row in cells.values() for year in row})[-YEARS:])
    ordered = [code for code in catalogue() if code in cells and any(year in cells[code] for year in years)]
    rows = tuple(
        (label(lang, code), unit_of(code), tuple(_cell(cells[code].get(year), lang) for year in years))
        for code in ordered
    )  # fmt: skip
    return Years(years, rows)


def newest(facts: Iterable[Fact], as_of: datetime, lang: Language, area: str) -> tuple[FactRow, ...]:
    """The newest fact of every code of one area (see `area_of`), in the order of the catalogue."""
    known = standing(facts, as_of)
    codes = [code for code in catalogue() if code in known and area_of(code) == area]
    picked = [known[code][-1] for code in codes]
    if area == "lab":
        picked = [fact for fact in picked if fact.source not in {"checkup", "import"}]
    return tuple(row(fact, as_of, lang) for fact in picked)


def every(facts: Iterable[Fact], as_of: datetime, lang: Language) -> tuple[FactRow, ...]:
    """Everything that stands, newest first: what may be taken back."""
    standing_ = [fact for said in standing(facts, as_of).values() for fact in said]
    return tuple(row(fact, as_of, lang) for fact in sorted(standing_, key=_newest_first))


def row(fact: Fact, as_of: datetime, lang: Language) -> FactRow:
    """One fact in words."""
    return FactRow(
        id=fact.id, code=fact.code, label=label(lang, fact.code), value=value(fact, lang), day=day(lang, fact.at),
        source=text(lang, "nurse", f"desk.source.{fact.source}"), by=fact.actor, stale=not holds(fact, as_of),
    )  # fmt: skip


def area_of(code: str) -> str:
    """Where a code is shown: medicine, condition, allergy, answer, or lab for everything that is measured."""
    found = next((area for area, starts in _AREAS.items() if code.startswith(starts)), None)
    return found or ("lab" if _is_number(code) else "answer")


def value(fact: Fact, lang: Language) -> str:
    """The value as people write it, with its unit."""
    code = catalogue()[fact.code]
    if code.sort == "answer":
        return text(lang, "nurse", f"desk.answer.{fact.value}")
    if code.sort == "grade":
        return GRADES[int(fact.value)]
    if code.sort == "choice":
        return _choice(code, fact.value, lang)
    return f"{fact.value} {_plain(fact.unit or '')}".strip()


def label(lang: Language, code: str) -> str:
    """What a code is called."""
    found = catalogue()[code]
    said = (found.ja if lang == "ja" else found.en) or code
    # The grades of a strip are named where rules read them as numbers; here they are shown as they are written.
    return said.split("(", maxsplit=1)[0].strip() if found.sort == "grade" else said


def unit_of(code: str) -> str:
    """The unit as people write it."""
    return _plain(catalogue()[code].unit)


def day(lang: Language, at: datetime | date) -> str:
    """A day as people write it, in Japan."""
    local = at.astimezone(ZONE).date() if isinstance(at, datetime) else at
    return format_date(local, _DATE[lang], locale=lang)


def fiscal_year(at: datetime) -> int:
    """The fiscal year (from April) in which a check-up was taken."""
    local = at.astimezone(ZONE).date()
    return local.year if local.month >= _FISCAL else local.year - 1


def choices(lang: Language) -> Mapping[str, list[tuple[str, str, str]]]:
    """What can be written down by hand, by area: code, its name, and its unit."""
    found: dict[str, list[tuple[str, str, str]]] = {area: [] for area in AREAS}
    for code in catalogue():
        found[area_of(code)].append((code, label(lang, code), unit_of(code)))
    return found


def _cell(fact: Fact | None, lang: Language) -> str:
    if fact is None:
        return ""
    code = catalogue()[fact.code]
    return fact.value if code.sort == "number" else value(fact, lang)


def _choice(code: Code, kept: str, lang: Language) -> str:
    """The first Japanese way in which a choice is written, else its code."""
    ways = [word for word, choice in code.words.items() if choice == kept and not word.isascii()]
    return next(iter(ways), kept) if lang == "ja" else kept


def _is_number(code: str) -> bool:
    return catalogue()[code].sort in _MEASURED


def _plain(unit: str) -> str:
    spoken = {"1": "", "mm[Hg]": "mmHg", "kg/m2": "kg/m²", "cm2": "cm²", "mL/min/{1.73_m2}": "mL/min/1.73m²"}
    return spoken.get(unit, unit)


def _newest_first(fact: Fact) -> tuple[float, str]:
    return -fact.at.timestamp(), fact.id
