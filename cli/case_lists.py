"""`phr case list`, `calls` and `invited`: who is followed, who is to be called, whom to invite; ids, no names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.case_steps import lang, words
from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, transaction

if TYPE_CHECKING:
    from engine.cases_calls import Call

Town = Annotated[str | None, typer.Option("--municipality", help="Only this town, by its 6-digit code.")]
By = Annotated[str | None, typer.Option(help="Who is looking; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def list_(
    municipality: Town = None,
    ended: Annotated[bool, typer.Option("--ended", help="Those that ended instead.")] = False,
    json: Json = False,
) -> None:
    """List the cases, oldest first: ids, programme, state and the next contact."""
    from msgspec import to_builtins

    from engine.cases_words import day, said
    from engine.store import repo_cases

    with transaction() as connection:
        found = repo_cases.listed(connection, _towns(municipality), "ended" if ended else "open")
    if json:
        kept = ("id", "resident", "programme", "basis", "staff", "interviewed_on", "next_on", "state", "reason")
        emit([{name: to_builtins(getattr(one, name)) for name in kept} for one in found])
        return
    for one in found:
        programme, state = said(lang(), f"programme.{one.programme}"), words(f"state.{one.state}")
        following = day(lang(), one.next_on)
        result(words("line", case=one.id, resident=one.resident, programme=programme, state=state, next=following))
    if not found:
        say(words("none"))


def calls(
    municipality: Town = None,
    staff: Annotated[str | None, typer.Option(help="Only whom this person of staff looks after, s-…")] = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Show who is to be called: most overdue first, then this week; nobody who is followed is missing."""
    from engine.cases_list import calls as of
    from engine.store import audit
    from engine.store.repo_facts import By as Who

    now = datetime.now(UTC)
    with transaction(writes=True) as connection:
        found = of(connection, _towns(municipality), now, staff=staff)
        audit.note(connection, "cases-view", municipality or "all", Who(actor(by), os_user()), now, found.size)
    if json:
        emit({
            "due": [_built(one) for one in found.due], "soon": [_built(one) for one in found.soon],
            "later": [one.id for one in found.later], "withdrawn": [one.id for one in found.withdrawn],
        })  # fmt: skip
        return
    for call in (*found.due, *found.soon):
        result(_line(call))
    for one in found.withdrawn:
        result(words("withdrawn", case=one.id, resident=one.resident))
    say(words("planned", n=len(found.later)) if found.size else words("none"))


def invited(
    municipality: Town = None,
    after: Annotated[str | None, typer.Option(help="Go on after this resident.")] = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Show whom this fiscal year's check-up makes a target of guidance and who is not followed yet."""
    from engine.cases_list import invited as of
    from engine.cases_words import day, said
    from engine.store import audit
    from engine.store.repo_facts import By as Who

    now = datetime.now(UTC)
    with transaction(writes=True) as connection:
        found, more = of(connection, _towns(municipality), now, after=after)
        seen = [one.person.id for one in found]
        audit.note(connection, "cases-view", municipality or "all", Who(actor(by), os_user()), now, seen)
    if json:
        kept = [{"resident": one.person.id, "level": one.level, "checked_on": one.checked_on} for one in found]
        emit({"invited": kept, "after": more})
        return
    for one in found:
        level, checked = said(lang(), f"level.{one.level}"), day(lang(), one.checked_on)
        result(words("invited", resident=one.person.id, level=level, day=checked))
    if more is not None:
        say(words("more", after=more))


def _line(call: Call) -> str:
    from engine.cases_words import late, said, why

    programme = said(lang(), f"programme.{call.case.programme}")
    told = ", ".join(why(lang(), call))
    return words(
        "call", late=late(lang(), call), case=call.case.id, resident=call.case.resident, programme=programme, why=told
    )


def _built(call: Call) -> dict[str, Any]:
    return {
        "case": call.case.id, "resident": call.case.resident, "programme": call.case.programme,
        "due": call.due.isoformat(), "days": call.days, "why": list(call.why), "tries": call.tries,
        "ending": call.ending,
    }  # fmt: skip


def _towns(municipality: str | None) -> list[str] | None:
    from engine.municipalities import REGION

    if municipality is not None and municipality not in REGION:
        fail(Exit.USAGE, "foreign-municipality", f"municipalities are {', '.join(REGION)}")
    return None if municipality is None else [municipality]
