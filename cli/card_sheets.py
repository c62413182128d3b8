"""`phr card emergency`: the card for a wallet or the sheet for a refrigerator, printed for its person."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, resident_of, transaction
from cli.wiring import open_store, settings

if TYPE_CHECKING:
    from engine.emergency import Sort
    from engine.emergency_paper import Form, Paper
    from engine.locale import Language

_OUT = os.O_CREAT | os.O_WRONLY | os.O_TRUNC


def emergency(
    resident: Annotated[str, typer.Argument(help="Whose card, r-…")],
    out: Annotated[Path, typer.Option(help="The file to write: .pdf or .html, for A4.")],
    sort: Annotated[
        Literal["wallet", "sheet"], typer.Option(help="A folded card, or the sheet for the door.")
    ] = "wallet",
    base: Annotated[
        str | None, typer.Option(help="Where the pages are reached (https://…); default: notify.base.")
    ] = None,
    lang: Annotated[Literal["ja", "en"] | None, typer.Option(help="The resident's own without.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who is answerable; default: whoever runs this.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Print an emergency card with what is disclosed to its person; the old one of the same sort ends.

    Its QR code leads to the emergency page, which asks who looks and why, and tells the person and the desk.
    """
    place = base or settings().notify.base
    if place is None or not place.startswith(("https://", "http://")):
        fail(Exit.CONFIGURATION, "no-base", "say with --base or notify.base where the pages are reached (https://…)")
    form: Form | None = "pdf" if out.suffix.lower() == ".pdf" else "html" if out.suffix.lower() == ".html" else None
    if form is None:
        fail(Exit.USAGE, "unknown-form", f"{out.name}: write a .pdf or .html")
    _refuse_unwritable(out)
    made = _printed(resident, sort, form, place.rstrip("/"), lang, actor(by))
    with os.fdopen(os.open(out, _OUT, 0o600), "wb") as file:
        file.write(made.content)
    if json:
        emit({"card": made.card.id, "sort": sort, "until": made.card.until, "file": str(out)})
        return
    result(str(out))
    say(f"{made.card.id} is good until {made.card.until:%Y-%m-%d}; its code is on this paper alone")


def _printed(resident: str, sort: Sort, form: Form, base: str, lang: Language | None, by: str) -> Paper:
    from engine.emergency_paper import paper
    from engine.refusal import Refusal
    from engine.store.database import StoreError
    from engine.store.filing import By

    with transaction() as connection:
        person = resident_of(connection, resident)
    engine = open_store(settings())
    try:
        made = paper(
            engine, person, sort, form, base=base, by=By(by, os_user()), now=datetime.now(UTC),
            lang=lang or person.language, rng=SystemRandom(),
        )  # fmt: skip
    except StoreError as error:
        fail(Exit.NETWORK if error.code in {"busy", "unreachable"} else Exit.CONFIGURATION, error.code, error.message)
    finally:
        engine.dispose()
    if isinstance(made, Refusal):
        code = Exit.REFUSED if made.code == "inactive" else Exit.CONFIGURATION
        fail(code, made.code, made.message)
    return made


def _refuse_unwritable(path: Path) -> None:
    """Stop before the old card ends, where the new one could not be kept; exit code 2."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        fail(Exit.USAGE, "not-written", f"cannot write {path.name}: {error.strerror}")
