"""Check-up results from a CSV file: a row is one person's day; each cell becomes a fact or a refusal with a reason."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time
from functools import cache
from importlib.resources import files
from typing import IO, Any, Final
from zoneinfo import ZoneInfo

import msgspec

from engine.clinical_codes import catalogue, code_of_jlac10
from engine.clinical_values import is_unit
from engine.imports.mapping import plain
from engine.imports.model import FileError
from engine.imports.moments import moment
from engine.imports.numbers import is_absent
from engine.imports.table import _decoded, _rows

# A glucose of unknown hour: which one it is, the row's own hours decide.
GLUCOSE: Final = "glucose"
_DELIMITERS: Final = ",;\t"
_JLAC10: Final = re.compile(r"[0-9a-z]{17}")
_BRACKET: Final = re.compile(r"(.+)[(\[]([^()\[\]]+)[)\]]")
_UNDONE: Final = frozenset({"", "未実施", "未測定", "未検査", "測定不可", "検査不可", "null", "none", "n/a"})
# 空腹時中性脂肪 of the item list, and fasting triglycerides of JP-CLINS.
_FASTING: Final = ("3f0150000", "3f0151300")
_HOURS: Final = "lab.hours-since-meal"
_WHO: Final = ("resident", "insured", "kana", "birth", "sex")


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The names a column goes by, the first of them preferred; `coded` says what the file's own codes mean.

    `fasting`: by its name the blood was taken 10 hours after a meal or later.
    """

    code: str
    names: tuple[str, ...]
    unit: str = ""
    fasting: bool = False
    coded: dict[str, str] = {}


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a check-up file says whose row it is, of what day, and what stands in its columns."""

    title: str
    source: str
    when: tuple[str, ...]
    formats: tuple[str, ...]
    resident: tuple[str, ...] = ()
    insured: tuple[str, ...] = ()
    kana: tuple[str, ...] = ()
    birth: tuple[str, ...] = ()
    sex: tuple[str, ...] = ()
    encodings: tuple[str, ...] = ("utf-8", "cp932")
    column: tuple[Column, ...]


class Who(msgspec.Struct, frozen=True):
    """Whose row it is, as the file says it; "" where it does not."""

    resident: str = ""
    insured: str = ""
    kana: str = ""
    birth: str = ""
    sex: str = ""


class Cell(msgspec.Struct, frozen=True):
    """One written value, for the code it is of; `unit` "" where the file names none."""

    code: str
    text: str
    unit: str = ""


class Row(msgspec.Struct, frozen=True):
    """One person's check-up: `at` the beginning of its day, None where `day`, as it is written, cannot be read."""

    line: int
    who: Who
    at: datetime | None
    day: str
    cells: tuple[Cell, ...]


class Sheet(msgspec.Struct, frozen=True):
    """The rows of a file, and the columns that are not read."""

    rows: Iterator[Row]
    ignored: tuple[str, ...]


class _Place(msgspec.Struct, frozen=True):
    """Where a code stands, in which unit, what its codes mean, and how far down its column's list of names it is."""

    index: int
    code: str
    unit: str
    coded: dict[str, str]
    rank: int
    fasting: bool = False


@cache
def shipped() -> Layout:
    """The mapping that comes with the program."""
    return parse(files("engine.imports").joinpath("checkups.toml").read_text(encoding="utf-8"))


def parse(text: str) -> Layout:
    """The mapping in a TOML text; raises FileError bad-mapping with what is wrong."""
    try:
        found = msgspec.convert(tomllib.loads(text), Layout)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise FileError("bad-mapping", f"the mapping cannot be used: {error}") from error
    unknown = [column.code for column in found.column if column.code not in catalogue() and column.code != GLUCOSE]
    if unknown or not found.column:
        raise FileError("bad-mapping", f"the mapping cannot be used: no such code: {', '.join(unknown)}")
    return found


def sheet(stream: IO[bytes], zone: ZoneInfo, mapping: Layout | None = None) -> Sheet:
    """The rows of a CSV file in any encoding and delimiter, read one by one.

    Raises FileError not-csv, bad-encoding, no-header, or (while reading) bad-csv after what stands before the damage.
    """
    chosen = mapping or shipped()
    text, sample = _decoded(stream, chosen.encodings)
    for delimiter in _DELIMITERS:
        for number, cells in enumerate(_rows(sample, delimiter)):
            places = _places(cells, chosen)
            header = {plain(cell): index for index, cell in reversed(list(enumerate(cells)))}
            if places and any(plain(name) in header for name in chosen.when):
                used = {place.index for place in places} | set(_named(header, chosen).values())
                used |= {header[plain(name)] for name in chosen.when if plain(name) in header}
                ignored = tuple(cell for index, cell in enumerate(cells) if index not in used and cell.strip())
                found = _read(csv.reader(text, delimiter=delimiter), number + 1, places, header, chosen, zone)
                return Sheet(_lent(text, found), ignored)
    text.detach()
    raise FileError("no-header", "the file has no column with the day of the check-up and one with a result")


def _lent(text: io.TextIOWrapper, rows: Iterator[Row]) -> Iterator[Row]:
    """The rows; the stream below is the caller's to close."""
    try:
        yield from rows
    finally:
        text.detach()


def _named(header: Mapping[str, int], mapping: Layout) -> dict[str, int]:
    """The columns that say whose row it is."""
    found: dict[str, int] = {}
    for field in _WHO:
        for name in getattr(mapping, field):
            if plain(name) in header:
                found.setdefault(field, header[plain(name)])
    return found


def _places(cells: Sequence[str], mapping: Layout) -> list[_Place]:
    """Where each code stands, the preferred column of a code first."""
    names = {plain(name): (column, rank) for column in mapping.column for rank, name in enumerate(column.names)}
    coded = {column.code: column.coded for column in mapping.column}
    found: list[_Place] = []
    for index, cell in enumerate(cells):
        name = plain(cell)
        known = names.get(name)
        bracket = _BRACKET.fullmatch(name)
        if known is not None:
            column, rank = known
            unit = column.unit or _unit_in(bracket)
            found.append(_Place(index, column.code, unit, column.coded, rank, column.fasting))
        elif (
            bracket is not None
            and bracket[1] in names
            and is_unit(names[bracket[1]][0].code.replace(GLUCOSE, "lab.fpg"), bracket[2])
        ):
            column, rank = names[bracket[1]]
            found.append(_Place(index, column.code, bracket[2], column.coded, rank, column.fasting))
        elif _JLAC10.fullmatch(name) and (code := code_of_jlac10(name.upper())) is not None:
            found.append(_Place(index, code.code, "", coded.get(code.code, {}), 0, name.startswith(_FASTING)))
    return sorted(found, key=lambda place: (place.code, not place.fasting, place.rank, place.index))


def _unit_in(bracket: re.Match[str] | None) -> str:
    """HbA1c(NGSP) is one name, and says of which kind the value is."""
    return bracket[2] if bracket is not None and bracket[2] in {"ngsp", "jds"} else ""


def _read(
    rows: Any, skip: int, places: Sequence[_Place], header: Mapping[str, int], mapping: Layout, zone: ZoneInfo
) -> Iterator[Row]:
    who = _named(header, mapping)
    days = [header[plain(name)] for name in mapping.when if plain(name) in header]
    try:
        for _ in range(skip):
            next(rows)
        for row in rows:
            if any(cell.strip() for cell in row):
                day = next((_at(row, index) for index in days if _at(row, index)), "")
                said = Who(**{field: _at(row, index) for field, index in who.items()})
                yield Row(rows.line_num, said, moment(day, mapping.formats, zone, time()), day, _cells(row, places))
    except csv.Error as error:
        raise FileError("bad-csv", f"the table breaks off: {error}", rows.line_num) from error


def _cells(row: Sequence[str], places: Sequence[_Place]) -> tuple[Cell, ...]:
    """One cell a code: of several columns of the same code the preferred one that is filled in."""
    found: dict[str, Cell] = {}
    fasting = False
    for place in places:
        text = _at(row, place.index)
        spec = catalogue().get(place.code)
        grade = spec is not None and spec.sort == "grade"
        # On a strip "-" is a result, elsewhere it says that nothing was measured.
        if plain(text) in _UNDONE or (not grade and is_absent(text)) or place.code in found:
            continue
        found[place.code] = Cell(place.code, place.coded.get(plain(text), text), place.unit)
        fasting = fasting or place.fasting
    if fasting:
        found.setdefault(_HOURS, Cell(_HOURS, "10"))
    return glucose(found)


def glucose(found: dict[str, Cell]) -> tuple[Cell, ...]:
    """A glucose without its hour is fasting only where the hours say so; one called fasting that was not, is casual."""
    hours = found.get(_HOURS)
    fasting = None if hours is None else hours.text == "10" or _hours(hours.text) >= 10  # noqa: PLR2004 - R-TKHG-2
    bare = found.pop(GLUCOSE, None)
    if bare is not None:
        code = "lab.fpg" if fasting else "lab.casual-glucose"
        found.setdefault(code, msgspec.structs.replace(bare, code=code))
    if fasting is False and "lab.fpg" in found and "lab.casual-glucose" not in found:
        found["lab.casual-glucose"] = msgspec.structs.replace(found.pop("lab.fpg"), code="lab.casual-glucose")
    return tuple(found.values())


def _hours(text: str) -> float:
    try:
        return float(plain(text))
    except ValueError:
        return float("inf")


def _at(row: Sequence[str], index: int) -> str:
    return row[index].strip() if index < len(row) else ""
