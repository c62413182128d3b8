"""The city's files as text: bytes to rows and back, whole or not at all, every cell as it was written. Pure."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from engine.exchange_mapping import Encoding, Ending
from engine.exchange_mapping import Mapping as Supplier

MOST_BYTES: Final = 128 << 20
MOST_ROWS: Final = 500_000
MOST_CELL: Final = 400
# What a spreadsheet takes for a formula.
_FORMULA: Final = "=+\\-@\t\r"
_MULTI: Final = frozenset({"utf-16"})
_BOM: Final = "\ufeff"


class Torn(msgspec.Struct, frozen=True):
    """Why nothing of a file is read: a stable reason, where (0: nowhere) and a sentence for people."""

    code: str
    message: str
    line: int = 0


class Row(msgspec.Struct, frozen=True):
    """One row by our words, and the line it begins on."""

    line: int
    cells: dict[str, str]


class Fault(msgspec.Struct, frozen=True):
    """A row that is not taken: its line, the reason, and the column where it lies."""

    line: int
    code: str
    field: str | None = None


class Sheet(msgspec.Struct, frozen=True):
    """What a file holds: rows, rows that cannot be read, and the titles that mean nothing to us."""

    rows: tuple[Row, ...]
    faults: tuple[Fault, ...]
    ignored: tuple[str, ...]


def read(
    content: bytes, supplier: Supplier, columns: Mapping[str, str], ending: Ending, *, by_row: bool
) -> Sheet | Torn:
    """The rows of a file.

    Torn as `too-large`, `bad-encoding`, `bad-csv`, `torn`, `wrong-count`, `no-header`, `no-column`, `column-twice` or
    `too-many-rows`. With `by_row` a row whose bytes or cells cannot be is a fault, else it costs the file.
    """
    table = _table(content, supplier, by_row=by_row)
    if isinstance(table, Torn):
        return table
    (_, titles), *rest = table
    places = _places(titles, columns)
    if isinstance(places, Torn):
        return places
    body = _body(rest, ending)
    return body if isinstance(body, Torn) else _sheet(body, titles, places, ending, columns, by_row=by_row)


def write(
    rows: Iterable[Mapping[str, str]], supplier: Supplier, columns: Mapping[str, str], ending: Ending
) -> bytes | Torn:
    """A file that `read` reads back; torn as `unencodable` with the line where the encoding lacks a character."""
    out = io.StringIO(newline="")
    end = "\r\n" if supplier.newline == "crlf" else "\n"
    writer = csv.writer(out, delimiter=supplier.delimiter, lineterminator=end, quoting=csv.QUOTE_MINIMAL)
    writer.writerow(columns.values())
    count = 0
    for row in rows:
        writer.writerow([_guarded(row.get(field, ""), ending.guard) for field in columns])
        count += 1
    if ending.end == "trailer":
        writer.writerow([ending.mark, count])
    text = out.getvalue()
    try:
        return text.encode(supplier.encoding)
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        return Torn("unencodable", f"U+{ord(text[error.start]):04X} does not exist in {supplier.encoding}", line)


def half_width(kana: str) -> str:
    """Katakana in half width, where it exists there; `names.kana` is the way back."""
    return "".join(_HALF.get(part, part) for part in unicodedata.normalize("NFD", kana))


def _decoded(content: bytes, encoding: Encoding, *, by_row: bool) -> str | Torn:
    """The text without its mark; unreadable bytes stay in their rows as lone surrogates where rows may fail alone."""
    lenient = by_row and encoding not in _MULTI
    if encoding == "utf-16" and content[:2] not in {b"\xff\xfe", b"\xfe\xff"}:
        return Torn("bad-encoding", "UTF-16 begins with its byte order mark", 1)
    try:
        text = content.decode(encoding, "surrogateescape" if lenient else "strict")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(encoding, "ignore")
        return Torn("bad-encoding", f"not {encoding}: {error.reason}", before.count("\n") + 1)
    return text.removeprefix(_BOM)


def _table(content: bytes, supplier: Supplier, *, by_row: bool) -> list[tuple[int, list[str]]] | Torn:
    """Every row that is not empty, the titles first, with the line it begins on."""
    if len(content) > MOST_BYTES:
        return Torn("too-large", f"more than {MOST_BYTES >> 20} MiB")
    text = _decoded(content, supplier.encoding, by_row=by_row)
    if isinstance(text, Torn):
        return text
    if text and not text.endswith(("\n", "\r")):
        return Torn("torn", "the last line has no end: half of a file", text.count("\n") + 1)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=supplier.delimiter, strict=True)
    found, line = [], 1
    try:
        for cells in reader:
            if cells:
                found.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        return Torn("bad-csv", f"the table breaks here: {error}", line)
    return found or Torn("no-header", "the file is empty")


def _places(titles: Sequence[str], columns: Mapping[str, str]) -> dict[str, int] | Torn:
    """Where each column stands, found by its title alone."""
    plain = [title.strip(" 　") for title in titles]
    for field, title in columns.items():
        if title not in plain:
            return Torn("no-column", f"there is no column {title} ({field})", 1)
        if plain.count(title) > 1:
            return Torn("column-twice", f"there are two columns {title}", 1)
    return {field: plain.index(title) for field, title in columns.items()}


def _body(rest: list[tuple[int, list[str]]], ending: Ending) -> list[tuple[int, list[str]]] | Torn:
    """The rows without the one that counts them."""
    if len(rest) > MOST_ROWS + 1:
        return Torn("too-many-rows", f"more than {MOST_ROWS} rows", rest[MOST_ROWS][0])
    if ending.end == "rename":
        return rest
    if not rest or rest[-1][1][0] != ending.mark:
        return Torn("torn", f"the last row {ending.mark} is missing: half of a file", rest[-1][0] if rest else 1)
    line, last = rest[-1]
    told = last[1].strip() if len(last) > 1 else ""
    if told != str(len(rest) - 1):
        return Torn("wrong-count", f"{len(rest) - 1} rows, but the last row says {told[:12]}", line)
    return rest[:-1]


def _sheet(
    body: list[tuple[int, list[str]]], titles: Sequence[str], places: dict[str, int], ending: Ending,
    columns: Mapping[str, str], *, by_row: bool,
) -> Sheet | Torn:  # fmt: skip
    rows, faults = [], []
    for line, cells in body:
        code = _unreadable(cells, len(titles))
        if code is not None and not by_row:
            return Torn(code, "this row cannot be read, and of this file all or nothing is taken", line)
        if code is not None:
            faults.append(Fault(line, code))
            continue
        named = {field: _bare(cells[place], ending.guard) for field, place in places.items()}
        rows.append(Row(line, named))
    known = set(columns.values())
    ignored = tuple(title for title in titles if title.strip(" 　") not in known)
    return Sheet(rows=tuple(rows), faults=tuple(faults), ignored=ignored)


def _unreadable(cells: Sequence[str], width: int) -> str | None:
    if len(cells) != width:
        return "cells"
    if any("\udc80" <= character <= "\udcff" for cell in cells for character in cell if character > "\ud7ff"):
        return "bad-encoding"
    return "too-long" if any(len(cell) > MOST_CELL for cell in cells) else None


def _guarded(cell: str, guard: str) -> str:
    return guard + cell if guard and re.match(rf"{re.escape(guard)}*[{_FORMULA}]", cell) else cell


def _bare(cell: str, guard: str) -> str:
    return cell[1:] if guard and re.match(rf"{re.escape(guard)}+[{_FORMULA}]", cell) else cell


_HALF: Final = {unicodedata.normalize("NFKC", chr(code)): chr(code) for code in range(0xFF66, 0xFF9E)} | {
    "\u3099": "ﾞ", "\u309a": "ﾟ", "・": "･",
}  # fmt: skip
