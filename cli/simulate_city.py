"""`phr simulate city` and `phr simulate draws`: a made-up city in a store, and releases whose drawing is killed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.output import emit, fail, say
from cli.wiring import open_seal, settings

if TYPE_CHECKING:
    from fhir_bridge.privacy_units import Period

First = Annotated[str | None, typer.Option(help="First half-year in which they measure; default: the last that ended.")]


def city(
    people: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many residents.")] = 1_000,
    seed: Annotated[int, typer.Option(help="Which city.")] = 1,
    first: First = None,
    periods: Annotated[int, typer.Option(min=1, max=20, help="In how many half-years they measure.")] = 1,
    weighings: Annotated[int, typer.Option(min=1, max=180, help="How often each steps on a scale in one.")] = 6,
    plain: Annotated[bool, typer.Option("--plain", help="Everybody agrees, stays alive and can be counted.")] = False,
    add: Annotated[bool, typer.Option("--add", help="Also into a store in which people live already.")] = False,
) -> None:  # fmt: skip
    """Fill the store of PHR_HOME with made-up residents: consents with their histories, weights, interests."""
    import msgspec

    from cli.store import transaction
    from simulators.city.people import Town
    from simulators.city.settle import is_empty, settle

    config, now = settings(), datetime.now(UTC)
    begin = _last_ended(now.date()) if first is None else _period(first)
    town = Town(
        people=people, seed=seed, first=begin, periods=periods, weighings=weighings, histories=not plain
    )  # fmt: skip
    with transaction(writes=True) as connection:
        if not add and not is_empty(connection):
            fail(Exit.REFUSED, "not-empty", "people live in this store: --add puts made-up ones among them")
        settled = settle(connection, town, open_seal(config), now)
    emit(msgspec.to_builtins(settled) | {"first": str(begin)})


def draws(
    kills: Annotated[int, typer.Option(min=1, max=100_000, help="How many processes to kill.")] = 100,
    seed: Annotated[int, typer.Option(help="At which points.")] = 1,
) -> None:
    """Kill processes while they draw a release; exit 11 if two numbers for one cell could ever be seen."""
    import tempfile

    import msgspec

    from simulators.city.kills import campaign
    from simulators.city.stores import drawn_case, fresh_file

    with tempfile.TemporaryDirectory(prefix="phr-draws-") as name:
        folder = Path(name)
        found = campaign(fresh_file(folder), drawn_case(), folder, kills=kills, seed=seed, tell=say)
    emit(msgspec.to_builtins(found) | {"sound": found.sound})
    if not found.sound:
        raise typer.Exit(Exit.DAMAGED)


def _period(text: str) -> Period:
    from engine.refusal import Refusal
    from fhir_bridge.privacy_units import Period

    found = Period.read(text)
    if isinstance(found, Refusal):
        fail(Exit.USAGE, found.code, found.message)
    return found


def _last_ended(today: date) -> Period:
    """The last half-year that is over."""
    from fhir_bridge.privacy_units import Period

    found = Period(today.year - 2, 2)
    while found.next.end < today:
        found = found.next
    return found
