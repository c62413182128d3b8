"""Log lines of the gateway: a past-tense verb and fields on stderr; never names, addresses or measured values."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

# Where the process logs to, the last one; for all its threads, or the broker's would speak to the person all the same.
_places: list[TextIO] = []


def log(event: str, **fields: str | float | None) -> None:
    """One JSON line; fields hold ids, codes and counts only."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = json.dumps({"at": at, "event": event, **fields}, ensure_ascii=False)
    # A closed stderr must not take a measurement down with it.
    try:
        print(line, file=_places[-1] if _places else sys.stderr, flush=True)
    except (OSError, ValueError):
        return


@contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Log into the file instead, appended and private: stderr belongs to a person in the meantime."""
    handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8") as file:
        _places.append(file)
        try:
            yield
        finally:
            _places.remove(file)
