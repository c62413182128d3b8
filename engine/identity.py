"""How a person proves who they are: one port, so that every page asks the same question whatever the proof is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

from engine.access import Identity
from engine.refusal import Refusal
from engine.store import repo_codes
from engine.store.database import Connection

# Refused tries of everybody together; more than a town makes, fewer than guessing needs.
MOST_REFUSED: Final = 60
REFUSED_WITHIN: Final = timedelta(minutes=1)
# One answer for a wrong login, password, code, birth date and a lock: nobody learns which of them was right.
WRONG: Final = Refusal("wrong", "that does not fit together, or there were too many tries")
SLOW_DOWN: Final = Refusal("slow-down", "too many tries at once; wait a minute")


class Proof(Protocol):
    """A way to sign in; what was typed is `given` by field name.

    Whoever keeps accounts elsewhere and vouches for them implements the same port.
    """

    def prove(self, given: Mapping[str, str], now: datetime) -> Identity | Refusal:
        """Who this is, or why that cannot be said; a refused try is counted where it can be."""
        ...


def flooded(connection: Connection, now: datetime) -> bool:
    """Whether so many tries were refused in the last minute that nobody's is looked at."""
    return repo_codes.refused_since(connection, now - REFUSED_WITHIN) >= MOST_REFUSED
