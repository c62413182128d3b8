"""The head of the audit chain written down outside the database, so that what is cut off or made anew is found.

A text file that only grows, one line an anchor: moment, sequence number, hash, and a code that only a holder of the key
can make. Carry it away (print it, mail it, another machine) as often as you like: `verify` reads any copy.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import msgspec
from sqlalchemy import Connection, select

from engine.sealing import Seal
from engine.store import audit
from engine.store.tables import AUDIT

NAME: Final = "audit-heads"
_ABOUT: Final = "audit head"
_PARTS: Final = 4


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """That the chain ended with the entry `seq` and its hash at a moment."""

    at: datetime
    seq: int
    hash: str
    mac: str = ""

    @property
    def said(self) -> str:
        """What the code stands over."""
        return f"{self.at.isoformat(timespec='seconds')} {self.seq} {self.hash}"


class Fault(msgspec.Struct, frozen=True):
    """What is wrong: `seq` is the first bad entry (for `cut` the first missing one, for `anchors` the bad line)."""

    code: Literal["chain", "cut", "changed", "anchors"]
    seq: int


def head(connection: Connection, now: datetime) -> Anchor | None:
    """The newest entry as an anchor without its code; None while nothing was ever done."""
    row = connection.execute(select(AUDIT.c.seq, AUDIT.c.hash).order_by(AUDIT.c.seq.desc()).limit(1)).first()
    return None if row is None else Anchor(at=now.astimezone(UTC).replace(microsecond=0), seq=row.seq, hash=row.hash)


def anchor(connection: Connection, home: Path, seal: Seal, now: datetime) -> Anchor | None:
    """Appends the head to PHR_HOME/audit-heads and returns it; None while there is nothing to anchor."""
    made = head(connection, now)
    if made is None:
        return None
    made = msgspec.structs.replace(made, mac=seal.mac(made.said, _ABOUT))
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(home / NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "a", encoding="ascii") as file:
        file.write(f"{made.said} {made.mac}\n")
        file.flush()
        os.fsync(file.fileno())
    return made


def last(home: Path | None) -> Anchor | None:
    """The newest readable anchor; None when there is none."""
    found = None
    if home is not None:
        for one in _lines(home / NAME):
            found = one or found
    return found


def verify(connection: Connection, home: Path | None, seal: Seal) -> Fault | None:
    """The first thing wrong with the chain and its anchors, None when nothing is.

    Whatever was done to entries up to the last anchor is found, also when every hash after it was made anew.
    """
    broken = audit.verify(connection)
    if broken is not None:
        return Fault("chain", broken)
    for number, one in enumerate(_lines(home / NAME) if home is not None else (), start=1):
        if one is None or seal.mac(one.said, _ABOUT) != one.mac:
            return Fault("anchors", number)
        found = connection.execute(select(AUDIT.c.hash).where(AUDIT.c.seq == one.seq)).scalar()
        if found is None:
            return Fault("cut", _last_before(connection, one.seq) + 1)
        if found != one.hash:
            return Fault("changed", one.seq)
    return None


def _last_before(connection: Connection, seq: int) -> int:
    query = select(AUDIT.c.seq).where(AUDIT.c.seq < seq).order_by(AUDIT.c.seq.desc()).limit(1)
    return int(connection.execute(query).scalar() or 0)


def _lines(place: Path) -> Iterator[Anchor | None]:
    """The anchors in their order, None for a line that is none."""
    try:
        lines = place.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        yield _anchor(line)


def _anchor(line: str) -> Anchor | None:
    parts = line.split(" ")
    if len(parts) != _PARTS:
        return None
    try:
        return Anchor(at=datetime.fromisoformat(parts[0]), seq=int(parts[1]), hash=parts[2], mac=parts[3])
    except ValueError:
        return None
