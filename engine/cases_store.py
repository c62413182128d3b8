"""Following a resident, carried out in the caller's transaction: terminal, desk and appointments alike.

Nothing is done with somebody who did not agree that nurses look, or who takes part no more, but to end it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from random import Random
from typing import Final

import msgspec

from engine.cases import (
    MEETS,
    Basis,
    Case,
    Change,
    Detail,
    Event,
    Goal,
    Reason,
    Sort,
    may_end,
    may_evaluate,
    planned,
)
from engine.cases_book import GUIDANCE, Habit, Programme, Stage, book
from engine.cases_goal import allow, bars_loss
from engine.cases_measure import change_of, checkup_of
from engine.cases_points import bonus_points, evaluation_points
from engine.clinical_values import day_of
from engine.contract.ids import new_id
from engine.decisions import open_to_nurses
from engine.judge import Judgement, judge
from engine.people import Resident
from engine.picture import signals_of, zone_of
from engine.refusal import Refusal
from engine.rules import ClassRule, in_force, load_catalogue
from engine.situation import gone
from engine.store import audit, repo_cases, repo_life, repo_teams
from engine.store.database import Connection
from engine.store.repo_facts import By

_LEVEL: Final = "guidance.level"


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """What a case is opened with: by which programme and why, who looks after it, and the day of the first call."""

    programme: Programme
    basis: Basis
    staff: str | None = None
    next_on: date | None = None


def judgement_of(connection: Connection, person: Resident, now: datetime) -> Judgement:
    """What the rules in force say of a resident now."""
    rules = in_force(load_catalogue(), now.astimezone(zone_of(connection, person)).date())
    return judge(signals_of(connection, person, now), rules)


def level_of(connection: Connection, person: Resident, now: datetime) -> str | None:
    """The level of the specific guidance by what is known of a resident now; None while that may still change it."""
    rules = in_force(load_catalogue(), now.astimezone(zone_of(connection, person)).date())
    classes = [rule for rule in rules if isinstance(rule, ClassRule)]
    return judge(signals_of(connection, person, now), classes).gives(_LEVEL)


def barred(connection: Connection, resident: str, now: datetime) -> Refusal | None:
    """Why nothing may be done with a resident but to end it: `inactive`, or `no-consent` to nurses looking."""
    left = gone(repo_life.situation(connection, resident), now)
    if left is not None:
        return left
    if not open_to_nurses(connection, [resident], now):
        return Refusal("no-consent", f"{resident} did not agree that nurses look at their record")
    return None


def open_case(
    connection: Connection, person: Resident, wish: Opening, now: datetime, by: By, rng: Random
) -> Case | Refusal:
    """Enrols a resident, to be called on `next_on` (today without one).

    Refused as barred; `not-stratified` where the check-up says another level than the programme; `other-guidance`
    while they are in the other guidance; `already-open`; `past` or `too-far` for the first call.
    """
    # Of two who enrol the same person at once the second sees what the first did.
    audit.take_turn(connection)
    today = day_of(now)
    refused = barred(connection, person.id, now) or planned(wish.next_on, today, book())
    if refused is not None:
        return refused
    if wish.basis == "checkup":
        level = level_of(connection, person, now)
        if wish.programme not in GUIDANCE or level != wish.programme:
            return Refusal("not-stratified", f"by the check-up the level is {level or 'not known yet'}", "basis")
    others = {case.programme for case in repo_cases.open_of(connection, person.id)}
    if wish.programme in GUIDANCE and others & (GUIDANCE - {wish.programme}):
        return Refusal("other-guidance", "they are in the other guidance; end it first", "programme")
    keeper = repo_teams.keepers(connection, [person.id]).get(person.id)
    case = Case(
        id=new_id("o", rng), resident=person.id, municipality=person.municipality_code, programme=wish.programme,
        basis=wish.basis, staff=wish.staff or (keeper.staff if keeper else None), next_on=wish.next_on or today,
        opened_at=now, opened_by=by.actor,
    )  # fmt: skip
    return repo_cases.add(connection, case, by, Detail(next_on=case.next_on, staff=case.staff))


def set_goal(
    connection: Connection, person: Resident, case: Case, goal: Goal, now: datetime, by: By
) -> Case | Refusal:  # fmt: skip
    """The goal the resident chose; refused as barred or ended, and as `allow` refuses what must not be aimed at."""
    refused = _closed(case) or barred(connection, person.id, now)
    if refused is not None:
        return refused
    allowed = allow(goal, judgement_of(connection, person, now))
    if isinstance(allowed, Refusal):
        return allowed
    return repo_cases.change(connection, _after(case, goal=allowed), "goal", now, by, Detail(goal=allowed))


def interview(connection: Connection, case: Case, day: date, how: str, now: datetime, by: By) -> Case | Refusal:
    """The first interview, from which the evaluations are due; soon after the check-up it counts points.

    Refused as barred, ended, `interviewed`, `future`, or `before-opening` for a day before the case was opened.
    """
    refused = _closed(case) or barred(connection, case.resident, now)
    if refused is not None:
        return refused
    if case.interviewed_on is not None:
        return Refusal("interviewed", f"the first interview was on {case.interviewed_on.isoformat()}", "on")
    if day > day_of(now):
        return Refusal("future", "this has not come yet", "on")
    checked = checkup_of(connection, case.resident, now, day)
    # An interview on the day of the check-up is often written down when its result is there.
    if day < min(day_of(case.opened_at), checked or day_of(case.opened_at)):
        return Refusal("before-opening", "the case was opened later", "on")
    points, counted = bonus_points(book(), case, checked, day)
    after = _after(case, interviewed_on=day, next_on=_left(case.next_on, day_of(now)))
    return repo_cases.change(
        connection, after, "interview", now, by, Detail(on=day, how=how, counted=counted), points
    )  # fmt: skip


def plan(connection: Connection, case: Case, day: date | None, now: datetime, by: By) -> Case | Refusal:
    """When to call again; without a day the case stands on the list until somebody plans one."""
    refused = _closed(case) or planned(day, day_of(now), book())
    if refused is not None:
        return refused
    return repo_cases.change(connection, _after(case, next_on=day), "plan", now, by, Detail(next_on=day))


def hand(connection: Connection, case: Case, staff: str | None, now: datetime, by: By) -> Case | Refusal:
    """Who looks after it from now on; None is nobody, then it stands on everybody's list alone."""
    refused = _closed(case)
    if refused is not None:
        return refused
    return repo_cases.change(connection, _after(case, staff=staff), "handed", now, by, Detail(staff=staff))


def evaluate(
    connection: Connection, person: Resident, case: Case, stage: Stage, typed: Change, habits: Sequence[Habit],
    now: datetime, by: By,
) -> tuple[Case, int] | Refusal:  # fmt: skip
    """The evaluation after three or six months and what it counts; what is not typed comes from the store.

    Refused as barred, ended, and as `may_evaluate` refuses; `bad-number` for what no body weighs or measures.
    """
    refused = _closed(case) or barred(connection, person.id, now) or may_evaluate(case, stage, day_of(now), book())
    refused = refused or _impossible(typed)
    if refused is not None:
        return refused
    known = change_of(connection, person, case, now, book())
    change = _over(known, typed)
    barred_now = bars_loss(judgement_of(connection, person, now))
    points, counted = evaluation_points(book(), case, change, habits, barred=barred_now)
    detail = Detail(stage=stage, change=change, habits=tuple(sorted(set(habits))), counted=counted)
    after = _after(case, next_on=_left(case.next_on, day_of(now)))
    done = repo_cases.change(connection, after, "evaluation", now, by, detail, points)
    return done if isinstance(done, Refusal) else (done, points)


def end(
    connection: Connection, case: Case, reason: Reason, text: str, now: datetime, by: By
) -> Case | Refusal:  # fmt: skip
    """Ends a case with its reason, also of who is gone or withdrew; refused as ended and as `may_end` refuses."""
    events = repo_cases.events(connection, case.id)
    refused = _closed(case) or may_end(case, reason, events, text, book())
    if refused is not None:
        return refused
    after = _after(case, state="ended", next_on=None, ended_at=now, ended_by=by.actor, reason=reason)
    return repo_cases.change(connection, after, "ended", now, by, Detail(reason=reason, text=text))


def attended(
    connection: Connection, resident: str, case: str | None, sort: str, kept: bool, at: datetime, by: By, now: datetime
) -> None:  # fmt: skip
    """That somebody came to an appointment, or did not, is an event of its case, or of every case they are in.

    Who came is not called for a day that was planned before; who did not is on the list until a new day is planned.
    """
    mine = repo_cases.open_of(connection, resident)
    for one in [found for found in mine if case is None or found.id == case]:
        detail = Detail(on=day_of(at), how=sort)
        what: Sort = "attended" if kept else "no-show"
        if one.next_on is not None and _done_with(connection, one, one.next_on, sort, kept, at):
            repo_cases.change(connection, _after(one, next_on=None), what, now, by, detail)
        else:
            repo_cases.keep(connection, one, what, now, by, detail)


def events_of(connection: Connection, case: Case) -> list[Event]:
    """What was done in a case, oldest first."""
    return repo_cases.events(connection, case.id)


def _closed(case: Case) -> Refusal | None:
    return None if case.state == "open" else Refusal("ended", "this case has ended")


def _after(case: Case, **changes: object) -> Case:
    return msgspec.structs.replace(case, version=case.version + 1, **changes)


def _done_with(connection: Connection, case: Case, planned_on: date, sort: str, kept: bool, at: datetime) -> bool:
    """Whether the planned day means nothing any more once somebody came at `at`, or did not."""
    if kept:
        return sort in MEETS and planned_on <= day_of(at)
    return not any(event.sort == "plan" and event.at > at for event in repo_cases.events(connection, case.id))


def _left(day: date | None, today: date) -> date | None:
    """The next contact that still lies ahead."""
    return day if day is not None and day > today else None


def _over(known: Change, typed: Change) -> Change:
    said = {name: value for name, value in msgspec.structs.asdict(typed).items() if isinstance(value, Decimal)}
    sources = known.sources | dict.fromkeys(said, "typed")
    return msgspec.structs.replace(known, sources=sources, **said)


def _impossible(typed: Change) -> Refusal | None:
    bounds = {"kg": (Decimal(20), Decimal(300)), "cm": (Decimal(40), Decimal(200))}
    for name, value in msgspec.structs.asdict(typed).items():
        if isinstance(value, Decimal):
            low, high = bounds[name[:2]]
            if not value.is_finite() or not low <= value <= high:
                return Refusal("bad-number", f"between {low} and {high}", name)
    return None
