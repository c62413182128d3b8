"""What was drawn, written down outside the database: a store brought back from a backup never draws it once more.

A text file that only grows, one line a release: unit, period, day, cost, tables, hash of its bytes, and a code that
only a holder of the key can make. Two copies of a whole PHR_HOME cannot know of each other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Final

import msgspec

from engine.refusal import Refusal
from engine.sealing import Seal
from engine.store import repo_statistics
from engine.store.database import Connection
from engine.store.repo_statistics import Paid

NAME: Final = "release-draws"
_ABOUT: Final = "release draw"
_PARTS: Final = 6


class Draw(msgspec.Struct, frozen=True):
    """One release that was drawn: what it cost, and the sha256 of its bytes."""

    paid: Paid
    sha256: str

    @property
    def said(self) -> str:
        """What the code stands over."""
        paid = self.paid
        return (
            f"{paid.unit} {paid.period} {paid.drawn.isoformat()} {paid.epsilon} {','.join(paid.tables)} {self.sha256}"
        )


def draws(home: Path, seal: Seal) -> tuple[Draw, ...] | Refusal:
    """Everything that is written down; refused as `draws-changed` where a line is not ours."""
    found = []
    for number, line in enumerate(_lines(home / NAME), 1):
        said, _, code = line.rpartition(" ")
        draw = _draw(said)
        if draw is None or seal.mac(said, _ABOUT) != code:
            return Refusal("draws-changed", f"{NAME}, line {number}, was not written by this house")
        found.append(draw)
    return tuple(found)


def note_draws(connection: Connection, home: Path, seal: Seal) -> tuple[Draw, ...] | Refusal:
    """Writes down what the store drew and the file does not say yet, safe on the disk, and returns all it says then."""
    known = draws(home, seal)
    if isinstance(known, Refusal):
        return known
    said = {(one.paid.unit, one.paid.period) for one in known}
    missing = [one for one in _stored(connection) if (one.paid.unit, one.paid.period) not in said]
    if missing:
        _append(home / NAME, "".join(f"{one.said} {seal.mac(one.said, _ABOUT)}\n" for one in missing))
    return (*known, *missing)


def disputed(connection: Connection, known: Sequence[Draw]) -> Refusal | None:
    """`other-release` where the store holds other numbers than those that were drawn first for a period."""
    first = {(one.paid.unit, one.paid.period): one.sha256 for one in known}
    other = (
        one for one in _stored(connection) if first.get((one.paid.unit, one.paid.period), one.sha256) != one.sha256
    )
    found = next(other, None)
    if found is None:
        return None
    return Refusal("other-release", f"{found.paid.unit} {found.paid.period} was drawn with other numbers before")


def _stored(connection: Connection) -> Iterator[Draw]:
    hashes = {(one.unit, one.period): one.sha256 for one in repo_statistics.releases(connection) if not one.test}
    for paid in repo_statistics.charges(connection):
        yield Draw(paid, hashes[paid.unit, paid.period])


def _append(place: Path, text: str) -> None:
    handle = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "ab") as file:
        # A line the power failed in was never followed by anything anybody saw.
        file.truncate(len(_whole(place)))
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def _whole(place: Path) -> bytes:
    """The lines that have an end."""
    try:
        content = place.read_bytes()
    except FileNotFoundError:
        return b""
    return content[: content.rfind(b"\n") + 1]


def _lines(place: Path) -> list[str]:
    return _whole(place).decode(errors="replace").splitlines()


def _draw(said: str) -> Draw | None:
    parts = said.split(" ")
    if len(parts) != _PARTS:
        return None
    unit, period, drawn, epsilon, tables, sha256 = parts
    try:
        paid = Paid(
            unit=unit, period=period, tables=tuple(tables.split(",")), epsilon=Fraction(epsilon),
            drawn=date.fromisoformat(drawn),
        )  # fmt: skip
    except ValueError:
        return None
    return Draw(paid, sha256)
