"""Which waiting readings travel together: one message each when live, bounded parties for a backlog (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from engine.contract.wire import MAX_BATCH, MAX_BATCH_BYTES, encode_batch
from gateway.journal import Row

# Fewer waiting readings than this are news, more are a backlog.
LIVE: Final = 10
_FRAME: Final = len(b'{"v":1,"readings":[]}')


class Party(msgspec.Struct, frozen=True):
    """Readings that share a message; `attempts` is how often the most unlucky of them was sent before."""

    ids: tuple[str, ...]
    payload: bytes
    attempts: int


def parties(rows: Sequence[Row]) -> Iterator[Party]:
    """The messages that carry `rows`, in order, none above 100 readings or 48 KiB."""
    party: list[Row] = []
    size = _FRAME
    for row in rows:
        most = min([MAX_BATCH, row.batch, *(item.batch for item in party[:1])]) if len(rows) >= LIVE else 1
        if party and (len(party) >= most or size + len(row.payload) > MAX_BATCH_BYTES or row.batch != party[0].batch):
            yield _message(party)
            party, size = [], _FRAME
        party.append(row)
        size += len(row.payload)
    if party:
        yield _message(party)


def _message(party: Sequence[Row]) -> Party:
    payload = party[0].payload if len(party) == 1 else encode_batch(row.payload for row in party)
    return Party(tuple(row.id for row in party), payload, max(row.attempts for row in party))


def patience(attempts: int, first: float, most: float) -> float:
    """Seconds to wait for the engine's answer before publish attempt `attempts` + 1."""
    return min(most, first * float(1 << min(attempts, 16)))
