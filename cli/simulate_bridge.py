"""`phr simulate bridge`: bridges killed at random moments while a hospital drops, delays and garbles."""

from __future__ import annotations

import shutil
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.exits import Exit
from cli.output import emit, fail, say


class Make(StrEnum):
    """What the hospital's server can do."""

    PUT = "put"
    CONDITIONAL = "conditional"
    SEARCH = "search"


def bridge(
    readings: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many readings are made.")] = 200,
    faults: Annotated[int, typer.Option(min=0, max=1_000_000, help="At least so many faults strike.")] = 50,
    kills: Annotated[int, typer.Option(min=1, max=100_000, help="How many bridges are killed.")] = 10,
    seed: Annotated[int, typer.Option(help="Which people, what they measure, who is killed when.")] = 1,
    server: Annotated[
        Make,
        typer.Option(help="put: takes our ids; conditional: a create that is not atomic; search: neither."),
    ] = Make.PUT,
    homes: Annotated[int, typer.Option(min=2, max=500, help="Homes of two people and two devices.")] = 16,
    state: Annotated[Path | None, typer.Option(help="Keep everything in this empty folder.")] = None,
) -> None:
    """Kill bridges in the middle of it; exit 11 if the hospital misses, doubles or misplaces an Observation."""
    import msgspec

    from simulators.bridge_crash import campaign

    if state is not None and state.exists() and any(state.iterdir()):
        fail(Exit.USAGE, "not-empty", f"{state} holds something; a campaign wants an empty folder")
    root = state or Path(tempfile.mkdtemp(prefix="phr-bridge-"))
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = campaign(
        root, readings=readings, faults=faults, kills=kills, seed=seed, make=server.value, homes=homes, tell=say
    )
    emit(msgspec.to_builtins(found) | {"sound": found.sound})
    if state is None and found.sound:
        shutil.rmtree(root, ignore_errors=True)
    if not found.sound:
        raise typer.Exit(Exit.DAMAGED)
