"""Heat and snow of a municipality's civil day: signals with a cautious default, and the table they are read from. Pure.

Who knows nothing of the weather must not send anybody out into it: from June to September an unknown WBGT counts as
hot, from December to March unknown snow counts as lying.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from engine.dates import parse_birth_date
from engine.imports.numbers import is_absent, number
from engine.refusal import Refusal
from engine.signals import Signal

DEFAULT: Final = "season-default"
YESTERDAY: Final = "yesterday"
# Product policy for the Shonai coast.
HOT_MONTHS: Final = frozenset({6, 7, 8, 9})
SNOW_MONTHS: Final = frozenset({12, 1, 2, 3})
# A row older than this says nothing about the day.
STALE_AFTER: Final = timedelta(days=1)
FORECAST: Final = timedelta(days=10)
# Column -> plausible range: WBGT in °C, snow depth in cm (the deepest ever measured in Japan is 1,182 cm).
RANGES: Final = {"wbgt": (Decimal(-40), Decimal(45)), "snow": (Decimal(0), Decimal(1200))}
_HEADER_ROWS: Final = 12
_MARKS: Final = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_NAMES: Final = {
    "day": {"day", "date", "日", "日付", "年月日", "観測日", "月日"},
    "wbgt": {"wbgt", "wbgtmax", "wbgt最高", "日最高wbgt", "最高wbgt", "暑さ指数", "暑さ指数最高", "日最高暑さ指数"},
    "snow": {"snow", "snowcm", "snowdepth", "積雪", "積雪深", "最深積雪", "積雪の深さ"},
}
_UNIT: Final = re.compile(r"\((?:cm|℃|°c|c)\)|[\s_・-]")


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """The weather of one municipality and civil day: highest WBGT in °C, snow depth in cm; None where nobody said."""

    municipality: str
    day: date
    wbgt: Decimal | None = None
    snow: Decimal | None = None


class Fault(msgspec.Struct, frozen=True):
    """A cell or row that is not taken, with its line in the file and a stable code; `text` is its beginning."""

    line: int
    code: str
    text: str = ""


class Table(msgspec.Struct, frozen=True):
    """What a file says: one Day for each day, oldest first, and what could not be taken."""

    days: tuple[Day, ...]
    faults: tuple[Fault, ...]


def weather_signals(rows: Iterable[Day], day: date) -> dict[str, Signal]:
    """`env.wbgt`, `env.snow` and `env.hot-season` for `day` from rows of one municipality; newer than `day` is ignored.

    `env.wbgt` is None where unknown, and `env.hot-season` is 1 exactly where that must be taken as hot; unknown snow is
    1 in winter and 0 else. Such values carry the note `season-default`, yesterday's the note `yesterday`.
    """
    near = sorted((row for row in rows if day - STALE_AFTER <= row.day <= day), key=lambda row: row.day, reverse=True)
    hot = next((row for row in near if row.wbgt is not None), None)
    white = next((row for row in near if row.snow is not None), None)
    unknown_heat = hot is None and day.month in HOT_MONTHS
    snows = white.snow > 0 if white is not None and white.snow is not None else day.month in SNOW_MONTHS
    return {
        "env.wbgt": _signal(None if hot is None else hot.wbgt, "Cel", hot, day),
        "env.snow": _signal(Decimal(int(snows)), "1", white, day),
        "env.hot-season": _signal(Decimal(int(unknown_heat)), "1", hot, day),
    }


def _signal(value: Decimal | None, unit: str, row: Day | None, day: date) -> Signal:
    if row is None:
        return Signal(value=value, unit=unit, note=DEFAULT)
    source = f"weather:{row.municipality}:{row.day.isoformat()}"
    return Signal(value=value, unit=unit, inputs=(source,), count=1, note=None if row.day == day else YESTERDAY)


def read_table(raw: bytes, municipality: str, today: date) -> Table | Refusal:
    """The days of a CSV file with columns day, wbgt and snow (or their Japanese names), in UTF-8, UTF-16 or Shift_JIS.

    Of several rows of one day, as in hourly tables, the highest of each counts. Refused `not-csv`, `bad-encoding`,
    `no-header` or `bad-csv` as a whole; rows as unreadable-date, no-such-date, outside-era, future-date, too-old,
    not-a-number, implausible or empty. A day may lie up to ten days ahead: a forecast.
    """
    text = _decoded(raw)
    if isinstance(text, Refusal):
        return text
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        places = _header(reader)
        if places is None:
            return Refusal("no-header", "a column day and at least one of wbgt and snow are needed")
        days, faults = _Rows(municipality, today, places).read(reader)
    except csv.Error as error:
        return Refusal("bad-csv", f"the table breaks off in line {reader.line_num}: {error}")
    return Table(tuple(days), tuple(faults))


class _Rows:
    """Reads rows below a header whose columns stand at `places`."""

    def __init__(self, municipality: str, today: date, places: dict[str, int]) -> None:
        self._municipality, self._last, self._places = municipality, today + FORECAST, places
        self._faults: list[Fault] = []

    def read(self, reader: Iterator[list[str]]) -> tuple[list[Day], list[Fault]]:
        """Every day and every fault."""
        found: dict[date, Day] = {}
        for row in reader:
            line: int = getattr(reader, "line_num", 0)
            day = self._day(line, row) if any(cell.strip() for cell in row) else None
            if day is None:
                continue
            wbgt, snow = self._number(line, row, "wbgt"), self._number(line, row, "snow")
            if wbgt is None and snow is None:
                continue
            other = found.get(day, Day(municipality=self._municipality, day=day))
            found[day] = msgspec.structs.replace(
                other, wbgt=_highest(other.wbgt, wbgt), snow=_highest(other.snow, snow)
            )
        return [found[day] for day in sorted(found)], self._faults

    def _day(self, line: int, row: list[str]) -> date | None:
        said = self._cell(row, "day")
        # The hour of an hourly table does not matter: WBGT is highest by day.
        plain = unicodedata.normalize("NFKC", said).strip()
        found = parse_birth_date(re.split(r"[ T]", plain, maxsplit=1)[0], self._last)
        if isinstance(found, Refusal):
            self._faults.append(_fault(line, found.code, said))
            return None
        if all(is_absent(self._cell(row, name)) for name in ("wbgt", "snow")):
            self._faults.append(_fault(line, "empty", said))
            return None
        return found

    def _number(self, line: int, row: list[str], name: str) -> Decimal | None:
        said = self._cell(row, name)
        if is_absent(said):
            return None
        amount = number(said)
        low, high = RANGES[name]
        if amount is None or not low <= amount <= high:
            self._faults.append(_fault(line, "not-a-number" if amount is None else "implausible", said))
            return None
        return amount

    def _cell(self, row: list[str], name: str) -> str:
        place = self._places.get(name, len(row))
        return row[place] if place < len(row) else ""


def _fault(line: int, code: str, text: str) -> Fault:
    return Fault(line, code, "".join(c if c.isprintable() else " " for c in text[:60]))


def _highest(one: Decimal | None, two: Decimal | None) -> Decimal | None:
    return max((value for value in (one, two) if value is not None), default=None)


def _decoded(raw: bytes) -> str | Refusal:
    """The text by the file's own mark, else the first encoding that fits."""
    marked = next((name for mark, name in _MARKS.items() if raw.startswith(mark)), None)
    if marked is None and b"\0" in raw:
        return Refusal("not-csv", "this is not a text file: save the table as CSV")
    for encoding in (marked,) if marked else ("utf-8", "cp932"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return Refusal("bad-encoding", "the text is neither UTF-8 nor Shift_JIS")


def _header(reader: Iterator[list[str]]) -> dict[str, int] | None:
    """Where each column stands; the header may stand below a title. Of columns of one name the first counts."""
    for _, cells in zip(range(_HEADER_ROWS), reader, strict=False):
        plain = [_UNIT.sub("", unicodedata.normalize("NFKC", cell).lower()) for cell in cells]
        places = {
            name: next(place for place, cell in enumerate(plain) if cell in known)
            for name, known in _NAMES.items()
            if not known.isdisjoint(plain)
        }
        if "day" in places and len(places) > 1:
            return places
    return None
