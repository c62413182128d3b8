"""`phr silent`: from whom nothing came for weeks; the reminder, and the nurses' list."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.letters_files import opened
from cli.output import emit, fail, result, say
from cli.store import transaction
from cli.wiring import language, settings

if TYPE_CHECKING:
    from engine.store.repo_silences import Silent

app = typer.Typer(help="Who went silent: reminders, and whom nurses ask after.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command("list")
def list_(
    municipality: Annotated[str | None, typer.Option(help="Only this town, by its 6-digit code.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many; default: all.")] = None,
    json: Json = False,
) -> None:
    """Show whom nurses ask after, the longest silence first; only who lets nurses look."""
    from engine.municipalities import REGION
    from engine.store import repo_silences

    if municipality is not None and municipality not in REGION:
        fail(Exit.USAGE, "foreign-municipality", f"municipalities are {', '.join(REGION)}")
    towns = None if municipality is None else {municipality}
    with transaction() as connection:
        found = repo_silences.listed(connection, towns, datetime.now(UTC), limit)
    if json:
        emit({"silent": [_row(one) for one in found]})
        return
    for one in found:
        person, silence = one.person, one.silence
        name = f"{person.family_name} {person.given_name}".strip()
        result(f"{person.id}  {name}  {_words(f'silent.reason.{silence.reason}')}  {silence.days}  {one.step}")
    say(_words("silent.count", count=len(found)))


@app.command()
def remind(json: Json = False) -> None:
    """Remind whoever went silent, once a silence; the engine does this every day."""
    from engine.silences_telling import remind_all

    with opened() as store:
        told = remind_all(store, datetime.now(UTC))
    if json:
        emit({"reminded": [one.resident for one in told]})
    else:
        result(_words("silent.reminded", count=len(told)))


def _row(one: Silent) -> dict[str, object]:
    silence = one.silence
    return {
        "resident": silence.resident, "municipality": one.person.municipality_code, "reason": silence.reason,
        "since": silence.since.isoformat(), "days": silence.days, "step": one.step,
    }  # fmt: skip


def _words(key: str, **values: object) -> str:
    from engine.locale import text

    return text("en" if language(settings()) == "en" else "ja", "nurse", f"desk.{key}", **values)
