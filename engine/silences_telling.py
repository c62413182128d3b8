"""The day's reminders: everybody who went silent is told so once, a hundred people in a transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from engine.silences import Silence
from engine.store import repo_silences
from engine.store.database import Engine, read, write

_TOGETHER: Final = 100


def remind_all(engine: Engine, now: datetime) -> list[Silence]:
    """Reminds whoever is to be reminded; the silences that were told. Run again it tells nothing twice."""
    with read(engine) as connection:
        names = repo_silences.unreminded(connection, now)
    told: list[Silence] = []
    for start in range(0, len(names), _TOGETHER):
        with write(engine) as connection:
            told += repo_silences.remind(connection, names[start : start + _TOGETHER], now)
    return told
