"""The release a command of `phr release` is about, and who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.exits import Exit
from cli.output import fail
from cli.store import actor, os_user

if TYPE_CHECKING:
    from engine.store.database import Connection
    from engine.store.repo_facts import By
    from engine.store.repo_statistics import Kept


def release_of(connection: Connection, unit: str | None, period: str) -> Kept:
    """The one release of real numbers that is meant; exit code 3, 2 or 5: none, several or a test."""
    from engine.store.repo_batches import of_period

    found = of_period(connection, period, unit)
    if not found:
        fail(Exit.NOT_FOUND, "no-release", f"no release of {period} is prepared; `phr release list` shows them")
    if len(found) > 1:
        fail(Exit.USAGE, "which-unit", f"say --unit: {', '.join(one.unit for one in found)}")
    [kept] = found
    if kept.test:
        fail(Exit.REFUSED, "test-release", "a test release holds made-up numbers and is never published")
    return kept


def by_of(name: str | None) -> By:
    """Who does it, for the trail: who was named, and the user of this computer."""
    from engine.store.repo_facts import By

    return By(actor(name), os_user())
