"""`phr case`: residents followed through a programme - enrolled, called, evaluated, never left without a next day."""

from __future__ import annotations

from datetime import UTC, date, datetime
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated

import typer

from cli.case_lists import calls, invited, list_
from cli.case_steps import case_of, known_staff, person_of, pick, refuse, whole, words
from cli.case_steps import lang as spoken
from cli.days import day_of
from cli.output import emit, result
from cli.store import actor, os_user, resident_of, transaction

if TYPE_CHECKING:
    from engine.cases import Case

app = typer.Typer(help="Follow residents: cases, goals, the call list, evaluations.", no_args_is_help=True)
app.command("list")(list_)
app.command()(calls)
app.command()(invited)
By = Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
CaseId = Annotated[str, typer.Argument(metavar="CASE", help="The case, o-… (phr case list)")]
Next = Annotated[str | None, typer.Option("--next", help="Day of the next contact: 2026-12-01.")]


@app.command("open")
def open_(
    resident: Annotated[str, typer.Argument(metavar="RESIDENT", help="Resident id, r-…")],
    programme: Annotated[str, typer.Argument(metavar="PROGRAMME", help="motivational, active or other.")],
    basis: Annotated[str, typer.Option(help="checkup (as the rules judge it), insurer or nurse.")] = "checkup",
    staff: Annotated[str | None, typer.Option(help="Who looks after them: staff id, s-…")] = None,
    next_on: Next = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Enrol a resident in a programme; without --next they are on today's call list."""
    from engine.cases import BASES
    from engine.cases_book import PROGRAMMES
    from engine.cases_store import Opening, open_case
    from engine.refusal import Refusal
    from engine.store.repo_facts import By as Who

    wish = Opening(
        programme=pick(programme, PROGRAMMES, "unknown-programme"), basis=pick(basis, BASES, "unknown-basis"),
        staff=staff, next_on=day_of(next_on, "--next"),
    )  # fmt: skip
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        known_staff(connection, staff)
        done = open_case(connection, person, wish, datetime.now(UTC), Who(actor(by), os_user()), SystemRandom())
        if isinstance(done, Refusal):
            refuse(done)
    _told(done, "opened", json=json)


@app.command()
def show(case: CaseId, by: By = None, json: Json = False) -> None:
    """Show one case: its goal, when its evaluations are due, its points and everything that was done."""
    from cli.case_steps import print_case
    from engine.store import audit, repo_cases
    from engine.store.repo_facts import By as Who

    with transaction(writes=True) as connection:
        one = case_of(connection, case)
        person_of(connection, one)
        events = repo_cases.events(connection, one.id)
        audit.note(connection, "case-view", one.resident, Who(actor(by), os_user()), datetime.now(UTC), [one.id])
    print_case(one, events, json=json)


@app.command()
def goal(
    case: CaseId,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="weight, waist, steps or habit.")],
    amount: Annotated[str, typer.Argument(metavar="[AMOUNT]", help="kg, cm or steps a day.")] = "",
    habit: Annotated[str, typer.Option(help="eating, exercise, smoking, rest or other.")] = "",
    own: Annotated[str, typer.Option("--words", help="In their own words.")] = "",
    until: Annotated[str | None, typer.Option(help="Until which day.")] = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Set the goal the resident chose; refused where a must-not of the rules stands against it."""
    from engine.cases_book import book
    from engine.cases_goal import Typed, read_goal
    from engine.cases_store import set_goal
    from engine.cases_words import goal as told
    from engine.clinical_values import day_of as local_day
    from engine.refusal import Refusal
    from engine.store.repo_facts import By as Who

    now = datetime.now(UTC)
    typed = Typed(kind=kind, amount=amount, habit=habit, words=own, until=day_of(until, "--until"))
    read = read_goal(typed, local_day(now), book())
    if isinstance(read, Refusal):
        refuse(read)
    with transaction(writes=True) as connection:
        one = case_of(connection, case)
        person = resident_of(connection, one.resident)
        done = set_goal(connection, person, one, read, now, Who(actor(by), os_user()))
        if isinstance(done, Refusal):
            refuse(done)
    if json:
        emit({"case": done.id, "goal": kind, "version": done.version})
    else:
        result(words("goal", goal=told(spoken(), done.goal)))


@app.command()
def interview(
    case: CaseId,
    on: Annotated[str, typer.Argument(metavar="DAY", help="The day of the first interview: 2026-11-21.")],
    how: Annotated[str, typer.Option(help="visit, video, group or phone.")] = "visit",
    by: By = None,
    json: Json = False,
) -> None:
    """Write down the first interview, from which the evaluations are due."""
    from engine.cases_contact import note_interview
    from engine.refusal import Refusal
    from engine.store.repo_contacts import HOWS
    from engine.store.repo_facts import By as Who

    day, way = day_of(on, "DAY"), pick(how, HOWS, "unknown-how")
    assert day is not None
    with transaction(writes=True) as connection:
        one = case_of(connection, case)
        who = Who(actor(by), os_user())
        done = note_interview(connection, one, day, way, datetime.now(UTC), who, SystemRandom())
        if isinstance(done, Refusal):
            refuse(done)
    _told(done, "kept", json=json)


@app.command()
def note(
    case: CaseId,
    how: Annotated[str, typer.Argument(metavar="HOW", help="phone, visit, video, group, mail, letter or other.")],
    outcome: Annotated[str, typer.Argument(metavar="OUTCOME", help="reached, family, message, absent or refused.")],
    minutes: Annotated[str | None, typer.Option(help="How long it took; some support counts from so many on.")] = None,
    own: Annotated[str, typer.Option("--text", help="What was said, for colleagues.")] = "",
    next_on: Next = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Write down a contact or a try; with --next also when to call again."""
    from engine.cases_contact import note_contact
    from engine.refusal import Refusal
    from engine.requests import words_of
    from engine.store.repo_contacts import HOWS, OUTCOMES
    from engine.store.repo_facts import By as Who

    way, end = pick(how, HOWS, "unknown-how"), pick(outcome, OUTCOMES, "unknown-outcome")
    kept, took, day = words_of(own, needed=False), whole(minutes, "--minutes"), day_of(next_on, "--next")
    if isinstance(kept, Refusal):
        refuse(kept)
    who = Who(actor(by), os_user())
    with transaction(writes=True) as connection:
        one = case_of(connection, case)
        done = note_contact(connection, one, way, end, kept, took, day, datetime.now(UTC), who, SystemRandom())
        if isinstance(done, Refusal):
            refuse(done)
    _told(done, "kept", json=json)


@app.command()
def plan(
    case: CaseId,
    on: Annotated[str, typer.Argument(metavar="DAY", help="When to call next: 2026-12-01, or none.")],
    by: By = None,
    json: Json = False,
) -> None:
    """Say when to call next; with none the case stands on the call list until somebody says."""
    from engine.cases_store import plan as store
    from engine.refusal import Refusal
    from engine.store.repo_facts import By as Who

    day: date | None = None if on == "none" else day_of(on, "DAY")
    with transaction(writes=True) as connection:
        one = case_of(connection, case)
        done = store(connection, one, day, datetime.now(UTC), Who(actor(by), os_user()))
        if isinstance(done, Refusal):
            refuse(done)
    _told(done, "kept", json=json)


@app.command()
def evaluate(
    case: CaseId,
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="three or six (months after the first interview).")],
    weight: Annotated[str, typer.Option(help="kg now; default: the median of the last weighings.")] = "",
    waist: Annotated[str, typer.Option(help="cm now.")] = "",
    weight_before: Annotated[str, typer.Option(help="kg before; default: of the check-up.")] = "",
    waist_before: Annotated[str, typer.Option(help="cm before.")] = "",
    habit: Annotated[list[str] | None, typer.Option(help="A habit kept for two months; may be repeated.")] = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Evaluate after three or six months: change of weight and waist, habits, points."""
    from cli.case_steps import number
    from engine.cases import Change, total
    from engine.cases_book import HABITS, STAGES
    from engine.cases_store import evaluate as store
    from engine.cases_words import change as told
    from engine.refusal import Refusal
    from engine.store import repo_cases
    from engine.store.repo_facts import By as Who

    kept = [pick(one, HABITS, "unknown-habit") for one in habit or []]
    typed = Change(
        kg_now=number(weight, "--weight"), cm_now=number(waist, "--waist"),
        kg_before=number(weight_before, "--weight-before"), cm_before=number(waist_before, "--waist-before"),
    )  # fmt: skip
    at = pick(stage, STAGES, "unknown-stage")
    with transaction(writes=True) as connection:
        one = case_of(connection, case)
        person = resident_of(connection, one.resident)
        done = store(connection, person, one, at, typed, kept, datetime.now(UTC), Who(actor(by), os_user()))
        if isinstance(done, Refusal):
            refuse(done)
        events = repo_cases.events(connection, one.id)
    change, points, sum_ = events[-1].detail.change, done[1], total(events)
    if json:
        emit({"case": one.id, "points": points, "total": sum_, "counted": events[-1].detail.counted})
    else:
        result(words("evaluated", change=told(spoken(), change), points=points, total=sum_))


@app.command()
def end(
    case: CaseId,
    reason: Annotated[
        str,
        typer.Argument(
            metavar="REASON", help="completed, declined, unreachable, moved, died, medicine or other."
        ),
    ],
    own: Annotated[str, typer.Option("--text", help="Details; needed for other.")] = "",
    by: By = None,
    json: Json = False,
) -> None:  # fmt: skip
    """End a case with its reason."""
    from engine.cases import REASONS
    from engine.cases_store import end as store
    from engine.refusal import Refusal
    from engine.requests import words_of
    from engine.store.repo_facts import By as Who

    why, kept = pick(reason, REASONS, "unknown-reason"), words_of(own, needed=False)
    if isinstance(kept, Refusal):
        refuse(kept)
    with transaction(writes=True) as connection:
        one = case_of(connection, case)
        done = store(connection, one, why, kept, datetime.now(UTC), Who(actor(by), os_user()))
        if isinstance(done, Refusal):
            refuse(done)
    _told(done, "ended", json=json)


def _told(case: Case, key: str, *, json: bool) -> None:
    from engine.cases_words import day, said

    if json:
        emit({"case": case.id, "state": case.state, "next_on": case.next_on, "version": case.version})
        return
    lang = spoken()
    reason = said(lang, f"reason.{case.reason}") if case.reason else ""
    programme = said(lang, f"programme.{case.programme}")
    result(words(key, case=case.id, day=day(lang, case.next_on), programme=programme, reason=reason))
