"""`phr env`: the weather the rules look at, from a table of a weather service or the town."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, transaction
from cli.wiring import settings

if TYPE_CHECKING:
    from engine.store.database import Connection
    from engine.store.repo_weather import Written
    from engine.weather import Table

app = typer.Typer(help="Heat and snow of a municipality, for what may be advised today.", no_args_is_help=True)
_MOST_BYTES = 16 << 20
_SHOWN = 20

File = Annotated[Path, typer.Argument(help="CSV with columns day, wbgt (highest, °C), snow (cm).", metavar="FILE")]
Municipality = Annotated[str, typer.Option(help="Local-government code, 6 digits.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, record nothing.")]
By = Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command("import")
def import_(
    file: File, municipality: Municipality = "062049", dry_run: DryRun = False, by: By = None, json: Json = False
) -> None:
    """Take in a table of days; the same table twice changes nothing, and a bad row costs only itself."""
    from engine.refusal import Refusal
    from engine.store import repo_weather
    from engine.weather import read_table

    now, who = datetime.now(UTC), actor(by)
    table = read_table(_content(file), municipality, now.astimezone(ZoneInfo(settings().gateway.zone)).date())
    if isinstance(table, Refusal):
        fail(Exit.USAGE, table.code, f"{file.name}: {table.message}")
    with transaction(writes=not dry_run) as connection:
        _refuse_unknown(connection, municipality)
        if dry_run:
            written = repo_weather.compare(connection, table.days)
        else:
            written = repo_weather.record(
                connection, table.days, now, source=_readable(file.name), actor=who, os_user=os_user()
            )
    _tell(table, written, municipality, dry_run=dry_run, json=json)
    if not table.days:
        raise typer.Exit(int(Exit.REFUSED if table.faults else Exit.NOT_FOUND))


@app.command()
def show(municipality: Municipality = "062049", json: Json = False) -> None:
    """Show what the rules take for granted today, and whether that is known or the cautious default of the season."""
    from engine.store import repo_weather
    from engine.weather import weather_signals

    day = datetime.now(UTC).astimezone(ZoneInfo(settings().gateway.zone)).date()
    with transaction() as connection:
        _refuse_unknown(connection, municipality)
        found = weather_signals(repo_weather.around(connection, municipality, day), day)
    if json:
        signals = {name: {"value": _text(one.value), "unit": one.unit, "note": one.note} for name, one in found.items()}
        emit({"municipality": municipality, "day": day.isoformat(), "signals": signals})
        return
    for name, one in found.items():
        note = f"  ({one.note})" if one.note else ""
        result(f"{day} {municipality} {name} = {'unknown' if one.value is None else f'{one.value} {one.unit}'}{note}")


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MOST_BYTES + 1)
    except OSError as error:
        fail(Exit.NOT_FOUND, "cannot-read", f"cannot read {path.name}: {error.strerror}")
    if len(raw) > _MOST_BYTES:
        fail(Exit.USAGE, "too-large", f"{path.name} is larger than {_MOST_BYTES >> 20} MiB")
    return raw


def _readable(name: str) -> str:
    """The name with a mark for bytes that are no text: file systems hold such names, databases do not."""
    return name.encode("utf-8", "replace").decode()


def _refuse_unknown(connection: Connection, municipality: str) -> None:
    from engine.store.repo_places import municipalities

    if municipality not in (known := municipalities(connection)):
        fail(Exit.USAGE, "unknown-municipality", f"{municipality} is none of {', '.join(known)}")


def _tell(table: Table, written: Written, municipality: str, *, dry_run: bool, json: bool) -> None:
    if json:
        faults = [{"line": one.line, "code": one.code, "text": one.text} for one in table.faults]
        counts = {"added": written.added, "changed": written.changed, "same": written.same}
        emit({"municipality": municipality, "dry_run": dry_run, **counts, "refused": faults, **_span(table)})
        return
    verb = "would be " if dry_run else ""
    result(f"{written.added} days {verb}added, {written.changed} {verb}changed, {written.same} there already")
    for one in table.faults[:_SHOWN]:
        say(f"line {one.line}: {one.text} [{one.code}]")
    if len(table.faults) > _SHOWN:
        say(f"{len(table.faults) - _SHOWN} more lines are refused")


def _span(table: Table) -> dict[str, Any]:
    days = [one.day.isoformat() for one in table.days]
    return {"first": days[0] if days else None, "last": days[-1] if days else None}


def _text(value: object) -> str | None:
    return None if value is None else str(value)
