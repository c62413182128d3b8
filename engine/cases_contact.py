"""A contact in a case, written down with the day of the next one; a first interview is a contact, too."""

from __future__ import annotations

from datetime import date, datetime
from random import Random

from engine.cases import Case, planned
from engine.cases_book import book
from engine.cases_store import barred, interview, plan
from engine.clinical_values import day_of
from engine.refusal import Refusal
from engine.store import repo_cases, repo_contacts
from engine.store.database import Connection
from engine.store.repo_contacts import How, Outcome
from engine.store.repo_facts import By


def note_contact(
    connection: Connection, case: Case, how: How, outcome: Outcome, text: str, minutes: int | None,
    next_on: date | None, now: datetime, by: By, rng: Random,
) -> Case | Refusal:  # fmt: skip
    """Keeps a contact of the case's resident and plans the next one; refused as ended, barred, past or too-far.

    Nothing is kept where the next day cannot be.
    """
    refused = (
        Refusal("ended", "this case has ended") if case.state != "open" else barred(connection, case.resident, now)
    )
    refused = refused or planned(next_on, day_of(now), book())
    if refused is not None:
        return refused
    repo_contacts.add(
        connection, resident=case.resident, by=by.actor, how=how, outcome=outcome, text=text, now=now, rng=rng,
        os_user=by.os_user, minutes=minutes,
    )  # fmt: skip
    after = repo_cases.get(connection, case.id)
    assert after is not None
    return after if next_on is None else plan(connection, after, next_on, now, by)


def note_interview(
    connection: Connection, case: Case, day: date, how: How, now: datetime, by: By, rng: Random
) -> Case | Refusal:
    """The first interview; one of today stands among the contacts, too, so that nobody counts as not spoken to.

    Refused as `engine.cases_store.interview` refuses.
    """
    done = interview(connection, case, day, how, now, by)
    if isinstance(done, Refusal) or day != day_of(now):
        return done
    repo_contacts.add(
        connection, resident=case.resident, by=by.actor, how=how, outcome="reached", text="", now=now, rng=rng,
        os_user=by.os_user,
    )  # fmt: skip
    return repo_cases.get(connection, case.id) or done
