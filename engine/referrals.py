"""Did the person who was told to see a doctor go? When to ask, what an answer changes, when a nurse telephones. Pure.

Every referral that was delivered is at each moment exactly one of: waiting for a day, before the resident as a
question, on the nurses' list, or ended. Nothing ends by itself.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Annotated, Final, Literal, get_args

import msgspec

from engine.people import Channel
from engine.refusal import Refusal

# void: it rested on a reading that turned out to be somebody else's.
State = Literal["open", "planned", "seen", "declined", "void"]
Said = Literal["seen", "planned", "not-yet", "declined"]
Why = Literal["not-answered", "not-online", "plan-over", "declined"]
Place = Literal["waiting", "asked", "list", "ended"]
STATES: Final[tuple[State, ...]] = get_args(State)
SAYS: Final[tuple[Said, ...]] = get_args(Said)
# Whose answer is awaited.
LIVE: Final[frozenset[State]] = frozenset({"open", "planned"})
# Who can be asked on a page; everybody else is telephoned.
_ONLINE: Final = frozenset[Channel]({"page", "line", "mail"})
_Days = Annotated[int, msgspec.Meta(ge=1, le=366)]


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The days of asking, by urgency and, for routine advice, by text (see referrals.toml)."""

    again: _Days
    most: Annotated[int, msgspec.Meta(ge=1, le=9)]
    after_planned: _Days
    farthest: _Days
    call_again: _Days
    call_when_declined: tuple[str, ...]
    ask_after: dict[Literal["emergency", "urgent", "prompt", "soon"], _Days]
    routine: dict[str, _Days]


class Referral(msgspec.Struct, frozen=True, kw_only=True):
    """One referral and what became of it: put `asked` times, to be looked at again on `ask_on`.

    `answered_at` is of the newest answer, None while a question stands; `seen_on` is the day of the visit.
    """

    advice: str
    resident: str
    topic: str
    severity: str
    state: State
    delivered_at: datetime
    ask_on: date
    asked: int = 0
    seen_on: date | None = None
    answered_at: datetime | None = None
    by: str | None = None
    version: int = 1


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of the visit, and by whom; `day` is when they went, or plan to."""

    said: Said
    by: str
    day: date | None = None


@cache
def policy() -> Policy:
    """The days in force."""
    return msgspec.toml.decode(files("engine").joinpath("referrals.toml").read_text(encoding="utf-8"), type=Policy)


def first_ask(severity: str, message: str, delivered: date, rules: Policy) -> date | None:
    """From when on somebody is asked after this advice, delivered on that local day; None where it refers to nobody.

    Advice about habits is always routine, so whatever is graver is a referral. A grade this program does not know is
    asked after like the gravest.
    """
    if severity == "routine":
        days = rules.routine.get(message)
        return None if days is None else delivered + timedelta(days=days)
    days = next((days for name, days in rules.ask_after.items() if name == severity), min(rules.ask_after.values()))
    return delivered + timedelta(days=days)


def place_of(one: Referral, today: date, channel: Channel, rules: Policy) -> Place:
    """Where a referral lies on `today`."""
    if why(one, today, channel, rules) is not None:
        return "list"
    if one.state not in LIVE:
        return "ended"
    return "asked" if stands(one, today, channel) else "waiting"


def stands(one: Referral, today: date, channel: Channel) -> bool:
    """Whether the question is on the resident's page: from its day on until it is answered."""
    if one.state not in LIVE:
        return False
    put = one.asked > 0 and one.answered_at is None
    return put or (channel in _ONLINE and one.ask_on <= today)


def to_put(one: Referral, today: date, channel: Channel, rules: Policy) -> bool:
    """Whether the question is to be put (again) today."""
    return one.state in LIVE and channel in _ONLINE and one.ask_on <= today and one.asked < rules.most


def put(one: Referral, today: date, rules: Policy) -> Referral:
    """The referral after its question was put."""
    later = today + timedelta(days=rules.again)
    return msgspec.structs.replace(one, asked=one.asked + 1, ask_on=later, answered_at=None, version=one.version + 1)


def why(one: Referral, today: date, channel: Channel, rules: Policy) -> Why | None:
    """Why a nurse has this referral on her list today; None where she has not."""
    if one.state == "declined":
        own = one.by == one.resident and one.severity in rules.call_when_declined
        return "declined" if own and one.ask_on <= today else None
    if one.state not in LIVE or one.ask_on > today:
        return None
    if channel not in _ONLINE:
        return "not-online" if one.state == "open" else "plan-over"
    if one.asked < rules.most:
        return None
    return "plan-over" if one.state == "planned" else "not-answered"


def answer(one: Referral, said: Answer, now: datetime, today: date, rules: Policy) -> Referral | Refusal:
    """The referral after an answer.

    Refused: ended (it was seen, is void, or staff took the no), no-day (only a visit or a plan has one), future-date,
    past-date (a plan), too-far.
    """
    misfit = _misfit(one, said, today, rules)
    if misfit is not None:
        return misfit
    day = said.day
    if said.said == "planned":
        later = (day or today) + timedelta(days=rules.after_planned)
    elif said.said == "not-yet":
        later = today + timedelta(days=rules.again)
    else:
        later = today
    states: dict[Said, State] = {"seen": "seen", "planned": "planned", "not-yet": "open", "declined": "declined"}
    return msgspec.structs.replace(
        one, state=states[said.said], ask_on=later, seen_on=day if said.said == "seen" else None, answered_at=now,
        by=said.by, version=one.version + 1,
    )  # fmt: skip


def unreached(one: Referral, today: date, rules: Policy) -> Referral:
    """The referral after a telephone call nobody answered: on the list again in a few days."""
    return msgspec.structs.replace(one, ask_on=today + timedelta(days=rules.call_again), version=one.version + 1)


def _misfit(one: Referral, said: Answer, today: date, rules: Policy) -> Refusal | None:
    if one.state in {"seen", "void"} or (one.state == "declined" and one.by != one.resident):
        return Refusal("ended", f"{one.advice} is {one.state}: there is nothing to answer any more")
    if said.day is None:
        return None
    if said.said not in {"seen", "planned"}:
        return Refusal("no-day", "only a visit or a plan has a day", "day")
    if said.said == "seen" and said.day > today:
        return Refusal("future-date", "this day has not come yet", "day")
    if said.said == "planned" and said.day < today:
        return Refusal("past-date", "a plan lies ahead", "day")
    far = said.said == "planned" and said.day > today + timedelta(days=rules.farthest)
    return Refusal("too-far", f"a plan lies at most {rules.farthest} days ahead", "day") if far else None
