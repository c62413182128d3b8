"""The disclosure policy of municipalities, and a resident's facts and entries as the resident may see them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from engine.disclosure import Policy, Sighted, SightedEntries, Term, policy_of, sighted, sighted_entries
from engine.people import Resident
from engine.store import audit, repo_entries, repo_facts, repo_releases
from engine.store.database import upsert
from engine.store.instants import to_micros
from engine.store.repo_facts import By
from engine.store.tables_desk import DISCLOSURE


def policy_for(connection: Connection, municipality: str) -> Policy:
    """The policy of a municipality: the defaults, and what it said for itself."""
    rows = connection.execute(select(DISCLOSURE).where(DISCLOSURE.c.municipality_code == municipality))
    return policy_of({row.data_class: Term(row.mode, row.days) for row in rows})


def set_policy(connection: Connection, municipality: str, name: str, term: Term, by: By, now: datetime) -> None:
    """Says when a municipality shows a class of data; `term` comes from `engine.disclosure.term`."""
    row = {
        "municipality_code": municipality, "data_class": name, "mode": term.mode, "days": term.days, "by": by.actor,
        "at": to_micros(now),
    }  # fmt: skip
    upsert(connection, DISCLOSURE, [row])
    _note(connection, "disclosure-set", f"{municipality}:{name}", [term.mode, term.days], by, now)


def seen_by(connection: Connection, person: Resident, now: datetime) -> Sighted:
    """Everything recorded of a resident, as they may see it now."""
    policy, releases = _terms(connection, person)
    return sighted(repo_facts.of_one(connection, person.id), policy, releases, now)


def entries_seen_by(connection: Connection, person: Resident, now: datetime) -> SightedEntries:
    """Every thing other houses told of a resident, as they may see it now."""
    policy, releases = _terms(connection, person)
    return sighted_entries(repo_entries.of(connection, person.id), policy, releases, now)


def _terms(connection: Connection, person: Resident) -> tuple[Policy, dict[str, datetime]]:
    return policy_for(connection, person.municipality_code), repo_releases.released_to(connection, person.id)


def _note(connection: Connection, action: str, subject: str, detail: list[object], by: By, now: datetime) -> None:
    audit.note(connection, action, subject, by, now, detail)
