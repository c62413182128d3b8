"""Where an item stands within its tier, as one number that no clock changes: the index of the queue reads it in order.

Waiting earns every item of a tier the same points per minute, so of two items the same one is ahead at every moment.
What is left are an item's other points, which are worth a fixed span of waiting: the place is the instant at which an
item without any favour would have had to arrive to stand exactly there.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

# Product policy: the points of waiting one due time, more than all other points together.
ONE_DUE: Final = 1_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO: Final = timedelta(microseconds=1)


def place_of(created: datetime, due: timedelta, points: int) -> int:
    """The place of an item that came at `created` (aware) with `points` beside waiting, in microseconds since 1970.

    Smaller is earlier. `due` is how long its severity may wait; every due time divides by ONE_DUE without remainder.
    """
    return (created - _EPOCH) // _MICRO - points * (due // _MICRO) // ONE_DUE
