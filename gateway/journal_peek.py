"""A look into a journal that a running gateway owns: read-only, so that nothing of its sessions is disturbed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.journal import instant
from gateway.journal_rows import Connection, Depth, Frame, JournalError
from gateway.quarantine import CODE as BEFORE_PAIRING

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


def visit(path: Path, device: str) -> tuple[str, datetime] | None:
    """How and when the last connection to a device ended; raises JournalError as `peek`."""
    rows = _rows(path, "SELECT code,ended_at FROM visit WHERE device=?", device) if path.exists() else []
    return (rows[0][0], instant(rows[0][1])) if rows else None


def note(path: Path, device: str) -> bytes | None:
    """What was last said about a device; raises JournalError as `peek`."""
    rows = _rows(path, "SELECT note FROM device WHERE id=?", device) if path.exists() else []
    return rows[0][0] if rows else None


def foreign(path: Path) -> dict[str, int]:
    """How many frames of each device were left aside as somebody else's; raises JournalError as `peek`."""
    query = "SELECT device,count(*) FROM frame WHERE state='refused' AND code=? GROUP BY device"
    return dict(_rows(path, query, BEFORE_PAIRING)) if path.exists() else {}


class Look:
    """The frames of one device that nobody has decoded yet, and the sessions they came in."""

    def __init__(self, path: Path, device: str) -> None:
        self._path, self._device = path, device

    def fresh(self) -> list[Frame]:
        """The new frames, oldest first; raises JournalError as `peek`."""
        query = (
            "SELECT seq,device,session,carrier,raw,received_at,occurrence,context FROM frame "
            "WHERE state='new' AND device=? ORDER BY seq"
        )
        rows = _rows(self._path, query, self._device) if self._path.exists() else []
        return [Frame(s, d, c, k, raw, instant(at), nth, note) for s, d, c, k, raw, at, nth, note in rows]

    def connection(self, session: str) -> Connection | None:
        """What is known of a session."""
        rows = _rows(self._path, "SELECT device,profile,firmware,ended_at FROM session WHERE id=?", session)
        return Connection(rows[0][0], rows[0][1], rows[0][2], rows[0][3] is not None) if rows else None


def _rows(path: Path, query: str, *values: object) -> list[Any]:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as db:
            return db.execute(query, values).fetchall()
    except sqlite3.Error as error:
        if "no such table" in str(error):
            return []
        raise JournalError("busy" if "locked" in str(error) else "damaged", f"journal: {error}") from error
