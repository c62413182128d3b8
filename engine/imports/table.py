"""Rows of a CSV file as records, by a mapping: any encoding Japan uses, any delimiter, full width, eras, commas."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, time
from decimal import Decimal
from itertools import chain, islice
from typing import IO, Any, Final
from zoneinfo import ZoneInfo

import msgspec

from engine.contract.reading import Value
from engine.imports.archive import is_zip
from engine.imports.daily import DayTally
from engine.imports.mapping import Column, Mapping, fitting, plain, score
from engine.imports.model import FileError, Item, Record, fault
from engine.imports.moments import day_span, moment, zone_named
from engine.imports.numbers import is_absent, number, value_of

# The header may stand below a title and a remark or two, but not further down.
_HEADER_ROWS: Final = 30
_SAMPLE: Final = 1 << 16
_MARKS: Final = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_TEXTS: Final = ("utf-8", "cp932")


class Choice(msgspec.Struct, frozen=True):
    """What the user said of the file: the mapping, and which value of its person column is the resident."""

    mapping: Mapping | None = None
    person: str | None = None


class _Layout(msgspec.Struct, frozen=True):
    """Where in a row everything stands."""

    mapping: Mapping
    places: dict[str, int]
    day_time: time

    def cell(self, row: list[str], names: tuple[str, ...]) -> str:
        """The first non-empty cell of the columns that go by these names."""
        for name in names:
            place = self.places.get(plain(name))
            if place is not None and place < len(row) and row[place].strip():
                return row[place]
        return ""


def records(
    stream: IO[bytes], zone: ZoneInfo, now: datetime, skipped: Counter[str], choice: Choice | None = None
) -> Iterator[Item]:
    """The records of a CSV file by the chosen mapping, else by the shipped mapping that knows its header.

    Raises FileError: not-csv, no-mapping, no-header, bad-csv, bad-encoding, several-people. Day totals come last.
    """
    mapping, person = (choice.mapping, choice.person) if choice else (None, None)
    text, sample = _decoded(stream, mapping.encodings if mapping else _TEXTS)
    try:
        rows, layout = _headed(text, sample, mapping)
        if layout.mapping.person_names:
            if person is None:
                _one_person(rows, layout)
            text.seek(0)
            rows, layout = _headed(text, sample, layout.mapping)
        yield from _Rows(layout, zone, now, person, skipped).all(rows)
    finally:
        text.detach()  # the stream is the caller's to close


class _Rows:
    """Turns rows into records; parts of a day's steps are added up, totals stand for themselves."""

    def __init__(
        self, layout: _Layout, zone: ZoneInfo, now: datetime, person: str | None, skipped: Counter[str]
    ) -> None:
        self._layout = layout
        self._skipped = skipped
        self._person = person
        self._zone = zone_named(layout.mapping.when.zone, zone)
        self._home = zone
        self._today = now.astimezone(zone).date()
        self._tally = DayTally(zone, now)
        self._unfinished = 0

    def all(self, rows: Any) -> Iterator[Item]:
        """The records and faults of every row, the totals of added-up days last."""
        try:
            for row in rows:
                if any(cell.strip() for cell in row):
                    yield from self._read(rows.line_num, row)
        except csv.Error as error:
            raise FileError("bad-csv", f"the table breaks off: {error}", rows.line_num) from error
        yield from self._tally.records()
        unfinished = self._unfinished + self._tally.unfinished
        self._skipped.update({"today": unfinished} if unfinished else {})

    def _read(self, line: int, row: list[str]) -> Iterator[Item]:
        """The records and faults of one row."""
        at = self._moment(row)
        if (
            self._person is not None
            and plain(self._layout.cell(row, self._layout.mapping.person_names)) != self._person
        ):
            at = None
            yield fault(line, "another-person")
        elif at is None:
            yield fault(line, "unreadable-date", self._layout.cell(row, self._layout.mapping.when.names))
        if at is not None:
            yield from self._values(line, row, at)

    def _values(self, line: int, row: list[str], at: datetime) -> Iterator[Item]:
        origin = self._layout.cell(row, self._layout.mapping.origin_names)[:64]
        values: list[Value] = []
        for column in self._layout.mapping.value:
            found = self._value(column, row)
            if isinstance(found, str):
                yield fault(line, found, self._layout.cell(row, column.names))
            elif found is not None and found.kind == "steps-interval":
                self._tally.add("steps-day", origin, (at, at), Decimal(found.value), line)
            elif found is not None and found.kind == "steps-day":
                yield from self._total(line, origin, at, found)
            elif found is not None:
                values.append(found)
        if values:
            yield Record(line=line, origin=origin, at=at, values=tuple(values))

    def _moment(self, row: list[str]) -> datetime | None:
        when = self._layout.mapping.when
        text = self._layout.cell(row, when.names)
        clock = self._layout.cell(row, when.time_names)
        zone = zone_named(self._layout.cell(row, when.zone_names), self._zone)
        return moment(f"{text} {clock}" if clock else text, when.formats, zone, self._layout.day_time)

    def _value(self, column: Column, row: list[str]) -> Value | str | None:
        """The value, None where nothing was measured, or the code why it cannot be read."""
        text = self._layout.cell(row, column.names)
        if is_absent(text):
            return None
        amount = number(text, self._layout.mapping.comma)
        if amount is None:
            return "not-a-number"
        if not amount and column.zero == "absent":
            return None
        unit = self._layout.cell(row, column.unit_names) or column.unit
        return value_of(column.kind, amount * Decimal(column.factor), unit) or "unknown-unit"

    def _total(self, line: int, origin: str, at: datetime, value: Value) -> Iterator[Item]:
        day = at.astimezone(self._home).date()
        if day >= self._today:
            self._unfinished += 1
            return
        start, end = day_span(day, self._home)
        yield Record(line=line, origin=origin, at=end, start=start, values=(value,))


def _one_person(rows: Any, layout: _Layout) -> None:
    """Refuse a family's file: nothing of it may be filed under the one resident it is imported for."""
    found: set[str] = set()
    try:
        for row in rows:
            found |= {plain(layout.cell(row, layout.mapping.person_names))} - {""}
    except csv.Error:
        pass  # the reading itself says so, after what stands before the damage
    if len(found) > 1:
        names = f"{layout.mapping.person_names[0]} {', '.join(sorted(found)[:8])}"
        raise FileError("several-people", f"several people are in this file ({names}): say who with --person")


def _decoded(stream: IO[bytes], encodings: tuple[str, ...]) -> tuple[io.TextIOWrapper, str]:
    """The text of the file and its beginning; the encoding is the file's own mark, else the first that fits."""
    if is_zip(stream):
        raise FileError("not-csv", "this is a zip or Excel file: save it as CSV")
    start = stream.read(_SAMPLE)
    stream.seek(0)
    if b"\0" in start and not start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FileError("not-csv", "this is not a text file")
    marked = next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)
    for encoding in [marked] if marked else encodings:
        try:
            sample = codecs.getincrementaldecoder(encoding)().decode(start)
        except UnicodeDecodeError:
            continue
        except LookupError as error:
            raise FileError("bad-encoding", f"there is no encoding {encoding!r}") from error
        # One spoilt remark must not cost the rows around it: a spoilt number is no number and refused as such.
        return io.TextIOWrapper(stream, encoding, errors="replace", newline=""), sample
    raise FileError("bad-encoding", f"the text is in none of {', '.join(encodings)}")


def _headed(text: io.TextIOWrapper, sample: str, mapping: Mapping | None) -> tuple[Any, _Layout]:
    """The rows below the header, with the layout it gives."""
    for delimiter in mapping.delimiters if mapping else ",;\t":
        for number_, cells in enumerate(_rows(sample, delimiter)):
            chosen = mapping or fitting(cells)
            if chosen is None or not score(chosen, {plain(cell) for cell in cells}):
                continue
            rows = csv.reader(text, delimiter=delimiter)
            try:
                for _ in range(number_ + 1):
                    next(rows)
            except (csv.Error, StopIteration) as error:
                raise FileError("bad-csv", f"the table breaks off: {error}", rows.line_num) from error
            places = {plain(cell): place for place, cell in reversed(list(enumerate(cells)))}
            clock = time.fromisoformat(chosen.when.day_time)
            return rows, _Layout(chosen, places, clock)
    if mapping:
        raise FileError("no-header", f"the columns of {mapping.name} are not in this file")
    raise FileError("no-mapping", "no mapping knows these columns: write one and give it with --mapping")


def _rows(sample: str, delimiter: str) -> list[list[str]]:
    found: list[list[str]] = []
    try:
        found.extend(chain(islice(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter), _HEADER_ROWS)))
    except csv.Error:
        return found
    return found
