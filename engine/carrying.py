"""Everything of one resident as files of their own: tables that a spreadsheet opens, in one archive. Pure.

UTF-8 with a byte order mark, because the spreadsheets of this country guess Shift_JIS without it; commas, CRLF, every
field that could be taken for a formula with an apostrophe before it.
"""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from io import TextIOWrapper
from typing import IO, Final
from zoneinfo import ZoneInfo

from engine.care_entries import Entry
from engine.clinical import Fact
from engine.clinical_values import day_of
from engine.contract.kinds import KINDS
from engine.explained import explanations, spoken
from engine.locale import Language, text
from engine.observation_values import Measured
from engine.records import brought

Rows = Iterable[Sequence[str]]
BOM: Final = "\ufeff"
_NUMBER: Final = re.compile(r"[-+]?\d[\d.,]*%?")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def pack(target: IO[bytes], tables: Iterable[tuple[str, Sequence[str], Rows]], now: datetime) -> None:
    """Writes an archive of tables (name, head, rows) into `target`, row by row; no table is ever held as a whole."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, head, rows in tables:
            # A zip file knows local times only, and none before 1980.
            entry = zipfile.ZipInfo(f"{name}.csv", now.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            with archive.open(entry, "w") as raw:
                write_table(raw, head, rows)


def write_table(raw: IO[bytes], head: Sequence[str], rows: Rows) -> None:
    """Writes one table as a spreadsheet opens it; `raw` is closed."""
    with TextIOWrapper(raw, encoding="utf-8", newline="") as text:
        text.write(BOM)
        writer = csv.writer(text)
        writer.writerow(head)
        writer.writerows([_harmless(cell) for cell in row] for row in rows)


def values(measured: Iterable[Measured], zone: ZoneInfo, lang: Language) -> Iterator[tuple[str, ...]]:
    """A row of every measured value: when, code, name, value, unit, device, whether it is only assumed to be theirs."""
    for one in measured:
        kind = KINDS.get(one.kind)
        name = one.kind if kind is None else kind.ja if lang == "ja" else kind.en
        yield (
            one.measured_at.astimezone(zone).isoformat(timespec="seconds"), one.kind, name, f"{one.value}", one.unit,
            one.device_id or "", "1" if one.preliminary else "0", one.reading_id or "",
        )  # fmt: skip


def records(facts: Iterable[Fact], lang: Language) -> Iterator[tuple[str, ...]]:
    """A row of every fact: day, code, name, value in words, value as stored, unit, source, when it was recorded."""
    for fact in facts:
        text, unit = spoken(fact, lang)
        yield (
            day_of(fact.at).isoformat(), fact.code, explanations()[fact.code].name(lang), text, fact.value, unit,
            fact.source, fact.recorded_at.isoformat(timespec="seconds"), fact.id, fact.retracts or "",
        )  # fmt: skip


def told(entries: Iterable[Entry], now: datetime, lang: Language) -> Iterator[tuple[str, ...]]:
    """A row of each thing other houses told: sort, name and detail as written, codes, whether it has ended, days."""
    for entry in entries:
        one = brought(entry, now)
        codes = " ".join(f"{coding.system}|{coding.code}" for coding in entry.codes)
        days = (one.day.isoformat() if one.day else "", one.until.isoformat() if one.until else "")
        yield (
            entry.sort, text(lang, "resident", f"me.entries.head.{entry.sort}"), entry.name, entry.detail, codes,
            "1" if one.over else "0", *days, entry.source, entry.origin, one.came.isoformat(), entry.id,
        )  # fmt: skip


def _harmless(cell: str) -> str:
    """`cell` so that no spreadsheet computes it: what is no plain number is never taken for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) and not _NUMBER.fullmatch(cell) else cell
