"""Who went silent, read from the store: one query for a whole town, then consent and what happened in their lives."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, ScalarSelect, Select, case, exists, func, or_, select

from engine import silences
from engine.consent import Event, permits
from engine.people import Resident
from engine.silences import Known, Policy, Silence, Step
from engine.situation import Situation
from engine.store import repo_consents, repo_contacts, repo_life, repo_notices, repo_protection, repo_residents
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.repo_contacts import SPOKEN, Outcome
from engine.store.tables import BINDING, DEVICE, READING, RESIDENT
from engine.store.tables_desk import CONTACT, NOTICE

# Of which kind a reminder is among the notices.
KIND: Final = "silent"
_UNSPOKEN: Final = "-"


class Silent(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on the nurses' list: their silence, and whether to remind them by telephone or to ask after them.

    Of whom a measure of support hides, `person` is without address and telephone. `tried` is the last contact with
    them, `outcome` what came of it.
    """

    person: Resident
    silence: Silence
    step: Step
    tried: datetime | None = None
    outcome: Outcome | None = None


def query_of(towns: Collection[str] | None, now: datetime, days: int, residents: Collection[str] | None = None) -> Any:
    """The one query: active residents without a sure reading in the last `days`, the longest silent first."""
    at, floor = to_micros(now), to_micros(now - timedelta(days=days))
    own = BINDING.c.resident_id == RESIDENT.c.id
    paired = _newest(func.min(DEVICE.c.first_seen), own & (BINDING.c.device_id == DEVICE.c.id))
    # A device of the home that has no slots is everybody's.
    shared = exists().where(DEVICE.c.household_id == RESIDENT.c.household_id)
    heard = (READING.c.resident_id == RESIDENT.c.id) & (READING.c.measured_at <= at)
    told = (NOTICE.c.recipient == RESIDENT.c.id) & (NOTICE.c.kind == KIND)
    talked = (CONTACT.c.resident_id == RESIDENT.c.id) & CONTACT.c.outcome.in_(sorted(SPOKEN))
    inner = select(
        RESIDENT.c.id, RESIDENT.c.channel, RESIDENT.c.created_at, paired.label("paired"),
        _last(heard).label("heard"), _last(heard & (READING.c.certainty == "sure")).label("sure"),
        or_(exists().where(own), shared).label("device"),
        _newest(func.max(NOTICE.c.created_at), told).label("reminded"),
        _newest(func.max(CONTACT.c.at), talked).label("spoken"),
    ).where(RESIDENT.c.status == "active")  # fmt: skip
    if towns is not None:
        inner = inner.where(RESIDENT.c.municipality_code.in_(sorted(towns)))
    if residents is not None:
        inner = inner.where(RESIDENT.c.id.in_(sorted(residents)))
    one = inner.subquery()
    could = case((one.c.paired > one.c.created_at, one.c.paired), else_=one.c.created_at)
    since = func.coalesce(one.c.sure, could)
    return select(one).where(since <= floor).order_by(since, one.c.id)


def _newest(value: Any, where: Any) -> ScalarSelect[Any]:
    return select(value).where(where).correlate(RESIDENT).scalar_subquery()


def _last(where: Any) -> ScalarSelect[Any]:
    """The instant of the newest reading of that sort: the last step of an index, where a maximum would read all."""
    newest: Select[Any] = select(READING.c.measured_at).where(where).order_by(READING.c.measured_at.desc()).limit(1)
    return newest.correlate(RESIDENT).scalar_subquery()


def known(
    connection: Connection, towns: Collection[str] | None, now: datetime, days: int,
    residents: Collection[str] | None = None,
) -> Iterator[Known]:  # fmt: skip
    """Everybody without a sure reading in the last `days`, with what decides about them; longest silent first."""
    rows = list(connection.execute(query_of(towns, now, days, residents)))
    for part in parts_of(rows):
        names = [row.id for row in part]
        lives, said = repo_life.situations(connection, names), repo_consents.events_of(connection, names)
        for row in part:
            yield _known(row, lives[row.id], said.get(row.id, []), now)


def of_resident(connection: Connection, resident: str, now: datetime) -> Silence | None:
    """The silence of which this resident's own page speaks; None where there is none to speak of."""
    rules = silences.policy()
    found = next(known(connection, None, now, rules.remind, [resident]), None)
    return None if found is None else silences.is_told(found, now, rules)


def listed(
    connection: Connection, towns: Collection[str] | None, now: datetime, limit: int | None = None
) -> list[Silent]:
    """Up to `limit` people nurses of these towns (None: all) ask after or remind by telephone, longest silent first."""
    rules = silences.policy()
    found: list[tuple[Silence, Step]] = []
    for one in known(connection, towns, now, rules.remind):
        due = silences.to_call(one, now, rules)
        if due is not None:
            found.append(due)
        if len(found) == limit:
            break
    names = [silence.resident for silence, _ in found]
    people, tried = _people(connection, names, now), repo_contacts.newest(connection, names)
    return [
        Silent(
            person=people[silence.resident], silence=silence, step=step, tried=last.at if last else None,
            outcome=last.outcome if last else None,
        )
        for silence, step in found
        for last in [tried.get(silence.resident)]
    ]  # fmt: skip


def one_listed(connection: Connection, resident: str, now: datetime) -> tuple[Silence, Step] | None:
    """The silence for which this resident stands on the nurses' list; None where they do not."""
    rules = silences.policy()
    found = next(known(connection, None, now, rules.remind, [resident]), None)
    return None if found is None else silences.to_call(found, now, rules)


def unreminded(connection: Connection, now: datetime) -> list[str]:
    """Whom to remind now, in every town."""
    rules = silences.policy()
    return [one.resident for one in known(connection, None, now, rules.remind) if silences.to_remind(one, now, rules)]


def remind(connection: Connection, residents: Collection[str], now: datetime) -> list[Silence]:
    """Owes a reminder to those of these residents who are to be reminded still; the silences they were told of."""
    rules: Policy = silences.policy()
    made = []
    for one in list(known(connection, None, now, rules.remind, residents)):
        found = silences.to_remind(one, now, rules)
        # Of two who remind at once one wins: a silence is told by the instant at which it began.
        if found is not None and repo_notices.owe(connection, one.resident, KIND, f"{to_micros(found.since)}", now):
            made.append(found)
    return made


def _people(connection: Connection, names: Collection[str], now: datetime) -> Mapping[str, Resident]:
    hidden = repo_protection.shielded(connection, names, now)
    found: dict[str, Resident] = {}
    wanted = list(names)
    for some in parts_of(wanted):
        for person in repo_residents.get_many(connection, some):
            bare = msgspec.structs.replace(person, address=None, phone=None, emergency_contact=None)
            found[person.id] = bare if person.id in hidden else person
    return found


def _known(row: Any, situation: Situation, said: list[Event], now: datetime) -> Known:
    at = {name: None if getattr(row, name) is None else from_micros(getattr(row, name)) for name in _INSTANTS}
    return Known(
        resident=row.id, situation=situation, channel=row.channel, enrolled=from_micros(row.created_at),
        device=bool(row.device), records=_to_some(said, "record", now), advised=_to_some(said, "advice", now),
        reviewed=permits(said, "nurse-review", None, None, now).granted, **at,
    )  # fmt: skip


_INSTANTS: Final = ("paired", "heard", "sure", "reminded", "spoken")


def _to_some(said: list[Event], purpose: Any, now: datetime) -> bool:
    """Whether they agree for any kind; no word was ever said about the last one alone."""
    kinds = {event.kind for event in said if event.purpose == purpose} | {None, _UNSPOKEN}
    return any(permits(said, purpose, None, kind, now).granted for kind in kinds)
