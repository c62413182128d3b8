"""From what is stored of residents to entries of their ledgers: one resident, one transaction, the same when run twice.

A veto is looked at as it stood at the end of the day that was walked, and only a sure one counts. Where it cannot be
found out nothing is given for moving, tonight.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.activity import VALID_HIGH, VALID_LOW
from engine.clinical import standing
from engine.consent import permits
from engine.judge import judge
from engine.people import Resident
from engine.picture import signals_of, zone_of
from engine.points import EXPIRED, Book, Deed, Entry, Life, Span, asked, book, period_of, settle
from engine.points_expiry import expire
from engine.rules import Rule, in_force, load_catalogue
from engine.signals import step_days, trusted
from engine.signals_rows import STEP_KINDS, seen_step_days
from engine.situation import refuses
from engine.store import repo_consents, repo_facts, repo_history, repo_life, repo_points, repo_residents, tallies
from engine.store.database import Connection, Engine, StoreError, read, write
from engine.store.instants import to_micros

# Late readings get their points for this month and the two before; what is older stays as it is.
MONTHS: Final = 2
_BEFORE: Final = timedelta(days=3)
_SIGNS: Final = ("heart-rate", "pulse-rate")
# A day rests on which somebody was away at noon.
_NOON: Final = time(12)


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What was added to a ledger: how often points were given and taken back, and how often a year's points ended."""

    given: int = 0
    taken_back: int = 0
    ended: int = 0


def span_of(today: date, since: date | None = None) -> Span:
    """The days that are looked at on `today`: from `since`, by default from two months before this one."""
    first = since
    if first is None:
        first = today.replace(day=1)
        for _ in range(MONTHS):
            first = (first - timedelta(days=1)).replace(day=1)
    return Span(since=period_of("month", first).first, today=today)


def count(connection: Connection, person: Resident, now: datetime, since: date | None = None) -> Counted:
    """Brings one ledger up to date in the caller's transaction."""
    made = due(connection, person, now, since)
    repo_points.add(connection, person.id, made, now)
    return _counted(made)


def due(connection: Connection, person: Resident, now: datetime, since: date | None = None) -> tuple[Entry, ...]:
    """The entries that are missing in a resident's ledger; none without a yes to `record`."""
    if not _recorded(connection, person.id, now):
        return ()
    zone = zone_of(connection, person)
    span, rules = span_of(now.astimezone(zone).date(), since), book()
    deeds = deeds_of(connection, person, span, zone, now)
    entries = repo_points.of(connection, person.id)
    life = _life(connection, person, rules, deeds, entries, span, zone)
    made = settle(rules.rule, deeds, life, entries, span)
    return (*made, *expire(rules, [*entries, *made], span.today))


def count_all(engine: Engine, now: datetime) -> Counted:
    """Every ledger, each in a transaction of its own; who our own code fails on is counted (`points`, `failed`)."""
    with read(engine) as connection:
        names = [person.id for person in repo_residents.listed(connection, status="active")]
    done = [_attempt(engine, name, now) for name in names]
    return Counted(
        given=sum(one.given for one in done), taken_back=sum(one.taken_back for one in done),
        ended=sum(one.ended for one in done),
    )  # fmt: skip


def deeds_of(connection: Connection, person: Resident, span: Span, zone: ZoneInfo, now: datetime) -> list[Deed]:
    """What the store tells of a resident's deeds on the days of `span`."""
    first, last = _midnight(span.since, zone), _midnight(span.today, zone)
    found = [Deed("measuring", day) for day in repo_points.measured_days(connection, person.id, first, last, zone)]
    found += [Deed("learning", day) for day in repo_points.read_days(connection, person.id, first, last, zone)]
    found += [Deed("moving", day, steps) for day, steps in _steps(connection, person.id, span, zone)]
    found += [Deed("check-up", day) for day in _checkups(connection, person.id, span, zone, now)]
    return sorted(found, key=lambda deed: (deed.day, deed.sort))


def _attempt(engine: Engine, name: str, now: datetime) -> Counted:
    """Looks without keeping any writer waiting, and writes what is missing, if anything is."""
    try:
        with read(engine) as connection:
            person = repo_residents.get(connection, name)
            made = () if person is None else due(connection, person, now)
        if made:
            with write(engine) as connection:
                repo_points.add(connection, name, made, now)
    except StoreError:
        raise
    except Exception:  # noqa: BLE001 - one resident's odd history must not keep a town from its points
        with write(engine) as connection:
            tallies.add(connection, {("points", "failed"): 1})
        return Counted()
    return _counted(made)


def _counted(made: tuple[Entry, ...]) -> Counted:
    ended = sum(1 for one in made if one.sort == EXPIRED)
    given = sum(1 for one in made if one.points > 0 and one.sort != EXPIRED)
    return Counted(given=given, taken_back=len(made) - given - ended, ended=ended)


def _recorded(connection: Connection, resident: str, now: datetime) -> bool:
    said = repo_consents.events_of(connection, [resident], "record").get(resident, [])
    return permits(said, "record", None, None, now).code in {"granted", "partly-withdrawn"}


def _life(
    connection: Connection, person: Resident, rules: Book, deeds: list[Deed], entries: list[Entry], span: Span,
    zone: ZoneInfo,
) -> Life:  # fmt: skip
    situation = repo_life.situation(connection, person.id)
    paused = frozenset(
        day for day in _days(span.year_since, span.today)
        if refuses(situation, "points", datetime.combine(day, _NOON, zone)) is not None
    )  # fmt: skip
    wanted = [day for day in asked(rules.rule, deeds, entries, span) if day not in paused]
    every = frozenset(code for rule in rules.rule for code in rule.barred_by)
    catalogue = load_catalogue()
    return Life(paused=paused, barred={day: _barred(connection, person, day, zone, catalogue, every) for day in wanted})


def _barred(
    connection: Connection, person: Resident, day: date, zone: ZoneInfo, rules: tuple[Rule, ...], every: frozenset[str]
) -> frozenset[str]:
    """What must not be said at the end of that day, for sure; all of it where that cannot be found out."""
    end = _midnight(day + timedelta(days=1), zone) - timedelta(microseconds=1)
    try:
        found = judge(signals_of(connection, person, end), in_force(rules, day))
    except (ArithmeticError, ValueError, KeyError):
        return every
    return frozenset(bar.code for bar in found.bars if bar.sure)


def _steps(connection: Connection, resident: str, span: Span, zone: ZoneInfo) -> Iterator[tuple[date, int]]:
    """The steps of the days on which they were really counted."""
    since, until = _midnight(span.since, zone) - _BEFORE, _midnight(span.today, zone)
    history = repo_history.history(connection, resident, STEP_KINDS, to_micros(since), to_micros(until))
    if not any(history.values()):
        return
    history |= repo_history.history(connection, resident, _SIGNS, to_micros(since), to_micros(until))
    sound = {kind: [point for point in points if trusted(point)] for kind, points in history.items()}
    seen = seen_step_days(sound, zone)
    for day, steps in step_days(sound, zone).items():
        if day in seen and span.since <= day < span.today and VALID_LOW <= steps <= VALID_HIGH:
            yield day, int(steps)


def _checkups(
    connection: Connection, resident: str, span: Span, zone: ZoneInfo, now: datetime
) -> Iterable[date]:  # fmt: skip
    """The days of check-ups of which anything is recorded; of what, nobody looks."""
    known = standing(repo_facts.of_one(connection, resident), now)
    days = {
        fact.at.astimezone(zone).date() for facts in known.values() for fact in facts if fact.source == "checkup"
    }  # fmt: skip
    return sorted(day for day in days if span.year_since <= day < span.today)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _days(first: date, last: date) -> Iterator[date]:
    for ago in range((last - first).days):
        yield first + timedelta(days=ago)
