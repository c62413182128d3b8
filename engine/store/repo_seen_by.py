"""Who did what with a resident's data, from the audit chain, gathered by person, action and day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, and_, func, not_, or_, select

from engine.review import ENGINE
from engine.seen import VISITOR
from engine.store.instants import from_micros
from engine.store.tables import ADVICE, AUDIT
from engine.store.tables_bridge import CARE_ENTRY, PUSH
from engine.store.tables_clinical import FACT
from engine.store.tables_desk import REQUEST, STANDING_APPROVAL, URGENT_TEXT
from engine.store.tables_rights import ACTING

# Japan has one time zone and no summer time; a day there begins nine hours before the day of UTC.
_NINE_HOURS: Final = 9 * 3_600_000_000
_DAY: Final = 24 * 3_600_000_000
_EPOCH: Final = date(1970, 1, 1)


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One person's one kind of act on one civil day: how often, when last; `seq` of the last is its place."""

    actor: str
    action: str
    day: date
    times: int
    last: datetime
    seq: int


def looks(connection: Connection, resident: str, *, before: int | None = None, limit: int = 30) -> list[Look]:
    """What people did with the resident's record, advice, facts and requests, newest first; `before` is a place.

    The resident's own acts and the machine's are left out.
    """
    day = ((AUDIT.c.at + _NINE_HOURS) // _DAY).label("day")
    last = func.max(AUDIT.c.seq).label("last")
    query = select(
        AUDIT.c.actor, AUDIT.c.action, day, func.count().label("times"), func.max(AUDIT.c.at).label("at"), last
    )
    query = query.where(about(resident), AUDIT.c.actor.not_in([resident, ENGINE]), _somebody())
    query = query.group_by(AUDIT.c.actor, AUDIT.c.action, day).order_by(last.desc()).limit(limit)
    if before is not None:
        query = query.having(last < before)
    return [_look(row) for row in connection.execute(query)]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What one network was told of a resident: how many values it holds of ours, and when the last one left."""

    network: str
    values: int
    last: datetime


def told(connection: Connection, resident: str) -> list[Held]:
    """What networks were told and may hold, also after a no: by network."""
    table = PUSH.c
    query = select(table.network, func.count().label("values"), func.max(table.sent_at).label("last"))
    query = query.where(table.resident_id == resident, table.type == "Observation", table.sent_at.is_not(None))
    query = query.group_by(table.network).order_by(table.network)
    return [
        Held(network=row.network, values=row.values, last=from_micros(row.last)) for row in connection.execute(query)
    ]


def about(resident: str) -> Any:
    """The condition that an entry of the audit is about `resident`, or about something of theirs."""
    mine = [
        select(ADVICE.c.id).where(ADVICE.c.resident_id == resident),
        select(FACT.c.id).where(FACT.c.resident_id == resident),
        select(REQUEST.c.id).where(REQUEST.c.resident_id == resident),
        select(CARE_ENTRY.c.id).where(CARE_ENTRY.c.resident_id == resident),
        select(ACTING.c.id).where(ACTING.c.resident_id == resident),
    ]
    return or_(AUDIT.c.subject == resident, *(AUDIT.c.subject.in_(one) for one in mine))


def _somebody() -> Any:
    """Not a signature that acted by itself, nor whoever tried to sign in: by what they are, never by how they sound.

    Nobody can call themselves so that their looks are not told.
    """
    signatures = [select(STANDING_APPROVAL.c.id), select(URGENT_TEXT.c.id)]
    tried = (AUDIT.c.actor == VISITOR) & AUDIT.c.action.like("sign-in-%")
    return and_(not_(tried), *(AUDIT.c.actor.not_in(one) for one in signatures))


def _look(row: Any) -> Look:
    return Look(
        actor=row.actor, action=row.action, day=_EPOCH + timedelta(days=int(row.day)), times=row.times,
        last=from_micros(row.at), seq=row.last,
    )  # fmt: skip
