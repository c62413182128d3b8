"""`phr audit`: the chain of who did what, its proof, and its head carried outside the database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import transaction
from cli.wiring import ensure_home, open_seal, settings

if TYPE_CHECKING:
    from engine.store.anchors import Fault
    from engine.store.audit import Link

app = typer.Typer(help="The audit trail: who did what to which id.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
_WHY: Final = {
    "chain": "entry {seq} does not follow from those before it",
    "cut": "entries from {seq} on are missing: an anchor says there were more",
    "changed": "entries up to {seq} differ from what was anchored",
    "anchors": "line {seq} of audit-heads was not written with the key of this PHR_HOME",
}


@app.command()
def verify(json: Json = False) -> None:
    """Read the whole chain and its anchors; names the first bad entry and leaves with exit code 11."""
    from engine.store import anchors

    seal = open_seal(settings())
    with transaction() as connection:
        fault = anchors.verify(connection, settings().root, seal)
        newest = anchors.head(connection, datetime.now(UTC))
    if fault is not None:
        _damaged(fault, json=json)
    count = 0 if newest is None else newest.seq
    if json:
        emit({"sound": True, "head": count})
    else:
        result(f"sound up to entry {count}")


@app.command()
def show(
    subject: Annotated[str | None, typer.Option(help="Only entries about this id.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only what this person or part did.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this kind of act.")] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=10_000)] = 50,
    json: Json = False,
) -> None:
    """Show entries, the newest first: ids and hashes, never values or texts."""
    from engine.store import repo_log

    with transaction() as connection:
        wanted = repo_log.Wanted(actor=actor, subject=subject, action=action)
        found = repo_log.newest(connection, wanted, limit=limit)
    if json:
        emit({"entries": [_told(link) for link in found]})
        return
    for link in found:
        result(f"{link.seq:>8}  {_told(link)['at']}  {link.actor:20} {link.action:20} {link.subject}  {link.hash[:12]}")
    if not found:
        say("no entry fits")


@app.command()
def head(json: Json = False) -> None:
    """Print the newest entry's number and hash: the whole chain in one line."""
    from engine.store import anchors

    with transaction() as connection:
        found = anchors.head(connection, datetime.now(UTC))
    if found is None:
        fail(Exit.NOT_FOUND, "empty", "nothing was ever done here")
    if json:
        emit({"seq": found.seq, "hash": found.hash, "at": found.at.isoformat()})
    else:
        result(found.said)


@app.command()
def anchor(json: Json = False) -> None:
    """Append the head, with a code made with the key of this PHR_HOME, to its file audit-heads: once an hour or so."""
    from engine.store import anchors

    seal = open_seal(settings())
    with transaction() as connection:
        made = anchors.anchor(connection, ensure_home(settings()), seal, datetime.now(UTC))
    if made is None:
        fail(Exit.NOT_FOUND, "empty", "nothing was ever done here")
    if json:
        emit({"seq": made.seq, "hash": made.hash, "at": made.at.isoformat(), "mac": made.mac})
    else:
        result(f"{made.said} {made.mac}")


def _damaged(fault: Fault, *, json: bool) -> None:
    if json:
        emit({"sound": False, "fault": fault.code, "seq": fault.seq})
    else:
        say(f"phr: {_WHY[fault.code].format(seq=fault.seq)} [{fault.code}]")
    raise typer.Exit(int(Exit.DAMAGED))


def _told(link: Link) -> dict[str, Any]:
    from engine.store.instants import from_micros

    moment = from_micros(link.at).isoformat(timespec="seconds")
    return msgspec.structs.asdict(link) | {"at": moment}
