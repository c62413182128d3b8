"""What a family member may see, in the words of the page: everything, or weight, steps, pressure, pulse. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

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
    """What one family member may see now: everything, or these groups; `until` when the first of it ends."""

    everything: bool
    groups: tuple[str, ...]
    until: datetime | None


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
