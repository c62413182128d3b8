"""The lines a hospital writes down: what it stored, who agreed, which assertions it saw, what it received and answered.

With a file every line is one unbuffered append, so a SIGKILL leaves whole lines; a transaction is one line.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec


class Version(msgspec.Struct, frozen=True):
    """One version of a resource, as it is told."""

    kind: str
    id: str
    number: int
    at: datetime
    body: dict[str, Any]

    @property
    def place(self) -> str:
        """Its address below the base."""
        return f"{self.kind}/{self.id}/_history/{self.number}"


class Commit(msgspec.Struct, frozen=True, tag="commit"):
    """Versions that became true together."""

    versions: tuple[Version, ...]


class Agreement(msgspec.Struct, frozen=True, tag="agreement"):
    """A patient's consent to the network, given or taken back."""

    patient: str
    given: bool


class Assertion(msgspec.Struct, frozen=True, tag="assertion"):
    """A client's assertion that was used once and must not come again before it ends (seconds since 1970)."""

    client: str
    jti: str
    until: float


class Received(msgspec.Struct, frozen=True, tag="received"):
    """A request as it arrived: `target` is path and query, headers in lower case, never the token."""

    number: int
    at: datetime
    method: str
    target: str
    headers: dict[str, str]
    body: str


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """What became of request `number`: the status that went out (0: none), the fault it met, the versions written."""

    number: int
    status: int
    fault: str = ""
    stored: tuple[str, ...] = ()


Line = Commit | Agreement | Assertion | Received | Answered


class Journal:
    """The lines so far, at `path` or in memory only; a torn last line is dropped."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock = Lock()
        self._encode = msgspec.json.Encoder(decimal_format="number").encode
        self.before = tuple(_lines(path)) if path else ()
        self._file = path.open("ab", buffering=0) if path else None

    def write(self, line: Line) -> None:
        """Append one line."""
        if self._file is not None:
            with self._lock:
                self._file.write(self._encode(line) + b"\n")

    def close(self) -> None:
        """Release the file."""
        if self._file is not None:
            self._file.close()


def _lines(path: Path) -> Iterator[Line]:
    if not path.exists():
        return
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    if end != len(data):
        with path.open("r+b") as file:
            file.truncate(end)
    decode = msgspec.json.Decoder(Line, float_hook=Decimal).decode
    for line in data[:end].splitlines():
        yield decode(line)
