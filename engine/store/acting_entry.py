"""Entering who acts for a resident: the account there is, or a new one, and the yes it rests on; one transaction."""

from __future__ import annotations

from datetime import datetime
from random import Random

import msgspec
from sqlalchemy import Connection

from engine.acting import Acting, Draft, drafted, holds
from engine.contract.ids import is_id, new_id
from engine.names import keep
from engine.people import Resident
from engine.refusal import Refusal
from engine.situation import gone
from engine.store import audit, repo_acting, repo_family, repo_life, repo_protection, repo_residents
from engine.store.filing import By

GUARDIAN = "guardian"
RESIDENT = "resident"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Who is to act: `actor` an account there is, else `name` and `relation` of a new one; and what as `draft` says.

    The draft's `agreed_by` may be the word `resident`, or `guardian` for the guardian who acts for them now. Under a
    measure of support somebody must have made sure that this is not the other party: `confirmed`.
    """

    draft: Draft
    actor: str = ""
    name: str = ""
    relation: str = "other"
    confirmed: bool = False


def enter(
    connection: Connection, person: Resident, wanted: Wanted, now: datetime, by: By, rng: Random
) -> Acting | Refusal:  # fmt: skip
    """Stores who acts for `person`; refused as `engine.acting.drafted`, or by what the store knows of both.

    Codes: inactive, protected, no-such-account, twice, not-agreed. Nothing is stored where it is refused, no account
    either.
    """
    audit.take_turn(connection)
    known = _forbidden(connection, person, wanted, now) or _known(connection, wanted, now)
    if isinstance(known, Refusal):
        return known
    agreed_by = _agreed_by(connection, person, wanted.draft.agreed_by, now)
    made = drafted(
        msgspec.structs.replace(wanted.draft, agreed_by=agreed_by), id=new_id("j", rng), resident=person.id,
        birth=person.birth_date, actor=known or new_id("m", rng), by=by.actor, now=now,
    )  # fmt: skip
    if isinstance(made, Refusal):
        return made
    if agreed_by is not None and not repo_acting.agreement(connection, person.id, agreed_by, now):
        return Refusal("not-agreed", f"{agreed_by} cannot say yes for {person.id}", "agreed_by")
    if any(one.basis == made.basis for one in _between(connection, made, person, now)):
        return Refusal("twice", f"{made.actor} acts as {made.basis} already; end that first", "basis")
    if not known:
        member = repo_family.add(connection, wanted.name, wanted.relation, "ja", now, rng)
        made = msgspec.structs.replace(made, actor=member.id)
    repo_acting.add(connection, made, by)
    return made


def _forbidden(connection: Connection, person: Resident, wanted: Wanted, now: datetime) -> Refusal | None:
    if gone(repo_life.situation(connection, person.id), now):
        return Refusal("inactive", f"{person.id} takes part no more", "resident")
    if not wanted.confirmed and repo_protection.shielded(connection, [person.id], now):
        return Refusal("protected", "a measure of support holds: make sure this is not the other party", "confirmed")
    return None


def _known(connection: Connection, wanted: Wanted, now: datetime) -> str | Refusal:
    """The account that is named and good, "" where a new one is wanted."""
    missing = Refusal("no-such-account", "there is no such account, or it is closed", "actor")
    if not wanted.actor:
        kept = keep(wanted.name)
        return "" if isinstance(kept, str) else Refusal("no-account", "name an account, or a new person", "name")
    if is_id(wanted.actor, "m"):
        member = repo_family.get(connection, wanted.actor)
        return missing if member is None or member.ended_at is not None else wanted.actor
    other = repo_residents.get(connection, wanted.actor) if is_id(wanted.actor, "r") else None
    return missing if other is None or gone(repo_life.situation(connection, other.id), now) else other.id


def _agreed_by(connection: Connection, person: Resident, said: str | None, now: datetime) -> str | None:
    if said == RESIDENT:
        return person.id
    if said == GUARDIAN:
        held = (one for one in repo_acting.live(connection, person, now) if one.basis == GUARDIAN)
        return next((one.id for one in held), None)
    return said or None


def _between(connection: Connection, made: Acting, person: Resident, now: datetime) -> list[Acting]:
    every = repo_acting.of_actor(connection, made.actor)
    return [one for one in every if one.resident == person.id and holds(one, person.birth_date, now)]
