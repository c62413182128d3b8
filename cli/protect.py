"""`phr protect`: measures of support (支援措置) that hide a resident from household and family."""

from __future__ import annotations

from datetime import UTC, datetime
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cli.days import day_of
from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, resident_of, transaction

if TYPE_CHECKING:
    from engine.protection import Protection
    from engine.refusal import Refusal

app = typer.Typer(help="Hide a resident whose whereabouts the other party must not learn.", no_args_is_help=True)

Who = Annotated[str, typer.Option("--resident", help="Resident id.")]
Paper = Annotated[str, typer.Option(help="The paper that says so, by its name; never what it tells.")]
Until = Annotated[str | None, typer.Option(help="Last day (2027-03-31); default: a year.")]
By = Annotated[str | None, typer.Option(help="Who decides; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command("set")
def set_(
    resident: Who,
    paper: Paper,
    until: Until = None,
    safe_home: Annotated[bool, typer.Option("--safe-home", help="The other party is not in their home.")] = False,
    contacts: Annotated[
        str | None, typer.Option(help="keep (telephone, mail, … reach nobody but them: they said so) or clear.")
    ] = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Hide a resident from this moment, or renew the measure that holds; the id of the measure."""
    from engine import protection
    from engine.contract.ids import new_id
    from engine.refusal import Refusal
    from engine.store import protecting, repo_protection
    from engine.store.filing import By as Signed

    now, day, who = datetime.now(UTC), day_of(until, "--until"), Signed(actor(by), os_user())
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        every = repo_protection.of(connection, person.id)
        held = next((one for one in every if protection.holds(one, now)), None)
        if held is None:
            id_ = new_id("l", SystemRandom())
            made = protection.drafted(id=id_, resident=person.id, seen=paper, until=day, by=who.actor, now=now)
            if isinstance(made, Refusal):
                _refuse(made)
            ways = protecting.decided(contacts, protecting.reaching(connection, person))
            if isinstance(ways, Refusal):
                _refuse(ways)
            protecting.begin(connection, made, who, now, leave_home=not safe_home, ways=ways)
        else:
            longer = protection.renewed(held, paper, day, now)
            if isinstance(longer, Refusal):
                _refuse(longer)
            made = _stored(protecting.change(connection, longer, "protect-renew", who, now))
    emit(_shown(made)) if json else result(f"{made.id}  until {protection.last_day(made)}")
    say("codes, cards and programs of theirs are ended: hand out new ones")


@app.command()
def end(resident: Who, by: By = None, json: Json = False) -> None:
    """End the measure that holds; earlier consents to family do not come back."""
    from engine import protection
    from engine.refusal import Refusal
    from engine.store import protecting, repo_protection
    from engine.store.filing import By as Signed

    now, who = datetime.now(UTC), Signed(actor(by), os_user())
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        every = repo_protection.of(connection, person.id)
        held = next((one for one in every if protection.holds(one, now)), None)
        if held is None:
            fail(Exit.REFUSED, "not-held", f"no measure holds for {person.id}")
        after = protection.ended(held, who.actor, now)
        if isinstance(after, Refusal):
            _refuse(after)
        done = _stored(protecting.change(connection, after, "protect-end", who, now))
    emit(_shown(done)) if json else result(f"{done.id} ended")


@app.command("list")
def list_(
    expiring: Annotated[bool, typer.Option("--expiring", help="Only those that end within a month.")] = False,
    json: Json = False,
) -> None:
    """Show every measure that holds, the first to end first."""
    from engine import protection
    from engine.store import repo_protection

    now = datetime.now(UTC)
    with transaction() as connection:
        found = [one for one, _ in repo_protection.standing(connection, None, now)]
    if expiring:
        found = [one for one in found if protection.expiring(one, now)]
    if json:
        emit({"protections": [_shown(one) for one in found]})
        return
    for one in found:
        mark = "  ends soon" if protection.expiring(one, now) else ""
        result(f"{one.id}  {one.resident}  until {protection.last_day(one)}{mark}")
    if not found:
        say("no measure holds")


def _stored(done: Protection | Refusal) -> Protection:
    from engine.protection import Protection

    return done if isinstance(done, Protection) else _refuse(done)


def _shown(one: Protection) -> dict[str, Any]:
    import msgspec

    told: dict[str, Any] = msgspec.to_builtins(one)
    return told


def _refuse(refusal: Refusal) -> NoReturn:
    fail(
        Exit.USAGE if refusal.code in {"needs-paper", "contacts-undecided"} else Exit.REFUSED,
        refusal.code,
        refusal.message,
    )
