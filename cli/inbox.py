"""`phr inbox`: readings of nobody yet, and whose they are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, resident_of, transaction
from cli.wiring import settings

app = typer.Typer(help="Readings of nobody yet.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command("list")
def list_(
    household: Annotated[str | None, typer.Option(help="Only this household, h-…")] = None, json: Json = False
) -> None:
    """List what was measured without saying by whom, newest first."""
    import msgspec

    from engine.store.inbox import waiting

    with transaction() as connection:
        found = waiting(connection, household)
    if json:
        emit({"readings": [msgspec.to_builtins(item) for item in found]})
        return
    zone = ZoneInfo(settings().gateway.zone)
    for item in found:
        values = ", ".join(f"{kind} {value} {unit}" for kind, value, unit in item.values)
        slot = "-" if item.slot is None else str(item.slot)
        result(f"{item.id}  {item.measured_at.astimezone(zone):%Y-%m-%d %H:%M}  {item.device}  slot {slot}  {values}")
    if not found:
        say("every reading has an owner")


@app.command()
def assign(
    reading: Annotated[str, typer.Argument(help="Reading id, as listed.")],
    resident: Annotated[str, typer.Option(help="Whose it is, r-…")],
    by: Annotated[str | None, typer.Option(help="Who says so; default: the user of this computer.")] = None,
    json: Json = False,
) -> None:
    """Give a reading to its owner, time and values as they are."""
    from engine.store import inbox

    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        now = datetime.now(UTC)
        refusal = inbox.assign(connection, reading, person.id, now, actor=actor(by), os_user=os_user())
    if refusal is not None:
        exits = {"unknown-reading": Exit.NOT_FOUND, "already-assigned": Exit.ALREADY, "no-consent": Exit.NO_CONSENT}
        fail(exits.get(refusal.code, Exit.REFUSED), refusal.code, refusal.message)
    if json:
        emit({"reading": reading, "resident": person.id})
    else:
        result(f"{reading} is {person.id}'s")
