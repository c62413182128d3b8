"""`phr export`: a resident's data in the formats other programs read."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import os_user, resident_of, transaction

if TYPE_CHECKING:
    from engine.store.database import Connection

app = typer.Typer(help="Write a resident's data to a file.", no_args_is_help=True)


@app.callback()
def export() -> None:
    """Keep `fhir` a subcommand while it is the only one."""


@app.command()
def fhir(
    resident: Annotated[str, typer.Option(help="The resident's id, r-…")],
    out: Annotated[str, typer.Option(help="The NDJSON file to write, - for stdout.")],
    since: Annotated[str | None, typer.Option(help="First day, YYYY-MM-DD, in the household's zone.")] = None,
    until: Annotated[str | None, typer.Option(help="Last day, YYYY-MM-DD.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Say the counts as one JSON object.")] = False,
) -> None:
    """Write FHIR R4 Observations, one a line: every accepted value, BMI and the steps of each day."""
    from engine.export import observations_of

    span = _day(since), _day(until)
    now = datetime.now(UTC)
    left_out: Counter[str] = Counter()
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        lines = list(observations_of(connection, person, now, span, left_out))
        _note(connection, person.id, [len(lines), since, until], now)
    if out == "-":
        for line in lines:
            result(line.decode())
    else:
        _write(Path(out), lines)
    _tell(len(lines), left_out, out, json=json)


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        fail(Exit.USAGE, "bad-date", f"not a day: {text} (write it as 2026-11-21)")


def _note(connection: Connection, resident: str, detail: list[object], now: datetime) -> None:
    """Who took the data out is on record before anything leaves."""
    from engine.store import audit
    from engine.store.instants import to_micros

    entry = audit.Entry(
        at=to_micros(now), actor="operator", os_user=os_user(), action="export-fhir", subject=resident,
        detail_hash=audit.detail_hash(detail),
    )  # fmt: skip
    audit.append(connection, entry)


def _write(path: Path, lines: Sequence[bytes]) -> None:
    """The whole file or nothing, readable by its owner only."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        fail(Exit.USAGE, "cannot-write", f"cannot write beside {path.name}: {error.strerror}")
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(line + b"\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        fail(Exit.USAGE, "cannot-write", f"cannot write {path.name}: {error.strerror}")


def _tell(count: int, left_out: Counter[str], out: str, *, json: bool) -> None:
    refused = f", left out: {dict(left_out)}" if left_out else ""
    if out == "-":
        say(f"{count} observations{refused}")
    elif json:
        emit({"observations": count, "left_out": dict(left_out), "file": out})
    else:
        result(f"{count} observations in {out}{refused}")
