"""The gateway's memory: frames before they are decoded, readings until the engine has them (SQLite, the SQL door).

Every append is on disk when it returns (WAL, synchronous=FULL). A reading leaves only by `forget`, when the engine
said it is committed. Frames that cannot be decoded stay with their code, at most REFUSED_KEPT and REFUSED_DAYS old.
All methods may be called from any thread; damage raises JournalError.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from gateway.journal_rows import Connection, Depth, Draft, Frame, JournalError, Repeats, Row
from gateway.journal_schema import SCHEMA, VERSION

__all__ = ["Connection", "Depth", "Draft", "Frame", "Journal", "JournalError", "Row"]
SAME_MEASUREMENT: Final = timedelta(minutes=10)
REFUSED_KEPT: Final = 10_000
REFUSED_DAYS: Final = 90
ADVERT: Final = "advert"
MESSAGE: Final = "mqtt"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


Compose = Callable[[Draft, datetime], tuple[str, bytes]]


class Journal:
    """One file, one writer; open it once per process."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._counts: dict[str, Repeats] = {}
        self._latest = 0
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        except (OSError, sqlite3.Error) as error:
            raise _journal_error(error) from error
        try:
            self._prepare()
        except (sqlite3.Error, JournalError) as error:
            self._db.close()
            raise _journal_error(error) from error

    def _prepare(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise JournalError("newer", f"the journal has version {version}, this program knows {VERSION}")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        with self._change() as db:
            for statement in SCHEMA:
                db.execute(statement)
            db.execute(f"PRAGMA user_version={VERSION}")
            # Whoever wrote this file before is gone: its sessions are over and its publish timers mean nothing.
            db.execute("UPDATE session SET ended_at=started_at WHERE ended_at IS NULL")
            db.execute("UPDATE reading SET due_at=0")
        self._latest = self._one("SELECT coalesce(max(received_at), 0) FROM frame")

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._db.close()

    # -- frames

    def begin_session(self, device: str, profile: str, now: datetime) -> str:
        """A new connection's id."""
        session = uuid.uuid4().hex
        with self._change() as db:
            db.execute("INSERT INTO session VALUES (?,?,?,NULL,?,NULL)", (session, device, profile, _micros(now)))
        self._counts[session] = Repeats()
        return session

    def describe_session(self, session: str, firmware: str | None) -> None:
        """Note the firmware revision the frames of `session` are to be read with."""
        with self._change() as db:
            db.execute("UPDATE session SET firmware=? WHERE id=?", (firmware, session))

    def end_session(self, session: str, now: datetime) -> None:
        """No more frames will come: lone parts of a measurement stand for themselves."""
        self._counts.pop(session, None)
        with self._change() as db:
            db.execute("UPDATE session SET ended_at=? WHERE id=?", (_micros(now), session))

    def connection(self, session: str) -> Connection | None:
        """What is known of a session."""
        with self._lock:
            row = self._db.execute(
                "SELECT device,profile,firmware,ended_at FROM session WHERE id=?", (session,)
            ).fetchone()
        return Connection(row[0], row[1], row[2], row[3] is not None) if row else None

    def append_frame(self, device: str, session: str, carrier: str, raw: bytes, now: datetime) -> Frame:
        """Keep a notification or indication; it is on disk when this returns."""
        nth = self._counts.setdefault(session, Repeats()).count(carrier, raw)
        return self._append(device, session, carrier, raw, now, nth, None)

    def append_advert(self, device: str, raw: bytes, context: bytes, now: datetime, *, carrier: str = ADVERT) -> Frame:
        """Keep what was said to all: `raw` is the part that identifies it, `context` all that decoding needs."""
        return self._append(device, "", carrier, raw, now, 1, context)

    def _append(
        self, device: str, session: str, carrier: str, raw: bytes, now: datetime, occurrence: int, context: bytes | None
    ) -> Frame:
        with self._change() as db:
            # Strictly increasing receive times keep equal frames apart, also when the system clock steps back a little.
            at = _micros(now)
            if self._latest - at < SAME_MEASUREMENT // timedelta(microseconds=1):
                at = max(at, self._latest + 1)
            self._latest = at
            cursor = db.execute(
                "INSERT INTO frame(device,session,carrier,raw,received_at,occurrence,context) VALUES (?,?,?,?,?,?,?)",
                (device, session, carrier, raw, at, occurrence, context),
            )
        return Frame(cursor.lastrowid or 0, device, session, carrier, raw, instant(at), occurrence, context)

    def fresh(self, limit: int = 2000, after: int = 0, *, messages: bool = False) -> list[Frame]:
        """Frames not yet decoded, oldest first: what a radio heard, or the messages of the home's broker."""
        query = (
            "SELECT seq,device,session,carrier,raw,received_at,occurrence,context FROM frame "
            "WHERE state='new' AND seq>? AND (carrier=?)=? ORDER BY seq LIMIT ?"
        )
        with self._lock:
            rows = self._db.execute(query, (after, MESSAGE, messages, limit)).fetchall()
        return [Frame(s, d, c, k, raw, instant(at), nth, note) for s, d, c, k, raw, at, nth, note in rows]

    def settle(
        self,
        drafts: Sequence[Draft],
        compose: Compose,
        refused: Sequence[tuple[int, str]] = (),
        previews: Sequence[int] = (),
    ) -> list[str]:
        """Turn frames into readings in one transaction; the ids that are new.

        `compose` makes id and payload from a draft and its receive time, which is the earlier one when the same
        measurement was heard before. `previews` are forgotten.
        """
        added = []
        with self._change() as db:
            for draft in drafts:
                name, payload = compose(draft, self._receive_time(db, draft))
                values = (name, payload, _micros(draft.received_at))
                made = db.execute("INSERT OR IGNORE INTO reading(id,payload,created_at) VALUES (?,?,?)", values)
                added += [name] if made.rowcount else []
                marks = [(name, seq) for seq in draft.frames]
                db.executemany("UPDATE frame SET state='decoded', reading=? WHERE seq=?", marks)
            db.executemany("UPDATE frame SET state='refused', code=? WHERE seq=?", [(c, s) for s, c in refused])
            _count(db, (code for _, code in refused), "frame:")
            db.executemany("DELETE FROM frame WHERE seq=?", [(seq,) for seq in previews])
        return added

    def _receive_time(self, db: sqlite3.Connection, draft: Draft) -> datetime:
        """The receive time that names the measurement: minted once, taken again within ten minutes of its last echo."""
        if draft.anchor is not None:
            return draft.received_at
        slot = -1 if draft.slot is None else draft.slot
        digest = hashlib.sha256(draft.key).digest()
        key = (draft.device, slot, draft.scope, digest, draft.occurrence)
        at = _micros(draft.received_at)
        where = "device=? AND slot=? AND scope=? AND digest=? AND occurrence=?"
        row = db.execute(f"SELECT received_at, heard_at FROM anchor WHERE {where}", key).fetchone()  # noqa: S608
        if row and abs(at - row[1]) <= SAME_MEASUREMENT // timedelta(microseconds=1):
            db.execute(f"UPDATE anchor SET heard_at=max(heard_at,?) WHERE {where}", (at, *key))  # noqa: S608
            return instant(row[0])
        db.execute("INSERT OR REPLACE INTO anchor VALUES (?,?,?,?,?,?,?)", (*key, at, at))
        return draft.received_at

    # -- readings

    def due(self, now: datetime, limit: int) -> list[Row]:
        """Readings to publish now, oldest first; parked ones never."""
        query = "SELECT id,payload,attempts,batch FROM reading WHERE code IS NULL AND due_at<=? ORDER BY seq LIMIT ?"
        with self._lock:
            return [Row(*row) for row in self._db.execute(query, (_micros(now), limit))]

    def offer(self, ids: Iterable[str], due: datetime) -> None:
        """Note a publish attempt; without an answer the readings are due again at `due`."""
        self._each("UPDATE reading SET attempts=attempts+1, due_at=? WHERE id=?", [(_micros(due), i) for i in ids])

    def mark_sent(self, ids: Iterable[str], now: datetime) -> None:
        """Note, and count once each, that the broker took them, which is no promise of storage."""
        at = _micros(now)
        with self._change() as db:
            _publish(db, [(at, name) for name in ids])

    def hurry(self, due: datetime) -> None:
        """Bring every waiting reading forward to `due`: the connection is new, earlier publishes may be lost."""
        at = _micros(due)
        self._each("UPDATE reading SET due_at=? WHERE code IS NULL AND due_at>?", [(at, at)])

    def forget(self, ids: Iterable[str], refused: Iterable[tuple[str, str]] = ()) -> int:
        """Drop what the engine has committed, `refused` (id, code) included and counted; how many rows went."""
        said = list(refused)
        named = [(name,) for name in dict.fromkeys([*ids, *(name for name, _ in said)])]
        with self._change() as db:
            # The engine's answer may overtake the broker's: what the engine has, the broker has taken.
            _publish(db, [(0, name) for (name,) in named])
            db.executemany("DELETE FROM frame WHERE reading=? AND state='decoded'", named)
            gone = db.executemany("DELETE FROM reading WHERE id=?", named).rowcount
            _count(db, (code for _, code in said), "engine:")
        return max(gone, 0)

    def halve(self, ids: Sequence[str]) -> None:
        """Let the readings of an unreadable batch travel in parties half its size."""
        size = max(1, len(ids) // 2)
        self._each("UPDATE reading SET batch=min(batch,?), due_at=0 WHERE id=?", [(size, i) for i in ids])

    def park(self, name: str, code: str) -> None:
        """Set aside a reading that the engine cannot read; it is kept and shown, never sent again by itself."""
        self._each("UPDATE reading SET code=? WHERE id=?", [(code, name)])

    def parked(self) -> list[tuple[str, str]]:
        """Ids and codes of what was set aside."""
        with self._lock:
            return self._db.execute("SELECT id,code FROM reading WHERE code IS NOT NULL ORDER BY seq").fetchall()

    def unpark(self) -> int:
        """Try the parked readings again, each alone; how many."""
        with self._change() as db:
            return db.execute("UPDATE reading SET code=NULL, due_at=0, batch=1 WHERE code IS NOT NULL").rowcount

    # -- devices and counts

    def note(self, device: str) -> bytes | None:
        """What was last said about a device."""
        with self._lock:
            row = self._db.execute("SELECT note FROM device WHERE id=?", (device,)).fetchone()
        return row[0] if row else None

    def keep_note(self, device: str, note: bytes) -> None:
        """Remember what was said about a device."""
        self._each("INSERT OR REPLACE INTO device VALUES (?,?)", [(device, note)])

    def echo(self, device: str) -> tuple[bytes, datetime, datetime] | None:
        """The last advert kept of a device: raw, last heard, kept at."""
        with self._lock:
            row = self._db.execute("SELECT raw,heard_at,kept_at FROM echo WHERE device=?", (device,)).fetchone()
        return (row[0], instant(row[1]), instant(row[2])) if row else None

    def keep_echo(self, device: str, raw: bytes, heard: datetime, kept: datetime) -> None:
        """Remember the last advert of a device, so that a restart does not take it for a new one."""
        values = (device, raw, _micros(heard), _micros(kept))
        self._each("INSERT OR REPLACE INTO echo VALUES (?,?,?,?)", [values])

    def memory(self, device: str) -> dict[str, int]:
        """The numbers a device's dialogues asked to be remembered."""
        with self._lock:
            return dict(self._db.execute("SELECT name,value FROM memory WHERE device=?", (device,)))

    def remember(self, device: str, name: str, value: int) -> None:
        """Keep a number for the next dialogue."""
        self._each("INSERT OR REPLACE INTO memory VALUES (?,?,?)", [(device, name, value)])

    def keep_visit(self, device: str, code: str, now: datetime) -> None:
        """Note how the last connection to a device ended, for whoever stands beside it."""
        self._each("INSERT OR REPLACE INTO visit VALUES (?,?,?)", [(device, code, _micros(now))])

    def depth(self) -> Depth:
        """How much is held."""
        with self._lock:
            return Depth(
                self._one("SELECT count(*) FROM frame WHERE state='new'"),
                self._one("SELECT count(*) FROM reading WHERE code IS NULL"),
                self._one("SELECT count(*) FROM reading WHERE sent_at IS NOT NULL"),
                self._one("SELECT count(*) FROM reading WHERE code IS NOT NULL"),
                self._one("SELECT count(*) FROM frame WHERE state='refused'"),
            )

    def tally(self) -> dict[str, int]:
        """Refusals since the journal began: `frame:<code>` undecodable, `engine:<code>` refused by the engine."""
        with self._lock:
            return dict(self._db.execute("SELECT code,count FROM tally ORDER BY code"))

    def prune(self, now: datetime) -> None:
        """Drop what nobody can need again: old anchors, ended sessions without frames, refused frames over the cap."""
        day, old = _micros(now - timedelta(days=1)), _micros(now - timedelta(days=REFUSED_DAYS))
        with self._change() as db:
            db.execute("DELETE FROM anchor WHERE heard_at<?", (day,))
            db.execute("DELETE FROM frame WHERE state='refused' AND received_at<?", (old,))
            db.execute(
                "DELETE FROM frame WHERE seq IN "
                "(SELECT seq FROM frame WHERE state='refused' ORDER BY seq DESC LIMIT -1 OFFSET ?)",
                (REFUSED_KEPT,),
            )
            db.execute("DELETE FROM session WHERE ended_at<? AND id NOT IN (SELECT session FROM frame)", (day,))

    # -- plumbing

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise _journal_error(error) from error
                raise

    def _each(self, statement: str, values: Sequence[tuple[object, ...]]) -> None:
        with self._change() as db:
            db.executemany(statement, values)

    def _one(self, query: str) -> int:
        return int(self._db.execute(query).fetchone()[0])


def _publish(db: sqlite3.Connection, marks: Sequence[tuple[int, str]]) -> None:
    fresh = db.executemany("UPDATE reading SET sent_at=? WHERE id=? AND sent_at IS NULL", marks).rowcount
    _count(db, ["published"] * max(fresh, 0), "")


def _count(db: sqlite3.Connection, codes: Iterable[str], prefix: str) -> None:
    query = "INSERT INTO tally VALUES (?,?) ON CONFLICT(code) DO UPDATE SET count=count+excluded.count"
    db.executemany(query, [(prefix + code, number) for code, number in Counter(codes).items()])


def _journal_error(error: Exception) -> JournalError:
    if isinstance(error, JournalError):
        return error
    text = str(error)
    code = "full" if "full" in text else "busy" if "locked" in text else "damaged"
    return JournalError(code, f"journal: {text}")


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def instant(micros: int) -> datetime:
    """The UTC instant the journal keeps as `micros`."""
    return _EPOCH + timedelta(microseconds=micros)
