"""What became of a request, written down: confirmed, owed again later, unknown, or dead with the server's own words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

import msgspec

from engine.store import audit, repo_push
from engine.store.database import Connection
from engine.store.instants import to_micros
from engine.store.repo_push import WRONG, Owed
from fhir_bridge.breaker import backoff
from fhir_bridge.client_answers import Answer, Failure
from fhir_bridge.plan_debts import ACTOR
from fhir_bridge.push_claim import Pace, Parcel
from fhir_bridge.push_look import Verdict

_TRIES: Final = 3
Told = Answer | Failure | Verdict


class Result(msgspec.Struct, frozen=True):
    """A parcel and what became of it; `posted`: it left without an id, so that what was there may have stayed."""

    parcel: Parcel
    told: Told
    posted: bool = False


def settle(connection: Connection, results: Iterable[Result], pace: Pace, now: datetime, rng: Random) -> Counter[str]:
    """Writes down what became of each parcel; how many are in which state now."""
    found: Counter[str] = Counter()
    for one in results:
        row = repo_push.get(connection, one.parcel.row.seq)
        if row is None:
            continue
        changes = _changes(one, row, pace, now, rng)
        repo_push.change(connection, row.seq, now, **changes)
        found[changes.get("state", row.state)] += 1
        if one.parcel.copies:
            _alert(connection, row, one.parcel.copies, now)
            found["duplicates"] += one.parcel.copies
    return found


def _changes(one: Result, row: Owed, pace: Pace, now: datetime, rng: Random) -> dict[str, Any]:
    sent, told = one.parcel.row, one.told
    mine = row.state == "sent" and row.sent_at == sent.sent_at
    if isinstance(told, Verdict):
        changes: dict[str, Any] = {"state": told.state, "code": told.code}
        if told.state == "confirmed":
            changes |= {"says": WRONG, "confirmed_at": now, "attempts": 0}
        if told.state == "withdrawn":
            # The server never had it, and surely does not get it any more.
            changes["sent_at"] = None
        return changes if mine and row.wants == sent.wants else {}
    if isinstance(told, Answer):
        return _answered(one, row, told, now, mine=mine)
    # Somebody else has taken it up since, or it was withdrawn: a failure of ours says nothing about it any more.
    return _failed(sent, row, told, pace, now, rng) if mine else {}


def _answered(one: Result, row: Owed, told: Answer, now: datetime, *, mine: bool) -> dict[str, Any]:
    sent = one.parcel.row
    changes: dict[str, Any] = {"remote_id": told.id or sent.remote_id, "version": told.version}
    if one.posted and not told.created:
        # It was there already, maybe with older words: they are said once more under its id.
        return changes | ({"state": "pending", "code": "found", "due_at": now} if mine else {})
    changes |= {"says": sent.wants, "digest": one.parcel.digest or row.digest, "confirmed_at": now}
    changes |= {"code": None, "outcome": None}
    if not mine and row.state != "sent":
        return changes
    if row.wants != sent.wants:
        return changes | {"state": "pending", "due_at": now, "attempts": 0}
    return changes | {"state": "confirmed", "attempts": 0}


def _failed(sent: Owed, row: Owed, told: Failure, pace: Pace, now: datetime, rng: Random) -> dict[str, Any]:
    again = backoff(row.attempts, rng, base=pace.pause, longest=pace.longest)
    wait = max(again, told.retry_after or 0.0)
    outcome = told.outcome or None
    if told.again:
        if told.unsure:
            # It may be on its way still: nobody asks again before the server is surely done with it.
            wait = max(wait, pace.unsure)
        state = "sent" if told.unsure else "pending"
        return {"state": state, "due_at": now + timedelta(seconds=wait), "code": told.code, "outcome": outcome}
    if told.kind == "conflict":
        return _conflict(row, told, now + timedelta(seconds=again))
    if told.kind == "gone" and sent.wants == WRONG:
        # Nothing of it counts there any more, which is all a mistake wants.
        return {"state": "confirmed", "says": WRONG, "code": "gone-there", "confirmed_at": now, "attempts": 0}
    return {"state": "dead", "code": told.code, "outcome": outcome}


def _conflict(row: Owed, told: Failure, due: datetime) -> dict[str, Any]:
    """The server is asked what it has before the next try; after three the operator decides."""
    before = row.code or ""
    tries = int(before.rpartition("-")[2]) if before.startswith("version-") else 0
    if tries >= _TRIES:
        return {"state": "dead", "code": told.code, "outcome": told.outcome or None}
    code = "several" if told.code == "several" and not tries else f"version-{tries + 1}"
    return {"state": "pending", "due_at": due, "code": code, "outcome": told.outcome or None}


def _alert(connection: Connection, row: Owed, copies: int, now: datetime) -> None:
    entry = audit.Entry(
        at=to_micros(now), actor=ACTOR, os_user=ACTOR, action="bridge-duplicate", subject=row.resident_id,
        detail_hash=audit.detail_hash([row.network, row.identifier, copies]),
    )  # fmt: skip
    audit.append(connection, entry)
