"""Appointments: what may be booked, when somebody is reminded, and what may become of one. Pure.

Times are entered and shown on the clock of the town; the state of an appointment only goes forward from `planned`.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, time, timedelta
from typing import Final, Literal, get_args

import msgspec

from engine.dates import read_day
from engine.names import keep
from engine.officehours import ZONE, is_open
from engine.refusal import Refusal
from engine.situation import GONE, Situation, refuses
from engine.situation import Sort as LifeSort

Sort = Literal["interview", "visit", "call", "check-up", "class", "other"]
State = Literal["planned", "kept", "missed", "cancelled"]
# Who or what cancelled it: the resident, our side, the whole class, or what happened in the resident's life.
Reason = Literal["resident", "staff", "class", "gone"]
SORTS: Final[tuple[Sort, ...]] = get_args(Sort)
STATES: Final[tuple[State, ...]] = get_args(State)
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)
# Called off by us: whoever is expected knows nothing of it until they are told.
OURS: Final[frozenset[Reason]] = frozenset({"staff", "class"})
# What one person is booked for; into a class people are booked by the class itself.
ALONE: Final[tuple[Sort, ...]] = tuple(sort for sort in SORTS if sort != "class")
# What a form offers, in minutes; a first interview takes 20 at least (標準的な健診・保健指導プログラム 令和6年度版).
MINUTES: Final[dict[Sort, int]] = {
    "interview": 30, "visit": 45, "call": 15, "check-up": 60, "class": 90, "other": 30,
}  # fmt: skip
SHORTEST: Final = timedelta(minutes=5)
LONGEST: Final = timedelta(hours=12)
# A year more than a year ahead is a slip of the finger.
FARTHEST: Final = timedelta(days=400)
# On the day before, when nobody sleeps any more and the desk can still be called.
REMIND: Final = time(10, 0)
MOST: Final = 500
PLACE: Final = 80
# In hospital nobody comes; whoever is in a care home can be visited there.
_AWAY: Final[tuple[LifeSort, ...]] = ("hospital",)
# What is reckoned from a day may leave the calendar.
_LAST_YEAR: Final = 9000
# A number of nineteen may be more than a column holds.
_DIGITS: Final = 19
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3])[:時]([0-5]\d)分?")


class Appointment(msgspec.Struct, frozen=True, kw_only=True):
    """A time somebody is expected or visited; `version` counts changes, `group` is the class it belongs to.

    `reminded_by` is `notice`, or who of staff told them of it.
    """

    seq: int
    resident: str
    municipality: str
    sort: Sort
    starts_at: datetime
    ends_at: datetime
    place: str
    by: str
    at: datetime
    case: str | None = None
    staff: str | None = None
    group: int | None = None
    state: State = "planned"
    reason: Reason | None = None
    reminded_at: datetime | None = None
    reminded_by: str | None = None
    version: int = 1


class GroupClass(msgspec.Struct, frozen=True, kw_only=True):
    """A class: several residents expected at the same place and time, `capacity` of them at most."""

    seq: int
    municipality: str
    title: str
    place: str
    starts_at: datetime
    ends_at: datetime
    capacity: int
    by: str
    at: datetime
    staff: str | None = None
    state: Literal["planned", "cancelled"] = "planned"
    version: int = 1


class When(msgspec.Struct, frozen=True, kw_only=True):
    """From when to when, where, and with whom of staff (None: nobody in particular)."""

    starts_at: datetime
    ends_at: datetime
    place: str
    staff: str | None = None


def read_when(day: str, clock: str, minutes: str, place: str, staff: str | None = None) -> When | Refusal:
    """What was typed as a time in the town.

    Refused as unreadable-date, unreadable-time, too-far (the end of the calendar), bad-span or by the place.
    """
    on = read_day(day, "day")
    clock, minutes = (unicodedata.normalize("NFKC", one).strip() for one in (clock, minutes))
    found = _CLOCK.fullmatch(clock)
    if on is None or isinstance(on, Refusal):
        return on or Refusal("unreadable-date", "write the day as 2026-11-21", "day")
    if on.year > _LAST_YEAR:
        return Refusal("too-far", f"not more than {FARTHEST.days} days ahead", "day")
    if found is None:
        return Refusal("unreadable-time", "write the time as 10:30", "clock")
    if not minutes.isascii() or not minutes.isdigit():
        return Refusal("bad-span", "write how many minutes it takes", "minutes")
    starts = datetime.combine(on, time(int(found[1]), int(found[2])), ZONE)
    span = timedelta(minutes=min(int(minutes[:6]), MOST * 60))
    where = keep(place.strip())
    if isinstance(where, Refusal) or len(where) > PLACE:
        code = where.code if isinstance(where, Refusal) else "too-long"
        return Refusal(code, f"say where, in {PLACE} characters at most", "place")
    return When(starts_at=starts, ends_at=starts + span, place=where, staff=staff or None)


def fits(when: When, now: datetime) -> Refusal | None:
    """Why nothing can be booked then: `past`, `too-far` or `bad-span`; None where it can."""
    if when.starts_at <= now:
        return Refusal("past", "this time is over already", "day")
    if when.starts_at > now + FARTHEST:
        return Refusal("too-far", f"not more than {FARTHEST.days} days ahead", "day")
    if not SHORTEST <= when.ends_at - when.starts_at <= LONGEST:
        return Refusal("bad-span", "between 5 minutes and 12 hours", "minutes")
    return None


def held(situation: Situation, when: datetime) -> Refusal | None:
    """Why this resident is not expected at `when`: `inactive` or `in-hospital`; None where they are."""
    refused = refuses(situation, "notices", when)
    if refused is not None:
        return refused
    for event in situation.during(when, _AWAY):
        return Refusal("in-hospital", f"{event.sort} since {event.since.isoformat()}", event.sort)
    return None


def ended_by(situation: Situation, when: datetime) -> bool:
    """Whether nobody will come at `when` any more, because the resident died, moved away or left."""
    return bool(situation.during(when, GONE)) or refuses(situation, "notices", when) is not None


def odd_hours(when: When, municipality: str) -> bool:
    """Whether some of it is outside of office hours: worth a word, no reason to refuse."""
    last = when.ends_at - timedelta(minutes=1)
    return not (is_open(when.starts_at, municipality) and is_open(last, municipality))


def remind_at(starts_at: datetime) -> datetime:
    """From when on somebody is reminded: 10:00 of the day before, on the town's clock."""
    local = starts_at.astimezone(ZONE)
    return datetime.combine(local.date() - timedelta(days=1), REMIND, ZONE)


def tells(one: Appointment) -> bool:
    """Whether there is something to tell: that they are expected, or that we called it off."""
    return one.state == "planned" or (one.state == "cancelled" and one.reason in OURS)


def reminds(one: Appointment, now: datetime) -> bool:
    """Whether they have to be told now: from the day before until it begins, at once where we called it off."""
    since = remind_at(one.starts_at) if one.state == "planned" else one.at
    return tells(one) and one.reminded_at is None and since <= now < one.starts_at


def moved(one: Appointment, when: When, by: str, now: datetime) -> Appointment | Refusal:
    """The appointment at another time or place, to be reminded of anew; refused as `fits`, or `not-planned`."""
    if one.state != "planned":
        return Refusal("not-planned", f"it is {one.state} already")
    refused = fits(when, now)
    if refused is not None:
        return refused
    return msgspec.structs.replace(
        one, starts_at=when.starts_at, ends_at=when.ends_at, place=when.place, staff=when.staff,
        reminded_at=None, reminded_by=None, by=by, at=now,
    )  # fmt: skip


def cancelled(one: Appointment, reason: Reason, by: str, now: datetime) -> Appointment | Refusal:
    """The appointment as one that does not take place; refused as not-planned, or `begun` once it began.

    What a life event ended may have begun: it is only found out later.
    """
    if one.state != "planned":
        return Refusal("not-planned", f"it is {one.state} already")
    if one.starts_at <= now and reason != "gone":
        return Refusal("begun", "it has begun: say whether they came")
    told = (None, None) if reason in OURS else (one.reminded_at, one.reminded_by)
    return msgspec.structs.replace(
        one, state="cancelled", reason=reason, by=by, at=now, reminded_at=told[0], reminded_by=told[1]
    )


def marked(one: Appointment, state: Literal["kept", "missed"], by: str, now: datetime) -> Appointment | Refusal:
    """The appointment as one that was kept or missed; refused as too-early, or not-planned where that is said already.

    Whoever was missed and came after all is set right; what was kept stays so: it counted.
    """
    if one.state != "planned" and (one.state, state) != ("missed", "kept"):
        return Refusal("not-planned", f"it is {one.state} already")
    if one.starts_at > now:
        return Refusal("too-early", "it has not begun yet")
    return msgspec.structs.replace(one, state=state, by=by, at=now)


def read_number(text: str) -> int | None:
    """The number of an appointment or a class as an address has it; None for what no store counts to."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < _DIGITS else None


def matter(one: Appointment) -> str:
    """What a reminder of it is about: the appointment as it stands now; moved, it is another matter."""
    return f"appointment-{one.seq}-{one.version}"


def read_matter(about: str) -> tuple[int, int] | None:
    """Number and version that `matter` wrote; None for anything else."""
    word, _, rest = about.partition("-")
    number, _, version = rest.partition("-")
    if word != "appointment" or not (number.isascii() and number.isdigit() and version.isascii() and version.isdigit()):
        return None
    return int(number), int(version)
