"""`phr engine refit`: each resident's trend parameters fitted to what was read since; may be stopped and run again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.exits import Exit
from cli.output import emit, fail, result
from cli.wiring import open_store, settings


def refit(
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many people at most.")] = 10_000,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Fit the trend parameters of those who have new weighings, longest ago first; what is done stays done."""
    from engine.refit import refit as pass_over
    from engine.store.database import StoreError

    engine = open_store(settings())
    try:
        done = pass_over(engine, datetime.now(UTC), limit)
    except StoreError as error:
        fail(Exit.DAMAGED if error.code == "damaged" else Exit.CONFIGURATION, error.code, error.message)
    finally:
        engine.dispose()
    if json:
        emit({"fitted": done.fitted, "too_few": done.too_few, "more": done.more})
        return
    waiting = "more are due" if done.more else "nobody else is due"
    result(f"{done.fitted} fitted, {done.too_few} with too few weighings, {waiting}")
