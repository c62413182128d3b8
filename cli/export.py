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
from cli.export_files import home_summary, oru, reconcile
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, resident_of, transaction

if TYPE_CHECKING:
    from engine.locale import Language
    from engine.store.database import Connection
    from engine.summary import Summary

app = typer.Typer(help="Write a resident's data to a file.", no_args_is_help=True)
app.command("home-summary")(home_summary)
app.command()(oru)
app.command()(reconcile)


@app.callback()
def export() -> None:
    """Keep every form a subcommand."""


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
        _keep(Path(out), [line + b"\n" for line in lines])
    _tell(len(lines), left_out, out, json=json)


@app.command()
def summary(
    resident: Annotated[str, typer.Option(help="The resident's id, r-…")],
    out: Annotated[
        Path, typer.Option(help="The file to write: .json (FHIR document), .html or .pdf (one page of A4).")
    ],
    whole: Annotated[
        bool, typer.Option("--whole", help="For whoever treats them: also what they may not see yet.")
    ] = False,
    lang: Annotated[str | None, typer.Option(help="ja or en; the resident's own without.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who is answerable; default: whoever runs this.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Say what was written as one JSON object.")] = False,
) -> None:
    """Write what whoever treats a person has to know first: allergies, medicines, conditions, results, home values."""
    from engine.store.filing import By
    from engine.store.repo_protection import masked
    from engine.summary_store import note_summary, stored_summary

    form, now = out.suffix.lower(), datetime.now(UTC)
    if form not in {".json", ".html", ".pdf"}:
        fail(Exit.USAGE, "unknown-form", f"{out.name}: write a .json, .html or .pdf")
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        spoken = _language(lang or person.language)
        # The whole one is for others: who hides has neither telephone nor contact on it.
        person = masked(connection, person, now) if whole else person
        found = stored_summary(connection, person, now, lang=spoken, whole=whole)
        content = _summary_file(connection, found, form, spoken)
        note_summary(connection, found, "export-summary", By(actor(by), os_user()), now, form)
        # What cannot be written did not leave: an error here undoes the entry.
        _keep(out, [content])
    if json:
        emit({"resident": person.id, "file": str(out), "whole": whole, "left_out": found.hidden.count})
        return
    result(str(out))
    if found.hidden.count:
        say(f"{found.hidden.count} records are not disclosed yet and left out; --whole has them")


def _summary_file(connection: Connection, found: Summary, form: str, lang: Language) -> bytes:
    from engine.summary_page import file_of

    if form == ".json":
        from fhir_bridge.bundle import encode
        from fhir_bridge.holdings import holdings_of
        from fhir_bridge.summary import TYPES, summary_document

        held = holdings_of(connection, found.person, found.as_of, disclosed=not found.whole, types=TYPES)
        return encode(summary_document(held, found, lang))
    made = file_of(found, lang, "pdf" if form == ".pdf" else "html")
    if not isinstance(made, bytes):
        fail(Exit.CONFIGURATION, made.code, made.message)
    return made


def _language(wish: str) -> Language:
    if wish.lower().split("-", maxsplit=1)[0] not in {"ja", "en"}:
        fail(Exit.USAGE, "unknown-language", f"{wish!r}: try ja or en")
    return "en" if wish.lower().startswith("en") else "ja"


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


def _keep(path: Path, parts: Sequence[bytes]) -> None:
    """The whole file or nothing, readable by its owner only."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        fail(Exit.USAGE, "cannot-write", f"cannot write beside {path.name}: {error.strerror}")
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(parts)
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
