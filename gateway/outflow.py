"""Which waiting readings travel together: one message each when live, parties of a bounded size for a backlog (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from engine.contract.wire import MAX_BATCH, MAX_BATCH_BYTES, encode_batch
from gateway.journal import Row

# Fewer waiting readings than this are news, more are a backlog.
LIVE: Final = 10
_FRAME: Final = len(b'{"v":1,"readings":[]}')


def parties(rows: Sequence[Row]) -> Iterator[tuple[tuple[str, ...], bytes]]:
    """(ids, payload) of each message that carries `rows`, in order, none above 100 readings or 48 KiB."""
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


def _message(party: Sequence[Row]) -> tuple[tuple[str, ...], bytes]:
    ids = tuple(row.id for row in party)
    return ids, party[0].payload if len(party) == 1 else encode_batch(row.payload for row in party)


def patience(attempts: int, first: float, most: float) -> float:
    """Seconds to wait for the engine's answer before publish attempt `attempts` + 1."""
    return min(most, first * 2 ** min(attempts, 16))
