"""How a red flag ends: in an urgent item, a request to measure again, or a refusal that says why; never in silence.

Pure: what became of the reading comes in as intake's outcome or as it is stored, what its owner agreed to as arguments.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from engine.activity import HABIT_CUT
from engine.contract.reading import Reading
from engine.contract.wire import Malformed
from engine.intake import Accepted, Outcome, Refused, Stored, Unassigned, store_form
from engine.safety import red_flags
from engine.signals_rows import day_of

Way = Literal["urgent", "again", "refused"]
# The highest and lowest values of seven days, today included, reach the rules; of what is older nobody need hurry.
FRESH_DAYS: Final = 6


class Ending(msgspec.Struct, frozen=True):
    """The one way in which a red flag ends, with its reason code and the kinds that are red; never a value.

    `urgent` (`sure`): the surely known owner's item at the top of the queue, which asks for a re-measurement.
    `again` (`nobodys`, `assumed`): the home is asked to measure again and say who, the nurse sees a nameless item.
    `refused`: a code of intake, or `experimental`, `preliminary`, `discarded`, `inactive`, `no-consent`, `clock`
    (a time to come), `late` (older than the rules look).
    """

    way: Way
    code: str
    kinds: tuple[str, ...]
    resident: str | None = None


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A stored reading as far as its end depends on it; `values` are (kind, value) in the kind's own unit."""

    values: tuple[tuple[str, Decimal], ...]
    measured_at: datetime
    resident: str | None = None
    certainty: str | None = None
    experimental: bool = False
    preliminary: bool = False
    discarded: bool = False


class Owner(msgspec.Struct, frozen=True):
    """Whether the owner takes part, agreed to advice on what is red, and where their days are cut."""

    active: bool = True
    advised: bool = True
    zone: ZoneInfo = ZoneInfo("Asia/Tokyo")


WILLING: Final = Owner()


def ending(outcome: Outcome, now: datetime, owner: Owner = WILLING) -> Ending | None:
    """How the reading in `outcome` ends at `now` (aware); None when nothing in it is a red flag.

    A duplicate has no end of its own: the reading it repeats has one.
    """
    if isinstance(outcome, Refused):
        kinds = red_flags(_readable(outcome.reading))
        return Ending("refused", outcome.code, kinds) if kinds else None
    if not isinstance(outcome, Accepted | Unassigned):
        return None
    values = tuple((value.kind, value.value) for value in outcome.values)
    resident, certainty = (outcome.resident, outcome.certainty) if isinstance(outcome, Accepted) else (None, None)
    kept = Kept(
        values=values, measured_at=outcome.reading.measured_at, experimental=outcome.experimental,
        preliminary=outcome.reading.quality is not None, resident=resident,
        certainty=certainty,
    )  # fmt: skip
    return ending_of(kept, now, owner)


def ending_of(kept: Kept, now: datetime, owner: Owner = WILLING) -> Ending | None:
    """The same of a reading in the store."""
    kinds = red_flags(kept.values)
    if not kinds:
        return None
    unused = _unused(kept)
    if unused is not None:
        return Ending("refused", unused, kinds, kept.resident)
    if kept.resident is None or kept.certainty != "sure":
        return Ending("again", "nobodys" if kept.resident is None else "assumed", kinds, kept.resident)
    unheard = _unheard(kept.measured_at, now, owner)
    return Ending("urgent" if unheard is None else "refused", unheard or "sure", kinds, kept.resident)


def asks_again(outcome: Outcome | Malformed, now: datetime) -> bool:
    """Whether the home has to be asked to measure again."""
    end = None if isinstance(outcome, Malformed) else ending(outcome, now)
    return end is not None and end.way == "again"


def topic_of(kinds: Iterable[str]) -> str:
    """The topic of advice a red flag belongs to; pressure speaks first."""
    return "blood-pressure" if {"systolic", "diastolic"} & set(kinds) else "heart"


def _unused(kept: Kept) -> str | None:
    """Why nobody is alarmed by it: a person discarded it, nobody has proven its family, or it is an estimate."""
    reasons = {"discarded": kept.discarded, "experimental": kept.experimental, "preliminary": kept.preliminary}
    return next((code for code, holds in reasons.items() if holds), None)


def _unheard(measured_at: datetime, now: datetime, owner: Owner) -> str | None:
    """Why a sure owner gets no urgent item."""
    reasons = {
        "inactive": not owner.active, "no-consent": not owner.advised, "clock": measured_at > now,
        "late": (_day(now, owner) - _day(measured_at, owner)).days > FRESH_DAYS,
    }  # fmt: skip
    return next((code for code, holds in reasons.items() if holds), None)


def _day(at: datetime, owner: Owner) -> date:
    return day_of(at, owner.zone, HABIT_CUT)


def _readable(reading: Reading) -> list[tuple[str, Decimal]]:
    """What a refused reading says, as far as it can be put into the kinds' own units."""
    forms = (store_form(value) for value in reading.values)
    return [(form.kind, form.value) for form in forms if isinstance(form, Stored)]
