"""The home summary of a stored resident: read in one transaction, and who made it for whom on record."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from engine.courses import COURSES
from engine.home_summary import HomeSummary, home_summary
from engine.people import Resident
from engine.picture import zone_of
from engine.store import audit, repo_devices, repo_history
from engine.store.database import Connection
from engine.store.filing import By
from engine.store.instants import to_micros
from engine.telling import courses_of

# A running total of steps says nothing without the one before it, and 30 days of pressure are cut at 04:00.
_BEFORE: Final = timedelta(days=4)
LEAST_DAYS: Final = 30
MOST_DAYS: Final = 90


def stored_home_summary(
    connection: Connection,
    person: Resident,
    now: datetime,
    *,
    days: int = LEAST_DAYS,
    shown: Collection[str] | None = None,
) -> HomeSummary:
    """The summary of the `days` up to `now`; `shown` names courses for somebody who may see them.

    Without `shown` it is the resident's own paper: what a rule forbids to put before them is left out.
    Raises ValueError for fewer days than the means need, or more than a page can show.
    """
    if not LEAST_DAYS <= days <= MOST_DAYS:
        raise ValueError(f"from {LEAST_DAYS} to {MOST_DAYS} days")
    zone = zone_of(connection, person)
    own = shown is None
    keys = {course.key for course in courses_of(connection, person, now.astimezone(zone))} if own else set(shown or ())
    kinds = sorted({kind for key in keys for kind in COURSES[key].kinds})
    since = now - timedelta(days=days) - _BEFORE
    history = repo_history.history(connection, person.id, kinds, to_micros(since), to_micros(now) + 1)
    return home_summary(person, history, zone, now, days=days, shown=keys)


def names_of(connection: Connection, summary: HomeSummary) -> dict[str, str]:
    """What the devices of a summary are called: maker and model, or the profile where they do not say."""
    found = repo_devices.of(connection, [one.device for one in summary.sources if one.device])
    return {
        name: " ".join(part for part in (device.maker, device.model) if part) or device.profile
        for name, device in found.items()
    }


def note_home_summary(connection: Connection, summary: HomeSummary, recipient: str | None, by: By) -> None:
    """Writes into the audit chain that the page was made, for whom and of which days: of its words only a hash."""
    detail = [summary.first.isoformat(), summary.last.isoformat(), recipient]
    entry = audit.Entry(
        at=to_micros(summary.as_of), actor=by.actor, os_user=by.os_user, action="export-home-summary",
        subject=summary.person.id, detail_hash=audit.detail_hash(detail),
    )  # fmt: skip
    audit.append(connection, entry)
