"""Tables of the gateway's journal; instants are UTC microseconds. Only journal.py executes them."""

from __future__ import annotations

from typing import Final

VERSION: Final = 1
SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS session(
        id TEXT PRIMARY KEY, device TEXT NOT NULL, profile TEXT NOT NULL, firmware TEXT, started_at INTEGER NOT NULL,
        ended_at INTEGER) STRICT""",
    """CREATE TABLE IF NOT EXISTS frame(
        seq INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT NOT NULL, session TEXT NOT NULL, carrier TEXT NOT NULL,
        raw BLOB NOT NULL, received_at INTEGER NOT NULL, occurrence INTEGER NOT NULL, context BLOB,
        state TEXT NOT NULL DEFAULT 'new', code TEXT, reading TEXT) STRICT""",
    "CREATE INDEX IF NOT EXISTS frame_state ON frame(state, seq)",
    "CREATE INDEX IF NOT EXISTS frame_reading ON frame(reading)",
    """CREATE TABLE IF NOT EXISTS reading(
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, payload BLOB NOT NULL,
        created_at INTEGER NOT NULL, sent_at INTEGER, attempts INTEGER NOT NULL DEFAULT 0,
        due_at INTEGER NOT NULL DEFAULT 0, batch INTEGER NOT NULL DEFAULT 100, code TEXT) STRICT""",
    """CREATE TABLE IF NOT EXISTS anchor(
        device TEXT NOT NULL, slot INTEGER NOT NULL, scope TEXT NOT NULL, digest BLOB NOT NULL,
        occurrence INTEGER NOT NULL, received_at INTEGER NOT NULL, heard_at INTEGER NOT NULL,
        PRIMARY KEY(device, slot, scope, digest, occurrence)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS echo(
        device TEXT PRIMARY KEY, raw BLOB NOT NULL, heard_at INTEGER NOT NULL, kept_at INTEGER NOT NULL) STRICT""",
    "CREATE TABLE IF NOT EXISTS device(id TEXT PRIMARY KEY, note BLOB NOT NULL) STRICT",
    """CREATE TABLE IF NOT EXISTS memory(
        device TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY(device, name)) STRICT""",
    """CREATE TABLE IF NOT EXISTS visit(
        device TEXT PRIMARY KEY, code TEXT NOT NULL, ended_at INTEGER NOT NULL) STRICT""",
    "CREATE TABLE IF NOT EXISTS tally(code TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT",
)
