"""`phr trend --from-csv`: what would have been said on each row of a table, knowing only the rows before."""

from __future__ import annotations

import csv
import io
import math
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from cli.exits import Exit
from cli.output import fail, result

if TYPE_CHECKING:
    from engine.refusal import Refusal
    from engine.series.answers import Answer, Row

_ENCODINGS = ("utf-8-sig", "cp932")
_DIGITS = 4
_DAY = timedelta(days=1)
_START = datetime(1970, 1, 1, tzinfo=UTC)
# Eight digits are a day of the calendar, not the twenty-millionth day of a study.
_COMPACT = 8
_HEADER = ("group", "date", "level", "slope_per_week", "low", "high", "forecast_7d", "forecast_7d_low",
           "forecast_7d_high", "forecast_14d")  # fmt: skip


class Columns(msgspec.Struct, frozen=True):
    """The names of the columns that are read."""

    value: str
    date: str
    group: str | None


def answer_table(path: Path, columns: Columns, *, json: bool) -> None:
    """Print one line for every row of the table, in its order: an answer, or an error with its reason code.

    Exit code 2 for a file or a column that is not there, 11 for a file that is no text.
    """
    from engine.refusal import Refusal
    from engine.series.answers import answers

    rows = [_row(cells, columns) for cells in _table(path, columns)]
    found = iter(answers([row for _, row in rows if not isinstance(row, Refusal)]))
    if not json:
        result("\t".join(_HEADER))
    for texts, row in rows:
        if isinstance(row, Refusal):
            _refuse(texts, row, json=json)
        else:
            _print(texts, next(found), json=json)
    sys.stdout.flush()


def _table(path: Path, columns: Columns) -> Iterator[dict[str | None, Any]]:
    reader = csv.DictReader(io.StringIO(_text(path), newline=""), restkey=None)
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        if not names:
            fail(Exit.DAMAGED, "no-header", f"{path} is empty: the first line names the columns")
        for wanted in (columns.value, columns.date, columns.group):
            if wanted is not None and wanted not in names:
                fail(Exit.USAGE, "no-column", f"{path} has no column {wanted!r}; it has {', '.join(names)}")
        reader.fieldnames = names
        yield from reader
    except csv.Error as error:
        fail(Exit.DAMAGED, "bad-csv", f"{path} breaks off in line {reader.line_num}: {error}")


def _text(path: Path) -> str:
    try:
        raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        fail(Exit.USAGE, "no-file", f"{path} cannot be read: {error.strerror}")
    for encoding in _ENCODINGS:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    return fail(Exit.DAMAGED, "not-csv", f"{path} is not a text file in UTF-8 or Shift_JIS")


def _row(cells: dict[str | None, Any], columns: Columns) -> tuple[tuple[str | None, str | None], Row | Refusal]:
    """The group and date as they are written, and the row they begin or the reason why it is none."""
    from engine.imports.numbers import is_absent, number
    from engine.refusal import Refusal
    from engine.series.answers import Row

    group = None if columns.group is None else cells.get(columns.group)
    day, value = cells.get(columns.date), cells.get(columns.value)
    texts = (group, day)
    if None in cells or day is None or value is None or (group is None and columns.group is not None):
        return texts, Refusal("bad-row", "this row has not as many cells as the header")
    at = _instant(str(day).strip())
    if at is None:
        return texts, Refusal("bad-date", f"{day!r} is neither a day number nor an ISO date", columns.date)
    if is_absent(str(value)) or str(value).strip().upper() == "NA":
        return texts, Row(group, *at, float("nan"))
    amount = number(str(value))
    if amount is None:
        return texts, Refusal("bad-value", f"{value!r} is no number", columns.value)
    return texts, Row(group, *at, float(amount))


def _instant(text: str) -> tuple[float, int] | None:
    """The instant in days, and the civil day, that `text` names: a day number, an ISO date, a date with a time."""
    from zoneinfo import ZoneInfo

    from engine.imports.moments import moment
    from engine.imports.numbers import number

    plain = number(text)
    if plain is not None and not _compact(text):
        return float(plain), math.floor(plain)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        written = moment(text, ("era",), ZoneInfo("UTC"))
        if written is None:
            return None
        found = written
    # The day is the one written there, whatever the offset; time passes by the clock of the world.
    offset = found.utcoffset() or timedelta()
    return (found.replace(tzinfo=UTC) - _START - offset) / _DAY, found.toordinal()


def _compact(text: str) -> bool:
    try:
        return len(text) == _COMPACT and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _refuse(texts: tuple[str | None, str | None], why: Refusal, *, json: bool) -> None:
    error = {"code": why.code, "message": why.message, "group": texts[0], "date": texts[1]}
    _line({"error": error} if json else [*_plain(texts), why.code], json=json)


def _print(texts: tuple[str | None, str | None], said: Answer, *, json: bool) -> None:
    values = {name: None if value is None else round(value, _DIGITS) for name, value in _fields(said).items()}
    if json:
        _line({"group": texts[0], "date": texts[1], **values}, json=True)
    else:
        _line([*_plain(texts), *("" if value is None else str(value) for value in values.values())], json=False)


def _fields(said: Answer) -> dict[str, float | None]:
    found: dict[str, float | None] = msgspec.structs.asdict(said)
    return found


def _plain(texts: tuple[str | None, str | None]) -> list[str]:
    return [text or "" for text in texts]


def _line(content: Any, *, json: bool) -> None:
    """One line, not flushed each time: a table may have a hundred thousand rows."""
    text = msgspec.json.encode(content).decode() if json else "\t".join(content)
    sys.stdout.write(text + "\n")
