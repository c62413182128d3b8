"""One process at a time owns the journal and the ears of a home: the gateway, or a person who pairs a device."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, Self

FILE: Final = "gateway.lock"
Owner = Literal["gateway", "pairing"]


class HomeTaken(Exception):  # noqa: N818 - it reads as a fact: the home is taken
    """Another process owns this home; `owner` says what it is."""

    def __init__(self, owner: str, pid: str) -> None:
        super().__init__(f"this home is taken by another process: {owner} {pid}".rstrip())
        self.code = "pairing-now" if owner == "pairing" else "gateway-running"
        self.owner, self.pid = owner, pid


class HomeLock:
    """A lock that ends with its process, however that dies; `take` before the journal is opened."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE
        self._handle: int | None = None

    def take(self, owner: Owner) -> Self:
        """Own the home until `release`; raises HomeTaken, OSError when PHR_HOME cannot be written."""
        handle = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            said = os.read(handle, 64).decode("ascii", "replace").split()
            os.close(handle)
            raise HomeTaken(*(said if len(said) == 2 else ("gateway", ""))) from None  # noqa: PLR2004
        os.ftruncate(handle, 0)
        os.write(handle, f"{owner} {os.getpid()}".encode())
        self._handle = handle
        return self

    def release(self) -> None:
        """Let others have it."""
        if self._handle is not None:
            with suppress(OSError):
                os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
