"""`phr export`: a resident's data in the formats other programs read."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.wiring import open_store, settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from engine.observations import Measured

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
    first, last = _day(since), _day(until)
    now = datetime.now(UTC)
    engine = open_store(settings())
    rows, zone = _values(engine, resident, (first, last), now)
    left_out: Counter[str] = Counter()
    lines = list(_lines(rows, zone, left_out))
    _note(engine, resident, [len(lines), since, until], now)
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


def _values(
    engine: Engine, resident: str, days: tuple[date | None, date | None], now: datetime
) -> tuple[list[Measured], ZoneInfo]:
    from engine.observation_derived import step_summaries, with_bmi
    from engine.store import repo_measured, repo_residents
    from engine.store.database import read

    with read(engine) as connection:
        person = repo_residents.get(connection, resident)
        zone_name = repo_measured.zone_of(connection, resident)
        if person is None or zone_name is None:
            fail(Exit.NOT_FOUND, "no-resident", f"there is no resident {resident}")
        stored = repo_measured.measured_of(connection, resident)
    zone = ZoneInfo(zone_name)
    # A day's steps need the totals of the day before, so the days are chosen after the summaries are made.
    every = [*with_bmi(stored, person.height_cm), *step_summaries(stored, zone, now)]
    first, last = days
    return [row for row in every if _within(row, first, last, zone)], zone


def _within(row: Measured, first: date | None, last: date | None, zone: ZoneInfo) -> bool:
    day = row.day or row.measured_at.astimezone(zone).date()
    return (first is None or day >= first) and (last is None or day <= last)


def _lines(rows: Sequence[Measured], zone: ZoneInfo, left_out: Counter[str]) -> Iterator[bytes]:
    from engine.contract.kinds import KINDS
    from engine.observations import UnbuildableError, build, fold

    for row in fold(rows):
        known = KINDS.get(row.kind)
        if known is not None and not known.observed:
            continue
        try:
            yield build(row, zone)
        except UnbuildableError as error:
            left_out[error.code] += 1


def _note(engine: Engine, resident: str, detail: list[object], now: datetime) -> None:
    """Who took the data out is on record before anything leaves."""
    from engine.store import audit
    from engine.store.database import write
    from engine.store.instants import to_micros

    entry = audit.Entry(
        at=to_micros(now), actor="operator", os_user=_os_user(), action="export-fhir", subject=resident,
        detail_hash=audit.detail_hash(detail),
    )  # fmt: skip
    with write(engine) as connection:
        audit.append(connection, entry)


def _os_user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in containers
        return str(os.getuid())


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
