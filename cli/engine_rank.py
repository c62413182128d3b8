"""`phr engine rank-train`: learn the order of the queue from what nurses decided and what came of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.exits import Exit
from cli.output import emit, fail, result
from cli.wiring import ensure_home, open_store, settings


def rank_train(json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False) -> None:
    """Train the model that orders the queue within a tier; too little data is exit code 5 and changes nothing."""
    from engine.ranking_store import replace_all, save, train
    from engine.refusal import Refusal

    config = settings()
    store, now = open_store(config), datetime.now(UTC)
    try:
        found = train(store, now)
        if isinstance(found, Refusal):
            fail(Exit.REFUSED, found.code, found.message)
        path = save(ensure_home(config), found)
        replace_all(store, now, found)
    finally:
        store.dispose()
    if json:
        emit({"model": path.name, "decided": found.decided, "residents": found.residents})
        return
    result(f"the queue's order was learnt from {found.decided} decisions on {found.residents} residents: {path.name}")
