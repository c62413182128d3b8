"""`phr acting`: who acts for a resident by law or by their own word: parents, guardians, care managers."""

from __future__ import annotations

from datetime import UTC, datetime
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cli.days import day_of
from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, plain, resident_of, transaction
from cli.wiring import language, settings

if TYPE_CHECKING:
    from engine.acting import Acting
    from engine.people import Resident
    from engine.refusal import Refusal

app = typer.Typer(help="Who acts for a resident, on which basis, until when.", no_args_is_help=True)

Who = Annotated[str, typer.Option("--resident", help="Resident id.")]
By = Annotated[str | None, typer.Option(help="Who decides; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
_USAGE = frozenset({"unknown-basis", "unknown-scope", "nothing-chosen", "needs-paper", "needs-end", "no-account"})


@app.command()
def grant(
    resident: Who,
    basis: Annotated[str, typer.Option(help="parent, guardian, curator, assistant, agent or care-manager.")],
    scope: Annotated[list[str], typer.Option(help="see, see-weight …, enter, consents, requests; may be repeated.")],
    paper: Annotated[str, typer.Option(help="The paper that proved it, by its name; no copy is kept.")],
    account: Annotated[str, typer.Option(help="An account there is: m-… or r-….")] = "",
    name: Annotated[str, typer.Option(help="Somebody new: their name.")] = "",
    relation: Annotated[str, typer.Option(help="What somebody new is to the resident.")] = "other",
    until: Annotated[str | None, typer.Option(help="Last day: 2027-03-31.")] = None,
    agreed: Annotated[str | None, typer.Option(help="Who said yes: resident, guardian, or the guardian's j-….")] = None,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="Under a measure of support: not the other party.")
    ] = False,
    by: By = None,
    json: Json = False,
) -> None:
    """Enter somebody who acts for a resident, and print the id of the basis."""
    from engine.acting import Draft
    from engine.refusal import Refusal
    from engine.store.acting_entry import Wanted, enter
    from engine.store.filing import By as Signed

    draft = Draft(basis=basis, scope=scope, seen=paper, until=day_of(until, "--until"), agreed_by=agreed)
    new = plain(name, "--name") if name else ""
    wanted = Wanted(draft=draft, actor=account, name=new, relation=relation, confirmed=confirmed)
    now, who = datetime.now(UTC), Signed(actor(by), os_user())
    with transaction(writes=True) as connection:
        made = enter(connection, resident_of(connection, resident), wanted, now, who, SystemRandom())
        if isinstance(made, Refusal):
            _refuse(made)
    if json:
        emit(_shown(made, None))
        return
    result(made.id)
    say(f"{made.actor} signs in by a code of their own: the desk prints it on the person's page")


@app.command()
def end(
    id: Annotated[str, typer.Argument(metavar="ACTING", help="The id of the basis: j-….")],  # noqa: A002
    why: Annotated[str, typer.Option(help="over (the paper no longer holds) or mistake.")] = "over",
    by: By = None,
    json: Json = False,
) -> None:
    """End it from this moment; what was done until then stays written down."""
    from engine.acting import WHYS
    from engine.refusal import Refusal
    from engine.store.acting_entry import withdraw
    from engine.store.filing import By as Signed

    reason = next((one for one in WHYS if one == why), None)
    if reason is None:
        fail(Exit.USAGE, "no-reason", f"--why is one of {', '.join(WHYS)}")
    with transaction(writes=True) as connection:
        done = withdraw(connection, id, Signed(actor(by), os_user()), reason, datetime.now(UTC))
        if isinstance(done, Refusal):
            _refuse(done)
    emit(_shown(done, None)) if json else result(f"{done.id} ended")


@app.command("list")
def list_(resident: Who, json: Json = False) -> None:
    """Show who acts for a resident and who did, the newest first."""
    from engine.store import repo_acting

    with transaction() as connection:
        person = resident_of(connection, resident)
        found = repo_acting.of_resident(connection, person.id)
        names = repo_acting.names_of(connection, [one.actor for one in found])
    if json:
        emit({"resident": person.id, "acting": [_shown(one, person) for one in found]})
        return
    for one in found:
        result(_line(one, person, names))
    if not found:
        say("nobody acts for them")


def _line(one: Acting, person: Resident, names: dict[str, str]) -> str:
    from engine.acting import ends, holds
    from engine.locale import text

    basis = text("ja" if language(settings()) == "ja" else "en", "nurse", f"desk.acting.basis.{one.basis}")
    state = "holds" if holds(one, person.birth_date, datetime.now(UTC)) else "over"
    end_ = ends(one, person.birth_date)
    until = f"until {end_.isoformat()}" if end_ else ""
    return f"{one.id}  {state:5}  {basis}  {names.get(one.actor, one.actor)}  {' '.join(one.scope)}  {until}".rstrip()


def _shown(one: Acting, person: Resident | None) -> dict[str, Any]:
    import msgspec

    from engine.acting import ends, holds

    told: dict[str, Any] = msgspec.to_builtins(one) | {"law": one.law}
    if person is not None:
        told["holds"] = holds(one, person.birth_date, datetime.now(UTC))
        told["ends"] = ends(one, person.birth_date)
    return told


def _refuse(refusal: Refusal) -> NoReturn:
    code = Exit.USAGE if refusal.code in _USAGE else Exit.REFUSED
    found = Exit.NOT_FOUND if refusal.code in {"unknown-acting", "no-such-account"} else code
    fail(found, refusal.code, refusal.message)
