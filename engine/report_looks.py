"""Who saw a resident's record in a span of days, in words: the part of the report that comes from the audit chain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

import msgspec

from engine.charts_scale import long_day
from engine.contract.ids import is_id
from engine.locale import Language, text
from engine.people import Resident
from engine.seen import did, role_of
from engine.store import repo_emergency, repo_grants, repo_seen_by, repo_staff
from engine.store.database import Connection

_PAGE = 200


class Look(msgspec.Struct, frozen=True):
    """Somebody saw the record: the day, who in which role, and what they did."""

    when: str
    who: str
    what: str


def looks_of(connection: Connection, person: Resident, first: date, last: date, language: Language) -> list[Look]:
    """Who saw or changed anything of this person on these days, the newest first; each act once a day."""
    found = [one for one in _since(connection, person, first) if first <= one.day <= last]
    found.sort(key=lambda one: (one.day, one.seq), reverse=True)
    who = _called(connection, {one.actor for one in found}, language)
    told = [
        Look(long_day(one.day, language), who[one.actor], text(language, "resident", f"me.seen.did.{did(one.action)}"))
        for one in found
    ]
    return list(dict.fromkeys(told))


def _since(connection: Connection, person: Resident, first: date) -> Iterator[repo_seen_by.Look]:
    """Everything until the day before `first` comes up, page by page."""
    before = None
    while page := repo_seen_by.looks(connection, person.id, before=before, limit=_PAGE):
        yield from page
        if page[-1].day < first:
            return
        before = page[-1].seq


def _called(connection: Connection, ids: Iterable[str], language: Language) -> dict[str, str]:
    """Each name with its role behind it; who signed at the terminal is called as they signed."""
    wanted = list(ids)
    found = repo_staff.names_of(connection, wanted) | repo_grants.names_of(connection, wanted)
    found |= repo_emergency.names_of(connection, wanted)
    for one, name in list(found.items()):
        member = repo_staff.get(connection, one) if is_id(one, "s") else None
        mark = "family" if is_id(one, "m") else "program" if is_id(one, "x") else None
        role = mark or (role_of(member.roles) if member else None)
        if role is not None:
            found[one] = f"{name} ({text(language, 'resident', f'me.seen.role.{role}')})"
    return found
