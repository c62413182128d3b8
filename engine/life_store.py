"""Life events carried out: recorded, ended, taken back, and what follows from each, in the caller's transaction.

What follows is what is registered - status, place, slots, ways in, what waits. Whether something still applies to a
person is never read from that: every gate asks `engine.situation` about the instant it acts at.
"""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Final

import msgspec

from engine import life
from engine.clinical import Fact
from engine.clinical_taking import may_take
from engine.life_typed import Ready
from engine.people import Resident
from engine.refusal import Refusal
from engine.review import ENGINE, LIVE
from engine.situation import GONE, MOVES, STAYS, TRIPS, Detail, Home, LifeEvent, effect, gone, status_at
from engine.store import (
    audit,
    filing,
    repo_advice,
    repo_facts,
    repo_life,
    repo_life_traces,
    repo_outbox,
    repo_places,
    repo_protection,
    repo_residents,
    repo_shows,
    repo_teams,
)
from engine.store.database import Connection
from engine.store.repo_facts import EVALUATE, By

_PREGNANT: Final = "answer.pregnant"
_SYSTEM: Final = By(ENGINE, ENGINE)


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What recording, ending or taking back did: the event as it stands now.

    `readings` are nobody's from now on, or theirs again; `withdrawn` is advice that waited; `slots` of devices ended or
    were given back.
    """

    event: LifeEvent
    readings: int = 0
    withdrawn: int = 0
    slots: int = 0


def record(
    connection: Connection, person: Resident, ready: Ready, by: By, now: datetime, rng: Random
) -> Done | Refusal:
    """Store the event of a draft and, where its time has come, do what follows; refused as `life.checked` refuses.

    A pregnancy needs their consent to be recorded (`no-consent`): it writes the fact the safety rules read.
    """
    audit.take_turn(connection)
    event = life.checked(ready.draft, person, repo_life.situation(connection, person.id), now)
    if isinstance(event, Refusal):
        return event
    if event.sort == "pregnancy":
        fact = _write_fact(connection, person, event, by, now, rng)
        if isinstance(fact, Refusal):
            return fact
        event = _with(event, fact=fact)
    if ready.home is not None:
        repo_places.add_household(connection, ready.home, now)
    repo_life.add(connection, event, by, now)
    return _begin(connection, event, by, now) if event.since <= now else Done(event=event)


def end(
    connection: Connection, event: LifeEvent, until: datetime, by: By, now: datetime, rng: Random
) -> Done | Refusal:
    """Give `event` its end (discharge, birth, coming back); refused as `life.ended` refuses, or `conflict`."""
    audit.take_turn(connection)
    made = life.ended(event, until, now)
    if isinstance(made, Refusal):
        return made
    person = repo_residents.get(connection, event.resident)
    if event.sort == "pregnancy" and person is not None:
        _forget_fact(connection, event, by, now, rng)
        fact = _write_fact(connection, person, made, by, now, rng)
        made = _with(made, fact=None if isinstance(fact, Refusal) else fact)
    if not repo_life.change(connection, made, by, now, "life-end"):
        return Refusal("conflict", "somebody else changed it first; look again")
    made = msgspec.structs.replace(made, version=made.version + 1)
    return Done(event=_finish(connection, made, now) if until <= now else made)


def take_back(
    connection: Connection, event: LifeEvent, reason: str, by: By, now: datetime, rng: Random
) -> Done | Refusal:
    """Make `event` a mistake and restore what was, where nobody used it since; refused as `life.taken_back`.

    Ways in that were closed stay closed: codes, cards and programs are made anew.
    """
    audit.take_turn(connection)
    made = life.taken_back(event, repo_life.situation(connection, event.resident), reason, now)
    if isinstance(made, Refusal):
        return made
    if not repo_life.change(connection, made, by, now, "life-take-back"):
        return Refusal("conflict", "somebody else changed it first; look again")
    _forget_fact(connection, event, by, now, rng)
    slots = _back(connection, event, by, now) if event.detail.before is not None else 0
    back = [
        name
        for name in repo_life_traces.unclaimed(connection, event.detail.released)
        if not isinstance(filing.assign(connection, name, event.resident, now, by), Refusal)
    ]
    _look_anew(connection, event.resident, now)
    return Done(event=made, readings=len(back), slots=slots)


def come_due(connection: Connection, now: datetime) -> int:
    """Do what follows from every event whose beginning or end has come since it was recorded; how many."""
    if not repo_life.unfinished(connection, now):
        return 0
    # Whoever records or ends one at this moment has done so before it is looked at again.
    audit.take_turn(connection)
    found = repo_life.unfinished(connection, now)
    for event in found:
        current = event
        if not event.detail.begun:
            current = _begin(connection, event, By(event.by, ENGINE), now).event
        if current.until is not None and current.until <= now and not current.detail.over:
            _finish(connection, current, now)
    return len(found)


def _begin(connection: Connection, event: LifeEvent, by: By, now: datetime) -> Done:
    """What follows from the beginning of an event; the event as it is stored then."""
    home = repo_life_traces.home_of(connection, event.resident)
    situation = repo_life.situation(connection, event.resident)
    changes: Detail = msgspec.structs.replace(event.detail, begun=True)
    # Whoever died before the day of a move does not move any more.
    if event.sort in GONE or (event.sort in MOVES and gone(situation, event.since) is None):
        changes = msgspec.structs.replace(changes, before=home, base=life.base_of(situation))
    released, sure = _release(connection, event, home, by, now)
    changes = msgspec.structs.replace(changes, released=sure)
    # Stored before the resident is: a registered status is never without the event that tells since when.
    stored = msgspec.structs.replace(event, detail=changes)
    repo_life.change(connection, stored, None, now)
    stored = msgspec.structs.replace(stored, version=stored.version + 1)
    if event.sort in GONE:
        repo_life_traces.close(connection, event.resident, by, now, ways_in=event.sort == "death")
    if changes.before is not None:
        _register(connection, stored, by, now)
    withdrawn = _withdraw(connection, stored, now)
    if changes.before is not None:
        repo_shows.owe_rosters(connection, {home.household, event.detail.household}, now)
    _look_anew(connection, event.resident, now)
    if home.household is not None:
        if event.sort in MOVES and event.detail.household != home.household:
            repo_shows.owe_blank(connection, event.resident, home.household, now)
        repo_shows.owe_home(connection, home.household, now)
    if stored.until is not None and stored.until <= now:
        stored = _finish(connection, stored, now)
    slots = len(home.bindings) if changes.before is not None else 0
    return Done(event=stored, readings=released, withdrawn=withdrawn, slots=slots)


def _finish(connection: Connection, event: LifeEvent, now: datetime) -> LifeEvent:
    """What follows from the end of an event: whoever moved out is back, and everything is looked at anew."""
    made = _with(event, over=True)
    repo_life.change(connection, made, None, now)
    if event.sort in GONE and event.detail.before is not None:
        _back(connection, event, _SYSTEM, now)
    _look_anew(connection, event.resident, now)
    return msgspec.structs.replace(made, version=made.version + 1)


def _register(connection: Connection, event: LifeEvent, by: By, now: datetime) -> None:
    """Write where the resident lives and whether they take part, as the event makes it."""
    person = repo_residents.get(connection, event.resident)
    assert person is not None  # events are recorded of residents
    changed = msgspec.structs.replace(
        person, status=status_at(repo_life.situation(connection, person.id), now), version=person.version + 1
    )
    if event.sort in MOVES:
        town = event.detail.municipality or person.municipality_code
        changed = msgspec.structs.replace(changed, household_id=event.detail.household, municipality_code=town)
    repo_residents.edit(connection, changed, now, actor=by.actor, os_user=by.os_user)
    keeper = repo_teams.keepers(connection, [person.id]).get(person.id)
    if keeper is not None and changed.municipality_code != person.municipality_code:
        repo_teams.assign(connection, [person.id], None, None, by, now)


def _back(connection: Connection, event: LifeEvent, by: By, now: datetime) -> int:
    """Make it as it was before the event, where it still is as the event made it; how many slots are theirs again."""
    person, before = repo_residents.get(connection, event.resident), event.detail.before
    assert person is not None  # events are recorded of residents
    assert before is not None  # it was carried out
    situation = repo_life.situation(connection, person.id)
    status = status_at(situation, now) if situation.during(now, GONE) else event.detail.base
    changed = msgspec.structs.replace(person, status=status, version=person.version + 1)
    # Nobody is put back into a home they are hidden from.
    hidden = bool(repo_protection.shielded(connection, [person.id], now))
    if event.sort in MOVES and not hidden and _as_made(event, person):
        changed = msgspec.structs.replace(
            changed, household_id=before.household, municipality_code=before.municipality
        )  # fmt: skip
    repo_residents.edit(connection, changed, now, actor=by.actor, os_user=by.os_user)
    if before.team or before.staff:
        keeper = repo_teams.keepers(connection, [person.id]).get(person.id)
        if keeper is None and changed.municipality_code == before.municipality:
            repo_teams.assign(connection, [person.id], before.team, before.staff, by, now)
    repo_shows.owe_rosters(connection, {person.household_id, changed.household_id}, now)
    if changed.status != "active":
        return 0
    # Of several events that never were, each may have ended some: the order of taking back makes no difference.
    never = [
        one.detail.before for one in repo_life.of(connection, person.id) if one.taken_back_at or one.id == event.id
    ]
    homes = [one for one in never if one is not None and one.household == changed.household_id]
    return sum(repo_life_traces.give_back(connection, person.id, home) for home in homes)


def _as_made(event: LifeEvent, person: Resident) -> bool:
    """Whether the resident still lives where this move led."""
    town = event.detail.municipality
    return person.household_id == event.detail.household and town in {None, person.municipality_code}


def _release(
    connection: Connection, event: LifeEvent, home: Home, by: By, now: datetime
) -> tuple[int, tuple[str, ...]]:  # fmt: skip
    """Make nobody's again what was filed under them although they were not there; how many, and which were surely."""
    place = None if event.sort == "death" else home.household
    stayed = event.sort in MOVES and event.detail.household == home.household
    if event.sort not in {*GONE, *MOVES, *STAYS} or stayed or (place is None and event.sort != "death"):
        return 0, ()
    found = repo_life_traces.measured(connection, event.resident, place, event.since, event.until)
    if event.sort in TRIPS and event.until is not None:
        taken = repo_life_traces.brought(connection, event.resident, found, event.until)
        found = {name: certainty for name, certainty in found.items() if name not in taken}
    for name in found:
        filing.release(connection, name, now, by)
    return len(found), tuple(name for name, certainty in found.items() if certainty == "sure")


def _withdraw(connection: Connection, event: LifeEvent, now: datetime) -> int:
    """Take advice that waits out of the queue: all of it of who is gone, the routine of who is in hospital."""
    if event.sort in GONE and event.covers(now):
        reason, routine = "inactive", False
    elif event.sort in STAYS and effect(event.sort, "advice") == "pause" and event.covers(now):
        reason, routine = event.sort, True
    else:
        return 0
    items = repo_advice.listed(connection, resident=event.resident, states=LIVE, limit=10_000)
    wanted = [item for item in items if item.severity == "routine" or not routine]
    return len(filing.withdraw(connection, wanted, reason, now))


def _write_fact(
    connection: Connection, person: Resident, event: LifeEvent, by: By, now: datetime, rng: Random
) -> str | Refusal:  # fmt: skip
    """The pregnancy as the fact that every rule reads; its id."""
    refused = may_take(connection, person, now)
    if refused is not None:
        return refused
    draft = Fact(
        resident=person.id, code=_PREGNANT, value="1", at=event.since, until=event.until, source="nurse",
        actor=by.actor, channel="life", recorded_at=now,
    )  # fmt: skip
    added = repo_facts.append(connection, [draft], by, now, rng, again=True)
    return (*added.stored, *added.already)[0].id


def _forget_fact(connection: Connection, event: LifeEvent, by: By, now: datetime, rng: Random) -> None:
    if event.detail.fact is not None:
        repo_facts.retract(connection, event.detail.fact, by, "life", now, rng)


def _look_anew(connection: Connection, resident: str, now: datetime) -> None:
    repo_outbox.put(connection, EVALUATE, [resident], now)
    repo_shows.owe(connection, [resident], now)


def _with(event: LifeEvent, **changes: object) -> LifeEvent:
    detail: Detail = msgspec.convert(msgspec.structs.asdict(event.detail) | changes, Detail)
    return msgspec.structs.replace(event, detail=detail)
