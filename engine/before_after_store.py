"""Baths and classes begun, ended and read: who may, what may be shown, and what a nurse hears of.

Everything needs the resident's yes to `record`; a nurse hears only with their yes to `nurse-review`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from engine.before_after import (
    Book,
    Paired,
    Rating,
    Session,
    Sort,
    book,
    is_low,
    low_after,
    pair,
    rated,
    too_high,
)
from engine.before_after_score import Score, scores
from engine.consent import permits
from engine.decisions import open_to_nurses
from engine.locale import text
from engine.people import Resident
from engine.refusal import Refusal
from engine.review import ENGINE
from engine.signals import Point
from engine.situation import gone
from engine.store import (
    audit,
    repo_before_after,
    repo_consents,
    repo_history,
    repo_life,
    repo_requests,
    repo_residents,
)
from engine.store.database import Connection, Engine, read, write
from engine.store.instants import to_micros
from engine.store.repo_facts import By
from engine.telling import courses_of

_PRESSURE: Final = ("systolic", "diastolic")
# Of what is heard later than this no nurse is told to hurry; the pairs are made all the same.
_HEARD: Final = timedelta(hours=24)
# A class list is typed in within the week.
_LATEST: Final = timedelta(days=7)
_SYSTEM: Final = By(ENGINE, ENGINE)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All sessions of a resident that are over, oldest first, what several say together, and the one that lasts."""

    sessions: tuple[Paired, ...]
    scores: tuple[Score, ...]
    lasting: Session | None = None
    low: frozenset[int] = frozenset()


def begin(
    connection: Connection, person: Resident, sort: Sort, place: str, at: datetime, by: By, now: datetime
) -> Session | Refusal:  # fmt: skip
    """Stores that a session began at `at`.

    Refused: `inactive`, `no-consent`, `future`, `past`, `already-begun`, `overlaps`, `too-high` (the pressure just
    measured is one with which nobody begins). One that was never ended is taken back: nobody knows its end.
    """
    audit.take_turn(connection)
    rules, sessions = book(), repo_before_after.of(connection, person.id)
    refused = _closed(connection, person, now) or _untimely(at, now)
    if refused is not None:
        return refused
    for one in sessions:
        longest = one.started_at + timedelta(minutes=rules.pair.longest)
        if one.ended_at is None and longest < at:
            repo_before_after.take_back(connection, one, by, now)
        elif one.ended_at is None:
            return Refusal("already-begun", f"session {one.number} has not ended", "at")
        elif at < one.ended_at and one.started_at <= at:
            return Refusal("overlaps", f"session {one.number} was at that time", "at")
    before = timedelta(minutes=rules.pair.before)
    # What is over was not begun by what we say.
    if now - at <= before and too_high(rules, sort, _points(connection, person, _PRESSURE, at - before, at), at):
        return Refusal("too-high", "the pressure just measured is one with which nobody begins", "at")
    made = Session(number=0, resident=person.id, sort=sort, place=place, started_at=at)
    return repo_before_after.add(connection, made, by, now)


def finish(
    connection: Connection, person: Resident, session: Session, at: datetime, by: By, now: datetime
) -> Session | Refusal:  # fmt: skip
    """Stores that it ended at `at`; what is measured after it is looked at once it has come, see `tend`.

    Refused: `inactive`, `no-consent`, `already-ended`, `future`, `past`, `until-past`, `too-long`, `overlaps`,
    `conflict`.
    """
    longest = timedelta(minutes=book().pair.longest)
    refused = _closed(connection, person, now) or _untimely(at, now)
    if refused is not None:
        return refused
    if session.ended_at is not None:
        return Refusal("already-ended", f"session {session.number} has ended", "at")
    if at <= session.started_at:
        return Refusal("until-past", "it would end before it begins", "at")
    if at - session.started_at > longest:
        return Refusal("too-long", f"a session lasts {longest} at most", "at")
    for one in repo_before_after.of(connection, person.id):
        if session.started_at < one.started_at < at:
            return Refusal("overlaps", f"session {one.number} began before that", "at")
    made = msgspec.structs.replace(session, ended_at=at)
    return _kept(connection, made, by, now, "before-after-end")


def feel(
    connection: Connection, person: Resident, session: Session, kind: str, *, before: int | None = None,
    after: int | None = None, by: By, now: datetime,
) -> Session | Refusal:  # fmt: skip
    """Stores how somebody felt before or after; what was said before stays where nothing new is said.

    Refused: `inactive`, `no-consent`, `unknown-rating`, `bad-rating`, `conflict`.
    """
    refused = _closed(connection, person, now)
    if refused is not None:
        return refused
    for value in (before, after):
        checked = 0 if value is None else rated(book(), kind, value)
        if isinstance(checked, Refusal):
            return checked
    old = session.felt.get(kind, Rating())
    new = Rating(before=old.before if before is None else before, after=old.after if after is None else after)
    made = msgspec.structs.replace(session, felt={**session.felt, kind: new})
    return _kept(connection, made, by, now, "before-after-felt")


def report(connection: Connection, person: Resident, now: datetime) -> Report:
    """What may be shown of the sessions of `person`: nothing without their yes to `record`, no kind a rule forbids."""
    rules = book()
    if not _recorded(connection, person, now):
        return Report(sessions=(), scores=())
    sessions = repo_before_after.of(connection, person.id)
    found = pair(rules, sessions, _around(connection, person, _shown(connection, person, rules, now), sessions))
    lasting = next((one for one in sessions if one.ended_at is None and now - one.started_at <= _longest(rules)), None)
    low = frozenset(one.session.number for one in found if is_low(rules, one))
    made = tuple(one for sort in rules.high for one in scores(rules, found, sort))
    return Report(sessions=found, scores=made, lasting=lasting, low=low)


def tend(engine: Engine, now: datetime) -> int:
    """Ask a nurse to hear of every pressure that was low after a session of the last day; how many were asked."""
    with read(engine) as connection:
        wanted = [
            one for one in repo_before_after.ended_since(connection, now - _HEARD) if _tells(connection, one, now)
        ]
    asked = 0
    for one in wanted:
        with write(engine) as connection:
            audit.take_turn(connection)
            current = repo_before_after.get(connection, one.number)
            if current is not None and current.asked is None and _tells(connection, current, now):
                _ask(connection, current, now)
                asked += 1
    return asked


def _tells(connection: Connection, session: Session, now: datetime) -> bool:
    """Whether a nurse should hear of what was measured after `session`, and may."""
    person = repo_residents.get(connection, session.resident)
    if person is None or _closed(connection, person, now) or not open_to_nurses(connection, [person.id], now):
        return False
    if not _allowed(connection, person, ("systolic",), now):
        return False
    rules, near = book(), _near(repo_before_after.of(connection, person.id), session)
    points = _around(connection, person, ("systolic",), near)
    begins = [one.started_at for one in near if one.started_at > session.started_at]
    if low_after(rules, session, points.get("systolic", ()), min(begins, default=None)):
        return True
    found = pair(rules, near, points)
    return any(one.session.number == session.number and is_low(rules, one) for one in found)


def _near(sessions: Sequence[Session], session: Session) -> list[Session]:
    """The sessions that may have a reading in common with this one, itself included."""
    day = timedelta(days=1)
    return [one for one in sessions if abs(one.started_at - session.started_at) <= day]


def _ask(connection: Connection, session: Session, now: datetime) -> None:
    person = repo_residents.get(connection, session.resident)
    assert person is not None  # asked of just now
    words = text(person.language, "resident", f"me.session.asks.{session.sort}")
    made = repo_requests.add(connection, person, "call", words, None, now)
    audit.note(connection, "request-add", made.id, _SYSTEM, now)
    repo_before_after.change(
        connection, msgspec.structs.replace(session, asked=made.id), _SYSTEM, now, "before-after-asked"
    )


def _kept(connection: Connection, made: Session, by: By, now: datetime, action: str) -> Session | Refusal:
    if not repo_before_after.change(connection, made, by, now, action):
        return Refusal("conflict", "somebody else changed it first; look again")
    return msgspec.structs.replace(made, version=made.version + 1)


def _closed(connection: Connection, person: Resident, now: datetime) -> Refusal | None:
    left = gone(repo_life.situation(connection, person.id), now)
    if left is not None or _recorded(connection, person, now):
        return left
    return Refusal("no-consent", "the resident has not agreed to be recorded")


def _untimely(at: datetime, now: datetime) -> Refusal | None:
    if at > now:
        return Refusal("future", "this has not come yet", "at")
    return Refusal("past", "this is more than a week ago", "at") if at < now - _LATEST else None


def _recorded(connection: Connection, person: Resident, now: datetime) -> bool:
    return bool(_allowed(connection, person, ("systolic", "body-weight"), now))


def _allowed(connection: Connection, person: Resident, kinds: Sequence[str], now: datetime) -> tuple[str, ...]:
    said = repo_consents.events_of(connection, [person.id], "record").get(person.id, [])
    return tuple(kind for kind in kinds if permits(said, "record", None, kind, now).granted)


def _shown(connection: Connection, person: Resident, rules: Book, now: datetime) -> tuple[str, ...]:
    """The kinds this person is shown: what they let us record, and no rule keeps from them (a weight, say)."""
    shown = {kind for course in courses_of(connection, person, now) for kind in course.kinds}
    return _allowed(connection, person, [kind for kind in rules.kinds if kind in shown], now)


def _around(
    connection: Connection, person: Resident, kinds: Sequence[str], sessions: Sequence[Session]
) -> Mapping[str, Sequence[Point]]:  # fmt: skip
    """What was measured of `person` from shortly before the first of these sessions to some time after the last."""
    ends = [one.ended_at for one in sessions if one.ended_at is not None]
    if not ends:
        return {}
    rules = book().pair
    since = min(one.started_at for one in sessions) - timedelta(minutes=rules.before)
    return _points(connection, person, kinds, since, max(ends) + timedelta(minutes=rules.after_until))


def _points(
    connection: Connection, person: Resident, kinds: Sequence[str], since: datetime, until: datetime
) -> Mapping[str, Sequence[Point]]:  # fmt: skip
    return repo_history.history(connection, person.id, kinds, to_micros(since), to_micros(until) + 1)


def _longest(rules: Book) -> timedelta:
    return timedelta(minutes=rules.pair.longest)
