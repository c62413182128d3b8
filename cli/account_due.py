"""Closing accounts as time goes by: what is due is erased, and the database's files are written anew at night."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from cli.store import os_user
from cli.wiring import Settings, ensure_home, open_seal

if TYPE_CHECKING:
    from engine.store.database import Engine

# Writing a town's database anew holds up its writers for minutes: at this hour nobody weighs themselves.
NIGHT: Final = range(2, 4)
ACTOR: Final = "engine"


def due(store: Engine, config: Settings, now: datetime) -> int:
    """Erases the accounts that are due at `now`, and at night what they left in files; how many were erased."""
    from engine.closing_store import erase_due, scrub_all
    from engine.store.filing import By

    done = erase_due(store, now, By(ACTOR, os_user()), open_seal(config), files_of(config))
    if now.astimezone(ZoneInfo(config.gateway.zone)).hour in NIGHT:
        scrub_all(store, now)
    return len(done)


def files_of(config: Settings) -> Callable[[str], int]:
    """What removes a person's files: documents of other houses, and messages to members without FHIR."""
    home, outbox = ensure_home(config), config.bridge.outbox

    def remove_all(resident: str) -> int:
        from engine.closing_files import remove

        count = remove(home, resident)
        if outbox is not None:
            from fhir_bridge.outbound.erasing import erase

            count += erase(Path(outbox), resident)
        return count

    return remove_all
