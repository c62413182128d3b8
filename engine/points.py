"""Health points: what a resident did, by rules that are data, becomes entries of a ledger. Pure.

Points are for measuring, moving, learning and check-ups; a rule has no word for a value, a weight or a goal. Entries
are never changed: what was given by mistake is taken back by another entry. Asked again nothing is given twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Annotated, Final, Literal

import msgspec

from engine.locale import Language

Sort = Literal["measuring", "moving", "learning", "check-up"]
Every = Literal["day", "week", "month", "year"]
# The sort of an entry that hands points in.
REDEEMED: Final = "redeemed"
# The sort of an entry by which points of a fiscal year end that nobody handed in.
EXPIRED: Final = "expired"
_APRIL: Final = 4


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For what points are given: once in every period in which so many days of its sort count."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z-]{2,31}$")]
    version: Annotated[int, msgspec.Meta(ge=1)]
    sort: Sort
    every: Every
    needs: Annotated[int, msgspec.Meta(ge=1, le=28)] = 1
    at_least: Annotated[int, msgspec.Meta(ge=0)] = 0
    points: Annotated[int, msgspec.Meta(ge=1, le=1000)]
    most: Annotated[int, msgspec.Meta(ge=1, le=31)] = 31
    barred_by: tuple[str, ...] = ()
    ja: Annotated[str, msgspec.Meta(min_length=1, max_length=24)]
    en: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    reason: Annotated[str, msgspec.Meta(min_length=8)]

    def label(self, lang: Language) -> str:
        """How the rule is called in `lang`."""
        return self.ja if lang == "ja" else self.en


class PotRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of its members a team's pot is made of, and how one member is hidden in it (see points.toml)."""

    sorts: tuple[Sort, ...]
    fewest: Annotated[int, msgspec.Meta(ge=5)]
    noise: Annotated[float, msgspec.Meta(gt=0, le=1)]
    round: Annotated[int, msgspec.Meta(ge=1)]
    after_days: Annotated[int, msgspec.Meta(ge=1)]


class ExpiryRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how long points can be handed in: from those of the fiscal year `first` on (see points.toml)."""

    first: Annotated[int, msgspec.Meta(ge=2026, le=2100)]
    years: Annotated[int, msgspec.Meta(ge=1, le=9)]
    tell_days: Annotated[int, msgspec.Meta(ge=1, le=300)]


class Book(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All rules, what a voucher and a pot are, and how long points hold."""

    voucher: Annotated[int, msgspec.Meta(ge=1)]
    pot: PotRule
    expiry: ExpiryRule
    rule: tuple[Rule, ...]


class Deed(msgspec.Struct, frozen=True):
    """That somebody did something of `sort` on a local day; `amount` is a number of steps for moving, else 0."""

    sort: Sort
    day: date
    amount: int = 0


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """The days on which points rest (a stay in hospital), and what the veto rules forbade on a day."""

    paused: frozenset[date] = frozenset()
    barred: Mapping[date, frozenset[str]] = {}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the ledger: points by a rule for the period `about`; turns 0, 2 … give and 1, 3 … take back."""

    rule: str
    version: int
    sort: str
    about: str
    turn: int
    on: date
    points: int


class Period(msgspec.Struct, frozen=True):
    """A day, week, month or fiscal year, by its name, first and last day."""

    about: str
    first: date
    last: date


class Span(msgspec.Struct, frozen=True):
    """Which days are looked at: from `since` (years: from the first of April before it) to before `today`."""

    since: date
    today: date

    @property
    def year_since(self) -> date:
        """The first day of the fiscal year in which the span begins."""
        return period_of("year", self.since).first


def read_book(text: str) -> Book:
    """The rules written in `text`; raises msgspec.ValidationError, or ValueError for what could not be meant."""
    return checked(msgspec.toml.decode(text, type=Book))


def checked(book: Book) -> Book:
    """The rules, if they could be meant; raises ValueError for a veto without moving, and moving without a veto."""
    if len({rule.id for rule in book.rule} | {REDEEMED, EXPIRED}) <= len(book.rule) + 1:
        raise ValueError("points.toml names a rule twice")
    for rule in book.rule:
        if (rule.sort == "moving") != bool(rule.barred_by) or (rule.at_least and rule.sort != "moving"):
            raise ValueError(f"{rule.id}: moving, and only moving, counts steps and is barred by vetoes")
        if rule.barred_by and rule.every != "day":
            raise ValueError(f"{rule.id}: what can be barred is given by the day")
        if rule.needs > 1 and rule.every in {"day", "year"}:
            raise ValueError(f"{rule.id}: needs several days in a {rule.every}")
    if "moving" in book.pot.sorts:
        raise ValueError("a pot with moving in it would tell whom a doctor forbade to move")
    return book


@cache
def book() -> Book:
    """The rules in force."""
    return read_book(files("engine").joinpath("points.toml").read_text(encoding="utf-8"))


def period_of(every: Every, day: date) -> Period:
    """The period of that length in which `day` lies; weeks begin on Monday, years on the first of April."""
    if every == "day":
        return Period(day.isoformat(), day, day)
    if every == "week":
        first = day - timedelta(days=day.weekday())
        year, week, _ = day.isocalendar()
        return Period(f"{year}-W{week:02}", first, first + timedelta(days=6))
    if every == "month":
        first = day.replace(day=1)
        return Period(f"{day:%Y-%m}", first, _month_later(first) - timedelta(days=1))
    year = day.year if day.month >= _APRIL else day.year - 1
    return Period(f"FY{year}", date(year, _APRIL, 1), date(year + 1, _APRIL, 1) - timedelta(days=1))


def balance(entries: Iterable[Entry]) -> int:
    """How many points the ledger adds up to."""
    return sum(entry.points for entry in entries)


def asked(rules: Sequence[Rule], deeds: Iterable[Deed], entries: Iterable[Entry], span: Span) -> tuple[date, ...]:
    """The days of which `settle` must know what was forbidden: days that would be given and were not given yet."""
    given = {(rule, about) for (rule, about), rows in _by_period(entries).items() if len(rows) % 2}
    wanted = {
        deed.day
        for rule in rules
        if rule.barred_by
        for deed in deeds
        if _counts(rule, deed) and span.since <= deed.day < span.today and (rule.id, deed.day.isoformat()) not in given
    }
    return tuple(sorted(wanted))


def settle(
    rules: Sequence[Rule], deeds: Iterable[Deed], life: Life, entries: Iterable[Entry], span: Span
) -> tuple[Entry, ...]:
    """The entries that are to be added to the ledger of one resident, so that it says what the deeds deserve.

    A pause and a veto only keep points from being given: neither takes any back, also when it is learnt of later. What
    is taken back has lost its deed. Under a rule with a monthly limit what was given stays before what is new.
    """
    known, held = list(deeds), _by_period(entries)
    return tuple(
        entry for rule in rules for entry in _of_rule(rule, [deed for deed in known if _counts(rule, deed)],
                                                      life, held, span)
    )  # fmt: skip


def _of_rule(
    rule: Rule, deeds: Sequence[Deed], life: Life, held: Mapping[tuple[str, str], list[Entry]], span: Span
) -> list[Entry]:
    made: list[Entry] = []
    new: list[Entry] = []
    kept: dict[str, int] = defaultdict(int)
    for period, days in _periods(rule, deeds, held, span):
        rows = held.get((rule.id, period.about), [])
        needs = _needed(rule, period, life)
        free = days - life.paused - _forbidden(rule, life)
        if len(rows) % 2:
            enough = len(days) >= needs
            kept[_month(rows[-1].on)] += enough
            made += [] if enough else [_back(rows[-1], len(rows))]
        elif len(free) >= needs:
            new.append(_given(rule, period, min(free), len(rows)))
    for entry in new:
        if kept[_month(entry.on)] < rule.most:
            kept[_month(entry.on)] += 1
            made.append(entry)
    return made


def _periods(
    rule: Rule, deeds: Sequence[Deed], held: Mapping[tuple[str, str], list[Entry]], span: Span
) -> list[tuple[Period, set[date]]]:
    """The periods that can be settled, oldest first, with the days that count in each; a year is before its end."""
    days: dict[Period, set[date]] = defaultdict(set)
    for deed in deeds:
        if deed.day < span.today:
            days[period_of(rule.every, deed.day)].add(deed.day)
    for (name, _), rows in held.items():
        if name == rule.id:
            days.setdefault(period_of(rule.every, rows[0].on), set())
    if rule.every == "year":
        found = [period for period in days if period.first >= span.year_since]
    else:
        found = [period for period in days if period.first >= span.since and period.last < span.today]
    return [(period, days[period]) for period in sorted(found, key=lambda one: one.first)]


def _counts(rule: Rule, deed: Deed) -> bool:
    return deed.sort == rule.sort and deed.amount >= rule.at_least


def _forbidden(rule: Rule, life: Life) -> set[date]:
    return {day for day, codes in life.barred.items() if codes & set(rule.barred_by)}


def _needed(rule: Rule, period: Period, life: Life) -> int:
    """Of a period with rest in it as large a share as of a whole one, rounded up."""
    whole = (period.last - period.first).days + 1
    resting = sum(1 for day in life.paused if period.first <= day <= period.last)
    return max(1, -(-rule.needs * (whole - resting) // whole))


def _given(rule: Rule, period: Period, first: date, turn: int) -> Entry:
    return Entry(
        rule=rule.id, version=rule.version, sort=rule.sort, about=period.about, turn=turn, points=rule.points,
        on=first if rule.every == "year" else period.last,
    )  # fmt: skip


def _back(last: Entry, turn: int) -> Entry:
    return msgspec.structs.replace(last, turn=turn, points=-last.points)


def _by_period(entries: Iterable[Entry]) -> dict[tuple[str, str], list[Entry]]:
    found: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in sorted(entries, key=lambda one: one.turn):
        if entry.sort not in {REDEEMED, EXPIRED}:
            found[entry.rule, entry.about].append(entry)
    return found


def _month(day: date) -> str:
    return f"{day:%Y-%m}"


def _month_later(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)
