"""Erasing a person from the gateway's journal: what their slots brought, overwritten, and the file written anew.

A connection of its own, so that whoever writes the journal meanwhile only waits; VACUUM needs a moment without writers.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.journal_rows import JournalError

_WAIT: Final = 30.0
# What a device's dialogue remembers (a record number) is no person's, and without it all its records would come again.
_MEMORIES: Final = ("frame", "reading", "anchor", "echo", "session", "visit")


class Traces(msgspec.Struct, frozen=True, kw_only=True):
    """By what a person is known here: their id, user slots (device, slot), devices nobody else uses, or everything."""

    resident: str
    slots: frozenset[tuple[str, int]] = frozenset()
    devices: frozenset[str] = frozenset()
    everything: bool = False


def erase(path: Path, traces: Traces) -> int:
    """Erases every row that can be attributed to the person and what deleting leaves in the files; how many rows.

    A frame of a shared device that is not decoded yet stays: it becomes a reading, which the engine refuses unread.
    Raises JournalError.
    """
    if not path.exists():
        return 0
    with _opened(path) as db:
        count = _delete(db, traces)
        _scrub(db)
        return count


def drain(path: Path, device: str | None) -> int:
    """Erases everything of `device` (None: all), once nothing of it is to be handed over; how many rows still are.

    Looked at and erased in one transaction: what is heard in between waits for the next time. Raises JournalError.
    """
    if not path.exists():
        return 0
    with _opened(path) as db:
        db.execute("BEGIN IMMEDIATE")
        left = _undelivered(db, device)
        for table in () if left else (*_MEMORIES, "memory", "device"):
            _clear(db, table, device)
        db.execute("COMMIT")
        if not left:
            _scrub(db)
        return left


def undelivered(path: Path, device: str | None) -> int:
    """How many frames and readings of `device` (None: all) are not handed over yet; raises JournalError."""
    if not path.exists():
        return 0
    with _opened(path) as db:
        return _undelivered(db, device)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The journal, in which what is deleted is overwritten; raises JournalError."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=_WAIT)) as db:
            db.execute("PRAGMA secure_delete=ON")
            db.execute("PRAGMA synchronous=FULL")
            yield db
    except sqlite3.Error as error:
        raise JournalError("busy" if "locked" in str(error) else "damaged", f"journal: {error}") from error


def _undelivered(db: sqlite3.Connection, device: str | None) -> int:
    frames = db.execute("SELECT count(*) FROM frame WHERE state='new' AND ?1 IN ('', device)", (device or "",))
    rows = db.execute("SELECT payload FROM reading").fetchall()
    # What cannot be read may be anybody's.
    mine = [row for (row,) in rows if device is None or _read(row).get("device", device) == device]
    return int(frames.fetchone()[0]) + len(mine)


def _clear(db: sqlite3.Connection, table: str, device: str | None) -> None:
    if device is None:
        db.execute(f"DELETE FROM {table}")  # noqa: S608
    elif table == "device":
        db.execute("DELETE FROM device WHERE id=?", (device,))
    elif table != "reading":  # of this device there is none left
        db.execute(f"DELETE FROM {table} WHERE device=?", (device,))  # noqa: S608


def _delete(db: sqlite3.Connection, traces: Traces) -> int:
    db.execute("BEGIN IMMEDIATE")
    try:
        count = sum(_statements(db, traces))
        _unbind(db, traces.resident)
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    return count


def _statements(db: sqlite3.Connection, traces: Traces) -> Iterator[int]:
    if traces.everything:
        for table in _MEMORIES:
            yield db.execute(f"DELETE FROM {table}").rowcount  # noqa: S608
        return
    names = [(name,) for name in _readings(db, traces)]
    yield db.executemany("DELETE FROM frame WHERE reading=?", names).rowcount if names else 0
    yield db.executemany("DELETE FROM reading WHERE id=?", names).rowcount if names else 0
    for device, slot in sorted(traces.slots):
        yield db.execute("DELETE FROM anchor WHERE device=? AND slot=?", (device, slot)).rowcount
    for device in sorted(traces.devices):
        for table in ("frame", "anchor", "echo", "session", "visit"):
            yield db.execute(f"DELETE FROM {table} WHERE device=?", (device,)).rowcount  # noqa: S608


def _readings(db: sqlite3.Connection, traces: Traces) -> Iterator[str]:
    """The waiting readings that are theirs, by device and slot or by their own word."""
    for name, payload in db.execute("SELECT id, payload FROM reading").fetchall():
        said = _read(payload)
        device, slot = said.get("device"), said.get("user_slot")
        place = (device, -1 if slot is None else slot)
        if device in traces.devices or place in traces.slots or said.get("person_hint") == traces.resident:
            yield name


def _unbind(db: sqlite3.Connection, resident: str) -> None:
    """What was last said of devices, without the person."""
    for device, note in db.execute("SELECT id, note FROM device").fetchall():
        said = _read(note)
        bindings: Collection[Any] = said.get("bindings") or ()
        kept = [bound for bound in bindings if not (isinstance(bound, dict) and bound.get("resident") == resident)]
        if len(kept) < len(bindings):
            made = msgspec.json.encode(said | {"bindings": kept})
            db.execute("UPDATE device SET note=? WHERE id=?", (made, device))


def _read(payload: bytes) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(payload)
    except (msgspec.MsgspecError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _scrub(db: sqlite3.Connection) -> None:
    """Nothing of deleted rows in the log or in free pages; raises where somebody reads what was there before."""
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    db.execute("VACUUM")
    busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy:
        raise sqlite3.OperationalError("database is locked")
