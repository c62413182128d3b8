"""Who may act for a resident: on which legal basis, for what, until when; and what ends it. Pure.

Laws are named as they were known when this was written, not re-read: check the primary text before printing a claim.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo

import msgspec

from engine.consent import Event
from engine.consent_texts import Purpose
from engine.contract.ids import is_id
from engine.dates import age_on
from engine.names import keep
from engine.refusal import Refusal

Basis = Literal["parent", "guardian", "curator", "assistant", "agent", "care-manager"]
Scope = Literal["see", "see-weight", "see-steps", "see-pressure", "see-pulse", "enter", "consents", "requests"]
Why = Literal["over", "mistake", "resident", "protected"]
BASES: Final[tuple[Basis, ...]] = get_args(Basis)
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
# What the desk may give as the reason of an end; the other two are the resident's own word and a measure of support.
WHYS: Final[tuple[Why, ...]] = ("over", "mistake")
ADULT: Final = 18
# From this age on a young person says yes and no themselves. 個人情報保護法ガイドライン Q&A asks for a parent's
# consent up to an age of "12 to 15 years"; the end of that span is taken, as wills are made from 15 on (民法961条).
OWN_WORD: Final = 15
LONGEST: Final = timedelta(days=366)
# An end beyond any life was mistyped, or stands for "no end": then none is entered.
_LIFETIME: Final = timedelta(days=36_525)
ZONE: Final = ZoneInfo("Asia/Tokyo")
# How a consent was said that somebody said for the resident.
CHANNEL: Final = "acting"
# A representative says yes to what serves the person's own care. What serves others, or shows the person to others,
# is for the person alone to give; a no protects, and is heard from whoever may speak of consents at all.
SPOKEN_FOR: Final[frozenset[Purpose]] = frozenset({"record", "advice", "nurse-review", "care-share"})
_SEEN_ALL: Final[Scope] = "see"
_EVERY: Final[frozenset[Scope]] = frozenset(SCOPES)


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What a basis allows: `offers` the scopes, whether a yes and an end are needed, and who may take it back.

    `law` names the source. `named` says that the scope must be what a court or a contract names, never all of it.
    """

    law: str
    offers: frozenset[Scope] = _EVERY
    named: bool = False
    agreed: bool = False
    dated: bool = False
    by_resident: bool = False
    accounts: str = "mr"


GROUNDS: Final[Mapping[Basis, Ground]] = {
    "parent": Ground(law="民法4条・818条・820条・824条"),
    "guardian": Ground(law="民法7条・8条・858条・859条"),
    "curator": Ground(law="民法11条・12条・876条の4", named=True),
    "assistant": Ground(law="民法15条・16条・876条の9", named=True),
    # Whoever can give a power of attorney says yes and no themselves.
    "agent": Ground(law="民法99条・643条・651条", offers=_EVERY - {"consents"}, agreed=True, by_resident=True),
    "care-manager": Ground(
        law="介護保険法7条5項", offers=_EVERY - {"consents"}, agreed=True, dated=True, by_resident=True, accounts="m"
    ),
}


class Acting(msgspec.Struct, frozen=True, kw_only=True):
    """That `actor` acts for `resident` from `since` until (excluding) `until`; `seen` names the paper that proved it.

    `agreed_by` is the resident, or the `j-…` of the guardian who said yes, where the basis needs a yes.
    """

    id: str
    resident: str
    actor: str
    basis: Basis
    scope: tuple[Scope, ...]
    seen: str
    since: datetime
    by: str
    at: datetime
    until: datetime | None = None
    agreed_by: str | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None
    reason: str | None = None
    version: int = 1

    @property
    def law(self) -> str:
        """The source of the basis."""
        return GROUNDS[self.basis].law


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody at the desk wants to enter, as it was typed; `until` is the last day it holds."""

    basis: str
    scope: Collection[str]
    seen: str
    until: date | None = None
    agreed_by: str | None = None


def majority(birth: date) -> datetime:
    """The instant a person comes of age: midnight at the start of the 18th birthday, for 29 February of 1 March."""
    try:
        day = birth.replace(year=birth.year + ADULT)
    except ValueError:
        day = date(birth.year + ADULT, 3, 1)
    return datetime.combine(day, time(), ZONE)


def ends(acting: Acting, birth: date) -> datetime | None:
    """When it ends by itself or did end, None where nothing is known of an end; `birth` is the resident's."""
    known = [acting.until, acting.ended_at, majority(birth) if acting.basis == "parent" else None]
    return min((one for one in known if one is not None), default=None)


def holds(acting: Acting, birth: date, when: datetime) -> bool:
    """Whether it is good at `when`, as far as papers and ages say; that both live here is asked by the store."""
    end = ends(acting, birth)
    return acting.since <= when and (end is None or when < end)


def scope_at(acting: Acting, birth: date, when: datetime) -> frozenset[Scope]:
    """What it is good for at `when`; a parent no longer speaks of consents from the child's 15th birthday on."""
    if not holds(acting, birth, when):
        return frozenset()
    held = frozenset(acting.scope)
    grown = age_on(birth, when.astimezone(ZONE).date()) >= OWN_WORD
    return held - {"consents"} if acting.basis == "parent" and grown else held


def may_say(acting: Acting, birth: date, purpose: Purpose, when: datetime, *, granted: bool) -> Refusal | None:
    """Why this representative may not say that yes or no at `when`, else None; refused as not-in-scope or own-word."""
    if "consents" not in scope_at(acting, birth, when):
        return Refusal("not-in-scope", f"{acting.id} does not speak of consents", "purpose")
    if granted and purpose not in SPOKEN_FOR:
        return Refusal("own-word", f"only the resident says yes to {purpose}", "purpose")
    return None


def against(acting: Acting, events: Iterable[Event], said: Event) -> Refusal | None:
    """Why this yes goes against the resident's own last word on it (`own-no`), else None; a no goes against nothing.

    `events` is everything that was ever said of the resident. Only the resident takes their own no back, at the desk
    too. A parent's child is not heard yet: from the day it is, the parent says nothing any more.
    """
    if not said.granted or acting.basis == "parent":
        return None
    own = [one for one in events if one.channel != CHANNEL and one.purpose == said.purpose and _touch(one, said)]
    last = max(own, key=lambda one: (one.at, one.seq), default=None)
    if last is None or last.granted:
        return None
    return Refusal("own-no", f"the resident said no to {said.purpose} themselves", "purpose")


def _touch(one: Event, other: Event) -> bool:
    """Whether the two speak, in part, of the same."""
    pairs = ((one.recipient, other.recipient), (one.kind, other.kind))
    return all(mine is None or theirs is None or mine == theirs for mine, theirs in pairs)


def groups_of(scope: Iterable[str]) -> frozenset[str]:
    """The groups of measurements a narrowed scope names: weight, steps, pressure, pulse."""
    return frozenset(one.removeprefix("see-") for one in scope if one.startswith("see-"))


def drafted(
    draft: Draft, *, id: str, resident: str, birth: date, actor: str, by: str, now: datetime  # noqa: A002
) -> Acting | Refusal:  # fmt: skip
    """What `draft` makes, or why it cannot be entered: every refusal names its field.

    Codes: unknown-basis, no-account, themselves, unknown-scope, nothing-chosen, not-offered, not-a-minor, needs-paper,
    needs-agreement, needs-end, until-past, too-long, unreadable-date (an end beyond any life).
    """
    basis = next((one for one in BASES if one == draft.basis), None)
    if basis is None:
        return Refusal("unknown-basis", f"bases are {', '.join(BASES)}", "basis")
    chosen = _scope(draft.scope)
    if isinstance(chosen, Refusal):
        return chosen
    if draft.until is not None and draft.until - now.astimezone(ZONE).date() > _LIFETIME:
        return Refusal("unreadable-date", "leave the end empty where there is none", "until")
    until = None if draft.until is None else datetime.combine(draft.until + timedelta(days=1), time(), ZONE)
    paper = keep(draft.seen)
    made = Acting(
        id=id, resident=resident, actor=actor, basis=basis, scope=chosen, seen=paper if isinstance(paper, str) else "",
        since=now, until=until, by=by, at=now, agreed_by=draft.agreed_by or None,
    )  # fmt: skip
    return _misfit(made, birth, now) or made


def ended(acting: Acting, by: str, why: Why, now: datetime) -> Acting | Refusal:
    """The same, ended at `now`; refused as already-ended, or as not-yours where the resident may not end it."""
    if acting.ended_at is not None or (acting.until is not None and acting.until <= now):
        return Refusal("already-ended", f"{acting.id} is over")
    if why == "resident" and not GROUNDS[acting.basis].by_resident:
        return Refusal("not-yours", "the law made this representative; the desk ends it by the paper that does")
    return msgspec.structs.replace(acting, ended_at=now, ended_by=by, reason=why, version=acting.version + 1)


def _scope(named: Collection[str]) -> tuple[Scope, ...] | Refusal:
    if any(one not in SCOPES for one in named):
        return Refusal("unknown-scope", f"scopes are {', '.join(SCOPES)}", "scope")
    chosen = tuple(one for one in SCOPES if one in named)
    if _SEEN_ALL in chosen:
        chosen = tuple(one for one in chosen if not one.startswith("see-"))
    if not any(one.startswith("see") for one in chosen):
        # Whoever types values or speaks for somebody without seeing anything of them would do it blindly.
        return Refusal("nothing-chosen", "choose what they may see", "scope")
    return chosen


def _misfit(made: Acting, birth: date, now: datetime) -> Refusal | None:
    ground, basis = GROUNDS[made.basis], made.basis
    every = tuple(one for one in SCOPES if one in ground.offers and not one.startswith("see-"))
    account = any(is_id(made.actor, role) for role in ("m", "r") if role in ground.accounts)
    over = ", ".join(sorted(set(made.scope) - ground.offers))
    wrong = (
        (not account, Refusal("no-account", f"whoever acts as {basis} needs an account of their own", "actor")),
        (made.actor == made.resident, Refusal("themselves", "nobody acts for themselves", "actor")),
        (bool(over), Refusal("not-offered", f"{basis} is never good for {over}", "scope")),
        (
            ground.named and made.scope == every,
            Refusal("not-named", "name what the court's decision names, not everything", "scope"),
        ),
        (
            basis == "parent" and majority(birth) <= now,
            Refusal("not-a-minor", "who is 18 or older has no parent acting for them", "basis"),
        ),
        (not made.seen, Refusal("needs-paper", "name the paper that proved it", "seen")),
        (
            ground.agreed and made.agreed_by is None,
            Refusal("needs-agreement", "the resident, or their guardian, must have said yes", "agreed_by"),
        ),
    )
    return next((refusal for holds_, refusal in wrong if holds_), None) or _bad_end(made, ground, now)


def _bad_end(made: Acting, ground: Ground, now: datetime) -> Refusal | None:
    if made.until is None:
        return Refusal("needs-end", f"{made.basis} is entered with an end", "until") if ground.dated else None
    if made.until <= now:
        return Refusal("until-past", "the end must lie in the future", "until")
    if ground.dated and made.until > now + LONGEST:
        return Refusal("too-long", "at most a year; enter it anew then", "until")
    return None
