"""Entering who acts for a resident, with the yes it rests on, and taking a mistake back with all that came of it."""

from __future__ import annotations

from datetime import datetime
from random import Random

import msgspec
from sqlalchemy import Connection

from engine.acting import CHANNEL, Acting, Draft, Why, drafted, holds
from engine.consent import Event, permits, say
from engine.contract.ids import is_id, new_id
from engine.names import keep
from engine.people import Resident
from engine.refusal import Refusal
from engine.situation import gone
from engine.store import (
    audit,
    repo_acting,
    repo_consents,
    repo_family,
    repo_life,
    repo_notices,
    repo_protection,
    repo_residents,
)
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
    # Whoever is acted for by a false paper is the first who can say so.
    repo_notices.owe(connection, person.id, "acting", made.id, now)
    return made


def _forbidden(connection: Connection, person: Resident, wanted: Wanted, now: datetime) -> Refusal | None:
    if gone(repo_life.situation(connection, person.id), now):
        return Refusal("inactive", f"{person.id} takes part no more", "resident")
    if not wanted.confirmed and careful(connection, person, now):
        return Refusal("protected", "a measure of support holds: make sure this is not the other party", "confirmed")
    return None


def withdraw(connection: Connection, id: str, by: By, why: Why, now: datetime) -> Acting | Refusal:  # noqa: A002
    """Ends one as `repo_acting.end` does, and of a mistake what rests on it: whom they let act, and their yes.

    A yes stays where the resident's own word gives it, too, and where another basis lets them speak still. What they
    said no to stays no until somebody says yes.
    """
    done = repo_acting.end(connection, id, by, why, now)
    if isinstance(done, Refusal) or why != "mistake":
        return done
    for one in repo_acting.of_resident(connection, done.resident):
        if one.agreed_by == done.id:
            withdraw(connection, one.id, by, why, now)
    if repo_acting.may_act(connection, done.actor, done.resident, "consents", now) is None:
        _unsay(connection, done, by, now)
    return done


def _unsay(connection: Connection, done: Acting, by: By, now: datetime) -> None:
    said = repo_consents.history(connection, done.resident)
    theirs = [one for one in said if one.channel == CHANNEL and one.actor == done.actor and one.at >= done.since]
    rest = [one for one in said if one not in theirs]
    for purpose, recipient, kind in dict.fromkeys((one.purpose, one.recipient, one.kind) for one in theirs):
        asked = (purpose, recipient, kind, now)
        if permits(said, *asked).granted and not permits(rest, *asked).granted:
            no = say(
                Event(
                    resident=done.resident, purpose=purpose, granted=False, at=now, recipient=recipient, kind=kind,
                    actor=by.actor, channel=CHANNEL,
                )
            )  # fmt: skip
            assert isinstance(no, Event)  # the yes to the very same was one
            repo_consents.append(connection, no, os_user=by.os_user)


def careful(connection: Connection, person: Resident, now: datetime) -> bool:
    """Whether the other party may not come to act for them: they hide, or somebody hides who acts for them."""
    acting = [one.actor for one in repo_acting.live(connection, person, now) if is_id(one.actor, "r")]
    return bool(repo_protection.shielded(connection, [person.id, *acting], now))


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
