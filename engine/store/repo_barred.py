"""How many items are left out of the queue because their resident did not agree to nurses looking.

Asking everybody's consent for every page would cost more than the page: what was found is kept per process and asked
again only for residents who said something or got an item since, and for all of them once an hour.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import func, select

from engine.access import Identity
from engine.decisions import open_to_nurses
from engine.store.database import Connection, Engine
from engine.store.parts import parts_of
from engine.store.tables import ADVICE, ADVICE_EVENT, CONSENT

LIVE: Final = ("open", "held", "later")
AGAIN: Final = timedelta(hours=1)


class Barred:
    """What is known of the consent of residents with live items; used by one thread at a time."""

    def __init__(self) -> None:
        self._out: set[str] = set()
        self._events = self._consents = -1
        self._since: datetime | None = None
        self._lock = Lock()

    def count(self, connection: Connection, who: Identity, now: datetime) -> int:
        """How many live items of this person's towns belong to residents who did not agree."""
        with self._lock:
            self._refresh(connection, now)
            out = sorted(self._out)
        live: list[Any] = [ADVICE.c.shelf.in_(LIVE)]
        if who.municipalities is not None:
            live.append(ADVICE.c.municipality_code.in_(sorted(who.municipalities)))
        parts = parts_of(out)
        return sum(
            connection.execute(select(func.count()).where(ADVICE.c.resident_id.in_(part), *live)).scalar_one()
            for part in parts
        )

    def _refresh(self, connection: Connection, now: datetime) -> None:
        events = connection.execute(select(func.max(ADVICE_EVENT.c.seq))).scalar() or 0
        consents = connection.execute(select(func.max(CONSENT.c.seq))).scalar() or 0
        if self._since is None or not self._since <= now < self._since + AGAIN:
            self._out.clear()
            self._ask(connection, connection.execute(select(ADVICE.c.resident_id).where(_live())).scalars(), now)
            self._since = now
        else:
            if events != self._events:
                moved = select(ADVICE_EVENT.c.advice_id).where(ADVICE_EVENT.c.seq > self._events)
                rows = connection.execute(select(ADVICE.c.resident_id).where(ADVICE.c.id.in_(moved)))
                self._ask(connection, rows.scalars(), now)
            if consents != self._consents:
                spoke = select(CONSENT.c.resident_id).where(CONSENT.c.seq > self._consents)
                self._ask(connection, connection.execute(spoke).scalars(), now)
        self._events, self._consents = events, consents

    def _ask(self, connection: Connection, residents: Iterable[str], now: datetime) -> None:
        asked = set(residents)
        self._out = (self._out - asked) | (asked - open_to_nurses(connection, asked, now))


def _live() -> Any:
    return ADVICE.c.shelf.in_(LIVE)


_KNOWN: Final[WeakKeyDictionary[Engine, Barred]] = WeakKeyDictionary()


def barred_of(engine: Engine) -> Barred:
    """What this process knows of one store."""
    return _KNOWN.setdefault(engine, Barred())
