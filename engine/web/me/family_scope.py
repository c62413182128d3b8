"""What somebody may see of another, in the words of the page: everything, or weight, steps, pressure, pulse. Pure.

By the resident's own word (family), or on a legal basis (whoever acts for them); who has both sees what either gives.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from engine.acting import Acting, Scope, ends, groups_of, scope_at
from engine.consent import Event, permits, say, standing
from engine.refusal import Refusal
from engine.web.me.agreeing import SPANS

# What the page offers, and the kinds of measurement it stands for.
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "weight": ("body-weight",), "steps": ("steps-day",), "pressure": ("systolic", "diastolic"),
    "pulse": ("pulse-rate",),
}  # fmt: skip
ALL: Final = "all"
RELATIONS: Final = ("spouse", "child", "child-in-law", "grandchild", "parent", "sibling", "other")
# More people than this do not look after one person; whoever wants more comes to the desk.
MOST: Final = 10


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody may see now: everything, or these groups; `until` when the first of it ends.

    `acting` are the legal bases it rests on, and `may` what they allow; without any it rests on the resident's word.
    """

    everything: bool
    groups: tuple[str, ...]
    until: datetime | None
    acting: tuple[Acting, ...] = ()
    may: frozenset[Scope] = frozenset()

    def basis(self, scope: Scope | None = None) -> Acting | None:
        """The basis that allows `scope`, or any."""
        return next((one for one in self.acting if scope is None or scope in one.scope), None)


def grants(events: Sequence[Event], member: str, now: datetime) -> Grant:
    """What `events` of one resident let this member see at `now`; a yes that names nobody counts for nothing."""
    named = [event for event in events if event.recipient == member]
    said = [event for event in events if event.purpose == "family-view"]

    def may(kind: str | None) -> bool:
        return all(permits(part, "family-view", member, kind, now).granted for part in (named, said))

    groups = tuple(name for name, kinds in GROUPS.items() if all(may(kind) for kind in kinds))
    held = [one for one in standing(said, now) if one.recipient == member and one.granted]
    until = min((one.until for one in held if one.until is not None), default=None)
    return Grant(everything=may(None), groups=groups, until=until if groups else None)


def acting_grant(bases: Iterable[Acting], birth: date, now: datetime) -> Grant:
    """What somebody may see and do at `now` by these bases; `birth` is the birth date of whom they act for."""
    held = {one: scope_at(one, birth, now) for one in bases}
    # With what it is good for now: of two bases the one is named that allows what is done.
    good = tuple(
        msgspec.structs.replace(one, scope=tuple(part for part in one.scope if part in scope))
        for one, scope in held.items()
        if scope
    )
    may = frozenset[Scope]().union(*held.values())
    everything = "see" in may
    groups = tuple(name for name in GROUPS if everything or name in groups_of(may))
    until = min((end for one in good if (end := ends(one, birth)) is not None), default=None)
    return Grant(everything=everything, groups=groups, until=until, acting=good, may=may)


def both(word: Grant, law: Grant) -> Grant:
    """What the resident's own word and the law give together; who has the law is told of its end."""
    groups = tuple(name for name in GROUPS if name in {*word.groups, *law.groups})
    until = law.until if law.acting else word.until
    everything = word.everything or law.everything
    return Grant(everything=everything, groups=groups, until=until, acting=law.acting, may=law.may)


def scope_events(
    events: Sequence[Event], resident: str, member: str, chosen: Collection[str], days: int, now: datetime
) -> tuple[Event, ...] | Refusal:
    """What is said to let `member` see exactly what was chosen: a yes to each kind, after a no to what held before.

    Refused as nothing-chosen; to let somebody see nothing is to end it.
    """
    groups = [kind for name, kinds in GROUPS.items() if name in chosen for kind in kinds]
    kinds: list[str | None] = [None] if ALL in chosen else [*groups]
    if not kinds:
        return Refusal("nothing-chosen", "choose what they may see", "see")
    until = now + timedelta(days=days) if days in SPANS and days else None
    base = Event(
        resident=resident, purpose="family-view", granted=True, at=now, recipient=member, actor=resident, channel="page"
    )
    named = any(event.recipient == member for event in events)
    drafts = [msgspec.structs.replace(base, granted=False)] if named else []
    drafts += [msgspec.structs.replace(base, kind=kind, until=until) for kind in kinds]
    found: list[Event] = []
    for draft in drafts:
        said = say(draft)
        if isinstance(said, Refusal):
            return said
        found.append(said)
    return tuple(found)


def ending(resident: str, member: str, purpose: str, now: datetime) -> Event:
    """A no to one member for family-view or watch-over."""
    said = say(
        msgspec.convert(
            {
                "resident": resident, "purpose": purpose, "granted": False, "at": now, "recipient": member,
                "actor": resident, "channel": "page",
            },
            Event,
        )
    )  # fmt: skip
    assert isinstance(said, Event)  # a no to somebody who was named fits both purposes
    return said
