"""Steps, distance and energy of several counters as one total a day, and sleep as one length a night.

A phone in the pocket and a watch on the wrist count the same walk, so their counts are never added: of each civil day
the source that counted most is believed, whole. That may miss what only the other one saw; it never counts twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from zoneinfo import ZoneInfo

from engine.contract.reading import Value
from engine.imports.model import Record
from engine.imports.moments import day_span
from engine.imports.numbers import said

_UNITS: Final = {"steps-day": "{steps}", "distance": "m", "energy-expended": "kJ"}
_STEPS: Final = {"steps-day": Decimal(1), "distance": Decimal("0.1"), "energy-expended": Decimal(1)}
# A sleep that ends before 18:00 belongs to that day's night: naps count to the night before them.
_EVENING: Final = timedelta(hours=6)
_MINUTE: Final = timedelta(minutes=1)
Span = tuple[datetime, datetime]


class DayTally:
    """Collects a file's counts; only a file read to its end may ask for the totals."""

    def __init__(self, zone: ZoneInfo, now: datetime) -> None:
        self._zone = zone
        self._today = now.astimezone(zone).date()
        self._sums: defaultdict[tuple[str, date], dict[str, Decimal]] = defaultdict(dict)
        self._nights: defaultdict[date, defaultdict[str, list[Span]]] = defaultdict(lambda: defaultdict(list))
        self._lines: dict[tuple[str, date], int] = {}

    def add(self, kind: str, origin: str, span: Span, amount: Decimal, line: int) -> None:
        """Count `amount` (steps, m or kJ) of `origin` to the civil day in which the middle of `span` lies."""
        day = (span[0] + (span[1] - span[0]) / 2).astimezone(self._zone).date()
        sums = self._sums[kind, day]
        sums[origin] = sums.get(origin, Decimal(0)) + amount
        self._lines.setdefault((kind, day), line)

    def sleep(self, origin: str, span: Span, line: int) -> None:
        """Note that `origin` saw the person asleep for `span`."""
        night = ((span[0] + (span[1] - span[0]) / 2).astimezone(self._zone) + _EVENING).date()
        self._nights[night][origin].append(span)
        self._lines.setdefault(("sleep-duration", night), line)

    def records(self) -> Iterator[Record]:
        """One record per kind and finished day, oldest first; a day that is still running is left for later."""
        for kind, day in sorted(self._sums, key=lambda key: (key[1], key[0])):
            if day < self._today:
                yield self._total(kind, day)
        for night in sorted(self._nights):
            if night < self._today:
                yield self._slept(night)

    @property
    def unfinished(self) -> int:
        """How many totals were held back because their day is not over."""
        return sum(day >= self._today for _, day in self._sums) + sum(night >= self._today for night in self._nights)

    def _total(self, kind: str, day: date) -> Record:
        sums = self._sums[kind, day]
        # Sorted first, so that equal counts always name the same source.
        origin = max(sorted(sums), key=lambda name: sums[name])
        amount = sums[origin].quantize(_STEPS[kind], ROUND_HALF_UP)
        start, end = day_span(day, self._zone)
        line = self._lines[kind, day]
        return Record(line=line, origin=origin, at=end, start=start, values=(Value(kind, said(amount), _UNITS[kind]),))

    def _slept(self, night: date) -> Record:
        lengths = {origin: asleep(spans) for origin, spans in self._nights[night].items()}
        origin = max(sorted(lengths), key=lambda name: lengths[name])
        spans = self._nights[night][origin]
        minutes = int((lengths[origin] + _MINUTE / 2) // _MINUTE)
        return Record(
            line=self._lines["sleep-duration", night],
            origin=origin,
            start=min(span[0] for span in spans).astimezone(UTC),
            at=max(span[1] for span in spans).astimezone(UTC),
            values=(Value("sleep-duration", str(minutes), "min"),),
        )


def asleep(spans: list[Span]) -> timedelta:
    """The time covered by `spans`, overlaps once."""
    total, reached = timedelta(), None
    for start, end in sorted(spans):
        begin = start if reached is None else max(start, reached)
        if end > begin:
            total += end - begin
            reached = end
    return total
