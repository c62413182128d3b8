"""Telling borrowers that something is due soon: once a due day, as a notice of its own kind."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from engine.loans import about, is_due_soon, rules
from engine.loans_view import today_of
from engine.situation import refuses
from engine.store import repo_life, repo_loans, repo_notices
from engine.store.database import Connection, Engine, write

KIND: Final = "loan"


def remind_all(engine: Engine, now: datetime) -> int:
    """Owes a notice to every borrower of what is due within a few days; how many are new."""
    today = today_of(now)
    with write(engine) as connection:
        due = [one for one in repo_loans.due_by(connection, today + timedelta(days=rules().remind))
               if is_due_soon(one, today)]  # fmt: skip
        known = repo_life.situations(connection, sorted({one.resident for one in due}))
        return sum(
            repo_notices.owe(connection, one.resident, KIND, about(one), now)
            for one in due
            if refuses(known[one.resident], "notices", now) is None
        )


def is_withdrawn(connection: Connection, resident: str, matter: str) -> bool:
    """Whether what a notice was about is given back or due on another day by now."""
    return matter not in {about(one) for one in repo_loans.of_resident(connection, resident)}
