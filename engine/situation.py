"""What applies to a resident at an instant: what happened in their life, and ONE table of what that changes. Pure.

Whoever needs to know whether something still applies to a person asks `refuses`; nobody compares a status anew. An
event counts by its own instants, so that "hospital from Monday" holds on Monday though nothing runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

import msgspec

from engine.people import Status
from engine.refusal import Refusal

Sort = Literal["death", "moved-out", "moved-within", "hospital", "care-home", "pregnancy", "left-household", "away"]
Area = Literal["advice", "watching", "notices", "matching", "sends", "points", "statistics"]
Does = Literal["allow", "stop", "pause", "change"]
SORTS: Final[tuple[Sort, ...]] = get_args(Sort)
AREAS: Final[tuple[Area, ...]] = get_args(Area)
# After these nobody takes part any more, and the status of the resident tells it.
GONE: Final[Mapping[Sort, Status]] = {"death": "deceased", "moved-out": "moved"}
# After these somebody lives in another home.
MOVES: Final[frozenset[Sort]] = frozenset({"moved-within", "left-household"})
# During these somebody does not sleep at home, and comes back.
STAYS: Final[frozenset[Sort]] = frozenset({"hospital", "care-home", "away"})
# To these somebody takes along what they measure themselves with.
TRIPS: Final[frozenset[Sort]] = frozenset({"away"})
# So long whoever moved out may read, and take along, what is kept of them.
READABLE: Final = timedelta(days=365)
_CODES: Final[Mapping[Sort, str]] = {
    "death": "inactive", "moved-out": "inactive", "hospital": "in-hospital", "care-home": "in-care-home",
    "pregnancy": "pregnant", "moved-within": "moved-within", "left-household": "left-household", "away": "away",
}  # fmt: skip
# One row a sort, one column an area, in the order of AREAS; why is said in the texts `life.<sort>.<area>`.
_TABLE: Final[Mapping[Sort, tuple[Does, ...]]] = {
    "death": ("stop", "stop", "stop", "stop", "stop", "stop", "stop"),
    "moved-out": ("stop", "stop", "stop", "stop", "stop", "stop", "stop"),
    "moved-within": ("change", "change", "allow", "change", "allow", "allow", "change"),
    "hospital": ("pause", "pause", "allow", "pause", "allow", "pause", "allow"),
    "care-home": ("pause", "pause", "allow", "pause", "allow", "pause", "allow"),
    "pregnancy": ("change", "allow", "allow", "allow", "allow", "allow", "pause"),
    "left-household": ("allow", "change", "allow", "change", "allow", "allow", "allow"),
    "away": ("allow", "pause", "allow", "change", "allow", "allow", "allow"),
}
# Where an effect rests on somebody's word, whose it is.
SOURCES: Final[Mapping[tuple[Sort, Area], str]] = {
    ("pregnancy", "advice"): "veto-pregnancy, bp-pregnancy, glucose-pregnancy",
    ("pregnancy", "statistics"): "国民健康・栄養調査 (厚生労働省)",
    ("death", "statistics"): "個人情報の保護に関する法律 第2条",
}


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """Where somebody lives: municipality code, household (None: none), who keeps them, the device slots bound to them.

    A binding is device, slot (-1: the whole device) and since when, in microseconds, 0 for ever.
    """

    municipality: str
    household: str | None = None
    team: str | None = None
    staff: str | None = None
    bindings: tuple[tuple[str, int, int], ...] = ()


class Detail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an event says beside its time, and what it did: how it was `before`, which fact it wrote.

    `municipality` and `household` (None: none) are where a move leads. `begun` and `over` tell whether what follows
    from its beginning and its end is done; gates never look at them. `base` is the status without any event.
    """

    municipality: str | None = None
    household: str | None = None
    begun: bool = False
    over: bool = False
    before: Home | None = None
    base: Status = "active"
    fact: str | None = None
    released: tuple[str, ...] = ()


class LifeEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to `resident`, from `since` to before `until` (None: open); taken back, it never was."""

    id: str
    resident: str
    sort: Sort
    since: datetime
    until: datetime | None = None
    detail: Detail = Detail()
    by: str = ""
    at: datetime
    taken_back_at: datetime | None = None
    reason: str | None = None
    version: int = 1

    def covers(self, when: datetime) -> bool:
        """Whether it holds at `when`."""
        return self.taken_back_at is None and self.since <= when and (self.until is None or when < self.until)


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """A resident as they are registered, and what happened to them, oldest first; nothing of it depends on a clock."""

    resident: str
    status: Status = "active"
    municipality: str = ""
    household: str | None = None
    events: tuple[LifeEvent, ...] = ()

    @property
    def standing(self) -> tuple[LifeEvent, ...]:
        """The events that were not taken back."""
        return tuple(event for event in self.events if event.taken_back_at is None)

    def during(self, when: datetime, sorts: Iterable[Sort] = SORTS) -> tuple[LifeEvent, ...]:
        """The events of these sorts that hold at `when`, the gravest sort first."""
        wanted = frozenset(sorts)
        found = [event for event in self.events if event.sort in wanted and event.covers(when)]
        return tuple(sorted(found, key=lambda event: SORTS.index(event.sort)))


def effect(sort: Sort, area: Area) -> Does:
    """What an event of `sort` does to `area`: the one table."""
    return _TABLE[sort][AREAS.index(area)]


def refuses(situation: Situation, area: Area, when: datetime) -> Refusal | None:
    """Why `area` does not apply to this resident at `when`, None where it does.

    The codes: `inactive` (died, moved away, left), `in-hospital`, `in-care-home`, `pregnant`, `away`; `field` is the
    sort of the event, or the status where no event tells of it.
    """
    for event in situation.during(when):
        if effect(event.sort, area) in {"stop", "pause"}:
            return Refusal(_CODES[event.sort], f"{event.sort} since {event.since.isoformat()}", event.sort)
    return _unexplained(situation)


def gone(situation: Situation, when: datetime) -> Refusal | None:
    """Whether this resident takes part no more at `when`: `inactive` after a death, a move away or leaving."""
    for event in situation.during(when, GONE):
        return Refusal("inactive", f"{event.sort} since {event.since.isoformat()}", event.sort)
    return _unexplained(situation)


def status_at(situation: Situation, when: datetime) -> Status:
    """The status that the events make at `when`; what no event tells of stays as it is registered."""
    held = situation.during(when, GONE)
    if held:
        return GONE[held[0].sort]
    left = _unexplained(situation)
    return situation.status if left is not None else "active"


def lived_in(situation: Situation, when: datetime) -> str:
    """The municipality this resident lived in at `when`: which publishing unit may count them."""
    moves = [event for event in situation.standing if event.sort == "moved-within"]
    for move in moves:
        if move.since > when and move.detail.before is not None:
            return move.detail.before.municipality
    due = [move.detail.municipality for move in moves if move.since <= when and not move.detail.begun]
    return (due[-1] if due else None) or situation.municipality


def signs_in(situation: Situation, when: datetime) -> bool:
    """Whether this resident may still open their own page: also for a year after they moved out."""
    if gone(situation, when) is None:
        return True
    held = situation.during(when, GONE)
    return bool(held) and all(event.sort == "moved-out" and when < event.since + READABLE for event in held)


def quiet_from(situation: Situation, when: datetime) -> datetime | None:
    """The instant from which silence of this resident means anything at `when`: the end of their last stay or move."""
    ends = [event.until for event in situation.standing if event.sort in STAYS and event.until and event.until <= when]
    ends += [event.since for event in situation.standing if event.sort in MOVES and event.since <= when]
    return max(ends, default=None)


def is_excused(situation: Situation, when: datetime, silence: timedelta) -> bool:
    """Whether so long a silence of this resident's devices means nothing at `when`."""
    back = quiet_from(situation, when)
    return refuses(situation, "watching", when) is not None or (back is not None and back > when - silence)


def _unexplained(situation: Situation) -> Refusal | None:
    """`inactive` by the registered status alone: of those for whom no event tells since when."""
    told = any(GONE.get(event.sort) == situation.status for event in situation.standing)
    if situation.status == "active" or told:
        return None
    return Refusal("inactive", f"{situation.resident} is {situation.status}", situation.status)
