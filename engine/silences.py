"""Who went silent: from whom no reading came for so long that they are reminded, or that a nurse asks after them. Pure.

This is the service's own following up, for people who measure at home; it watches over nobody. A silence begins with
the last reading of the person (or their enrolment) and ends with the next one. While somebody is in hospital, in a care
home, travelling or gone there is none, and after their return the days count anew.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Annotated, Final, Literal, get_args

import msgspec

from engine.people import Channel
from engine.situation import Situation, quiet_from, refuses

# silent: measured before; never: has a device and never did; no-device: has none to measure with; unsure: what came
# lately is only probably theirs.
Reason = Literal["silent", "never", "no-device", "unsure"]
Step = Literal["phone", "call"]
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)
_ALONE: Final = frozenset[Reason]({"silent", "never"})
# By these a machine reaches somebody; the month's letter tells on how many days was measured. Others are telephoned.
_REMINDED: Final = frozenset[Channel]({"page", "line", "mail", "letter"})
_Days = Annotated[int, msgspec.Meta(ge=1, le=365)]


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """After how many days somebody is reminded and called, and for how long a talk counts."""

    remind: _Days
    call: _Days
    rest: _Days


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one resident: `heard` is their newest reading, `sure` their newest that is surely theirs.

    `enrolled` and `paired` (with their first device) are when measuring could begin, `reminded` and `spoken` the newest
    reminder and the newest talk with staff. `records`, `advised` and `reviewed` tell whether they agree, for any kind,
    to recording, to advice, and to the nurses' look.
    """

    resident: str
    situation: Situation
    channel: Channel
    enrolled: datetime
    paired: datetime | None = None
    heard: datetime | None = None
    sure: datetime | None = None
    device: bool = False
    reminded: datetime | None = None
    spoken: datetime | None = None
    records: bool = False
    advised: bool = False
    reviewed: bool = False


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """One silence: why it is one, since when nothing came, and how many whole days count."""

    resident: str
    reason: Reason
    since: datetime
    days: int


@cache
def policy() -> Policy:
    """The days in force."""
    return read_policy(files("engine").joinpath("silences.toml").read_text(encoding="utf-8"))


def read_policy(text: str) -> Policy:
    """The days written in `text`; raises msgspec.ValidationError, ValueError for a call before a reminder."""
    found = msgspec.toml.decode(text, type=Policy)
    if found.call <= found.remind:
        raise ValueError("silences.toml: a nurse is asked after the reminder, not before")
    return found


def silence_of(known: Known, now: datetime, rules: Policy) -> Silence | None:
    """The silence `known` is in at `now`, from the day on which reminding begins; None while there is none.

    Who lets us record nothing cannot be silent, and who is excused is not.
    """
    if not known.records or refuses(known.situation, "watching", now) is not None:
        return None
    since = known.sure or max(known.enrolled, known.paired or known.enrolled)
    back = quiet_from(known.situation, now)
    days = (now - max(since, back or since)).days
    if days < rules.remind:
        return None
    return Silence(resident=known.resident, reason=_reason(known), since=since, days=days)


def is_told(known: Known, now: datetime, rules: Policy) -> Silence | None:
    """The silence of which the resident's own page speaks: of whoever measured, or could, and wants to hear from us."""
    found = silence_of(known, now, rules)
    return found if found is not None and known.advised and found.reason in _ALONE else None


def to_remind(known: Known, now: datetime, rules: Policy) -> Silence | None:
    """The silence of which the resident is to be told now: once, where notices reach them."""
    found = is_told(known, now, rules)
    if found is None or known.channel not in _REMINDED or refuses(known.situation, "notices", now) is not None:
        return None
    return None if known.reminded is not None and known.reminded > found.since else found


def to_call(known: Known, now: datetime, rules: Policy) -> tuple[Silence, Step] | None:
    """The silence for which a nurse has this resident on her list, and what she does; None where she has not.

    From the day of the call everybody; before it, only to be reminded by telephone, whoever chose the telephone. Who
    was spoken to rests.
    """
    found = silence_of(known, now, rules)
    if found is None or not known.reviewed or _rests(known, found, now, rules):
        return None
    if found.days >= rules.call:
        return found, "call"
    by_phone = known.channel == "phone" and known.advised and found.reason in _ALONE
    return (found, "phone") if by_phone else None


def _reason(known: Known) -> Reason:
    if not known.device:
        return "no-device"
    if known.heard is not None and known.heard > (known.sure or known.enrolled):
        return "unsure"
    return "never" if known.sure is None else "silent"


def _rests(known: Known, found: Silence, now: datetime, rules: Policy) -> bool:
    """Whether somebody spoke with them during this silence, so lately that they are left alone."""
    return known.spoken is not None and known.spoken > found.since and known.spoken > now - timedelta(days=rules.rest)
