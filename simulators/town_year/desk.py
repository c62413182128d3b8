"""The nurses of the year: shifts that cover the office hours, and the queue in the order the product ranks it."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from engine.officehours import CLOSES, DAY, OPENS, ZONE
from engine.ranking import minutes, rank
from engine.review import Item, tier
from simulators.town_year.town import Due

_ROUTINE: Final = tier("routine")


class Waiting(NamedTuple):
    """A draft in the queue: its place and name first, so that the order is total."""

    key: tuple[int, ...]
    name: str
    item: Item
    due: Due


class Done(NamedTuple):
    """What a nurse finished: a draft, or (None) a call to the resident named by number."""

    at: datetime
    began: datetime
    waiting: Waiting | None
    called: int | None
    minutes: float


class Desk:
    """Drafts by rank, and calls, which come before the routine and after everything that is serious."""

    def __init__(self, call_minutes: float) -> None:
        self._heap: list[Waiting] = []
        self._calls: list[int] = []
        self._call_minutes = call_minutes

    def put(self, item: Item, due: Due) -> None:
        """A draft comes in and gets the place it keeps."""
        heapq.heappush(self._heap, Waiting(rank(item, item.created_at).key, item.id, item, due))

    def ask_to_call(self, residents: Iterable[int]) -> None:
        """Residents who are to be called."""
        self._calls += residents

    def waiting(self) -> Iterator[Waiting]:
        """Everything that waits."""
        return iter(self._heap)

    def set_aside(self, before: datetime) -> list[Waiting]:
        """Takes out the routine drafts that came before this instant, and gives them back."""
        out = [one for one in self._heap if one.item.severity == "routine" and one.item.created_at < before]
        gone = {one.name for one in out}
        self._heap = [one for one in self._heap if one.name not in gone]
        heapq.heapify(self._heap)
        return out

    def work(self, day: date, nurses: int, hours: float, coming: list[tuple[Item, Due]]) -> Iterator[Done]:
        """What the nurses of an office day finish, while `coming` (oldest first) arrives."""
        arrivals = iter(sorted(coming, key=lambda pair: pair[0].created_at))
        upcoming = next(arrivals, None)
        free = shifts(day, nurses, hours)
        heapq.heapify(free)
        while free:
            at, end = heapq.heappop(free)
            while upcoming is not None and upcoming[0].created_at <= at:
                self.put(*upcoming)
                upcoming = next(arrivals, None)
            found = self._next(at)
            if found is not None:
                yield found
                if found.at < end:
                    heapq.heappush(free, (found.at, end))
            elif upcoming is not None and upcoming[0].created_at < end:
                heapq.heappush(free, (upcoming[0].created_at, end))
        while upcoming is not None:
            self.put(*upcoming)
            upcoming = next(arrivals, None)

    def _next(self, at: datetime) -> Done | None:
        """The next thing to do: serious drafts, then calls, then the routine."""
        serious = bool(self._heap) and self._heap[0].key[0] < _ROUTINE
        if self._calls and not serious:
            spent = timedelta(minutes=self._call_minutes)
            return Done(at + spent, at, None, self._calls.pop(0), self._call_minutes)
        if not self._heap:
            return None
        one = heapq.heappop(self._heap)
        needed = minutes(one.item)
        return Done(at + timedelta(minutes=needed), at, one, None, needed)


def shifts(day: date, nurses: int, hours: float) -> list[tuple[datetime, datetime]]:
    """From when to when each nurse is there: never nobody if that can be, the others when the night's wait."""
    opens, closes = datetime.combine(day, OPENS, ZONE), datetime.combine(day, CLOSES, ZONE)
    long = min(timedelta(hours=hours), DAY)
    spread = min(nurses, -(-DAY // long))
    gap = (closes - opens - long) / max(spread - 1, 1)
    starts = [opens + max(number - (nurses - spread), 0) * gap for number in range(nurses)]
    return [(start, start + long) for start in starts]
