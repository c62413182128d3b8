"""The bridge as a service: pushes what is owed as soon as it is owed, pulls and reconciles from time to time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from engine.store import repo_networks, repo_outbox
from engine.store.database import Engine, StoreError, read, write
from engine.store.repo_owing import BRIDGE
from fhir_bridge.push import Pusher

_BUSY_SECONDS: Final = 2.0


class Chore(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is done every `every` seconds; `work` gets nothing and says in a word what came of it."""

    name: str
    every: float
    work: Callable[[], str]


def serve(
    pusher: Pusher, chores: Sequence[Chore], stopping: Callable[[], bool], tell: Callable[[str], None],
    *, poll: float = 1.0, beat: Callable[[], object] = lambda: None,
) -> None:  # fmt: skip
    """Works until `stopping`; a database that is busy or away is waited for. `beat` is called in every turn."""
    due = {chore.name: 0.0 for chore in chores}
    resting = 0.0
    while not stopping():
        beat()
        try:
            for chore in chores:
                if time.monotonic() >= due[chore.name] and not stopping():
                    tell(f"{chore.name}: {chore.work()}")
                    due[chore.name] = time.monotonic() + chore.every
            if _owes(pusher) or time.monotonic() >= resting:
                resting = time.monotonic() + _push(pusher, stopping, tell)
        except StoreError as error:
            tell(f"store: {error.code}")
            _sleep(_BUSY_SECONDS, stopping)
        _sleep(min(poll, max(resting - time.monotonic(), 0.0)), stopping)


def note_sync(pusher: Pusher, what: str, outcome: str) -> None:
    """Keeps when something was done last and what came of it, for `phr bridge status`."""
    note(pusher.engine, pusher.scope.network, pusher.clock(), what, outcome)


def note(engine: Engine, network: str, now: datetime, what: str, outcome: str) -> None:
    """As `note_sync`, for whoever has no pusher."""
    with write(engine) as connection:
        known = repo_networks.known(connection, network).said.get("last", {})
        last = known | {what: {"at": now.isoformat(), "outcome": outcome}}
        repo_networks.keep(connection, network, now, last=last)


def _push(pusher: Pusher, stopping: Callable[[], bool], tell: Callable[[str], None]) -> float:
    """Sends what may leave; after how many seconds something may leave again without anything new being owed."""
    pusher.plan()
    sent = 0
    while not stopping():
        done = pusher.round()
        sent += done.sent
        if done.sent or done.wait == 0:
            continue
        if sent or done.code:
            outcome = f"{sent} sent" + (f", {done.code}" if done.code else "")
            tell(f"push: {outcome}")
            note_sync(pusher, "push", outcome)
        return 60.0 if done.wait is None else done.wait
    return 0.0


def _owes(pusher: Pusher) -> bool:
    with read(pusher.engine) as connection:
        return repo_outbox.owes(connection, BRIDGE)


def _sleep(seconds: float, stopping: Callable[[], bool]) -> None:
    """Waits, and looks up every now and then."""
    end = time.monotonic() + seconds
    while not stopping() and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 0.2))
