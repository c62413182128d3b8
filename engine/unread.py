"""Routine drafts that nobody came to read: set aside after some office days, and drafted anew when their rule may.

In the caller's transaction. Off until the operator says after how many days. What is serious, was claimed, put off or
forwarded to a physician is never set aside.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final

from engine.automatic import carry
from engine.merging import NOT_READ
from engine.officehours import ZONE, is_working_day
from engine.review import ENGINE, Command, Item
from engine.store import repo_advice
from engine.store.database import Connection

# So many at a time: a nurse's decision waits for no more than that.
_PART: Final = 200


def set_aside(connection: Connection, now: datetime, days: int) -> tuple[str, ...]:
    """Expires up to 200 routine drafts untouched for `days` office days after the day they came; their ids.

    Each resident's draft comes again after its rule's cooldown, if the rule still speaks.
    """
    found: list[Item] = repo_advice.untouched(connection, came_before(now, days), _PART)
    command = [Command(verb="expire", by=ENGINE, version=item.version, reason=NOT_READ) for item in found]
    return tuple(item.id for item, said in zip(found, command, strict=True) if carry(connection, item, said, now))


def came_before(now: datetime, days: int) -> datetime:
    """What came before this instant has had `days` whole office days since the day it came, today's not counted."""
    day, left = now.astimezone(ZONE).date(), max(days, 1)
    while left > 0:
        day -= timedelta(days=1)
        left -= is_working_day(day)
    return datetime.combine(day, time(0), ZONE)
