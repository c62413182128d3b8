"""Fitbit's account export as Google Takeout packs it: `Global Export Data/steps-2023-02-26.json` and its neighbours.

Sources: entries of real exports published in danlsn/fitport (weight, in pounds, with BMI) and in public notebooks
(steps and heart rate by UTC time, resting heart rate by day). Weights carry no unit, so the BMI beside them tells it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BufferedReader
from typing import IO, Any, Final
from zoneinfo import ZoneInfo

from engine.imports.archive import CHUNK, Member, members
from engine.imports.daily import DayTally
from engine.imports.model import FileError, Item, Record, fault
from engine.imports.moments import moment
from engine.imports.numbers import exact_json, number, value_of

_FORMATS: Final = ("%m/%d/%y %H:%M:%S", "iso")
_LARGEST: Final = 64 << 20
_ZERO: Final = timedelta()
_POUND: Final = Decimal("0.45359237")
# Adults' heights in metres: squared, a weight in pounds read as kilograms makes giants of 2 m and more.
_SHORTEST, _TALLEST = Decimal("1.35"), Decimal("2.05")
_NAME: Final = re.compile(r"(?:^|/)(steps|weight|heart_rate|resting_heart_rate|sleep)-\d{4}-\d{2}-\d{2}\.json$")
Entries = list[dict[str, Any]]


def belongs(name: str) -> bool:
    """Whether a file of that name is one of those read here."""
    return _NAME.search(name.replace("\\", "/")) is not None


def records(
    stream: IO[bytes], zone: ZoneInfo, now: datetime, skipped: Counter[str], name: str | None = None
) -> Iterator[Item]:
    """The records of a Takeout zip, or of one JSON file called `name`.

    Raises FileError: not-fitbit, damaged-json, too-large, and what `archive.members` raises. Day totals come last.
    """
    tally = DayTally(zone, now)
    if name is not None:
        yield from _file(stream, name, zone, tally)
    else:
        archive, found = members(stream, belongs)
        if not found:
            raise FileError("not-fitbit", "no steps, weight, heart-rate or sleep files of Fitbit in this zip")
        for info in found:
            yield from _file(BufferedReader(Member(archive, info), CHUNK), info.filename, zone, tally)
    yield from tally.records()
    skipped.update({"today": tally.unfinished} if tally.unfinished else {})


def _file(stream: IO[bytes], name: str, zone: ZoneInfo, tally: DayTally) -> Iterator[Item]:
    topic = _NAME.search(name.replace("\\", "/"))
    if topic is None:
        raise FileError("not-fitbit", "not a file of Fitbit's export")
    entries = _entries(stream)
    if topic[1] == "steps":
        yield from _steps(entries, tally)
        return
    readers: dict[str, Callable[[dict[str, Any], int, ZoneInfo], Item | None]] = {
        "weight": _weight, "heart_rate": _beat, "resting_heart_rate": _rest, "sleep": _sleep,
    }  # fmt: skip
    for line, entry in enumerate(entries, 1):
        item = readers[topic[1]](entry, line, zone)
        if item is not None:
            yield item


def _entries(stream: IO[bytes]) -> Entries:
    text = stream.read(_LARGEST + 1)
    if len(text) > _LARGEST:
        raise FileError("too-large", "one JSON file of more than 64 MiB")
    try:
        found = exact_json(text)
    except ValueError as error:
        raise FileError("damaged-json", str(error)) from error
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise FileError("not-fitbit", "the file is not a list of entries")
    return found


def _steps(entries: Entries, tally: DayTally) -> Iterator[Item]:
    for line, entry in enumerate(entries, 1):
        at = moment(str(entry.get("dateTime", "")), _FORMATS, ZoneInfo("UTC"))
        count = number(str(entry.get("value", "")))
        if at is None or count is None or count < 0:
            yield fault(line, "unreadable-date" if at is None else "not-a-number", str(entry))
        else:
            tally.add("steps-day", "fitbit", (at, at), count, line)


def _weight(entry: dict[str, Any], line: int, zone: ZoneInfo) -> Item:
    at = moment(f"{entry.get('date', '')} {entry.get('time', '')}", _FORMATS, zone)
    amount, index = number(str(entry.get("weight", ""))), number(str(entry.get("bmi", "")))
    if at is None or not amount:
        return fault(line, "unreadable-date" if at is None else "not-a-number", str(entry))
    unit = _unit(amount, index)
    if unit is None:
        return fault(line, "unknown-unit", f"{amount}: kilograms or pounds?")
    fat = number(str(entry.get("fat", "")))
    found = [value_of("body-weight", amount, unit), value_of("body-fat", fat, "%") if fat else None]
    return Record(line=line, origin=_origin(entry), at=at, values=tuple(value for value in found if value))


def _unit(amount: Decimal, index: Decimal | None) -> str | None:
    """Kilograms or pounds, whichever makes an adult's height of weight and BMI; None when both or neither do."""
    if not index or index < 0 or amount < 0:
        return None
    heights = {"kg": (amount / index).sqrt(), "lb": (amount * _POUND / index).sqrt()}
    fitting = [unit for unit, height in heights.items() if _SHORTEST <= height <= _TALLEST]
    return fitting[0] if len(fitting) == 1 else None


def _beat(entry: dict[str, Any], line: int, _zone: ZoneInfo) -> Item:
    at = moment(str(entry.get("dateTime", "")), _FORMATS, ZoneInfo("UTC"))
    value = entry.get("value")
    return _heart("heart-rate", at, value.get("bpm") if isinstance(value, dict) else None, line)


def _rest(entry: dict[str, Any], line: int, zone: ZoneInfo) -> Item | None:
    value = entry.get("value")
    found = value if isinstance(value, dict) else {}
    if not number(str(found.get("value", ""))):
        return None  # a day without a night on the wrist is written as 0
    return _heart("resting-heart-rate", moment(str(found.get("date", "")), ("%m/%d/%y",), zone), found["value"], line)


def _heart(kind: str, at: datetime | None, beats: Any, line: int) -> Item:
    amount = number(str(beats))
    value = None if amount is None else value_of(kind, amount, "/min")
    if at is None or value is None:
        return fault(line, "unreadable-date" if at is None else "not-a-number", str(beats))
    return Record(line=line, origin="fitbit", at=at, values=(value,))


def _sleep(entry: dict[str, Any], line: int, zone: ZoneInfo) -> Item:
    start = moment(str(entry.get("startTime", "")), ("iso",), zone)
    end = moment(str(entry.get("endTime", "")), ("iso",), zone)
    minutes = number(str(entry.get("minutesAsleep", "")))
    if start is None or end is None or end - start < _ZERO:
        return fault(line, "unreadable-date", str(entry.get("startTime", "")))
    value = None if minutes is None else value_of("sleep-duration", minutes, "min")
    if value is None:
        return fault(line, "not-a-number", str(entry.get("minutesAsleep", "")))
    return Record(line=line, origin="fitbit", at=end.astimezone(UTC), start=start.astimezone(UTC), values=(value,))


def _origin(entry: dict[str, Any]) -> str:
    return f"fitbit {entry.get('source', '')}".strip()[:64]
