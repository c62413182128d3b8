"""`phr api`: which programs may read whose record, by which token, and until when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, plain, refuse_inactive, resident_of, transaction

if TYPE_CHECKING:
    from engine.grants import Grant

app = typer.Typer(help="Programs that may read a resident's record (FHIR, /fhir).", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
By = Annotated[str | None, typer.Option("--by", help="Who writes it down; default: the user of this computer.")]


@app.command()
def grant(
    resident: Annotated[str, typer.Option(help="Whose record, r-…; they must have asked for it.")],
    name: Annotated[str, typer.Option(help="What the program is called; its resident reads it.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="patient/Observation.rs, also narrowed: ?category=laboratory. Again for more; default: all."),
    ] = None,
    days: Annotated[int, typer.Option(help="For how many days; at most 365.")] = 90,
    by: By = None,
    json: Json = False,
) -> None:
    """Let a program read, and print its token, which cannot be shown again."""
    from random import SystemRandom

    from engine.grants import draft
    from engine.refusal import Refusal
    from engine.store import repo_grants
    from engine.store.filing import By as Answerable

    now, who = datetime.now(UTC), actor(by)
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        refuse_inactive(person)
        _refuse_silent(connection, person.id, now)
        made = draft(plain(name, "--name"), scope or ["patient/*.rs"], days, now, resident=person.id, issued_by=who)
        if isinstance(made, Refusal):
            fail(Exit.USAGE, made.code, made.message)
        issued = repo_grants.issue(connection, made, Answerable(who, os_user()), SystemRandom())
        if isinstance(issued, Refusal):
            fail(Exit.REFUSED, issued.code, issued.message)
    if json:
        emit(_shown(issued.grant, now) | {"token": issued.token})
        return
    result(issued.token)
    say(f"{issued.grant.id}: {issued.grant.name} may read until {issued.grant.until:%Y-%m-%d}; the token is shown once")


@app.command("list")
def list_(
    resident: Annotated[str | None, typer.Option(help="Only this resident's.")] = None, json: Json = False
) -> None:
    """List the programs, the newest first; their tokens are known to nobody but their holders."""
    from engine.store import repo_grants

    now = datetime.now(UTC)
    with transaction() as connection:
        found = repo_grants.of(connection, resident_of(connection, resident).id if resident else None)
    if json:
        emit({"grants": [_shown(one, now) for one in found]})
        return
    for one in found:
        used = f"{one.used_at:%Y-%m-%d %H:%M}Z" if one.used_at else "never used"
        result(f"{one.id}  {one.resident}  {_state(one, now):7}  {one.until:%Y-%m-%d}  {used:17}  {one.name}")
        result(f"    {' '.join(one.scopes)}")
    if not found:
        say("no program may read")


@app.command()
def revoke(
    grant: Annotated[str, typer.Argument(help="The grant, x-…")], by: By = None, json: Json = False
) -> None:  # fmt: skip
    """End a program's right to read at once."""
    from engine.contract.ids import is_id
    from engine.store import repo_grants
    from engine.store.filing import By as Answerable

    now, who = datetime.now(UTC), actor(by)
    with transaction(writes=True) as connection:
        found = repo_grants.get(connection, grant) if is_id(grant, "x") else None
        if found is None:
            fail(Exit.NOT_FOUND, "unknown-grant", f"there is no grant {grant!r}; `phr api list` shows them")
        if not repo_grants.revoke(connection, found, Answerable(who, os_user()), now):
            fail(Exit.ALREADY, "revoked-before", f"{grant} was revoked before")
    if json:
        emit({"grant": found.id, "revoked": now.isoformat()})
    else:
        result(f"{found.id}  {found.name} reads nothing any more")


def _refuse_silent(connection: Any, resident: str, now: datetime) -> None:
    """Stop for somebody whose record is not kept: there is nothing a program may read; exit code 9."""
    from engine.consent import permits
    from engine.contract.kinds import KINDS
    from engine.store import repo_consents

    said = repo_consents.history(connection, resident)
    if not any(permits(said, "record", None, kind, now).granted for kind in KINDS):
        fail(Exit.NO_CONSENT, "no-consent", f"{resident} did not agree to a record; no program may read one")


def _state(one: Grant, now: datetime) -> str:
    if one.revoked_at is not None:
        return "revoked"
    return "open" if one.holds(now) else "over"


def _shown(one: Grant, now: datetime) -> dict[str, Any]:
    import msgspec

    fields: dict[str, Any] = msgspec.to_builtins(one)
    return fields | {"state": _state(one, now)}
