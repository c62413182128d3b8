"""`phr clinical verdicts`: what check-ups concluded beside our own rules, every difference with its reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from cli.clinical_words import word
from cli.exits import Exit
from cli.output import emit, result
from cli.store import resident_of, transaction
from cli.wiring import language, settings

if TYPE_CHECKING:
    from engine.verdicts import Verdict

ZONE = ZoneInfo("Asia/Tokyo")


def verdicts(
    resident: Annotated[str | None, typer.Option(help="Only this resident's.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Compare what check-ups concluded (guidance level, metabolic syndrome) with our own rules."""
    from engine.rules import load_catalogue
    from engine.store import repo_facts, repo_residents
    from engine.verdicts import verdicts as compared

    now = datetime.now(UTC)
    with transaction() as connection:
        people = [resident_of(connection, resident)] if resident else repo_residents.listed(connection)
        facts = repo_facts.of(connection, [person.id for person in people])
    rules = load_catalogue()
    found = [one for person in people for one in compared(facts[person.id], person, rules, now)]
    if json:
        emit({"compared": len(found), **_counts(found), "verdicts": [_shown(one) for one in found]})
    else:
        _tell(found)
    if not found:
        raise typer.Exit(int(Exit.NOT_FOUND))


def _counts(found: list[Verdict]) -> dict[str, int]:
    names = {"agreed": "agrees", "differ": "differs", "cannot_tell": "cannot-tell"}
    return {name: sum(one.outcome == outcome for one in found) for name, outcome in names.items()}


def _shown(one: Verdict) -> dict[str, Any]:
    import msgspec

    shown: dict[str, Any] = msgspec.to_builtins(one)
    return shown | {"agrees": one.agrees}


def _tell(found: list[Verdict]) -> None:
    """Every difference with what explains it, what cannot be compared and why, then how many agree."""
    lang = language(settings())
    for one in found:
        if one.agrees:
            continue
        why = word(lang, f"verdict-{one.reason}", names=", ".join(one.missing))
        also = [word(lang, f"verdict-{reason}", names="") for reason in one.also]
        told = word(lang, "verdict-or").join([why, *also])
        day = f"{one.at.astimezone(ZONE):%Y-%m-%d}"
        result(f"{one.resident}  {day}  {one.name}  {one.official} / {one.ours}  {told}")
    counts = _counts(found)
    result(word(lang, "verdicts", count=len(found), agreed=counts["agreed"], differ=counts["differ"],
                open=counts["cannot_tell"]))  # fmt: skip
