"""Whose data a person may open: their own town's, of residents who agreed, or behind a broken glass.

What lies outside a person's towns does not exist for them: the answer is the same as for an id that was never given.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from engine.access import Identity
from engine.contract.ids import is_id
from engine.decisions import open_to_nurses
from engine.people import Resident
from engine.review import Item
from engine.store import repo_advice, repo_glass, repo_protection, repo_residents
from engine.store.database import Connection
from engine.web.context import SorryError

# What a broken glass does not open: deciding for somebody who did not agree to it.
LOOK: Final = "look"
ACT: Final = "act"


def resident_of(connection: Connection, who: Identity, name: str, now: datetime, *, to: str = ACT) -> Resident:
    """The resident of that id if this person of staff may open them; raises SorryError not-found or no-consent.

    `to` is `ACT`, or `LOOK` where a break-glass look of this person is enough.
    """
    person, agreed = _opened(connection, who, name, now, to)
    del agreed
    return person


def _opened(connection: Connection, who: Identity, name: str, now: datetime, to: str) -> tuple[Resident, bool]:
    """The resident, and whether they agreed to it."""
    person = known(connection, who, name, now)
    if open_to_nurses(connection, [person.id], now):
        return person, True
    if to == LOOK and repo_glass.broken(connection, who.id, person.id, now):
        return person, False
    raise SorryError(403, "no-consent", back=f"/residents/{person.id}/glass" if who.may("break-glass") else "/")


def known(connection: Connection, who: Identity, name: str, now: datetime | None = None) -> Resident:
    """The resident of that id if they live in a town of this person, consent or not: names, devices, requests.

    With `now` without address and telephone where a measure of support hides them from who may not decide about it:
    to be read, never to be stored.
    """
    person = repo_residents.get(connection, name) if is_id(name, "r") else None
    if person is None or not who.within(person.municipality_code):
        raise SorryError(404, "not-found")
    return person if now is None or who.may("protect") else repo_protection.masked(connection, person, now)


def item_of(connection: Connection, who: Identity, name: str, now: datetime, *, to: str = ACT) -> tuple[Item, Resident]:
    """The piece of advice of that id and whose it is, if this person of staff may open both; `to` as `resident_of`."""
    item = _advice(connection, name)
    return item, resident_of(connection, who, item.resident_id, now, to=to)


def look_at(connection: Connection, who: Identity, name: str, now: datetime) -> tuple[Item, Resident, bool]:
    """The same for a look, and whether the resident agreed: behind a broken glass nobody decides."""
    item = _advice(connection, name)
    return item, *_opened(connection, who, item.resident_id, now, LOOK)


def _advice(connection: Connection, name: str) -> Item:
    item = repo_advice.get(connection, name) if is_id(name, "a") else None
    if item is None:
        raise SorryError(404, "not-found")
    return item
