"""The tables of a resident's archive that tell how they were followed up: as their pages show it, to be read only.

Of staff's words, of what a programme counts and of whom somebody is watched besides there is nothing in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from engine.before_after import FELT, Rating
from engine.cases import Event
from engine.cases_words import mine
from engine.letters import Said
from engine.locale import Language
from engine.people import Resident
from engine.picture import zone_of
from engine.points import book
from engine.store import (
    repo_appointments,
    repo_before_after,
    repo_cases,
    repo_letters,
    repo_loans,
    repo_point_teams,
    repo_points,
    repo_referrals,
    repo_staff,
    repo_watch_alerts,
)
from engine.store.database import Connection
from engine.telling import delivered_of

Cells = Iterator[tuple[str, ...]]
HEADS: Final[dict[str, tuple[str, ...]]] = {
    "points": ("day", "sort", "rule", "name", "about", "points"),
    "teams": ("team", "sort", "since", "until"),
    "programmes": ("programme", "since", "interviewed", "goal", "words", "until", "next", "ended"),
    "followed": ("day", "programme", "what", "how"),
    "appointments": ("from", "to", "sort", "place", "with", "state", "cancelled_by"),
    "referrals": ("day", "advice", "state", "seen", "answered"),
    "letters": ("day", "sort", "about", "state", "sent", "returned", "replied", "text"),
    "loans": ("asset", "sort", "since", "due", "returned", "ended"),
    "watching": ("at", "told", "by", "over", "told_well"),
    "sessions": ("from", "to", "sort", "place", *(f"{kind}_{when}" for kind in FELT for when in ("before", "after"))),
}
# What is planned and who takes over is staff's own business until it is done.
_INNER: Final = frozenset({"plan", "handed"})
_MOST: Final = 10_000
_UNSAID: Final = Rating()


def following_of(connection: Connection, person: Resident, now: datetime, lang: Language) -> Mapping[str, Cells]:
    """Each table's rows by its name; read when they are asked for, in the caller's transaction."""
    zone = zone_of(connection, person)
    return {
        "points": _points(connection, person, lang),
        "teams": _teams(connection, person),
        "programmes": _programmes(connection, person, zone, lang),
        "followed": _followed(connection, person, zone),
        "appointments": _appointments(connection, person, zone),
        "referrals": _referrals(connection, person, zone, now),
        "letters": _letters(connection, person, zone),
        "loans": _loans(connection, person, zone),
        "watching": _watching(connection, person, zone),
        "sessions": _sessions(connection, person, zone),
    }


def _points(connection: Connection, person: Resident, lang: Language) -> Cells:
    """The ledger as it was written: whoever adds it up has the balance."""
    names = {rule.id: rule.label(lang) for rule in book().rule}
    for one in repo_points.of(connection, person.id):
        yield one.on.isoformat(), one.sort, one.rule, names.get(one.rule, ""), one.about, f"{one.points}"


def _teams(connection: Connection, person: Resident) -> Cells:
    for team, until in repo_point_teams.ever_of(connection, person.id):
        yield team.name, team.sort, _day(team.since), _day(until)


def _programmes(connection: Connection, person: Resident, zone: ZoneInfo, lang: Language) -> Cells:
    for case in repo_cases.of_resident(connection, person.id):
        goal = case.goal
        yield (
            case.programme, _on(case.opened_at, zone), _day(case.interviewed_on),
            "" if goal is None else "\n".join(mine(lang, goal)), "" if goal is None else goal.words,
            "" if goal is None else _day(goal.until), _day(case.next_on), _on(case.ended_at, zone),
        )  # fmt: skip


def _followed(connection: Connection, person: Resident, zone: ZoneInfo) -> Cells:
    cases = repo_cases.of_resident(connection, person.id)
    done = repo_cases.events_of(connection, [case.id for case in cases])
    found = [(event.at, case.programme, event) for case in cases for event in done[case.id] if event.sort not in _INNER]
    for at, programme, event in sorted(found, key=lambda one: one[0]):
        yield _on(at, zone), programme, event.sort, _how(event)


def _appointments(connection: Connection, person: Resident, zone: ZoneInfo) -> Cells:
    found = repo_appointments.of(connection, person.id, limit=_MOST)
    names = repo_staff.names_of(connection, {one.staff for one in found if one.staff})
    for one in sorted(found, key=lambda each: (each.starts_at, each.seq)):
        yield (
            _clock(one.starts_at, zone), _clock(one.ends_at, zone), one.sort, one.place, names.get(one.staff or "", ""),
            one.state, one.reason or "",
        )  # fmt: skip


def _referrals(connection: Connection, person: Resident, zone: ZoneInfo, now: datetime) -> Cells:
    told = {item.id for item in delivered_of(connection, person, now)}
    for kept in repo_referrals.of_resident(connection, person.id):
        one = kept.referral
        if one.advice in told:
            yield (
                _on(one.delivered_at, zone), one.advice, one.state, _day(one.seen_on), _on(one.answered_at, zone)
            )  # fmt: skip


def _letters(connection: Connection, person: Resident, zone: ZoneInfo) -> Cells:
    """What was written; not where it went: an address may be one that is kept from others."""
    for one in reversed(repo_letters.of_resident(connection, person.id, limit=_MOST)):
        yield (
            _on(one.made_at, zone), one.sort, one.about, one.state, _on(one.sent_at, zone), _on(one.returned_at, zone),
            _on(one.replied_at, zone), _text(one.said),
        )  # fmt: skip


def _loans(connection: Connection, person: Resident, zone: ZoneInfo) -> Cells:
    for one in repo_loans.ever_of(connection, person.id):
        yield (
            one.asset, one.sort, _on(one.lent_at, zone), _day(one.due_on), _on(one.returned_at, zone), one.ended or ""
        )  # fmt: skip


def _watching(connection: Connection, person: Resident, zone: ZoneInfo) -> Cells:
    """Whom was told, by whom and when; what a nurse looked at and told nobody is no word about the person."""
    alerts = {one.seq: one for one in repo_watch_alerts.of_resident(connection, person.id, limit=_MOST)}
    tellings = repo_watch_alerts.tellings(connection, alerts)
    told = [one for _, group in sorted(tellings.items()) for one in group]
    names = repo_staff.names_of(connection, {name for one in told for name in (one.recipient, one.by)})
    for one in told:
        yield (
            _clock(one.at, zone), names.get(one.recipient, ""), names.get(one.by, ""),
            _clock(alerts[one.alert].ended_at, zone), _clock(one.back_at, zone),
        )  # fmt: skip


def _sessions(connection: Connection, person: Resident, zone: ZoneInfo) -> Cells:
    for one in repo_before_after.of(connection, person.id):
        felt = [one.felt.get(kind, _UNSAID) for kind in FELT]
        said = [value for rating in felt for value in (rating.before, rating.after)]
        yield (
            _clock(one.started_at, zone), _clock(one.ended_at, zone), one.sort, one.place,
            *("" if value is None else f"{value}" for value in said),
        )  # fmt: skip


def _how(event: Event) -> str:
    """How somebody was spoken to, and the kind of what they came to; nobody's own words."""
    return event.detail.how or ""


def _text(said: Said) -> str:
    lines = [said.title, *said.lead]
    for block in (*said.front, *said.back):
        lines += [block.heading, *block.lines, *([block.small] if block.small else [])]
    return "\n".join(lines)


def _on(at: datetime | None, zone: ZoneInfo) -> str:
    return "" if at is None else at.astimezone(zone).date().isoformat()


def _day(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def _clock(at: datetime | None, zone: ZoneInfo) -> str:
    return "" if at is None else at.astimezone(zone).isoformat(timespec="seconds")
