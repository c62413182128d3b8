"""A look into a journal that a running gateway owns: read-only, so that nothing of its sessions is disturbed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from gateway.journal import Depth, JournalError

_DEPTH = (
    "SELECT count(*) FROM frame WHERE state='new'",
    "SELECT count(*) FROM reading WHERE code IS NULL",
    "SELECT count(*) FROM reading WHERE sent_at IS NOT NULL",
    "SELECT count(*) FROM reading WHERE code IS NOT NULL",
    "SELECT count(*) FROM frame WHERE state='refused'",
)


def peek(path: Path) -> Depth | None:
    """How much the journal at `path` holds, None when there is none; raises JournalError `damaged` or `busy`."""
    if not path.exists():
        return None
    counts = [_rows(path, query) for query in _DEPTH]
    # A gateway that is just starting has made the file and not yet its tables.
    return Depth(*(int(rows[0][0]) for rows in counts)) if all(counts) else None


def parked(path: Path) -> list[tuple[str, str]]:
    """Ids and codes of the readings the engine could not read; raises JournalError as `peek`."""
    return _rows(path, "SELECT id,code FROM reading WHERE code IS NOT NULL ORDER BY seq") if path.exists() else []


def tallies(path: Path) -> dict[str, int]:
    """Readings `published` and refusals by code since the journal began; raises JournalError as `peek`."""
    return dict(_rows(path, "SELECT code,count FROM tally ORDER BY code")) if path.exists() else {}


def _rows(path: Path, query: str) -> list[Any]:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as db:
            return db.execute(query).fetchall()
    except sqlite3.Error as error:
        if "no such table" in str(error):
            return []
        raise JournalError("busy" if "locked" in str(error) else "damaged", f"journal: {error}") from error
