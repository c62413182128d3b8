"""`phr consent paper` and `phr consent outdated`: forms to sign, and who agreed to earlier words."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from typing import Annotated, Literal

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, resident_of, transaction
from cli.wiring import open_seal, settings

Who = Annotated[str, typer.Option("--resident", help="Resident id.")]
Out = Annotated[Path, typer.Option("--out", help="Write the form here.")]
Kind = Annotated[Literal["pdf", "html"], typer.Option("--format", help="pdf, or an HTML page to print.")]
By = Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def paper(resident: Who, out: Out, format: Kind = "html", by: By = None, json: Json = False) -> None:  # noqa: A002
    """Print a form of consent with a number of its own: every purpose in the words shown today, large, for A4."""
    from engine.consent_form import html
    from engine.consent_paper import new_number
    from engine.refusal import Refusal
    from engine.report_file import pdf
    from engine.store import audit
    from engine.store.instants import to_micros

    seal = open_seal(settings())
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        number = new_number(seal, person.id, SystemRandom())
        page = html(person, number, person.language)
        content = pdf(page) if format == "pdf" else page.encode()
        if isinstance(content, Refusal):
            fail(Exit.CONFIGURATION, content.code, content.message)
        entry = audit.Entry(
            at=to_micros(datetime.now(UTC)), actor=actor(by), os_user=os_user(), action="consents-form",
            subject=person.id, detail_hash=audit.detail_hash([number]),
        )  # fmt: skip
        audit.append(connection, entry)
        try:
            out.write_bytes(content)
        except OSError as error:
            fail(Exit.USAGE, "not-written", f"{out} cannot be written: {error.strerror}")
    if json:
        emit({"resident": person.id, "number": number, "file": str(out)})
    else:
        result(number)


def outdated(json: Json = False) -> None:
    """List who agreed to earlier words; that holds, but they are to be asked again."""
    from engine.store import repo_consents

    with transaction() as connection:
        found = repo_consents.outdated(connection, datetime.now(UTC))
    if json:
        emit({"residents": [{"resident": who, "purposes": purposes} for who, purposes in found.items()]})
        return
    for who, purposes in found.items():
        result(f"{who}  {' '.join(purposes)}")
    if not found:
        say("nobody: every consent that holds was given to the words of today")
