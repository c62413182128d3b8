"""A visit to a public measuring spot: identify, measure, go; every value is that person's or nobody's (pure).

The visit is open exactly as long as the screen shows who measures. It ends with the next card, after 90 seconds
without a value, when the screen clears 20 seconds after the last one, or as soon as something is measured again: the
second weighing is somebody else's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from engine.contract.kinds import ROOM
from engine.contract.reading import TimeQuality, Value
from engine.contract.wire import Known

Phase = Literal["idle", "asking", "open", "shown", "sorry"]
ANSWER_WITHIN: Final = timedelta(seconds=10)
MEASURE_WITHIN: Final = timedelta(seconds=90)
SHOWN_FOR: Final = timedelta(seconds=20)
SORRY_FOR: Final = timedelta(seconds=8)
# A device's clock that runs ahead by more than this cannot say what came first.
AHEAD: Final = timedelta(seconds=30)
# A system clock that was set back says nothing about how long somebody has stood here.
SET_BACK: Final = timedelta(seconds=2)
# Visits just ended whose last frames may still be on their way through the journal.
REMEMBERED: Final = 4
_TIMED: Final = frozenset({"device", "received"})
_ROOM: Final = frozenset(kind.code for kind in ROOM)


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """Who measures, since when and at the latest until when; `said` is what was measured, by kind."""

    id: str
    resident: str
    call: str
    opened_at: datetime
    ends_at: datetime
    limit: datetime
    said: Mapping[str, Value] = {}


class State(msgspec.Struct, frozen=True, kw_only=True):
    """One moment of the spot: `values` stand on the screen until `until`, `code` says why nobody may measure."""

    phase: Phase = "idle"
    since: datetime
    until: datetime | None = None
    asked: str | None = None
    visit: Visit | None = None
    values: tuple[Value, ...] = ()
    code: str | None = None
    past: tuple[Visit, ...] = ()


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement: when its frames were heard, first and last, and when it says it was made."""

    values: tuple[Value, ...]
    first: datetime
    last: datetime
    measured_at: datetime
    quality: TimeQuality


def present(state: State, visit: str, now: datetime) -> State:
    """Somebody shows a card or typed a number: whoever measured before is done, `visit` is asked for."""
    return _at(_end(state, now), "asking", now, ANSWER_WITHIN, asked=visit)


def known(state: State, answer: Known, now: datetime) -> State:
    """The engine says who it is; an answer to a question nobody waits for any more changes nothing."""
    if state.phase != "asking" or answer.visit != state.asked:
        return state
    if answer.resident is None or answer.until is None or answer.until <= now:
        return sorry(state, answer.code or "clock", now)
    ends = min(now + MEASURE_WITHIN, answer.until)
    visit = Visit(
        id=answer.visit, resident=answer.resident, call=answer.call or "", opened_at=now, ends_at=ends,
        limit=answer.until,
    )  # fmt: skip
    return _at(state, "open", now, ends - now, visit=visit)


def sorry(state: State, code: str, now: datetime) -> State:
    """Nobody may measure now, and why."""
    return _at(_end(state, now), "sorry", now, SORRY_FOR, code=code)


def measured(state: State, moment: Moment, now: datetime) -> tuple[State, str | None]:
    """The resident `moment` belongs to, None for nobody; nothing may be kept of what is nobody's."""
    body = {value.kind: value for value in moment.values if value.kind not in _ROOM}
    visit = next((item for item in (state.visit, *state.past) if item and _within(item, moment)), None)
    if visit is None or not body:
        return state, None
    if any(visit.said.get(kind, value) != value for kind, value in body.items()):
        # A second weighing: the first person may have gone, and the screen must not greet the next one by that name.
        return (_end(state, now) if visit == state.visit else state), None
    fuller = msgspec.structs.replace(visit, said={**visit.said, **body})
    if visit != state.visit:
        past = tuple(fuller if item == visit else item for item in state.past)
        return msgspec.structs.replace(state, past=past), visit.resident
    ends = min(now + SHOWN_FOR, visit.limit)
    shown = {value.kind: value for value in state.values} | body
    fuller = msgspec.structs.replace(fuller, ends_at=ends)
    return _at(state, "shown", now, ends - now, visit=fuller, values=tuple(shown.values())), visit.resident


def go_on(state: State, now: datetime) -> State:
    """The same person wants to measure something else as well."""
    if state.phase not in {"open", "shown"} or state.visit is None:
        return state
    ends = min(now + MEASURE_WITHIN, state.visit.limit)
    return _at(state, "open", now, ends - now, visit=msgspec.structs.replace(state.visit, ends_at=ends))


def finish(state: State, now: datetime) -> State:
    """The person is done: the screen is empty at once."""
    return state if state.phase == "idle" else _end(state, now)


def tick(state: State, now: datetime) -> State:
    """Time has passed."""
    if now < state.since - SET_BACK:
        return _end(state, state.since)
    if state.until is None or now < state.until:
        return state
    return sorry(state, "no-answer", now) if state.phase == "asking" else _end(state, state.until)


def _within(visit: Visit, moment: Moment) -> bool:
    """Whether it was heard and made while the visit was open; a device's clock shows whole seconds."""
    heard = visit.opened_at <= moment.first and moment.last <= visit.ends_at
    begin = visit.opened_at.replace(microsecond=0)
    return heard and moment.quality in _TIMED and begin <= moment.measured_at <= moment.last + AHEAD


def _end(state: State, at: datetime) -> State:
    """Nobody is there; what was heard before `at` may still arrive."""
    past = state.past
    if state.visit is not None:
        over = msgspec.structs.replace(state.visit, ends_at=max(state.visit.opened_at, min(at, state.visit.ends_at)))
        past = (over, *past)[:REMEMBERED]
    return State(since=at, past=past)


def _at(
    state: State,
    phase: Phase,
    now: datetime,
    span: timedelta,
    *,
    visit: Visit | None = None,
    values: tuple[Value, ...] = (),
    asked: str | None = None,
    code: str | None = None,
) -> State:
    return State(
        phase=phase, since=now, until=now + span, visit=visit, values=values, asked=asked, code=code, past=state.past
    )
