"""The summary of a stored resident: everything gathered in one transaction, under the disclosure policy or whole."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from engine.locale import Language
from engine.municipalities import REGION
from engine.people import Resident
from engine.picture import signals_of
from engine.store import audit, repo_devices, repo_disclosure, repo_entries, repo_facts, repo_staff, repo_teams
from engine.store.database import Connection
from engine.store.filing import By
from engine.store.instants import to_micros
from engine.store.repo_protection import masked
from engine.summary import Around, Hidden, Summary, summary_of
from engine.telling import courses_of

# What a rule forbids to put before the person (R-CI-4) is left out of their own version, not of the doctor's.
_SHOWN_AS: Final = {
    "weight": ("weight.level", "weight.change_180d", "bmi"), "steps": ("steps.mean_7d",),
    "pressure": (
        "bp.home.systolic_morning", "bp.home.diastolic_morning",
        "bp.home.systolic_evening", "bp.home.diastolic_evening",
    ),
    "pulse": ("heart.resting",),
}  # fmt: skip


def stored_summary(connection: Connection, person: Resident, now: datetime, *, lang: Language, whole: bool) -> Summary:
    """The summary of `person` at `now`; `whole` is for whoever treats them, else it is what they may see themselves.

    It leaves the house, on paper and behind a card: who hides has neither telephone nor contact on it, whoever made it.
    """
    person = masked(connection, person, now)
    signals, around = signals_of(connection, person, now).values, _around(connection, person)
    if whole:
        facts, entries = repo_facts.of_one(connection, person.id), repo_entries.of(connection, person.id)
        return summary_of(person, facts, entries, signals, now, lang=lang, around=around)
    seen = repo_disclosure.seen_by(connection, person, now)
    told = repo_disclosure.entries_seen_by(connection, person, now)
    later = sum(seen.later.values()) + sum(told.later.values())
    hidden = Hidden(later, seen.waiting + told.waiting)
    shown = {course.key for course in courses_of(connection, person, now)}
    spared = {name for key, names in _SHOWN_AS.items() if key not in shown for name in names}
    signals = {name: signal for name, signal in signals.items() if name not in spared}
    return summary_of(person, seen.shown, told.shown, signals, now, lang=lang, around=around, hidden=hidden)


def note_summary(connection: Connection, summary: Summary, action: str, by: By, now: datetime, *detail: object) -> None:
    """Writes into the audit chain that it was made, for whom, which version: of its words nothing."""
    entry = audit.Entry(
        at=to_micros(now), actor=by.actor, os_user=by.os_user, action=action, subject=summary.person.id,
        detail_hash=audit.detail_hash([summary.whole, *detail]),
    )  # fmt: skip
    audit.append(connection, entry)


def _around(connection: Connection, person: Resident) -> Around:
    """The person's devices (their slot, or all of it), their team and its person, the town."""
    home = repo_devices.devices(connection, person.household_id) if person.household_id else []
    mine = [one for one in home if any(binding.resident == person.id for binding in one.bindings)]
    keeper = repo_teams.keepers(connection, [person.id]).get(person.id)
    team = repo_teams.get(connection, keeper.team, None) if keeper and keeper.team else None
    names = repo_staff.names_of(connection, [keeper.staff] if keeper and keeper.staff else [])
    called = (" ".join(part for part in (one.maker, one.model) if part) or one.profile for one in mine)
    return Around(
        devices=tuple(dict.fromkeys(called)),
        team=team.name if team else "", keeper=names.get(keeper.staff, "") if keeper and keeper.staff else "",
        town=REGION.get(person.municipality_code, person.municipality_code),
    )  # fmt: skip
