"""Facts of residents: appended with their audit entry, never changed; every change owes an evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from random import Random
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, insert, select

from engine.clinical import Fact
from engine.contract.ids import ALPHABET, LENGTH
from engine.refusal import Refusal
from engine.store import audit, repo_outbox
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.tables_clinical import FACT

# The topic of engine.evaluate, named here because that module reads facts itself.
EVALUATE: Final = "evaluate"


class By(msgspec.Struct, frozen=True):
    """Who is answerable for a change, and the user of the operating system who made it."""

    actor: str
    os_user: str


class Added(msgspec.Struct, frozen=True):
    """What became of facts that were handed over: stored now, or there already."""

    stored: tuple[Fact, ...] = ()
    already: tuple[Fact, ...] = ()


def append(
    connection: Connection, facts: Sequence[Fact], by: By, now: datetime, rng: Random, *, again: bool = False
) -> Added:
    """Stores what is new of `facts`, each under a fresh id, with one audit entry a resident.

    The same code, value, unit, time and source of a resident is there already, also when it was taken back since;
    with `again` what was taken back may be said once more.
    """
    stored: list[Fact] = []
    already: list[Fact] = []
    known = [fact for found in of(connection, {fact.resident for fact in facts}).values() for fact in found]
    back = {fact.retracts for fact in known if again and fact.retracts is not None}
    seen = {_sameness(fact) for fact in known if fact.id not in back}
    for fact in facts:
        if _sameness(fact) in seen:
            already.append(fact)
        else:
            seen.add(_sameness(fact))
            stored.append(msgspec.structs.replace(fact, id=f"f-{''.join(rng.choices(ALPHABET, k=LENGTH))}"))
    _store(connection, stored, "fact-add", by, now)
    return Added(tuple(stored), tuple(already))


def retract(connection: Connection, id: str, by: By, channel: str, now: datetime, rng: Random) -> Fact | Refusal:  # noqa: A002
    """Takes one fact back by a row of its own, which is returned; refused as unknown-fact or already-retracted."""
    row = connection.execute(select(FACT).where(FACT.c.id == id)).mappings().first()
    if row is None or row["retracts"] is not None:
        return Refusal("unknown-fact", f"there is no fact {id!r}", "id")
    if connection.execute(select(FACT.c.id).where(FACT.c.retracts == id)).first() is not None:
        return Refusal("already-retracted", f"{id} was taken back before", "id")
    fact = _fact(row)
    back = msgspec.structs.replace(
        fact, id=f"f-{''.join(rng.choices(ALPHABET, k=LENGTH))}", retracts=id, actor=by.actor, channel=channel,
        recorded_at=now, raw=None,
    )  # fmt: skip
    _store(connection, [back], "fact-retract", by, now)
    return back


def of(
    connection: Connection, residents: Iterable[str], *, codes: Sequence[str] | None = None
) -> dict[str, list[Fact]]:  # fmt: skip
    """Every row of these residents, retractions included, oldest first, by resident; only of `codes` if named."""
    names = sorted(set(residents))
    found: dict[str, list[Fact]] = {name: [] for name in names}
    for part in parts_of(names):
        query = select(FACT).where(FACT.c.resident_id.in_(part)).order_by(FACT.c.at, FACT.c.recorded_at, FACT.c.id)
        query = query if codes is None else query.where(FACT.c.code.in_(codes))
        for row in connection.execute(query).mappings():
            found[row["resident_id"]].append(_fact(row))
    return found


def of_one(connection: Connection, resident: str) -> list[Fact]:
    """Every row of one resident, oldest first."""
    return of(connection, [resident])[resident]


def _store(connection: Connection, facts: Sequence[Fact], action: str, by: By, now: datetime) -> None:
    if not facts:
        return
    connection.execute(insert(FACT), [_row(fact) for fact in facts])
    people: dict[str, list[str]] = {}
    for fact in facts:
        people.setdefault(fact.resident, []).append(fact.id)
    for resident, ids in people.items():
        entry = audit.Entry(
            at=to_micros(now), actor=by.actor, os_user=by.os_user, action=action, subject=resident,
            detail_hash=audit.detail_hash(ids),
        )  # fmt: skip
        audit.append(connection, entry)
    repo_outbox.put(connection, EVALUATE, people, now)


def _sameness(fact: Fact) -> tuple[Any, ...]:
    return fact.resident, fact.code, fact.value, fact.unit, fact.at, fact.source, fact.retracts


def _row(fact: Fact) -> dict[str, Any]:
    return {
        "id": fact.id, "resident_id": fact.resident, "code": fact.code, "value": fact.value, "unit": fact.unit,
        "at": to_micros(fact.at), "until": None if fact.until is None else to_micros(fact.until),
        "source": fact.source, "actor": fact.actor, "channel": fact.channel,
        "recorded_at": to_micros(fact.recorded_at), "retracts": fact.retracts, "raw": fact.raw,
    }  # fmt: skip


def _fact(row: Any) -> Fact:
    return Fact(
        id=row["id"], resident=row["resident_id"], code=row["code"], value=row["value"], unit=row["unit"],
        at=from_micros(row["at"]), until=None if row["until"] is None else from_micros(row["until"]),
        source=row["source"], actor=row["actor"], channel=row["channel"], recorded_at=from_micros(row["recorded_at"]),
        retracts=row["retracts"], raw=row["raw"],
    )  # fmt: skip
