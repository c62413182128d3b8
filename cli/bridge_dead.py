"""`phr bridge dead`: what the network refused, in its own words, and what to do about it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, transaction
from cli.wiring import settings

if TYPE_CHECKING:
    from engine.store.database import Connection
    from engine.store.repo_push import Owed

app = typer.Typer(help="What the network refused.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Number = Annotated[int, typer.Argument(help="Its number, as listed.")]
Who = Annotated[str | None, typer.Option(help="Who says so; default: the user of this computer.")]


@app.command("list")
def list_(
    code: Annotated[str | None, typer.Option(help="Only of this reason code.")] = None, json: Json = False
) -> None:
    """List what was refused, the oldest first."""
    from engine.store import repo_push

    with transaction() as connection:
        rows = repo_push.dead(connection, settings().bridge.name, code=code)
    if json:
        emit({"dead": [_said(row) for row in rows]})
        return
    for row in rows:
        result(f"{row.seq:6} {row.code or '-':16} {row.type} {row.identifier} {row.outcome or ''}".rstrip())
    if not rows:
        say("nothing was refused")


@app.command()
def show(number: Number, json: Json = False) -> None:
    """Show one of them with the network's own words."""
    with transaction() as connection:
        said = _said(_dead(connection, number))
    if json:
        emit(said)
        return
    for name, value in said.items():
        result(f"{name:12} {value if value is not None else '-'}")


@app.command()
def retry(
    number: Annotated[int | None, typer.Argument(help="Its number, as listed; none: all, or those of --code.")] = None,
    code: Annotated[str | None, typer.Option(help="All of this reason code.")] = None,
    by: Who = None,
    json: Json = False,
) -> None:
    """Owe it anew: it leaves with the next push."""
    from engine.store import repo_push

    now, who = datetime.now(UTC), actor(by)
    with transaction(writes=True) as connection:
        network = settings().bridge.name
        rows = repo_push.dead(connection, network, code=code) if number is None else [_dead(connection, number)]
        for row in rows:
            repo_push.change(connection, row.seq, now, state="pending", due_at=now, attempts=0, code=None, outcome=None)
            _note(connection, row, "bridge-retry", now, who)
    emit({"owed": len(rows)}) if json else say(f"{len(rows)} owed anew")


@app.command()
def drop(number: Number, by: Who = None, json: Json = False) -> None:
    """Give it up for good: it is not sent again unless the reading is filed anew."""
    from engine.store import repo_push

    now, who = datetime.now(UTC), actor(by)
    with transaction(writes=True) as connection:
        row = _dead(connection, number)
        repo_push.change(connection, row.seq, now, state="withdrawn", code="dropped")
        _note(connection, row, "bridge-drop", now, who)
    emit({"dropped": number}) if json else say(f"{number}: given up")


def _dead(connection: Connection, number: int) -> Owed:
    from engine.store import repo_push

    row = repo_push.get(connection, number)
    if row is None or row.state != "dead" or row.network != settings().bridge.name:
        fail(Exit.NOT_FOUND, "not-dead", f"nothing that was refused has the number {number}")
    return row


def _said(row: Owed) -> dict[str, object]:
    return {
        "number": row.seq, "code": row.code, "outcome": row.outcome, "type": row.type, "identifier": row.identifier,
        "wants": row.wants, "says": row.says, "resident": row.resident_id or None, "reading": row.reading_id or None,
        "patient": row.patient or None, "attempts": row.attempts, "sent_at": row.sent_at and row.sent_at.isoformat(),
        "confirmed_at": row.confirmed_at and row.confirmed_at.isoformat(),
    }  # fmt: skip


def _note(connection: Connection, row: Owed, action: str, now: datetime, who: str) -> None:
    from engine.store import audit
    from engine.store.instants import to_micros

    entry = audit.Entry(
        at=to_micros(now), actor=who, os_user=os_user(), action=action, subject=row.resident_id or row.identifier,
        detail_hash=audit.detail_hash([row.network, row.identifier, row.code]),
    )  # fmt: skip
    audit.append(connection, entry)
