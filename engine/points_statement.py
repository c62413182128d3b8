"""What a resident reads of their points: by month and rule, the same words for everybody, and vouchers. Pure.

No line says why there are no points: whoever moved and was forbidden to reads what one who did not move reads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from random import Random
from typing import Final

import msgspec

from engine.contract.ids import ALPHABET
from engine.points import EXPIRED, REDEEMED, Book, Entry, Sort, balance
from engine.points_expiry import Ending, ending_soon, expire
from engine.refusal import Refusal

SORTS: Final[tuple[Sort, ...]] = ("measuring", "moving", "learning", "check-up")
# Eight of 32 signs: nobody guesses one of a town's.
_CODE: Final = 8


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """How often a rule gave points in a month, and how many together."""

    month: str
    rule: str
    times: int
    points: int


class Voucher(msgspec.Struct, frozen=True, kw_only=True):
    """Points handed in for what the city gives: whoever shows the code has them; it says nothing of anybody."""

    code: str
    on: date
    points: int


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of one ledger: what is left, what each sort gave, the months (newest first) and the vouchers.

    `soon` is what ends next, told some weeks before; `ended` what ended, by fiscal year, the newest first.
    """

    balance: int
    sorts: tuple[tuple[Sort, int], ...]
    lines: tuple[Line, ...]
    vouchers: tuple[Voucher, ...]
    soon: Ending | None = None
    ended: tuple[tuple[int, int], ...] = ()


def statement(book: Book, entries: Iterable[Entry], today: date) -> Statement:
    """The statement of a ledger, whatever order its entries are in; what was taken back is not in it at all.

    Every sort is there, also the one that gave nothing. What was to end before `today` has ended, written down or not.
    """
    known = list(entries)
    known += expire(book, known, today)
    sums: dict[tuple[str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for entry in known:
        if entry.sort not in {REDEEMED, EXPIRED}:
            times, points = sums[f"{entry.on:%Y-%m}", entry.rule]
            sums[f"{entry.on:%Y-%m}", entry.rule] = (times + (1 if entry.points > 0 else -1), points + entry.points)
    places = {rule.id: place for place, rule in enumerate(book.rule)}
    lines = [
        Line(month=month, rule=rule, times=times, points=points)
        for (month, rule), (times, points) in sums.items()
        if times or points
    ]
    lines.sort(key=lambda line: (places.get(line.rule, len(places)), line.rule))
    lines.sort(key=lambda line: line.month, reverse=True)
    per_sort = tuple((sort, balance(entry for entry in known if entry.sort == sort)) for sort in SORTS)
    return Statement(
        balance=balance(known), sorts=per_sort, lines=tuple(lines), vouchers=vouchers(known),
        soon=ending_soon(book, known, today), ended=_ended(known),
    )  # fmt: skip


def vouchers(entries: Iterable[Entry]) -> tuple[Voucher, ...]:
    """The vouchers of a ledger, the newest first."""
    found = [
        Voucher(code=entry.about, on=entry.on, points=-entry.points) for entry in entries if entry.sort == REDEEMED
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda one: (one.on, one.code), reverse=True))


def redeem(book: Book, entries: Sequence[Entry], points: int, today: date, rng: Random) -> Entry | Refusal:
    """The entry that hands `points` in for a voucher; refused as `odd-points` or `not-enough`."""
    if points < book.voucher or points % book.voucher:
        return Refusal("odd-points", f"vouchers are of {book.voucher} points or a multiple", "points")
    if points > balance([*entries, *expire(book, entries, today)]):
        return Refusal("not-enough", "there are not that many points", "points")
    code = "".join(rng.choices(ALPHABET, k=_CODE))
    return Entry(rule=REDEEMED, version=1, sort=REDEEMED, about=code, turn=0, on=today, points=-points)


def _ended(entries: Iterable[Entry]) -> tuple[tuple[int, int], ...]:
    sums: dict[int, int] = defaultdict(int)
    for entry in entries:
        if entry.sort == EXPIRED:
            sums[int(entry.about.removeprefix("FY"))] -= entry.points
    return tuple(sorted(((year, points) for year, points in sums.items() if points), reverse=True))
