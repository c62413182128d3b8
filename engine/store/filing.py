"""Whose a stored reading is, decided and decided anew by people; time and values stay as they were measured.

Every decision can be taken back by another one. Each is audited, withdraws the advice that was built on the reading,
and has everybody it concerns looked at anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, select, update

from engine.assignment import holder_of
from engine.custody import Heard
from engine.household import Household
from engine.intake import digest_of
from engine.refusal import Refusal
from engine.review import ENGINE, LIVE, Command, Decision, Item, decide, rank
from engine.situation import gone
from engine.store import (
    audit,
    repo_advice,
    repo_facts,
    repo_life,
    repo_notices,
    repo_outbox,
    repo_residents,
    repo_shows,
    tallies,
)
from engine.store.households import household_of, person_alone
from engine.store.instants import from_micros, to_micros
from engine.store.readings import EVALUATE
from engine.store.repo_owing import owe_filed, owe_readings
from engine.store.tables import MEASUREMENT, READING

# Who decides about a reading is answerable as for any other change.
By = repo_facts.By
_NOBODYS: Final[dict[str, Any]] = {"resident_id": None, "certainty": None, "posterior": None}
# What was told before these is not shown to anybody any more, and holds back nothing.
_NEWEST: Final = 20
_FILED: Final = ("accepted", "unassigned", "discarded")


class Filed(msgspec.Struct, frozen=True):
    """What a decision did: the owner before and after, and advice built on the reading.

    `withdrawn` waited in the queue and is out of it; `delivered` was already told and can only be talked about.
    """

    reading: str
    before: str | None
    after: str | None
    withdrawn: tuple[str, ...] = ()
    delivered: tuple[str, ...] = ()


def assign(connection: Connection, reading: str, resident: str, now: datetime, by: By) -> Filed | Refusal:
    """Make the reading surely `resident`'s, whoever had it before.

    Refused: `unknown-reading`, `already-assigned`, `not-in-household`, `no-consent`. What the resident does not let us
    record goes out of the reading for good.
    """
    row = _row(connection, reading)
    if isinstance(row, Refusal):
        return row
    if row.resident_id == resident and row.certainty == "sure":
        return Refusal("already-assigned", f"reading {reading} already is {resident}'s")
    home = _home_of(connection, row, resident, now)
    if resident not in home.residents:
        return Refusal("not-in-household", f"resident {resident} does not live where this was measured")
    if _kept_back(connection, reading, resident, home):
        return Refusal("no-consent", f"resident {resident} does not let us record this")
    _give(connection, [reading], resident, home)
    return _done(connection, row, resident, "reading-assign", now, by)


def confirm(connection: Connection, reading: str, now: datetime, by: By) -> Filed | Refusal:
    """Make an assumed owner a sure one; refused `unknown-reading`, `nobodys`, `already-confirmed` or as by `assign`."""
    row = _row(connection, reading)
    if isinstance(row, Refusal):
        return row
    if row.resident_id is None:
        return Refusal("nobodys", f"reading {reading} has no owner to confirm; assign it")
    if row.certainty == "sure":
        return Refusal("already-confirmed", f"reading {reading} surely is {row.resident_id}'s")
    home = _home_of(connection, row, row.resident_id, now)
    if _kept_back(connection, reading, row.resident_id, home):
        return Refusal("no-consent", f"resident {row.resident_id} does not let us record this")
    _give(connection, [reading], row.resident_id, home)
    return _done(connection, row, row.resident_id, "reading-confirm", now, by)


def release(connection: Connection, reading: str, now: datetime, by: By) -> Filed | Refusal:
    """Make the reading nobody's again, also one that was discarded; refused `unknown-reading` or `already-nobodys`."""
    row = _row(connection, reading)
    if isinstance(row, Refusal):
        return row
    if row.outcome == "unassigned":
        return Refusal("already-nobodys", f"reading {reading} is nobody's")
    _take(connection, reading, "unassigned")
    return _done(connection, row, None, "reading-release", now, by)


def discard(connection: Connection, reading: str, now: datetime, by: By) -> Filed | Refusal:
    """Keep the reading but use it for nobody; refused `unknown-reading` or `already-discarded`."""
    row = _row(connection, reading)
    if isinstance(row, Refusal):
        return row
    if row.outcome == "discarded":
        return Refusal("already-discarded", f"reading {reading} is not used")
    _take(connection, reading, "discarded")
    return _done(connection, row, None, "reading-discard", now, by)


def adopt(connection: Connection, device: str, home: Household, now: datetime) -> int:
    """Give what waits of a device that was unknown until now to those its first note names; how many.

    Nobody could have been asked about these readings yet, so the bindings made at pairing hold for them, too. What a
    resident does not let us record stays nobody's.
    """
    facts = home.devices.get(device)
    if facts is None or not facts.bindings:
        return 0
    mine = (READING.c.device_id == device) & (READING.c.household_id == home.id)
    mine &= (READING.c.outcome == "unassigned") & (READING.c.source == "ble")
    owners: dict[str, list[str]] = {}
    for row in connection.execute(select(READING).where(mine)):
        measured = from_micros(row.measured_at)
        owner = holder_of(row.user_slot, facts.bindings)
        there = owner in home.at(measured).residents and not home.presence.away(owner or "", measured)
        received, dated = from_micros(row.received_at), row.time_quality != "unknown"
        heard = Heard(device, row.gateway_id, measured, received, dated)
        there = there and not home.custody.is_nobodys(heard, facts.bindings)
        if there and owner is not None and owner in home.recording:
            owners.setdefault(owner, []).append(row.id)
    for owner, ids in owners.items():
        _give(connection, ids, owner, home)
    repo_outbox.put(connection, EVALUATE, owners, now)
    owe_readings(connection, {reading: owner for owner, ids in owners.items() for reading in ids}, now)
    count = sum(len(ids) for ids in owners.values())
    tallies.add(connection, {("adopted", ""): count} if count else {})
    return count


def _row(connection: Connection, reading: str) -> Any:
    """The reading, held until the end of the transaction, or why there is nothing to decide about it."""
    row = connection.execute(select(READING).where(READING.c.id == reading).with_for_update()).first()
    if row is None or row.outcome not in _FILED:
        return Refusal("unknown-reading", f"there is no reading {reading} of a person")
    return row


def _home_of(connection: Connection, row: Any, resident: str, now: datetime) -> Household:
    """Where the reading was measured; one of a person without a home may be given to a person without a home only."""
    measured = from_micros(row.measured_at)
    if row.household_id:
        return household_of(connection, row.household_id, now).at(measured)
    person = repo_residents.get(connection, resident)
    left = gone(repo_life.situation(connection, resident), measured)
    if person is None or person.household_id is not None or left is not None:
        return Household("", frozenset(), frozenset(), {})
    return person_alone(connection, resident, None, now)


def _kept_back(connection: Connection, reading: str, resident: str, home: Household) -> bool:
    """Whether the resident lets us record nothing of it."""
    if resident not in home.recording:
        return True
    kinds = set(connection.execute(select(MEASUREMENT.c.kind).where(MEASUREMENT.c.reading_id == reading)).scalars())
    return kinds <= home.withheld.get(resident, frozenset())


def _give(connection: Connection, ids: Sequence[str], owner: str, home: Household) -> None:
    """Make readings surely the owner's, without the kinds the owner withholds."""
    withheld = home.withheld.get(owner, frozenset())
    mine = MEASUREMENT.c.reading_id.in_(ids)
    if withheld and connection.execute(delete(MEASUREMENT).where(mine, MEASUREMENT.c.kind.in_(withheld))).rowcount:
        _forget_hashes(connection, ids)
    connection.execute(update(MEASUREMENT).where(mine).values(resident_id=owner))
    given = {"resident_id": owner, "certainty": "sure", "posterior": None, "outcome": "accepted"}
    connection.execute(update(READING).where(READING.c.id.in_(ids)).values(given))


def _forget_hashes(connection: Connection, ids: Sequence[str]) -> None:
    """Make the digests those of what is left: a value that must not be kept can be guessed from its hash."""
    said: dict[str, list[tuple[str, str]]] = {name: [] for name in ids}
    for value in connection.execute(select(MEASUREMENT).where(MEASUREMENT.c.reading_id.in_(ids))):
        said[value.reading_id].append((value.kind, value.device_value))
    for row in connection.execute(select(READING).where(READING.c.id.in_(ids))).all():
        left = digest_of(row.device_id, row.user_slot, row.sequence, said[row.id])
        connection.execute(update(READING).where(READING.c.id == row.id).values(digest=left))


def _take(connection: Connection, reading: str, outcome: str) -> None:
    connection.execute(update(MEASUREMENT).where(MEASUREMENT.c.reading_id == reading).values(resident_id=None))
    connection.execute(update(READING).where(READING.c.id == reading).values(_NOBODYS | {"outcome": outcome}))


def _done(connection: Connection, row: Any, after: str | None, action: str, now: datetime, by: By) -> Filed:
    """What follows from every decision: the trail, advice withdrawn, everybody concerned looked at anew."""
    before = row.resident_id
    entry = audit.Entry(
        at=to_micros(now), actor=by.actor, os_user=by.os_user, action=action, subject=row.id,
        detail_hash=audit.detail_hash([row.id, before, after]),
    )  # fmt: skip
    audit.append(connection, entry)
    # A reading that was merely assumed was evidence of nothing.
    lost = before is not None and before != after and row.certainty == "sure"
    items = repo_advice.listed(connection, resident=before, states=None, limit=10_000) if lost else []
    built = [item for item in items if built_on(item, row.id)]
    withdrawn = tuple(withdraw(connection, (item for item in built if item.state in LIVE), "reading-moved", now))
    delivered = tuple(item.id for item in built if item.state == "delivered")
    for item in delivered:
        assert before is not None  # it was delivered to somebody
        repo_notices.owe(connection, before, "correction", item, now)
    repo_outbox.put(connection, EVALUATE, {before, after} - {None}, now)
    owe_filed(connection, row.id, {before, after} - {None}, now)
    if row.household_id:
        # The mirrors of the home may have asked who was measured.
        repo_shows.owe_home(connection, row.household_id, now)
    return Filed(row.id, before, after, withdrawn, delivered)


def withdraw(connection: Connection, items: Iterable[Item], reason: str, now: datetime) -> list[str]:
    """Takes what waits out of the queue, and says why; the ids of what went."""
    went: list[str] = []
    for item in items:
        command = Command(verb="supersede", by=ENGINE, version=item.version, reason=reason)
        decision = decide(item, command, now)
        if isinstance(decision, Decision):
            repo_advice.decide(connection, decision, rank(decision.item, now), os_user=ENGINE)
            went.append(item.id)
    return went


def misfiled(connection: Connection, items: Iterable[Item]) -> frozenset[str]:
    """Those of the newest delivered `items` built on a reading that is not surely their resident's any more."""
    told = sorted((item for item in items if item.state == "delivered"), key=lambda item: item.updated_at)[-_NEWEST:]
    named = {item.id: _inputs(item) for item in told}
    wanted = sorted({reading for readings in named.values() for reading in readings})
    if not wanted:
        return frozenset()
    query = select(READING.c.id, READING.c.resident_id, READING.c.certainty).where(READING.c.id.in_(wanted))
    owners = {row.id: row.resident_id if row.certainty == "sure" else None for row in connection.execute(query)}
    return frozenset(
        item.id for item in told if any(owners.get(one, item.resident_id) != item.resident_id for one in named[item.id])
    )


def unmistaken(connection: Connection, items: Sequence[Item]) -> list[Item]:
    """`items` without what must not be told again; that somebody is to see a doctor is never taken back by silence."""
    gone = misfiled(connection, (item for item in items if item.severity == "routine"))
    return [item for item in items if item.id not in gone]


def _inputs(item: Item) -> set[str]:
    return {one for signal in item.evidence.get("signals", {}).values() for one in signal.get("inputs", ())}


def built_on(item: Item, reading: str) -> bool:
    """Whether the reading is, or may be, among the evidence of `item`: of a long list only the newest are named."""
    found = item.evidence.get("signals", {}).values()
    return any(
        reading in signal.get("inputs", ()) or signal.get("inputs_total", 0) > len(signal.get("inputs", ()))
        for signal in found
    )
