"""What people order of a release: to be published, to be withdrawn whole; each in the caller's one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from engine.refusal import Refusal
from engine.store import audit, repo_batches
from engine.store.database import Connection
from engine.store.repo_batches import SENDING, UNDER_WAY
from engine.store.repo_facts import By
from engine.store.repo_statistics import Kept, note
from fhir_bridge.platform import Pace
from fhir_bridge.platform_entities import Batch

_GONE = ("withdrawing", "withdrawn")


def owed(batches: Sequence[Batch]) -> list[tuple[str, bytes]]:
    """Batches as the store takes them."""
    return [(batch.part, batch.body) for batch in batches]


def order_publishing(
    connection: Connection, release: Kept, batches: Sequence[Batch], by: By, now: datetime, *, anew: bool = False
) -> Refusal | None:  # fmt: skip
    """Lets a release leave; what the platform refused before may leave once more.

    `batches` are for one that owes nothing yet, because no platform was configured when it was prepared; with `anew`
    also for one that is published and was found to differ over there. Refused as `withdrawn` or `already-complete`.
    """
    audit.take_turn(connection)
    current = repo_batches.stored(connection, release.id)
    if current is None or current.state in _GONE:
        return Refusal("withdrawn", "a withdrawn release is never published again")
    if current.state == "complete" and not anew:
        return Refusal("already-complete", "it is published")
    waiting = repo_batches.waiting(connection, release.id)
    if not waiting:
        # Over there it is open already, and complete: only its numbers are said once more.
        some = [one for one in batches if current.state != "complete" or one.part != "open"]
        repo_batches.put(connection, release.id, owed(some), now)
    parts = ("open", "cells", "complete")
    repo_batches.again(connection, release.id, now, states=("parked",), parts=parts)
    if current.state not in UNDER_WAY:
        repo_batches.change(connection, release.id, state="loading")
        note(connection, "release-publish", release.id, by, now, release.sha256)
    return None


def order_withdrawal(
    connection: Connection, release: Kept, batches: Sequence[Batch], reason: str, by: By, now: datetime,
    pace: Pace | None = None,
) -> Refusal | str:  # fmt: skip
    """Withdraws a release whole and says its state: `withdrawn` at once when nothing of it ever left.

    What was on its way, or whose answer was lost, is waited for: a late request must not undo the withdrawal. Refused
    as `already-withdrawn`.
    """
    audit.take_turn(connection)
    pace = pace or Pace()
    current = repo_batches.stored(connection, release.id)
    if current is None or current.state in _GONE:
        return Refusal("already-withdrawn", "it was withdrawn before")
    waiting = repo_batches.waiting(connection, release.id)
    left = current.state == "complete" or any(row.attempts for row in waiting)
    due = now
    if any(row.attempts and row.state == "pending" for row in waiting):
        due = now + timedelta(seconds=pace.unsure)
    due = max([due, *(row.due_at for row in waiting if row.outcome == SENDING)])
    repo_batches.drop(connection, release.id)
    note(connection, "release-withdraw", release.id, by, now, reason)
    if not left:
        repo_batches.change(connection, release.id, state="withdrawn", withdrawn_at=now, reason=reason)
        return "withdrawn"
    repo_batches.put(connection, release.id, owed(batches), due)
    repo_batches.change(connection, release.id, state="withdrawing", reason=reason)
    return "withdrawing"


def note_verified(connection: Connection, release: Kept, by: By, now: datetime, *, code: str | None) -> None:
    """Keeps that a release was read back: when it was even, and in the audit also when it was not."""
    if code is None:
        repo_batches.change(connection, release.id, verified_at=now)
    note(connection, "release-verify", release.id, by, now, code or release.sha256)
