"""When points that nobody handed in end: those of a fiscal year together, the oldest are handed in first. Pure.

What ended is worked out from the whole ledger each time: a reading that turns out another's later changes it by an
entry of its own, and the ledger adds up to the same balance whenever anybody looked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta

import msgspec

from engine.points import EXPIRED, REDEEMED, Book, Entry, ExpiryRule, period_of


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """Points that can be handed in until the end of `until`, and are none of the town's afterwards."""

    year: int
    points: int
    until: date


def until_of(rule: ExpiryRule, day: date) -> date:
    """The last day on which points of `day` can be handed in."""
    return _until(rule, max(_year(day), rule.first))


def expire(book: Book, entries: Sequence[Entry], today: date) -> tuple[Entry, ...]:
    """The entries that are to be added, so that on `today` everything has ended that was to end before."""
    written = _written(entries)
    made = []
    for one in _endings(book.expiry, entries, written, today):
        rows = written.get(one.year, [])
        left = -one.points - sum(row.points for row in rows)
        if left:
            made.append(Entry(
                rule=EXPIRED, version=1, sort=EXPIRED, about=f"FY{one.year}", turn=len(rows),
                on=one.until + timedelta(days=1), points=left,
            ))  # fmt: skip
    return tuple(made)


def ending_soon(book: Book, entries: Sequence[Entry], today: date) -> Ending | None:
    """What ends next if nothing is handed in until then, within the days in which it is told; None where nothing."""
    rule = book.expiry
    written = _written(entries)
    for one in _endings(rule, entries, written, today + timedelta(days=rule.tell_days + 1)):
        if one.until >= today and one.points:
            return one
    return None


def _endings(
    rule: ExpiryRule, entries: Sequence[Entry], written: Mapping[int, Sequence[Entry]], day: date
) -> Iterator[Ending]:
    """What ends with each fiscal year whose last day is before `day`, oldest first.

    What was written of years that do not end by today's rule, because another one held then, stays as it is.
    """
    years = {max(_year(entry.on), rule.first) for entry in entries if entry.sort not in {EXPIRED, REDEEMED}}
    ended = 0
    for year in sorted(years | set(written)):
        until = _until(rule, year)
        if until >= day or year < rule.first:
            ended -= sum(row.points for row in written.get(year, ()))
            continue
        earned = sum(entry.points for entry in entries if entry.sort not in {EXPIRED, REDEEMED}
                     and _year(entry.on) <= year)  # fmt: skip
        used = -sum(entry.points for entry in entries if entry.sort == REDEEMED and entry.on <= until)
        points = max(0, earned - used - ended)
        ended += points
        yield Ending(year=year, points=points, until=until)


def _until(rule: ExpiryRule, year: int) -> date:
    return period_of("year", date(year + rule.years, 4, 1)).last


def _year(day: date) -> int:
    return period_of("year", day).first.year


def _written(entries: Iterable[Entry]) -> dict[int, list[Entry]]:
    found: dict[int, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.sort == EXPIRED:
            found[int(entry.about.removeprefix("FY"))].append(entry)
    return found
