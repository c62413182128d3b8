"""A resident with three years of check-ups, a hospital's word, a laboratory's numbers and answers of her own."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from sqlalchemy import Engine

from engine.clinical import Fact, Source
from engine.store import repo_facts
from engine.store.database import write
from engine.store.repo_facts import By
from tests.homes import HANAKO

DAY = timedelta(days=1)


def fact(
    code: str,
    value: str,
    at: datetime,
    source: Source = "checkup",
    *,
    recorded: datetime | None = None,
    who: str = HANAKO,
) -> Fact:
    """One thing known of Hanako, recorded when it was true unless said otherwise."""
    return Fact(
        resident=who, code=code, value=value, at=at, source=source, actor="test", channel="import",
        recorded_at=recorded or at,
    )  # fmt: skip


def record(engine: Engine, *facts: Fact, seed: int = 7) -> list[Fact]:
    """The facts in the store, with their ids."""
    with write(engine) as connection:
        added = repo_facts.append(connection, facts, By("test", "test"), facts[0].recorded_at, Random(seed))
    return list(added.stored)


def years(engine: Engine, now: datetime) -> None:
    """Check-ups of this year and the two before it."""
    rows = [
        fact(code, value, now - (30 + 365 * back) * DAY)
        for back, values in enumerate([("118", "5.4", "61.2"), ("121", "5.6", "62.0"), ("125", "5.5", "63.1")])
        for code, value in zip(("bp.office.systolic", "lab.hba1c", "checkup.weight"), values, strict=True)
    ]
    record(engine, *rows)
