"""One look at the store for everybody who listens: what urgent arrived, what was decided, how much waits.

A process looks at most every two seconds, however many pages are open, and not at all while none is. What is told
carries ids and counts; names and values stay where they are.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final, Literal

import anyio.to_thread
import msgspec

from engine.decisions import open_to_nurses
from engine.store import repo_queue_parts
from engine.store.database import Connection, Engine, StoreError, read
from engine.store.repo_advice import URGENT

EVERY: Final = 2.0
# What a listener that does not read may leave lying; then the oldest is dropped, and counts say how things stand.
ROOM: Final = 64
# More events than this between two looks are not told one by one.
MOST: Final = 200
_DECIDED: Final = frozenset({"approve", "reject", "escalate", "return", "send-now", "deliver-urgent", "undo"})
Kind = Literal["urgent", "decided", "moved", "counts"]


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened in one town: an item that came, was decided or moved, or how much waits there now."""

    kind: Kind
    town: str
    id: str | None = None
    open: int | None = None
    urgent: int | None = None


class Listener:
    """A page that is open: its towns (None: all), and what it has not been told yet."""

    def __init__(self, towns: frozenset[str] | None) -> None:
        self._towns = towns
        self._waiting: asyncio.Queue[Told] = asyncio.Queue(ROOM)

    def tell(self, told: Told) -> None:
        """Leaves a word if it is about this person's towns."""
        if self._towns is not None and told.town not in self._towns:
            return
        if self._waiting.full():
            self._waiting.get_nowait()
        self._waiting.put_nowait(told)

    async def next(self, seconds: float) -> Told | None:
        """The next word, or None when nothing came for so long."""
        with suppress(TimeoutError):
            return await asyncio.wait_for(self._waiting.get(), seconds)
        return None


class Watch:
    """The one poller of a process and whoever listens; it runs while somebody does."""

    def __init__(self, engine: Engine, now: Callable[[], datetime], every: float = EVERY) -> None:
        self._engine, self._now, self._every = engine, now, every
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._counts: dict[str, tuple[int, int]] = {}

    @property
    def listening(self) -> int:
        """How many pages listen."""
        return len(self._listeners)

    def join(self, towns: frozenset[str] | None) -> Listener:
        """A new listener, told of what happens from now on."""
        listener = Listener(towns)
        self._listeners.add(listener)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())
        return listener

    def leave(self, listener: Listener) -> None:
        """A listener that has gone; after the last one nobody looks any more."""
        self._listeners.discard(listener)
        if not self._listeners and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        seen = -1
        while True:
            # A store that cannot be read for a moment is read at the next turn.
            with suppress(StoreError):
                seen, news = await anyio.to_thread.run_sync(self._look, seen)
                for told in news:
                    for listener in tuple(self._listeners):
                        listener.tell(told)
            await asyncio.sleep(self._every)

    def _look(self, seen: int) -> tuple[int, list[Told]]:
        """What happened behind the event `seen`, and where; -1 only finds out where things stand."""
        with read(self._engine) as connection:
            last = repo_queue_parts.last_event(connection)
            if last == seen:
                return seen, []
            news = [] if seen < 0 else _news(connection, seen, self._now())
            counts = _counts(connection)
        changed = [town for town in counts.keys() | self._counts.keys() if counts.get(town) != self._counts.get(town)]
        for town in sorted(changed) if seen >= 0 else ():
            waits, urgent = counts.get(town, (0, 0))
            news.append(Told(kind="counts", town=town, open=waits, urgent=urgent))
        self._counts = counts
        return last, news


def _news(connection: Connection, seen: int, now: datetime) -> list[Told]:
    """What happened to items of residents who agreed that nurses look."""
    rows = repo_queue_parts.events_after(connection, seen, MOST)
    agreed = open_to_nurses(connection, {row.resident_id for row in rows}, now)
    return [
        Told(kind=_kind(row.command, row.severity), town=row.municipality_code, id=row.id)
        for row in rows
        if row.resident_id in agreed
    ]


def _kind(command: str, severity: str) -> Kind:
    if severity in URGENT and command == "create":
        return "urgent"
    return "decided" if severity in URGENT and command in _DECIDED else "moved"


def _counts(connection: Connection) -> dict[str, tuple[int, int]]:
    """By town, how many items are open and how many of them are urgent."""
    waits, urgent = Counter[str](), Counter[str]()
    for town, tier, number in repo_queue_parts.open_by_tier(connection):
        waits[town] += number
        urgent[town] += number if tier < len(URGENT) else 0
    return {town: (number, urgent[town]) for town, number in waits.items()}
