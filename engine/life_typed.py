"""What somebody typed about a person's life, on the desk or in a terminal, made a draft: dates, places, households."""

from __future__ import annotations

from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

import msgspec

from engine import life
from engine.contract.ids import new_id
from engine.people import Resident
from engine.picture import zone_of
from engine.refusal import Refusal
from engine.situation import MOVES
from engine.store import repo_life, repo_places
from engine.store.database import Connection

NEW, NONE, SAME = "new", "none", "same"


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of the form as they were typed; household is `new`, `none`, `same` or an id."""

    sort: str = ""
    since: str = ""
    until: str = ""
    municipality: str = ""
    household: str = ""


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """A draft that may be recorded, and the household that has to be made for it, if any."""

    draft: life.Draft
    home: repo_places.Household | None = None


def read(
    connection: Connection, person: Resident, typed: Typed, by: str, now: datetime, rng: Random
) -> Ready | Refusal:  # fmt: skip
    """The draft that `typed` says of `person`; nothing is stored.

    Refused as `life.checked` refuses, or as `unreadable-date`, `unknown-municipality` or `unknown-household`.
    """
    zone = zone_of(connection, person)
    spans = _spans(typed, now, zone)
    if isinstance(spans, Refusal):
        return spans
    town = typed.municipality or None
    if town is not None and town not in repo_places.municipalities(connection):
        return Refusal("unknown-municipality", f"there is no municipality {town!r} here", "municipality")
    home = _home(connection, person, typed, town or person.municipality_code, rng)
    if isinstance(home, Refusal):
        return home
    name = home.id if isinstance(home, repo_places.Household) else home
    draft = life.Draft(
        id=new_id("f", rng), by=by, sort=typed.sort, since=spans[0], until=spans[1], municipality=town, household=name
    )
    event = life.checked(draft, person, repo_life.situation(connection, person.id), now)
    if isinstance(event, Refusal):
        return event
    return Ready(draft=draft, home=home if isinstance(home, repo_places.Household) else None)


def _spans(typed: Typed, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime | None] | Refusal:
    since = life.beginning(typed.since, typed.sort, now, zone)
    until = life.ending(typed.until, zone) if typed.until else None
    if isinstance(since, Refusal):
        return since
    return until if isinstance(until, Refusal) else (since, until)


def _home(
    connection: Connection, person: Resident, typed: Typed, town: str, rng: Random
) -> repo_places.Household | str | Refusal | None:  # fmt: skip
    """The household a move leads to: one to be made, the id of one there is, or None for none."""
    if typed.sort not in MOVES or typed.household in {"", NONE}:
        return None
    if typed.household == SAME:
        return person.household_id
    if typed.household == NEW:
        return repo_places.Household(id=new_id("h", rng), municipality_code=town)
    if repo_places.household(connection, typed.household) is None:
        return Refusal("unknown-household", f"there is no household {typed.household!r}", "household")
    return typed.household
