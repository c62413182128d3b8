"""Apple Health: `export.xml`, alone or in `export.zip`, read in constant memory.

Source of the format: the DTD every export carries (Record, Correlation, Workout …); it says that the records inside a
correlation also stand at the top level, so correlations are passed over and blood pressures are paired by their time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from io import BufferedReader
from typing import IO, Any, Final
from xml.parsers import expat
from zoneinfo import ZoneInfo

from engine.contract.reading import Value
from engine.imports.archive import CHUNK, Member, is_zip, members
from engine.imports.daily import DayTally
from engine.imports.model import FileError, Item, Record, fault
from engine.imports.numbers import number, value_of

_Q: Final = "HKQuantityTypeIdentifier"
MOMENTS: Final = {
    f"{_Q}BodyMass": "body-weight", f"{_Q}BodyFatPercentage": "body-fat", f"{_Q}Height": "body-height",
    f"{_Q}BodyMassIndex": "bmi", f"{_Q}LeanBodyMass": "lean-mass", f"{_Q}WaistCircumference": "waist",
    f"{_Q}HeartRate": "heart-rate", f"{_Q}RestingHeartRate": "resting-heart-rate", f"{_Q}OxygenSaturation": "spo2",
    f"{_Q}BodyTemperature": "body-temperature", f"{_Q}RespiratoryRate": "respiratory-rate",
}  # fmt: skip
PRESSURES: Final = {f"{_Q}BloodPressureSystolic": "systolic", f"{_Q}BloodPressureDiastolic": "diastolic"}
COUNTS: Final = {
    f"{_Q}StepCount": "steps-day",
    f"{_Q}DistanceWalkingRunning": "distance",
    f"{_Q}ActiveEnergyBurned": "energy-expended",
}
SLEEP: Final = "HKCategoryTypeIdentifierSleepAnalysis"
_PERCENT: Final = frozenset({"body-fat", "spo2"})
_WHOLE: Final = Decimal(1)
SHORT: Final = 80
_HEAD: Final = 1 << 18
# No element of an export is longer; a quote that never closes would otherwise be kept in memory for ever.
_LONGEST: Final = 4 << 20
_DOCTYPE: Final = re.compile(rb"<!DOCTYPE\s+HealthData\s*\[.*?\]\s*>", re.DOTALL)


def records(stream: IO[bytes], zone: ZoneInfo, now: datetime, skipped: Counter[str]) -> Iterator[Item]:
    """The records of an export; types that are not read are counted in `skipped`.

    Raises FileError: not-apple-health, entities, damaged-xml, oversized-element, and what `archive.members` raises.
    Day totals come last and only from a file that was whole.
    """
    reader = _Reader(DayTally(zone, now), skipped)
    try:
        yield from reader.feed(_opened(stream))
    except FileError:
        # Both sides of these were read; a day's total might lack what the missing rest would have said.
        yield from reader.pressures()
        raise
    yield from reader.pressures()
    yield from reader.tally.records()
    skipped.update({"today": reader.tally.unfinished} if reader.tally.unfinished else {})


def _opened(stream: IO[bytes]) -> IO[bytes]:
    if not is_zip(stream):
        return stream
    archive, found = members(
        stream, lambda name: name.rsplit("/", 1)[-1].lower() in {"export.xml", "書き出したデータ.xml"}
    )
    if not found:
        raise FileError("not-apple-health", "there is no export.xml in this zip")
    return BufferedReader(Member(archive, found[0]), CHUNK)


class _Reader:
    """Feeds expat chunk by chunk; what its callbacks found is handed out between the chunks."""

    def __init__(self, tally: DayTally, skipped: Counter[str]) -> None:
        self.tally = tally
        self._skipped = skipped
        self._found: list[Item] = []
        self._pairs: dict[tuple[str, datetime], tuple[int, dict[str, Value]]] = {}
        self._depth = 0
        self._quiet = 0
        self._rooted = False
        # Exports are UTF-8; what a damaged declaration names instead is not looked up.
        self._parser = expat.ParserCreate("UTF-8")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.EntityDeclHandler = _no_entities

    def feed(self, stream: IO[bytes]) -> Iterator[Item]:
        """Everything up to the end or the damage."""
        chunk = _without_dtd(stream.read(_HEAD))
        try:
            while True:
                self._quiet += len(chunk)
                self._parser.Parse(chunk, not chunk)
                yield from self._found
                self._found.clear()
                if not chunk:
                    return
                if self._quiet > _LONGEST:
                    raise FileError("oversized-element", "an element without an end", self._parser.CurrentLineNumber)
                chunk = stream.read(CHUNK)
        except expat.ExpatError as error:
            yield from self._found
            code = "damaged-xml" if self._rooted else "not-apple-health"
            raise FileError(code, f"the XML ends or breaks here: {error}", error.lineno) from error

    def pressures(self) -> Iterator[Item]:
        """Blood pressures, both sides together; a side without its other half is a fault."""
        for (origin, at), (line, sides) in self._pairs.items():
            if len(sides) == len(PRESSURES):
                values = (sides["systolic"], sides["diastolic"])
                yield Record(line=line, origin=origin, at=at, values=values)
            else:
                yield fault(line, "half-a-pressure", ", ".join(sides))
        self._pairs.clear()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._quiet = 0
        self._depth += 1
        if self._depth == 1 and name != "HealthData":
            raise FileError("not-apple-health", f"the file begins with {name[:40]}, not with HealthData")
        self._rooted = True
        if name == "Record" and self._depth == 2:  # noqa: PLR2004 - directly below the root, not in a correlation
            item = self._record(attributes, self._parser.CurrentLineNumber)
            if item is not None:
                self._found.append(item)

    def _end(self, _name: str) -> None:
        self._quiet = 0
        self._depth -= 1

    def _record(self, said: dict[str, str], line: int) -> Item | None:
        kind = said.get("type", "")
        if kind not in MOMENTS and kind not in COUNTS and kind not in PRESSURES and kind != SLEEP:
            self._skipped[kind[:SHORT]] += 1
            return None
        start, end = _instant(said.get("startDate")), _instant(said.get("endDate"))
        origin = said.get("sourceName", "")
        if start is None or end is None or end < start:
            return fault(line, "unreadable-date", said.get("startDate", ""))
        if kind == SLEEP:
            if "Asleep" in said.get("value", ""):
                self.tally.sleep(origin, (start, end), line)
            return None
        amount = number(said.get("value", ""))
        if amount is None:
            return fault(line, "not-a-number", said.get("value", ""))
        return self._amount(kind, origin, (start, end), amount, said.get("unit", ""), line)

    def _amount(
        self, kind: str, origin: str, span: tuple[datetime, datetime], amount: Decimal, unit: str, line: int
    ) -> Item | None:
        ours = MOMENTS.get(kind) or PRESSURES.get(kind) or COUNTS[kind]
        if ours in _PERCENT and amount <= _WHOLE:
            amount = amount.scaleb(2)
        value = value_of(ours, amount, unit)
        if value is None:
            return fault(line, "unknown-unit", unit)
        if kind in COUNTS:
            metres = Decimal(value.value) * (1000 if value.unit == "km" else 1)
            self.tally.add(ours, origin, span, metres, line)
        elif kind in PRESSURES:
            self._pairs.setdefault((origin, span[0]), (line, {}))[1][ours] = value
        else:
            return Record(line=line, origin=origin, at=span[1], values=(value,))
        return None


def _no_entities(*_: Any) -> None:
    raise FileError("entities", "the file declares entities, which no export does")


def _without_dtd(head: bytes) -> bytes:
    """The beginning without the DTD, its lines kept: some versions of iOS write one that is not well formed."""
    if b"<!ENTITY" in head:
        _no_entities()
    found = _DOCTYPE.search(head)
    return head if found is None else head[: found.start()] + b"\n" * found[0].count(b"\n") + head[found.end() :]


def _instant(text: str | None) -> datetime | None:
    """2026-11-21 07:01:03 +0900, as HealthKit writes it."""
    with suppress(ValueError, TypeError):
        found = datetime.fromisoformat((text or "").replace(" +", "+").replace(" -", "-"))
        return found if found.tzinfo else None
    return None
